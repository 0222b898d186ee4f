//! Matrix, diff and explanations of random directories, held against the decision itself.

use std::collections::BTreeSet;
use std::time::Duration;

use panelgate::model::Access;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::Host;
use panelgate::model::IdpGroup;
use panelgate::model::ProviderId;
use panelgate::model::Right;
use panelgate::model::RoleGroup;
use panelgate::model::Rule;
use panelgate::model::Server;
use panelgate::model::ServerId;
use panelgate::model::Service;
use panelgate::policy::AccessRequest;
use panelgate::policy::Change;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Decision;
use panelgate::policy::Direction;
use panelgate::policy::Entitlement;
use panelgate::policy::Holding;
use panelgate::policy::Policy;
use panelgate::policy::Provenance;
use panelgate::policy::Reach;
use panelgate::policy::Scope;
use panelgate::policy::Verdict;
use panelgate::policy::Whom;
use panelgate::policy::diff;
use panelgate::policy::matrix;
use panelgate::policy::verdict;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;

use crate::any::DEFINED;
use crate::any::GROUPS;
use crate::any::any_directory;
use crate::any::every_circumstances;
use crate::any::every_hop;
use crate::any::every_request;
use crate::any::every_set_of_groups;
use crate::any::staff;
use crate::build::claimant;
use crate::build::directory;
use crate::build::role_group;
use crate::build::rule;
use crate::build::server;

/// What a group of a provider has under some circumstances, by the decision.
type Has = BTreeSet<String>;

/// Which group of which provider, under which circumstances.
fn every_case() -> Vec<(&'static str, Option<ProviderId>, Circumstances<'static>)> {
    let mut all = Vec::new();
    for group in GROUPS {
        for provider in [None, Some(staff())] {
            all.extend(every_circumstances().into_iter().map(|known| (group, provider.clone(), known)));
        }
    }
    all
}

/// What there is in each case, in words: connect, rights, and what it reaches of which machine.
fn has(directory: &Directory) -> Vec<Has> {
    let policy = Policy::new(directory.clone().into());
    let requests: Vec<AccessRequest> = every_request().into_iter().chain(every_hop()).collect();
    let of = |(group, provider, known): (&str, Option<ProviderId>, Circumstances<'_>)| {
        let groups = [IdpGroup(group.to_owned())];
        let provider = provider.as_ref().map_or(Provenance::Unknown, Provenance::Provider);
        let claimant = Claimant { provider, groups: &groups };
        let mut has = Has::new();
        has.extend(policy.standing_of(&claimant).may_connect.then(|| "connect".to_owned()));
        let rights = Right::ALL.into_iter().filter(|right| policy.claimant_has_right(&claimant, *right));
        has.extend(rights.map(|right| right.to_string()));
        for request in &requests {
            if matches!(policy.decide(&claimant, request, &known), Decision::Allowed(_)) {
                let server = directory.servers.get(&request.server).unwrap();
                let whom = request.through.as_ref().map_or(Whom::Account(&request.account), Whom::CustomersOf);
                has.insert(words(&server.id, &server.host, request.service, whom));
            }
        }
        has
    };
    every_case().into_iter().map(of).collect()
}

fn words(server: &ServerId, host: &Host, service: Service, whom: Whom<'_>) -> String {
    format!("{server} at {host}: {service} as {whom}")
}

fn in_words(holding: &Holding<'_>) -> String {
    match holding {
        Holding::Connect => "connect".to_owned(),
        Holding::Right(right) => right.to_string(),
        Holding::Open { server, host, service, whom, .. } => words(server, host, *service, *whom),
    }
}

