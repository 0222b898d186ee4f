//! Explanations, held against the decision: they agree with it, and what they say would turn it does.

use std::sync::Arc;

use panelgate::model::Access;
use panelgate::model::Account;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::RoleGroupName;
use panelgate::model::Service;
use panelgate::model::Timestamp;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Decision;
use panelgate::policy::Expectation;
use panelgate::policy::Policy;
use panelgate::policy::Provenance;
use panelgate::policy::Question;
use panelgate::policy::Review;
use panelgate::policy::Supposed;
use panelgate::policy::Way;
use panelgate::policy::Whom;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::ACCOUNTS;
use crate::any::SERVERS;
use crate::any::any_directory;
use crate::any::every_circumstances;
use crate::any::every_hop;
use crate::any::every_request;
use crate::any::every_set_of_groups;
use crate::any::staff;
use crate::build::account;
use crate::build::rule;

/// Every question, with and without its service and account, and hops, under circumstances.
fn every_question(supposed: &Supposed) -> Vec<Question> {
    let mut all = Vec::new();
    for server in SERVERS {
        for service in Service::ALL.map(Some).into_iter().chain([None]) {
            for name in ACCOUNTS.map(Some).into_iter().chain([None]) {
                let (server, supposed) = (server.parse().unwrap(), supposed.clone());
                all.push(Question { server, service, account: name.map(account), through: None, supposed });
            }
        }
    }
    all.extend(every_hop().into_iter().map(|hop| Question {
        server: hop.server,
        service: Some(hop.service),
        account: Some(hop.account),
        through: hop.through,
        supposed: supposed.clone(),
    }));
    all
}

/// Circumstances of which some are left open.
fn any_supposed() -> impl Strategy<Value = Supposed> {
    let open = (any::<bool>(), any::<bool>(), any::<bool>(), 0..3);
    (select(every_circumstances()), open).prop_map(|(known, (at, from, signed_in, provider))| Supposed {
        provider: match provider {
            0 => None,
            1 => Some(staff()),
            _ => Some("customers".parse().unwrap()),
        },
        at: at.then_some(known.now),
        from: from.then_some(known.client),
        age: known.authenticated_at.filter(|_| signed_in).map(|at| known.now.since(at)),
        acr: known.acr.map(|acr| acr.parse().unwrap()),
    })
}

fn fits(question: &Question, request: &AccessRequest) -> bool {
    request.server == question.server
        && question.service.is_none_or(|service| service == request.service)
        && question.account.as_ref().is_none_or(|account| *account == request.account)
        && question.through == request.through
}

/// An unrestricted server that opens what a question asks for.
fn opened(question: &Question, service: Service, account: &Account) -> Access {
    match &question.through {
        None => Access::Unrestricted { services: vec![service], account: account.clone(), customers: Vec::new() },
        Some(through) => Access::Unrestricted {
            services: vec![Service::Whostmgrd],
            account: through.clone(),
            customers: vec![service],
        },
    }
}

/// Carries a way out, in each of the manners that it offers: directories and groups after the change.
fn carried_out(
    way: &Way<'_>,
    question: &Question,
    directory: &Directory,
    groups: &[IdpGroup],
) -> Vec<(Directory, Vec<IdpGroup>)> {
    let (service, account) =
        (question.service.unwrap_or(Service::Cpaneld), question.account.clone().unwrap_or_else(|| account("root")));
    let with_group = |group: &IdpGroup| {
        let mut more = groups.to_vec();
        more.push(group.clone());
        more
    };
    let changed = |change: &dyn Fn(&mut Directory)| {
        let mut changed = directory.clone();
        change(&mut changed);
        (changed, groups.to_vec())
    };
    let connect = |to: &mut Directory, group: &RoleGroup| to.role_groups.get_mut(&group.name).unwrap().connect = true;
    let give = |to: &mut Directory, group: &RoleGroup| {
        let mut rule = rule(group.name.as_str(), &[question.server.as_str()], &[service], account.as_str(), 500);
        if let Some(through) = &question.through {
            rule.services = vec![Service::Whostmgrd];
            rule.account = through.clone();
            rule.customers = vec![service];
        }
        to.rules.push(rule);
    };
    match way {
        Way::Join(role_groups) => role_groups
            .iter()
            .flat_map(|group| &group.idp_groups)
            .map(|group| (directory.clone(), with_group(group)))
            .collect(),
        Way::List(role_groups) => role_groups
            .iter()
            .flat_map(|group| groups.iter().map(move |mine| (group, mine)))
            .map(|(group, mine)| {
                changed(&|to| to.role_groups.get_mut(&group.name).unwrap().idp_groups.push(mine.clone()))
            })
            .collect(),
        Way::Connect(role_groups) => role_groups.iter().map(|group| changed(&|to| connect(to, group))).collect(),
        Way::Rule(role_groups) => role_groups.iter().map(|group| changed(&|to| give(to, group))).collect(),
        Way::ConnectAndRule(role_groups) => role_groups
            .iter()
            .map(|group| {
                changed(&|to| {
                    connect(to, group);
                    give(to, group);
                })
            })
            .collect(),
        Way::Extend(service, sources) => sources
            .iter()
            .map(|source| {
                changed(&|to| {
                    let rules = to.rules.iter_mut().filter(|rule| rule.source == **source);
                    rules.for_each(|rule| rule.services.push(*service));
                })
            })
            .collect(),
        Way::Relax(sources) => sources
            .iter()
            .map(|source| {
                changed(&|to| {
                    let rules = to.rules.iter_mut().filter(|rule| rule.source == **source);
                    rules.for_each(|rule| rule.conditions = Conditions::default());
                })
            })
            .collect(),
        Way::Open(server) => vec![changed(&|to| {
            to.servers.get_mut(&server.id).unwrap().access = opened(question, service, &account);
        })],
        Way::Leave(taken) => {
            let left = groups.iter().filter(|group| !taken.contains(group)).cloned().collect();
            vec![(directory.clone(), left)]
        }
        Way::Remove(server, sources) => vec![changed(&|to| {
            let rules = to.rules.iter_mut().filter(|rule| sources.contains(&&rule.source));
            rules.for_each(|rule| rule.servers.retain(|id| *id != server.id));
        })],
        Way::Restrict(server) => {
            vec![changed(&|to| to.servers.get_mut(&server.id).unwrap().access = Access::Restricted)]
        }
    }
}

