//! Directories in a line each.

use std::collections::BTreeMap;

use panelgate::model::Access;
use panelgate::model::Account;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::DirectoryVersion;
use panelgate::model::Host;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::RoleGroupName;
use panelgate::model::Rule;
use panelgate::model::SecretRef;
use panelgate::model::Server;
use panelgate::model::Service;
use panelgate::model::Source;
use panelgate::model::Timestamp;
use panelgate::model::TokenRef;
use panelgate::model::Trust;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Provenance;

pub(crate) fn directory(servers: Vec<Server>, role_groups: Vec<RoleGroup>, rules: Vec<Rule>) -> Directory {
    Directory {
        version: DirectoryVersion("0123456789abcdef".into()),
        providers: BTreeMap::new(),
        servers: servers.into_iter().map(|s| (s.id.clone(), s)).collect(),
        role_groups: role_groups.into_iter().map(|g| (g.name.clone(), g)).collect(),
        rules,
    }
}

pub(crate) fn server(id: &str, access: Access, line: u32) -> Server {
    Server {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        host: format!("{id}.hosting.example").parse::<Host>().unwrap(),
        address: None,
        trust: Trust::PublicRoots,
        api_account: account("root"),
        api_token: TokenRef::Outside(SecretRef::Env("TOKEN".to_owned())),
        access,
        source: source(line),
    }
}

pub(crate) fn unrestricted(services: &[Service], as_account: &str) -> Access {
    Access::Unrestricted { services: services.to_vec(), account: account(as_account), customers: Vec::new() }
}

pub(crate) fn role_group(name: &str, idp_groups: &[&str], connect: bool) -> RoleGroup {
    RoleGroup {
        name: RoleGroupName::new(name).unwrap(),
        idp_groups: groups(idp_groups),
        provider: None,
        connect,
        rights: Vec::new(),
        source: source(50),
    }
}

pub(crate) fn rule(role_group: &str, servers: &[&str], services: &[Service], as_account: &str, line: u32) -> Rule {
    Rule {
        role_group: RoleGroupName::new(role_group).unwrap(),
        servers: servers.iter().map(|s| s.parse().unwrap()).collect(),
        services: services.to_vec(),
        account: account(as_account),
        customers: Vec::new(),
        conditions: Conditions::default(),
        source: source(line),
    }
}

/// Whoever has these groups, of whichever provider.
pub(crate) fn claimant(groups: &[IdpGroup]) -> Claimant<'_> {
    Claimant { provider: Provenance::Unknown, groups }
}

/// The circumstances of somebody who signed in a minute ago.
pub(crate) fn somewhen() -> Circumstances<'static> {
    let now = Timestamp::from_secs(1_800_000_060);
    let authenticated_at = Some(Timestamp::from_secs(1_800_000_000));
    Circumstances { now, client: "192.0.2.1".parse().unwrap(), authenticated_at, acr: None }
}

pub(crate) fn groups(names: &[&str]) -> Vec<IdpGroup> {
    names.iter().map(|name| IdpGroup((*name).to_owned())).collect()
}

pub(crate) fn account(name: &str) -> Account {
    name.parse().unwrap()
}

pub(crate) fn ask(server: &str, service: Service, as_account: &str) -> AccessRequest {
    AccessRequest::direct(server.parse().unwrap(), service, account(as_account))
}

fn source(line: u32) -> Source {
    Source { file: "directory.toml".into(), line }
}
