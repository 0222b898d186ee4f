//! Grants, denials and standing of real principals; `tests/policy.rs` tests the decision itself.

use std::collections::BTreeMap;

use super::*;
use crate::model::ClientAddr;
use crate::model::Host;
use crate::model::SecretRef;
use crate::model::Server;
use crate::model::TokenRef;
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
        api_token: TokenRef::Outside(SecretRef::Env("TOKEN".into())),
        access,
        source: source(line),
    }
}

fn role_group(name: &str, idp_group: &str, connect: bool) -> RoleGroup {
    let name = RoleGroupName::new(name).unwrap();
    RoleGroup {
        name,
        idp_groups: vec![IdpGroup(idp_group.into())],
        provider: None,
        connect,
        rights: Vec::new(),
        source: source(50),
    }
}

fn rule(role_group: &str, server: &str, account: &str, line: u32) -> Rule {
    Rule {
        role_group: RoleGroupName::new(role_group).unwrap(),
        servers: vec![server.parse().unwrap()],
        services: vec![Service::Whostmgrd],
        account: account.parse().unwrap(),
        customers: Vec::new(),
        conditions: Conditions::default(),
        source: source(line),
    }
}

fn policy() -> Policy {
    Policy::new(Arc::new(directory()))
}

fn directory() -> Directory {
    let open = Access::Unrestricted {
        services: vec![Service::Cpaneld],
        account: "demo".parse().unwrap(),
        customers: Vec::new(),
    };
    let servers = [server("web1", Access::Restricted, 1), server("open", open, 2)];
    let groups = [role_group("Staff", "staff", true), role_group("Guests", "guests", false)];
    Directory {
        version: DirectoryVersion("0123456789abcdef".into()),
        providers: [("https://idp.example.com".to_owned(), "staff".parse().unwrap())].into(),
        servers: servers.into_iter().map(|s| (s.id.clone(), s)).collect(),
        role_groups: groups.into_iter().map(|g| (g.name.clone(), g)).collect::<BTreeMap<_, _>>(),
        rules: vec![
            rule("Guests", "web1", "root", 100),
            rule("Staff", "web1", "support", 101),
            rule("Staff", "web1", "support", 102),
            // What is written for an unrestricted server adds nothing to it.
            rule("Staff", "open", "root", 103),
        ],
    }
}

fn ask(server: &str, service: Service, account: &str) -> AccessRequest {
    AccessRequest::direct(server.parse().unwrap(), service, account.parse().unwrap())
}

/// The circumstances of somebody who has just signed in.
fn now(principal: &Principal) -> Circumstances<'_> {
    let client = ClientAddr("192.0.2.1:50000".parse().unwrap());
    Circumstances::of(principal, client, principal.signed_in_at())
}

#[test]
fn a_grant_carries_all_that_was_judged() {
    let (policy, sam) = (policy(), Arc::new(Principal::for_test("sam", &["staff"])));
    let grant = policy.authorize(&sam, ask("web1", Service::Whostmgrd, "support"), &now(&sam)).unwrap();
    assert_eq!(grant.subject(), sam.subject());
    assert_eq!((grant.server().as_str(), grant.service()), ("web1", Service::Whostmgrd));
    assert_eq!(grant.account().as_str(), "support");
    assert_eq!(grant.version(), policy.version());
    assert_eq!(*grant.source(), source(101), "the first rule that allows it");
    let grant = policy.authorize(&sam, ask("open", Service::Cpaneld, "demo"), &now(&sam)).unwrap();
    assert_eq!(*grant.source(), source(2), "the server's own line");
}

#[test]
fn a_denial_carries_the_question_and_the_reason() {
    let (policy, both) = (policy(), Arc::new(Principal::for_test("sam", &["guests", "staff", "staff"])));
    let request = ask("web1", Service::Whostmgrd, "root");
    let denial = policy.authorize(&both, request.clone(), &now(&both)).unwrap_err();
    assert_eq!(denial.request, request);
    assert_eq!(denial.reason, Reason::AccountNotInRule, "a rule of a role group that may not connect gives nothing");
    assert_eq!(denial.version, *policy.version());
    assert_eq!(denial.role_groups, ["Guests", "Staff"].map(|n| RoleGroupName::new(n).unwrap()));
}

