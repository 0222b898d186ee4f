//! Small worlds: every person and question of a few words, and random directories of them.

use panelgate::model::Access;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::Rule;
use panelgate::model::Service;
use panelgate::policy::AccessRequest;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use crate::build::ask;
use crate::build::directory;
use crate::build::role_group;
use crate::build::rule;
use crate::build::server;
use crate::build::unrestricted;

/// The words that small and random directories are made of: few, so that they meet.
pub(crate) const SERVERS: [&str; 4] = ["web1", "web2", "web3", "unknown"];
pub(crate) const DEFINED: [&str; 3] = ["web1", "web2", "web3"];
pub(crate) const ROLE_GROUPS: [&str; 3] = ["Alpha", "Beta", "Mute"];
pub(crate) const ACCOUNTS: [&str; 3] = ["root", "support", "reseller"];
pub(crate) const GROUPS: [&str; 4] = ["a", "b", "A", "c"];

/// Every combination of groups.
pub(crate) fn every_set_of_groups() -> impl Iterator<Item = Vec<IdpGroup>> {
    (0_u32..1 << GROUPS.len()).map(|bits| {
        let chosen = GROUPS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, group)| IdpGroup((*group).to_owned())).collect()
    })
}

/// Every question that can be asked of the words.
pub(crate) fn every_request() -> Vec<AccessRequest> {
    let mut all = Vec::new();
    for server in SERVERS {
        for service in Service::ALL {
            all.extend(ACCOUNTS.map(|account| ask(server, service, account)));
        }
    }
    all
}

fn any_services() -> impl Strategy<Value = Vec<Service>> {
    subsequence(Service::ALL.to_vec(), 1..=3).prop_shuffle()
}

fn any_access() -> impl Strategy<Value = Access> {
    prop_oneof![
        2 => Just(Access::Restricted),
        1 => (any_services(), select(&ACCOUNTS[..])).prop_map(|(services, account)| unrestricted(&services, account)),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let servers = subsequence(DEFINED.to_vec(), 1..=3);
    (select(&ROLE_GROUPS[..]), servers, any_services(), select(&ACCOUNTS[..]), 10..100_u32)
        .prop_map(|(role, servers, services, account, line)| rule(role, &servers, &services, account, line))
}

pub(crate) fn any_directory() -> impl Strategy<Value = Directory> {
    let servers = DEFINED.map(|id| any_access().prop_map(move |access| server(id, access, 1)));
    let role_groups = ROLE_GROUPS.map(|name| {
        let given = (subsequence(GROUPS.to_vec(), 1..=3), any::<bool>());
        given.prop_map(move |(idp_groups, connect)| role_group(name, &idp_groups, connect))
    });
    let rules = proptest::collection::vec(any_rule(), 0..8);
    (servers, role_groups, rules).prop_map(|(servers, roles, rules)| directory(servers.to_vec(), roles.to_vec(), rules))
}