proptest! {
    // Each case asks every question of everybody or of one person in all its forms.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_explanation_agrees_with_the_decision(
        directory in any_directory(),
        known in select(every_circumstances()),
        is_staff in any::<bool>(),
    ) {
        let (policy, review) = (Policy::new(directory.clone().into()), Review::new(directory.into()));
        let (staff, other) = (staff(), "customers".parse().unwrap());
        let provider = if is_staff { &staff } else { &other };
        // What a provider does not say cannot be supposed: everything else can.
        let known = Circumstances {
            authenticated_at: known.authenticated_at.or(Some(Timestamp(0))),
            acr: known.acr.or(Some("three")),
            ..known
        };
        let supposed = Supposed {
            provider: Some(provider.clone()),
            at: Some(known.now),
            from: Some(known.client),
            age: known.authenticated_at.map(|at| known.now.since(at)),
            acr: known.acr.map(|acr| acr.parse().unwrap()),
        };
        for groups in every_set_of_groups() {
            let claimant = Claimant { provider: Provenance::Provider(provider), groups: &groups };
            for request in every_request().into_iter().chain(every_hop()) {
                let question = Question {
                    server: request.server.clone(),
                    service: Some(request.service),
                    account: Some(request.account.clone()),
                    through: request.through.clone(),
                    supposed: supposed.clone(),
                };
                let explanation = review.explain(&groups, &question);
                let decision = policy.decide(&claimant, &request, &known);
                prop_assert_eq!(explanation.decision, decision);
                match decision {
                    Decision::Allowed(source) => {
                        let lines = explanation.allowed.iter().flat_map(|one| one.sources.iter());
                        prop_assert!(lines.clone().any(|line| *line == source));
                        let whom = request.through.as_ref().map_or(
                            Whom::Account(&request.account), Whom::CustomersOf);
                        prop_assert!(explanation.allowed.iter().all(|one| one.whom == whom));
                    }
                    Decision::Denied(_) => prop_assert!(explanation.allowed.is_empty()),
                }
            }
            let question = Question {
                server: "web1".parse().unwrap(), service: None, account: None, through: None, supposed: supposed.clone(),
            };
            let explanation = review.explain(&groups, &question);
            let names: Vec<RoleGroupName> =
                explanation.memberships.iter().map(|mine| mine.role_group.name.clone()).collect();
            prop_assert_eq!(names, policy.standing_of(&claimant).role_groups);
        }
    }

    #[test]
    fn an_open_question_is_allowed_if_anything_that_fits_is(
        directory in any_directory(),
        groups in select(every_set_of_groups().collect::<Vec<_>>()),
        supposed in any_supposed(),
    ) {
        let review = Review::new(directory.into());
        for question in every_question(&supposed) {
            let explanation = review.explain(&groups, &question);
            let fitting = every_request().into_iter().chain(every_hop()).filter(|request| fits(&question, request));
            // Asked with everything that fits, one by one.
            let answers: Vec<Decision<'_>> = fitting
                .map(|request| {
                    let closed = Question {
                        service: Some(request.service),
                        account: Some(request.account),
                        ..question.clone()
                    };
                    review.explain(&groups, &closed).decision
                })
                .collect();
            match explanation.decision {
                Decision::Allowed(source) => prop_assert!(answers.contains(&Decision::Allowed(source))),
                // The reason is that of the request that comes furthest.
                Decision::Denied(reason) => {
                    let furthest = answers.iter().map(|answer| match answer {
                        Decision::Denied(reason) => *reason,
                        Decision::Allowed(source) => panic!("allowed by {source}"),
                    }).max();
                    prop_assert_eq!(Some(reason), furthest);
                }
            }
            let found = Expectation::found(&explanation);
            prop_assert!(found.is_met_by(&found));
            prop_assert_eq!(Expectation::Allow.is_met_by(&found), matches!(explanation.decision, Decision::Allowed(_)));
        }
    }

    #[test]
    fn each_way_turns_the_answer(
        directory in any_directory(),
        groups in select(every_set_of_groups().collect::<Vec<_>>()),
        supposed in any_supposed(),
    ) {
        let review = Review::new(directory.clone().into());
        for question in every_question(&supposed) {
            let explanation = review.explain(&groups, &question);
            let was_allowed = matches!(explanation.decision, Decision::Allowed(_));
            prop_assert!(!was_allowed || !explanation.ways.is_empty(), "whatever is given can be taken");
            for way in &explanation.ways {
                let outcomes = carried_out(way, &question, &directory, &groups);
                prop_assert!(!outcomes.is_empty());
                for (changed, changed_groups) in outcomes {
                    let after = Review::new(Arc::new(changed));
                    let is_allowed = matches!(after.explain(&changed_groups, &question).decision, Decision::Allowed(_));
                    prop_assert_ne!(is_allowed, was_allowed, "{:?} of {:?} {:?}", way, question, groups);
                }
            }
        }
    }
}