#[test]
fn a_rule_adds_nothing_to_an_unrestricted_server() {
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let denial = policy().authorize(&sam, ask("open", Service::Whostmgrd, "root"), &now(&sam)).unwrap_err();
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
    let (policy, sam) = (policy(), Arc::new(Principal::for_test("sam", &["staff", "guests"])));
    let reach = policy.reach(&sam, &now(&sam));
    assert_eq!(reach.len(), 2);
    for one in reach {
        assert!(policy.authorize(&sam, one.into(), &now(&sam)).is_ok());
    }
}

/// The policy with what `change` writes into the first rule of Staff for web1.
fn changed(change: impl FnOnce(&mut Rule)) -> Policy {
    let mut directory = directory();
    change(directory.rules.get_mut(1).unwrap());
    directory.rules.truncate(2);
    Policy::new(Arc::new(directory))
}

#[test]
fn a_hop_goes_through_what_the_rule_opens_and_no_further() {
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let policy = changed(|rule| rule.customers = vec![Service::Cpaneld]);
    let hop = |service, through: &str| {
        let (server, bob) = ("web1".parse().unwrap(), "bob".parse().unwrap());
        policy.authorize(&sam, AccessRequest::hop(server, service, bob, through.parse().unwrap()), &now(&sam))
    };
    let grant = hop(Service::Cpaneld, "support").unwrap();
    assert_eq!((grant.account().as_str(), grant.through().unwrap().as_str()), ("bob", "support"));
    assert_eq!((grant.service(), grant.customers()), (Service::Cpaneld, &[Service::Cpaneld][..]));
    assert_eq!(*grant.source(), source(101));
    assert_eq!(hop(Service::Webmaild, "support").unwrap_err().reason, Reason::CustomersNotInRule);
    assert_eq!(hop(Service::Cpaneld, "root").unwrap_err().reason, Reason::AccountNotInRule);
    let direct = policy.authorize(&sam, ask("web1", Service::Whostmgrd, "support"), &now(&sam)).unwrap();
    assert_eq!((direct.through(), direct.customers()), (None, &[Service::Cpaneld][..]));
    let as_bob = policy.authorize(&sam, ask("web1", Service::Cpaneld, "bob"), &now(&sam)).unwrap_err();
    assert_eq!(as_bob.reason, Reason::ServiceNotInRule, "customers are reached through WHM alone");
}

