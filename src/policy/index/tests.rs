//! Grants, denials and standing of real principals; `tests/policy.rs` tests the decision itself.

use std::collections::BTreeMap;

use super::*;
use crate::model::Host;
use crate::model::SecretRef;
use crate::model::Server;
use crate::model::Trust;

fn source(line: u32) -> Source {
    Source { file: "directory.toml".into(), line }
}

fn server(id: &str, access: Access, line: u32) -> Server {
    Server {
        id: id.parse().unwrap(),
        name: id.into(),
        host: Host::Name(format!("{id}.hosting.example").into()),
        address: None,
        trust: Trust::PublicRoots,
        api_account: "root".parse().unwrap(),
        api_token: SecretRef::Env("TOKEN".into()),
        access,
        source: source(line),
    }
}

fn role_group(name: &str, idp_group: &str, connect: bool) -> RoleGroup {
    let name = RoleGroupName::new(name).unwrap();
    RoleGroup { name, idp_groups: vec![IdpGroup(idp_group.into())], connect, source: source(50) }
}

fn rule(role_group: &str, server: &str, account: &str, line: u32) -> Rule {
    Rule {
        role_group: RoleGroupName::new(role_group).unwrap(),
        servers: vec![server.parse().unwrap()],
        services: vec![Service::Whostmgrd],
        account: account.parse().unwrap(),
        source: source(line),
    }
}

fn policy() -> Policy {
    let open = Access::Unrestricted { services: vec![Service::Cpaneld], account: "demo".parse().unwrap() };
    let servers = [server("web1", Access::Restricted, 1), server("open", open, 2)];
    let groups = [role_group("Staff", "staff", true), role_group("Guests", "guests", false)];
    Policy::new(Arc::new(Directory {
        version: DirectoryVersion("0123456789abcdef".into()),
        servers: servers.into_iter().map(|s| (s.id.clone(), s)).collect(),
        role_groups: groups.into_iter().map(|g| (g.name.clone(), g)).collect::<BTreeMap<_, _>>(),
        rules: vec![
            rule("Guests", "web1", "root", 100),
            rule("Staff", "web1", "support", 101),
            rule("Staff", "web1", "support", 102),
            // What is written for an unrestricted server adds nothing to it.
            rule("Staff", "open", "root", 103),
        ],
    }))
}

fn ask(server: &str, service: Service, account: &str) -> AccessRequest {
    AccessRequest { server: server.parse().unwrap(), service, account: account.parse().unwrap() }
}

#[test]
fn a_grant_carries_all_that_was_judged() {
    let (policy, sam) = (policy(), Principal::for_test("sam", &["staff"]));
    let grant = policy.authorize(&sam, ask("web1", Service::Whostmgrd, "support")).unwrap();
    assert_eq!(grant.subject(), sam.subject());
    assert_eq!((grant.server().as_str(), grant.service()), ("web1", Service::Whostmgrd));
    assert_eq!(grant.account().as_str(), "support");
    assert_eq!(grant.version(), policy.version());
    assert_eq!(*grant.source(), source(101), "the first rule that allows it");
    let grant = policy.authorize(&sam, ask("open", Service::Cpaneld, "demo")).unwrap();
    assert_eq!(*grant.source(), source(2), "the server's own line");
}

#[test]
fn a_denial_carries_the_question_and_the_reason() {
    let (policy, both) = (policy(), Principal::for_test("sam", &["guests", "staff", "staff"]));
    let request = ask("web1", Service::Whostmgrd, "root");
    let denial = policy.authorize(&both, request.clone()).unwrap_err();
    assert_eq!(denial.request, request);
    assert_eq!(denial.reason, Reason::AccountNotInRule, "a rule of a role group that may not connect gives nothing");
    assert_eq!(denial.version, *policy.version());
    assert_eq!(denial.role_groups, ["Guests", "Staff"].map(|n| RoleGroupName::new(n).unwrap()));
}

#[test]
fn a_rule_adds_nothing_to_an_unrestricted_server() {
    let sam = Principal::for_test("sam", &["staff"]);
    let denial = policy().authorize(&sam, ask("open", Service::Whostmgrd, "root")).unwrap_err();
    assert_eq!(denial.reason, Reason::ServiceNotInRule);
}

#[test]
fn standing_counts_connect_and_names_each_role_group_once() {
    let policy = policy();
    for (groups, names, may_connect) in [
        (vec![], vec![], false),
        (vec!["guests"], vec!["Guests"], false),
        (vec!["staff", "guests", "staff", "other"], vec!["Guests", "Staff"], true),
    ] {
        let standing = policy.standing(&Principal::for_test("sam", &groups));
        assert_eq!(standing.role_groups.iter().map(RoleGroupName::as_str).collect::<Vec<_>>(), names);
        assert_eq!(standing.may_connect, may_connect);
    }
}

#[test]
fn everything_within_reach_is_granted() {
    let (policy, sam) = (policy(), Principal::for_test("sam", &["staff", "guests"]));
    let reach = policy.reach(&sam);
    assert_eq!(reach.len(), 2);
    for one in reach {
        assert!(policy.authorize(&sam, one.into()).is_ok());
    }
}
