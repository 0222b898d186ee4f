//! Why an answer is what it is: whom a person counts as, which lines decide, and what would turn the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::Account;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::RoleGroup;
use crate::model::Server;
use crate::policy::circumstances::Claimant;
use crate::policy::entitlement::Entitlement;
use crate::policy::entitlement::Scope;
use crate::policy::entitlement::Whom;
use crate::policy::entitlement::matrix;
use crate::policy::index::Decision;
use crate::policy::index::Policy;
use crate::policy::request::Question;
use crate::policy::ways::Way;
use crate::policy::ways::ways;

/// A directory for its reviewers: the policy that decides, beside the document that it was made of.
#[derive(Debug)]
pub struct Review {
    directory: Arc<Directory>,
    policy: Policy,
}

/// An answer with everything that led to it.
#[derive(Clone, Debug)]
pub struct Explanation<'d> {
    /// The decision of the policy; a question that leaves something open is allowed if anything that fits is.
    pub decision: Decision<'d>,
    /// The server, if there is one.
    pub server: Option<&'d Server>,
    /// The role groups of the person, by name.
    pub memberships: Vec<Membership<'d>>,
    /// The groups of the person that no role group lists.
    pub strangers: Vec<IdpGroup>,
    /// What the person may open that fits the question: nothing exactly when it is denied.
    pub allowed: Vec<Entitlement<'d>>,
    /// What else the person may open of the server, or under other circumstances.
    pub besides: Vec<Entitlement<'d>>,
    /// What would turn the answer, each alone.
    pub ways: Vec<Way<'d>>,
}

/// A role group that a person belongs to.
#[derive(Clone, Debug)]
pub struct Membership<'d> {
    /// The role group.
    pub role_group: &'d RoleGroup,
    /// The groups of the person that it lists, at least one.
    pub through: Vec<&'d IdpGroup>,
}

impl Explanation<'_> {
    /// The accounts as which the question is allowed; for a hop, those that it may go through.
    pub fn accounts(&self) -> BTreeSet<Account> {
        let account = |whom| match whom {
            Whom::Account(account) | Whom::CustomersOf(account) => account.clone(),
        };
        self.allowed.iter().map(|one| account(one.whom)).collect()
    }
}

impl Review {
    /// Makes the policy of a directory.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self { policy: Policy::new(Arc::clone(&directory)), directory }
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Answers for whoever has these groups, and explains the answer.
    pub fn explain(&self, groups: &[IdpGroup], question: &Question) -> Explanation<'_> {
        let directory = &*self.directory;
        let (provider, setting) = (question.supposed.provenance(), question.supposed.setting());
        let decision = self.policy.decide_wish(&Claimant { provider, groups }, question.into(), &setting);
        let memberships: Vec<Membership<'_>> = directory
            .role_groups
            .values()
            .filter(|role_group| provider.is(role_group.provider.as_ref()))
            .map(|role_group| Membership {
                role_group,
                through: role_group.idp_groups.iter().filter(|group| groups.contains(group)).collect(),
            })
            .filter(|membership| !membership.through.is_empty())
            .collect();
        let is_mine = |group: &RoleGroup| memberships.iter().any(|mine| mine.role_group.name == group.name);

        let on_server = matrix(directory, Scope::Server(&question.server));
        let (mine, others): (Vec<_>, Vec<_>) = on_server.into_iter().partition(|one| is_mine(one.role_group));
        let (allowed, besides): (Vec<_>, Vec<_>) =
            mine.into_iter().partition(|one| question.fits(one.service, one.whom) && setting.allows(one.conditions));
        let mut explanation = Explanation {
            decision,
            server: directory.servers.get(&question.server),
            strangers: strangers(groups, &memberships),
            memberships,
            allowed,
            besides,
            ways: Vec::new(),
        };
        explanation.ways = ways(directory, question, &explanation, &others);
        explanation
    }
}

fn strangers(groups: &[IdpGroup], memberships: &[Membership<'_>]) -> Vec<IdpGroup> {
    let mut strangers = Vec::new();
    for group in groups {
        let is_known = memberships.iter().any(|mine| mine.through.contains(&group));
        if !is_known && !strangers.contains(group) {
            strangers.push(group.clone());
        }
    }
    strangers
}
