//! Decisions of policy: golden tables, every question to a small directory, and random directories.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "policy/any.rs"]
mod any;
#[path = "policy/build.rs"]
mod build;
#[path = "policy/explain.rs"]
mod explain;
#[path = "policy/naive.rs"]
mod naive;
#[path = "policy/review.rs"]
mod review;

use std::fmt::Write as _;
use std::time::Duration;

use panelgate::model::Access;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::Service;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Decision;
use panelgate::policy::Policy;
use panelgate::policy::Provenance;
use panelgate::policy::Reason;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;

use any::GROUPS;
use any::any_directory;
use any::every_circumstances;
use any::every_hop;
use any::every_request;
use any::every_set_of_groups;
use any::staff;
use build::ask;
use build::claimant;
use build::directory;
use build::groups;
use build::role_group;
use build::rule;
use build::server;
use build::somewhen;
use build::unrestricted;

/// One line per person and server: what WHM as root is answered.
fn table(directory: Directory, people: &[(&str, &[&str])], servers: &[&str]) -> String {
    let policy = Policy::new(directory.into());
    let mut table = String::new();
    for (person, of) in people {
        for server in servers {
            let answer =
                match policy.decide(&claimant(&groups(of)), &ask(server, Service::Whostmgrd, "root"), &somewhen()) {
                    Decision::Allowed(source) => format!("allowed by {source}"),
                    Decision::Denied(reason) => format!("denied {reason}"),
                };
            writeln!(table, "{person:<8} {server:<8} {answer}").unwrap();
        }
    }
    table
}

/// The example of WHMCS's documentation of server access: role group 1 may open servers 1 and 3,
/// role group 2 only server 2.
fn documented() -> Directory {
    directory(
        vec![
            server("server1", Access::Restricted, 1),
            server("server2", Access::Restricted, 2),
            server("server3", Access::Restricted, 3),
        ],
        vec![role_group("Role Group 1", &["idp-1"], true), role_group("Role Group 2", &["idp-2"], true)],
        vec![
            rule("Role Group 1", &["server1", "server3"], &[Service::Whostmgrd], "root", 10),
            rule("Role Group 2", &["server2"], &[Service::Whostmgrd], "root", 11),
        ],
    )
}

#[test]
fn the_documented_example() {
    let people: &[(&str, &[&str])] =
        &[("ann", &["idp-1"]), ("ben", &["idp-2"]), ("both", &["idp-1", "idp-2"]), ("nobody", &[])];
    insta::assert_snapshot!(table(documented(), people, &["server1", "server2", "server3", "server4"]), @r"
    ann      server1  allowed by directory.toml:10
    ann      server2  denied no_rule_for_server
    ann      server3  allowed by directory.toml:10
    ann      server4  denied unknown_server
    ben      server1  denied no_rule_for_server
    ben      server2  allowed by directory.toml:11
    ben      server3  denied no_rule_for_server
    ben      server4  denied unknown_server
    both     server1  allowed by directory.toml:10
    both     server2  allowed by directory.toml:11
    both     server3  allowed by directory.toml:10
    both     server4  denied unknown_server
    nobody   server1  denied no_role_group
    nobody   server2  denied no_role_group
    nobody   server3  denied no_role_group
    nobody   server4  denied no_role_group
    ");
}

/// Grants and denials that people get hold copies of what was judged; deciding itself takes no memory.
#[test]
fn a_decision_allocates_nothing() {
    let policy = Policy::new(documented().into());
    let people = [groups(&["idp-1", "idp-2", "of no role group"]), groups(&["idp-2"]), groups(&[])];
    let asked = ["server1", "server2", "server4"].map(|server| ask(server, Service::Whostmgrd, "root"));
    let counted = allocation_counter::measure(|| {
        for (person, request) in people.iter().flat_map(|person| asked.iter().map(move |request| (person, request))) {
            std::hint::black_box(policy.decide(&claimant(person), request, &somewhen()));
        }
    });
    assert_eq!(counted.count_total, 0);
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(policy.standing_of(&claimant(&people[0])))));
    assert!(counted.count_total > 0, "it counts");
}

