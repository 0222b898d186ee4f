//! Matrix, diff and explanations of random directories, held against the decision itself.

use std::collections::BTreeSet;

use panelgate::model::Access;
use panelgate::model::Directory;
use panelgate::model::Host;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::Server;
use panelgate::model::ServerId;
use panelgate::model::Service;
use panelgate::policy::Change;
use panelgate::policy::Direction;
use panelgate::policy::Policy;
use panelgate::policy::Reach;
use panelgate::policy::Right;
use panelgate::policy::Scope;
use panelgate::policy::Verdict;
use panelgate::policy::diff;
use panelgate::policy::matrix;
use panelgate::policy::verdict;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::any::DEFINED;
use crate::any::GROUPS;
use crate::any::any_directory;
use crate::any::every_set_of_groups;
use crate::build::claimant;
use crate::build::directory;
use crate::build::role_group;
use crate::build::rule;
use crate::build::server;
use crate::build::somewhen;

/// What an `IdP` group has: the right to connect, and what it reaches of which machine.
type Has = (bool, Vec<(Reach, Host)>);

/// What each `IdP` group has, by the decision.
fn has(directory: &Directory) -> Vec<Has> {
    let policy = Policy::new(directory.clone().into());
    let of = |group: &str| {
        let groups = [IdpGroup(group.to_owned())];
        let reach = policy.reach_of(&claimant(&groups), &somewhen()).into_iter();
        let with_host =
            reach.map(|one| (one.clone(), directory.servers.get(&one.server).unwrap().host.clone())).collect();
        (policy.standing_of(&claimant(&groups)).may_connect, with_host)
    };
    GROUPS.into_iter().map(of).collect()
}

/// A directory with something taken away from one of its rules or role groups.
fn any_restricted() -> impl Strategy<Value = (Directory, Directory)> {
    (any_directory(), any::<Index>(), 0..6).prop_map(|(directory, at, kind)| {
        let mut less = directory.clone();
        if kind == 0 {
            let place = at.index(less.role_groups.len());
            less.role_groups.values_mut().nth(place).unwrap().connect = false;
        } else if kind == 1 {
            let place = at.index(less.role_groups.len());
            less.role_groups.values_mut().nth(place).unwrap().idp_groups.pop();
        } else if !less.rules.is_empty() {
            let place = at.index(less.rules.len());
            let rule = less.rules.get_mut(place).unwrap();
            match kind {
                2 => rule.servers.clear(),
                3 => drop(rule.servers.pop()),
                4 => drop(rule.services.pop()),
                _ => rule.servers.retain(|server| server.as_str() != "web1"),
            }
        }
        (directory, less)
    })
}

proptest! {
    #[test]
    fn the_matrix_is_what_role_groups_reach(directory in any_directory()) {
        let policy = Policy::new(directory.clone().into());
        let all = matrix(&directory, Scope::All);
        for groups in every_set_of_groups() {
            let is_mine = |group: &RoleGroup| group.idp_groups.iter().any(|theirs| groups.contains(theirs));
            let mine: BTreeSet<Reach> = all
                .iter()
                .filter(|one| is_mine(one.role_group))
                .map(|one| Reach { server: one.server.id.clone(), service: one.service, account: one.account.clone() })
                .collect();
            prop_assert_eq!(mine.into_iter().collect::<Vec<_>>(), policy.reach_of(&claimant(&groups), &somewhen()));
        }
    }

    #[test]
    fn each_line_of_the_matrix_is_enough_and_no_other_is(directory in any_directory()) {
        let all = matrix(&directory, Scope::All);
        for one in &all {
            let lines: Vec<u32> = match one.server.access {
                Access::Unrestricted { .. } => vec![one.server.source.line],
                Access::Restricted => directory
                    .rules
                    .iter()
                    .filter(|rule| rule.role_group == one.role_group.name && rule.servers.contains(&one.server.id))
                    .filter(|rule| rule.services.contains(&one.service) && rule.account == *one.account)
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
    fn nothing_changes_exactly_when_every_group_has_the_same(old in any_directory(), new in any_directory()) {
        let changes = diff(&old, &new);
        prop_assert_eq!(changes.is_empty(), has(&old) == has(&new));
        prop_assert!(diff(&old, &old).is_empty());
    }

    #[test]
    fn a_diff_says_what_each_group_gains_and_loses(old in any_directory(), new in any_directory()) {
        let changes = diff(&old, &new);
        for (group, (before, after)) in GROUPS.into_iter().zip(has(&old).into_iter().zip(has(&new))) {
            let told = |direction: Direction| -> (bool, BTreeSet<Reach>) {
                let mine = changes.iter().filter(|change| {
                    change.direction == direction && change.idp_groups.contains(&&IdpGroup(group.to_owned()))
                });
                let mut opened = BTreeSet::new();
                let mut connects = false;
                for change in mine {
                    match change.right {
                        Right::Connect => connects = true,
                        Right::Open { server, service, account, .. } => {
                            let reach = Reach { server: server.clone(), service, account: account.clone() };
                            assert!(opened.insert(reach), "told once");
                        }
                    }
                }
                (connects, opened)
            };
            let more = |more: &Has, less: &Has| {
                let reach = more.1.iter().filter(|one| !less.1.contains(one)).map(|(reach, _)| reach.clone());
                (more.0 && !less.0, reach.collect::<BTreeSet<_>>())
            };
            prop_assert_eq!(told(Direction::Gains), more(&after, &before));
            prop_assert_eq!(told(Direction::Loses), more(&before, &after));
        }
    }

    #[test]
    fn the_way_back_gives_what_was_lost(old in any_directory(), new in any_directory()) {
        let (there, back) = (diff(&old, &new), diff(&new, &old));
        prop_assert_eq!(there.len(), back.len());
        for change in &there {
            let is_same = |other: &&Change<'_>| {
                other.direction != change.direction && other.right == change.right
                    && other.idp_groups == change.idp_groups && other.sources == change.sources
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
