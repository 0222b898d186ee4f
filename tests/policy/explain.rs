//! Explanations, held against the decision: they agree with it, and what they say would turn it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use panelgate::model::Access;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::RoleGroupName;
use panelgate::model::Service;
use panelgate::policy::AccessRequest;
use panelgate::policy::Decision;
use panelgate::policy::Expectation;
use panelgate::policy::Policy;
use panelgate::policy::Question;
use panelgate::policy::Reach;
use panelgate::policy::Review;
use panelgate::policy::Way;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::ACCOUNTS;
use crate::any::SERVERS;
use crate::any::any_directory;
use crate::any::every_request;
use crate::any::every_set_of_groups;
use crate::build::account;
use crate::build::claimant;
use crate::build::rule;
use crate::build::somewhen;

/// Every question, with and without its service and account.
fn every_question() -> Vec<Question> {
    let mut all = Vec::new();
    for server in SERVERS {
        for service in Service::ALL.map(Some).into_iter().chain([None]) {
            for name in ACCOUNTS.map(Some).into_iter().chain([None]) {
                all.push(Question { server: server.parse().unwrap(), service, account: name.map(account) });
            }
        }
    }
    all
}

fn fits(question: &Question, request: &AccessRequest) -> bool {
    request.server == question.server
        && question.service.is_none_or(|service| service == request.service)
        && question.account.as_ref().is_none_or(|account| *account == request.account)
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
        to.rules.push(rule(group.name.as_str(), &[question.server.as_str()], &[service], account.as_str(), 500));
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
        Way::Open(server) => vec![changed(&|to| {
            to.servers.get_mut(&server.id).unwrap().access =
                Access::Unrestricted { services: vec![service], account: account.clone(), customers: Vec::new() };
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
    fn an_explanation_agrees_with_the_decision(directory in any_directory()) {
        let (policy, review) = (Policy::new(directory.clone().into()), Review::new(directory.into()));
        for groups in every_set_of_groups() {
            for request in every_request() {
                let question = Question {
                    server: request.server.clone(),
                    service: Some(request.service),
                    account: Some(request.account.clone()),
                };
                let explanation = review.explain(&groups, &question);
                let decision = policy.decide(&claimant(&groups), &request, &somewhen());
                prop_assert_eq!(explanation.decision, decision);
                match decision {
                    Decision::Allowed(source) => {
                        let lines = explanation.allowed.iter().flat_map(|one| one.sources.iter());
                        prop_assert!(lines.clone().any(|line| *line == source));
                        prop_assert!(explanation.allowed.iter().all(|one| *one.account == request.account));
                    }
                    Decision::Denied(_) => prop_assert!(explanation.allowed.is_empty()),
                }
                let standing = policy.standing_of(&claimant(&groups));
                let names: Vec<RoleGroupName> =
                    explanation.memberships.iter().map(|mine| mine.role_group.name.clone()).collect();
                prop_assert_eq!(names, standing.role_groups);
            }
        }
    }

    #[test]
    fn an_open_question_is_allowed_if_anything_that_fits_is(
        directory in any_directory(),
        groups in select(every_set_of_groups().collect::<Vec<_>>()),
    ) {
        let (policy, review) = (Policy::new(directory.clone().into()), Review::new(directory.into()));
        for question in every_question() {
            let explanation = review.explain(&groups, &question);
            let reach: BTreeSet<Reach> = policy.reach_of(&claimant(&groups), &somewhen()).into_iter()
                .filter(|one| fits(&question, &one.clone().into())).collect();
            let told: BTreeSet<Reach> = explanation.allowed.iter()
                .map(|one| Reach { server: one.server.id.clone(), service: one.service, account: one.account.clone() })
                .collect();
            prop_assert_eq!(&told, &reach);
            match explanation.decision {
                Decision::Allowed(_) => prop_assert!(!reach.is_empty()),
                // The reason is that of the request that comes furthest.
                Decision::Denied(reason) => {
                    prop_assert!(reach.is_empty());
                    let requests = every_request().into_iter().filter(|request| fits(&question, request));
                    let furthest = requests.map(|request| match policy.decide(&claimant(&groups), &request, &somewhen()) {
                        Decision::Denied(reason) => reason,
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
    ) {
        let review = Review::new(directory.clone().into());
        for question in every_question() {
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
