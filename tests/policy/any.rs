//! Small worlds: every person and question of a few words, and random directories of them.

use std::time::Duration;

use panelgate::model::Access;
use panelgate::model::AcrValue;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::Network;
use panelgate::model::ProviderId;
use panelgate::model::Right;
use panelgate::model::RoleGroup;
use panelgate::model::Rule;
use panelgate::model::Service;
use panelgate::model::Strength;
use panelgate::model::Timestamp;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use crate::build::account;
use crate::build::ask;
use crate::build::directory;
use crate::build::role_group;
use crate::build::rule;
use crate::build::server;

/// The words that small and random directories are made of: few, so that they meet.
pub(crate) const SERVERS: [&str; 4] = ["web1", "web2", "web3", "unknown"];
pub(crate) const DEFINED: [&str; 3] = ["web1", "web2", "web3"];
pub(crate) const ROLE_GROUPS: [&str; 3] = ["Alpha", "Beta", "Mute"];
pub(crate) const ACCOUNTS: [&str; 3] = ["root", "support", "reseller"];
pub(crate) const GROUPS: [&str; 4] = ["a", "b", "A", "c"];

/// When rules begin or end, in seconds since the epoch.
const WINDOW: (u64, u64) = (1_800_000_000, 1_900_000_000);

/// Every combination of groups.
pub(crate) fn every_set_of_groups() -> impl Iterator<Item = Vec<IdpGroup>> {
    (0_u32..1 << GROUPS.len()).map(|bits| {
        let chosen = GROUPS.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, group)| IdpGroup((*group).to_owned())).collect()
    })
}

/// Every combination of circumstances that the conditions of random rules tell apart.
pub(crate) fn every_circumstances() -> Vec<Circumstances<'static>> {
    let mut all = Vec::new();
    for now in [WINDOW.0 - 1, WINDOW.1 - 1, WINDOW.1].map(Timestamp::from_secs) {
        for client in ["10.0.0.1", "192.0.2.1", "2001:db8::1"] {
            for age in [Some(60), Some(600), None] {
                for acr in [Some("one"), Some("two"), None] {
                    let authenticated_at = age.map(|seconds| Timestamp(now.0 - seconds * 1000));
                    all.push(Circumstances { now, client: client.parse().unwrap(), authenticated_at, acr });
                }
            }
        }
    }
    all
}

/// Each hop from an account of the words to a customer.
pub(crate) fn every_hop() -> Vec<AccessRequest> {
    let mut all = Vec::new();
    for server in SERVERS {
        for service in [Service::Cpaneld, Service::Webmaild] {
            all.extend(
                ACCOUNTS.map(|through| {
                    AccessRequest::hop(server.parse().unwrap(), service, account("bob"), account(through))
                }),
            );
        }
    }
    all
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

/// No customers half of the time.
fn any_customers() -> impl Strategy<Value = Vec<Service>> {
    prop_oneof![Just(Vec::new()), subsequence(vec![Service::Cpaneld, Service::Webmaild], 1..=2)]
}

fn any_networks() -> impl Strategy<Value = Vec<Network>> {
    let networks: Vec<Network> = ["10.0.0.0/8", "192.0.2.0/24"].map(|one| one.parse().unwrap()).to_vec();
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(networks, 1..=2)]
}

fn any_strength() -> impl Strategy<Value = Strength> {
    let max_age = prop_oneof![2 => Just(None), 1 => select(vec![Some(5), Some(15)])];
    let acr: Vec<AcrValue> = ["one", "two"].map(|one| one.parse().unwrap()).to_vec();
    let acr = prop_oneof![2 => Just(Vec::new()), 1 => subsequence(acr, 1..=2)];
    (max_age, acr).prop_map(|(minutes, acr)| Strength { max_age: minutes.map(Duration::from_mins), acr })
}

/// None half of the time.
fn any_conditions() -> impl Strategy<Value = Conditions> {
    let moments = [None, Some(WINDOW.0), Some(WINDOW.1)].map(|moment| moment.map(Timestamp::from_secs)).to_vec();
    let some = (any_networks(), select(moments.clone()), select(moments), any_strength());
    let some = some.prop_map(|(networks, not_before, expires, require)| Conditions {
        networks,
        // What begins when it ends is no rule.
        not_before: not_before.filter(|first| expires.is_none_or(|end| *first < end)),
        expires,
        require,
    });
    prop_oneof![Just(Conditions::default()), some]
}

/// The provider of the role groups that have one.
pub(crate) fn staff() -> ProviderId {
    "staff".parse().unwrap()
}

fn any_access() -> impl Strategy<Value = Access> {
    prop_oneof![
        2 => Just(Access::Restricted),
        1 => (any_services(), select(&ACCOUNTS[..]), any_customers()).prop_map(|(services, name, customers)| {
            Access::Unrestricted { services, account: account(name), customers }
        }),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let servers = subsequence(DEFINED.to_vec(), 1..=3);
    let more = (any_customers(), any_conditions());
    (select(&ROLE_GROUPS[..]), servers, any_services(), select(&ACCOUNTS[..]), 10..100_u32, more).prop_map(
        |(role, servers, services, account, line, (customers, conditions))| Rule {
            customers,
            conditions,
            ..rule(role, &servers, &services, account, line)
        },
    )
}

pub(crate) fn any_directory() -> impl Strategy<Value = Directory> {
    let servers = DEFINED.map(|id| any_access().prop_map(move |access| server(id, access, 1)));
    let role_groups = ROLE_GROUPS.map(|name| {
        let rights = subsequence(Right::ALL.to_vec(), 0..=2);
        let given = (subsequence(GROUPS.to_vec(), 1..=3), any::<bool>(), 0..3, rights);
        given.prop_map(move |(idp_groups, connect, provider, rights)| RoleGroup {
            provider: (provider == 0).then(staff),
            rights,
            ..role_group(name, &idp_groups, connect)
        })
    });
    let rules = proptest::collection::vec(any_rule(), 0..8);
    (servers, role_groups, rules).prop_map(|(servers, roles, rules)| directory(servers.to_vec(), roles.to_vec(), rules))
}