#[test]
fn a_server_is_open_to_every_role_group_that_connects_when_unrestricted() {
    let directory = directory(
        vec![server("open", unrestricted(&[Service::Whostmgrd], "root"), 1), server("closed", Access::Restricted, 2)],
        vec![role_group("Staff", &["staff"], true), role_group("Guests", &["guests"], false)],
        vec![rule("Guests", &["open", "closed"], &[Service::Whostmgrd], "root", 3)],
    );
    let people: &[(&str, &[&str])] = &[
        ("sam", &["staff"]),
        ("gil", &["guests"]),
        // Each role group stands for itself: Staff may connect and has no rule; Guests' rule does not count.
        ("both", &["guests", "staff"]),
        ("eve", &["other"]),
    ];
    insta::assert_snapshot!(table(directory, people, &["open", "closed"]), @r"
    sam      open     allowed by directory.toml:1
    sam      closed   denied no_rule_for_server
    gil      open     denied no_connect_permission
    gil      closed   denied no_connect_permission
    both     open     allowed by directory.toml:1
    both     closed   denied no_rule_for_server
    eve      open     denied no_role_group
    eve      closed   denied no_role_group
    ");
}

#[test]
fn root_only_where_it_is_written() {
    let policy = Policy::new(
        directory(
            vec![server("web1", Access::Restricted, 1), server("web2", Access::Restricted, 2)],
            vec![role_group("Staff", &["staff"], true)],
            vec![
                rule("Staff", &["web1"], &Service::ALL, "support", 3),
                rule("Staff", &["web2"], &[Service::Whostmgrd], "root", 4),
            ],
        )
        .into(),
    );
    let staff = groups(&["staff"]);
    let as_root: Vec<_> =
        policy.reach_of(&claimant(&staff), &somewhen()).into_iter().filter(|r| r.account.is_root()).collect();
    assert_eq!(as_root.len(), 1);
    assert_eq!((as_root[0].server.as_str(), as_root[0].service), ("web2", Service::Whostmgrd));
    for service in Service::ALL {
        let asked = policy.decide(&claimant(&staff), &ask("web1", service, "root"), &somewhen());
        assert_eq!(asked, Decision::Denied(Reason::AccountNotInRule));
    }
    for like_root in ["Root", "root-", "roo", "root2", "root@web2"] {
        let asked = policy.decide(&claimant(&staff), &ask("web2", Service::Whostmgrd, like_root), &somewhen());
        assert_eq!(asked, Decision::Denied(Reason::AccountNotInRule), "{like_root}");
    }
}

#[test]
fn two_rules_do_not_lend_each_other_their_parts() {
    let policy = Policy::new(
        directory(
            vec![server("web1", Access::Restricted, 1)],
            vec![role_group("A", &["a"], true), role_group("B", &["b"], true)],
            vec![
                rule("A", &["web1"], &[Service::Whostmgrd], "support", 3),
                rule("B", &["web1"], &[Service::Cpaneld], "root", 4),
            ],
        )
        .into(),
    );
    // The services of one rule with the account of the other were never written.
    let both = groups(&["a", "b"]);
    let asked = policy.decide(&claimant(&both), &ask("web1", Service::Whostmgrd, "root"), &somewhen());
    assert_eq!(asked, Decision::Denied(Reason::AccountNotInRule));
    let asked = policy.decide(&claimant(&both), &ask("web1", Service::Webmaild, "root"), &somewhen());
    assert_eq!(asked, Decision::Denied(Reason::ServiceNotInRule));
    assert_eq!(policy.reach_of(&claimant(&both), &somewhen()).len(), 2);
}

#[test]
fn a_group_that_only_looks_alike_gives_nothing() {
    let policy = Policy::new(
        directory(
            vec![server("web1", unrestricted(&[Service::Whostmgrd], "root"), 1)],
            vec![role_group("Admins", &["WHM-Admins", "caf\u{e9}"], true)],
            vec![],
        )
        .into(),
    );
    let may_connect = |group: &str| policy.standing_of(&claimant(&groups(&[group]))).may_connect;
    assert!(may_connect("WHM-Admins"));
    assert!(may_connect("caf\u{e9}"));
    for alike in [
        "whm-admins",
        "WHM-ADMINS",
        "WHM-Admins ",
        " WHM-Admins",
        "WHM-Admins\n",
        "WHM-Admins\0",
        "/WHM-Admins",
        "WHM-Admins-2",
        "WHM-Admin",
        "WHM\u{2010}Admins",
        "WHM-\u{410}dmins",
        "WHM-Admins,other",
        "\u{feff}WHM-Admins",
        // The same letter as e and a combining accent: other bytes, another group.
        "cafe\u{301}",
        // The name of the role group is ours, and no group of the provider.
        "Admins",
        "*",
        "",
    ] {
        assert!(!may_connect(alike), "{alike:?}");
        assert_eq!(
            policy.decide(&claimant(&groups(&[alike])), &ask("web1", Service::Whostmgrd, "root"), &somewhen()),
            Decision::Denied(Reason::NoRoleGroup),
            "{alike:?}"
        );
    }
}

/// Compares policy with the naive reading, for everybody and every question. Gives the count of both answers.
fn compare(directory: &Directory, provider: Provenance<'_>, circumstances: &Circumstances<'_>) -> (usize, usize) {
    let policy = Policy::new(directory.clone().into());
    let (mut allowed, mut denied) = (0, 0);
    for groups in every_set_of_groups() {
        let claimant = Claimant { provider, groups: &groups };
        let mut reach = Vec::new();
        let answer = |request: &AccessRequest| {
            let decision = policy.decide(&claimant, request, circumstances);
            let expected = naive::decide(directory, &claimant, request, circumstances);
            assert_eq!(decision, expected, "{groups:?} {request:?} {circumstances:?} {directory:#?}");
            decision
        };
        for request in every_request() {
            match answer(&request) {
                Decision::Allowed(_) => {
                    allowed += 1;
                    reach.push(request);
                }
                Decision::Denied(Reason::StrongerSignInNeeded) => {
                    denied += 1;
                    reach.push(request);
                }
                Decision::Denied(_) => denied += 1,
            }
        }
        for hop in every_hop() {
            answer(&hop);
        }
        let told: Vec<AccessRequest> = policy.reach_of(&claimant, circumstances).into_iter().map(Into::into).collect();
        reach.sort_by(|a, b| (&a.server, a.service, &a.account).cmp(&(&b.server, b.service, &b.account)));
        assert_eq!(told, reach, "reach is what is allowed, or would be after a stronger sign-in, once each");
    }
    (allowed, denied)
}

#[test]
fn every_question_to_a_small_directory() {
    let directory = directory(
        vec![
            server("web1", Access::Restricted, 1),
            server("web2", Access::Restricted, 2),
            server("web3", unrestricted(&[Service::Cpaneld, Service::Webmaild], "support"), 3),
        ],
        vec![
            role_group("Alpha", &["a", "b"], true),
            role_group("Beta", &["b"], true),
            role_group("Capital", &["A"], true),
            role_group("Mute", &["c"], false),
        ],
        vec![
            rule("Alpha", &["web1", "web2"], &[Service::Whostmgrd, Service::Cpaneld], "support", 10),
            rule("Beta", &["web1"], &[Service::Whostmgrd], "root", 11),
            rule("Beta", &["web1"], &[Service::Whostmgrd], "support", 12),
            rule("Mute", &["web1", "web2", "web3"], &Service::ALL, "root", 13),
            rule("Capital", &["web2", "web3"], &[Service::Webmaild], "reseller", 14),
        ],
    );
    // Counted by hand: (14 on web3 + 24 by Alpha + 4 more by Beta + 4 by Capital) * 2 (Mute adds nothing).
    assert_eq!(compare(&directory, Provenance::Unknown, &somewhen()), (92, 16 * 36 - 92));
}

proptest! {
    #[test]
    fn every_question_to_any_directory(
        directory in any_directory(),
        circumstances in select(every_circumstances()),
        is_staff in any::<bool>(),
    ) {
        let staff = staff();
        compare(&directory, if is_staff { Provenance::Provider(&staff) } else { Provenance::Unknown }, &circumstances);
    }

    #[test]
    fn a_condition_more_never_widens(
        directory in any_directory(),
        at in any::<Index>(),
        kind in 0..4,
        circumstances in select(every_circumstances()),
    ) {
        let policy = Policy::new(directory.clone().into());
        let mut less = directory;
        prop_assume!(!less.rules.is_empty());
        let place = at.index(less.rules.len());
        let rule = less.rules.get_mut(place).unwrap();
        match kind {
            0 => rule.conditions.expires = Some(rule.conditions.expires.map_or(circumstances.now, |end| end.min(circumstances.now))),
            1 if rule.conditions.networks.is_empty() => rule.conditions.networks.push("10.0.0.0/16".parse().unwrap()),
            1 => rule.conditions.networks.truncate(1),
            2 => rule.conditions.require.max_age = Some(Duration::from_mins(2)),
            _ => rule.customers.clear(),
        }
        let less = Policy::new(less.into());
        for groups in every_set_of_groups() {
            for request in every_request().into_iter().chain(every_hop()) {
                let answer = |policy: &Policy| {
                    matches!(policy.decide(&claimant(&groups), &request, &circumstances), Decision::Allowed(_))
                };
                prop_assert!(answer(&policy) || !answer(&less));
            }
        }
    }

    #[test]
    fn a_further_group_takes_nothing_away(directory in any_directory(), further in select(&GROUPS[..])) {
        let policy = Policy::new(directory.into());
        for groups in every_set_of_groups() {
            let before = policy.reach_of(&claimant(&groups), &somewhen());
            let mut more = groups.clone();
            more.push(IdpGroup(further.to_owned()));
            let after = policy.reach_of(&claimant(&more), &somewhen());
            prop_assert!(before.iter().all(|one| after.contains(one)));
        }
    }

    #[test]
    fn the_order_of_rules_and_groups_decides_nothing(directory in any_directory()) {
        let mut turned = directory.clone();
        turned.rules.reverse();
        let (policy, turned) = (Policy::new(directory.into()), Policy::new(turned.into()));
        for groups in every_set_of_groups() {
            let reversed: Vec<_> = groups.iter().rev().cloned().collect();
            prop_assert_eq!(policy.reach_of(&claimant(&groups), &somewhen()), turned.reach_of(&claimant(&reversed), &somewhen()));
        }
    }
}