#[test]
fn each_condition_has_its_reason() {
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let signed_in = sam.signed_in_at();
    let later = |seconds| signed_in.plus(std::time::Duration::from_secs(seconds));
    let answer =
        |change: fn(&mut Conditions, Timestamp), asked_at: Timestamp, from: &str, acr: Option<&'static str>| {
            let policy = changed(|rule| change(&mut rule.conditions, signed_in));
            let client = from.parse().unwrap();
            let circumstances = Circumstances { now: asked_at, client, authenticated_at: sam.authenticated_at(), acr };
            let answer = policy.authorize(&sam, ask("web1", Service::Whostmgrd, "support"), &circumstances);
            answer.map(|grant| grant.until()).map_err(|denial| (denial.reason, denial.strength.is_some()))
        };
    let window = |conditions: &mut Conditions, signed_in: Timestamp| {
        conditions.not_before = Some(signed_in.plus(std::time::Duration::from_secs(10)));
        conditions.expires = Some(signed_in.plus(std::time::Duration::from_secs(20)));
    };
    let at = |seconds| answer(window, later(seconds), "192.0.2.1", None);
    assert_eq!(at(9), Err((Reason::NotYetValid, false)));
    assert_eq!(at(10), Ok(Some(later(20))));
    assert_eq!(at(19), Ok(Some(later(20))));
    assert_eq!(at(20), Err((Reason::Expired, false)));

    let office = |conditions: &mut Conditions, _| conditions.networks = vec!["192.0.2.0/24".parse().unwrap()];
    assert_eq!(answer(office, later(0), "192.0.2.9", None), Ok(None));
    assert_eq!(answer(office, later(0), "192.0.3.9", None), Err((Reason::SourceNotInRule, false)));
    assert_eq!(answer(office, later(0), "2001:db8::1", None), Err((Reason::SourceNotInRule, false)));

    let recent = |conditions: &mut Conditions, _| {
        conditions.require.max_age = Some(std::time::Duration::from_mins(1));
    };
    assert_eq!(answer(recent, later(60), "192.0.2.1", None), Ok(None));
    assert_eq!(answer(recent, later(61), "192.0.2.1", None), Err((Reason::StrongerSignInNeeded, true)));
    let strong = |conditions: &mut Conditions, _| conditions.require.acr = vec!["mfa".parse().unwrap()];
    assert_eq!(answer(strong, later(0), "192.0.2.1", Some("mfa")), Ok(None));
    assert_eq!(answer(strong, later(0), "192.0.2.1", Some("MFA")), Err((Reason::StrongerSignInNeeded, true)));
    assert_eq!(answer(strong, later(0), "192.0.2.1", None), Err((Reason::StrongerSignInNeeded, true)));
}

#[test]
fn what_is_open_is_kept_until_its_rule_ends() {
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let policy = changed(|rule| {
        rule.conditions.expires = Some(sam.signed_in_at().plus(std::time::Duration::from_secs(10)));
        rule.conditions.networks = vec!["10.0.0.0/8".parse().unwrap()];
        rule.conditions.require.acr = vec!["mfa".parse().unwrap()];
    });
    let keeps = |account: &str, seconds| {
        let now = sam.signed_in_at().plus(std::time::Duration::from_secs(seconds));
        policy.may_keep(&sam, &ask("web1", Service::Whostmgrd, account), now)
    };
    assert!(keeps("support", 9), "the open socket is not asked from where it is used");
    assert!(!keeps("support", 10));
    assert!(!keeps("root", 9));
}

#[test]
fn a_sign_in_of_unknown_age_is_too_old() {
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let policy = changed(|rule| rule.conditions.require.max_age = Some(std::time::Duration::from_mins(1)));
    let circumstances = Circumstances { authenticated_at: None, ..now(&sam) };
    let denial = policy.authorize(&sam, ask("web1", Service::Whostmgrd, "support"), &circumstances).unwrap_err();
    assert_eq!(denial.strength.unwrap().max_age, Some(std::time::Duration::from_mins(1)));
    assert_eq!(policy.reach(&sam, &circumstances).len(), 2, "what a stronger sign-in opens is still shown");
}

#[test]
fn a_role_group_of_a_provider_takes_its_groups_from_no_other() {
    let mut directory = directory();
    for group in directory.role_groups.values_mut() {
        group.provider = Some("staff".parse().unwrap());
        group.rights = vec![Right::ReviewAccess];
    }
    let sam = Arc::new(Principal::for_test("sam", &["staff"]));
    let policy = Policy::new(Arc::new(directory.clone()));
    assert!(policy.standing(&sam).may_connect);
    assert!(policy.has_right(&sam, Right::ReviewAccess));
    assert!(!policy.has_right(&sam, Right::EndSessions));
    assert!(!policy.has_right(&Principal::for_test("gil", &["guests"]), Right::ReviewAccess), "without connect, none");
    for issuer in ["https://idp.example.com/", "https://customers.example.com"] {
        directory.providers = [(issuer.to_owned(), "staff".parse().unwrap())].into();
        let policy = Policy::new(Arc::new(directory.clone()));
        assert_eq!(policy.standing(&sam).role_groups, [], "the issuer is compared exactly");
        assert!(!policy.has_right(&sam, Right::ReviewAccess));
    }
}