/// A directory with something taken away from one of its rules or role groups.
fn any_restricted() -> impl Strategy<Value = (Directory, Directory)> {
    (any_directory(), any::<Index>(), 0..9).prop_map(|(directory, at, kind)| {
        let mut less = directory.clone();
        if kind == 0 {
            let place = at.index(less.role_groups.len());
            less.role_groups.values_mut().nth(place).unwrap().connect = false;
        } else if kind == 1 {
            let place = at.index(less.role_groups.len());
            less.role_groups.values_mut().nth(place).unwrap().idp_groups.pop();
        } else if kind == 6 {
            let place = at.index(less.role_groups.len());
            let group = less.role_groups.values_mut().nth(place).unwrap();
            group.provider = group.provider.take().or_else(|| Some(staff()));
        } else if !less.rules.is_empty() {
            let place = at.index(less.rules.len());
            let rule = less.rules.get_mut(place).unwrap();
            match kind {
                2 => rule.servers.clear(),
                3 => drop(rule.servers.pop()),
                4 => drop(rule.services.pop()),
                5 => drop(rule.customers.pop()),
                7 => {
                    let first = rule.conditions.not_before.unwrap_or_default();
                    rule.conditions.not_before = Some(first.plus(Duration::from_millis(1)));
                }
                8 => {
                    let networks = &mut rule.conditions.networks;
                    networks.truncate(1);
                    if networks.is_empty() {
                        networks.push("10.0.0.0/8".parse().unwrap());
                    }
                }
                _ => rule.servers.retain(|server| server.as_str() != "web1"),
            }
        }
        (directory, less)
    })
}

proptest! {
    // Each case asks everything of everybody, under all circumstances.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_matrix_is_what_role_groups_reach(directory in any_directory(), known in select(every_circumstances())) {
        let policy = Policy::new(directory.clone().into());
        let all = matrix(&directory, Scope::All);
        // Under best circumstances but for the address and the time, what is reached is what would be after any
        // sign-in.
        let holds = |conditions: &Conditions| {
            conditions.expires.is_none_or(|end| known.now < end)
                && conditions.not_before.is_none_or(|first| first <= known.now)
                && (conditions.networks.is_empty() || conditions.networks.iter().any(|one| one.contains(known.client)))
        };
        for groups in every_set_of_groups() {
            let is_mine = |group: &RoleGroup| {
                group.provider.is_none() && group.idp_groups.iter().any(|theirs| groups.contains(theirs))
            };
            let direct = |one: &Entitlement<'_>| match one.whom {
                Whom::Account(account) => Some(account.clone()),
                Whom::CustomersOf(_) => None,
            };
            let mine: BTreeSet<Reach> = all
                .iter()
                .filter(|one| is_mine(one.role_group) && holds(one.conditions))
                .filter_map(|one| {
                    Some(Reach { server: one.server.id.clone(), service: one.service, account: direct(one)? })
                })
                .collect();
            prop_assert_eq!(mine.into_iter().collect::<Vec<_>>(), policy.reach_of(&claimant(&groups), &known));
        }
    }

    #[test]
    fn each_line_of_the_matrix_is_enough_and_no_other_is(directory in any_directory()) {
        let all = matrix(&directory, Scope::All);
        for one in &all {
            let gives = |rule: &&Rule| match one.whom {
                Whom::Account(account) => rule.services.contains(&one.service) && rule.account == *account,
                Whom::CustomersOf(account) => {
                    rule.services.contains(&Service::Whostmgrd)
                        && rule.customers.contains(&one.service)
                        && rule.account == *account
                }
            };
            let lines: Vec<u32> = match one.server.access {
                Access::Unrestricted { .. } => vec![one.server.source.line],
                Access::Restricted => directory
                    .rules
                    .iter()
                    .filter(|rule| rule.role_group == one.role_group.name && rule.servers.contains(&one.server.id))
                    .filter(gives)
                    .filter(|rule| rule.conditions == *one.conditions)
                    .map(|rule| rule.source.line)
                    .collect(),
            };
            prop_assert_eq!(one.sources.iter().map(|source| source.line).collect::<Vec<_>>(), lines);
        }
    }

    #[test]
    fn a_part_of_the_matrix_is_a_part_of_the_whole(directory in any_directory()) {
        let shown = |scope: Scope<'_>| matrix(&directory, scope).iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
        let whole = shown(Scope::All);
        let mut by_server = Vec::new();
        for id in directory.servers.keys() {
            by_server.extend(shown(Scope::Server(id)));
        }
        by_server.sort();
        let by_role_group: Vec<String> =
            directory.role_groups.keys().flat_map(|name| shown(Scope::RoleGroup(name))).collect();
        prop_assert_eq!(&by_role_group, &whole);
        let mut sorted = whole;
        sorted.sort();
        prop_assert_eq!(by_server, sorted);
    }

    #[test]
    fn a_diff_is_exact(old in any_directory(), new in any_directory()) {
        let changes = diff(&old, &new);
        prop_assert!(diff(&old, &old).is_empty());
        // What each group gains or loses in at least one case, by the decision and by the diff.
        let mut real: BTreeSet<(Direction, String, &str)> = BTreeSet::new();
        for ((case, before), after) in every_case().iter().zip(has(&old)).zip(has(&new)) {
            let group = case.0;
            real.extend(after.difference(&before).map(|what| (Direction::Gains, what.clone(), group)));
            real.extend(before.difference(&after).map(|what| (Direction::Loses, what.clone(), group)));
        }
        let told: BTreeSet<(Direction, String, &str)> = changes
            .iter()
            .flat_map(|change| change.idp_groups.iter().map(move |group| (change, group.0.as_str())))
            .map(|(change, group)| (change.direction, in_words(&change.holding), group))
            .collect();
        prop_assert_eq!(told, real);
    }

    #[test]
    fn the_way_back_gives_what_was_lost(old in any_directory(), new in any_directory()) {
        let (there, back) = (diff(&old, &new), diff(&new, &old));
        prop_assert_eq!(there.len(), back.len());
        for change in &there {
            let is_same = |other: &&Change<'_>| {
                other.direction != change.direction && other.holding == change.holding
                    && other.idp_groups == change.idp_groups && other.sources == change.sources
                    && other.conditions == change.conditions && other.provider == change.provider
            };
            prop_assert_eq!(back.iter().filter(is_same).count(), 1);
        }
    }

    #[test]
    fn a_restriction_never_widens((old, new) in any_restricted()) {
        let changes = diff(&old, &new);
        prop_assert_ne!(verdict(&changes), Verdict::Widened);
        prop_assert_ne!(verdict(&diff(&new, &old)), Verdict::Narrowed);
    }
}

#[test]
fn another_machine_under_the_same_name_is_lost_and_gained() {
    let old = small();
    for change in [
        |to: &mut Directory| web1(to).host = "10.0.0.9".parse().unwrap(),
        |to: &mut Directory| web1(to).address = Some("192.0.2.1".parse().unwrap()),
    ] {
        let mut new = old.clone();
        change(&mut new);
        let changes = diff(&old, &new);
        let directions: Vec<Direction> = changes.iter().map(|change| change.direction).collect();
        assert_eq!(directions, [Direction::Gains, Direction::Loses]);
        assert_eq!(verdict(&changes), Verdict::Widened);
    }
}

#[test]
fn what_another_role_group_gives_as_well_is_no_change() {
    let mut old = small();
    old.role_groups.extend([role_group("Night", &["a"], true)].map(|group| (group.name.clone(), group)));
    let mut new = old.clone();
    new.rules = vec![rule("Night", &["web1"], &[Service::Whostmgrd], "root", 90)];
    assert!(diff(&old, &new).is_empty(), "the people are the same");
}

/// One role group that reaches one server.
fn small() -> Directory {
    directory(
        vec![server(DEFINED[0], Access::Restricted, 1)],
        vec![role_group("Staff", &["a"], true)],
        vec![rule("Staff", &["web1"], &[Service::Whostmgrd], "root", 10)],
    )
}

fn web1(directory: &mut Directory) -> &mut Server {
    let id: ServerId = "web1".parse().unwrap();
    directory.servers.get_mut(&id).unwrap()
}
