//! What would have to change for the other answer.

use crate::model::Access;
use crate::model::Conditions;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::RoleGroup;
use crate::model::Server;
use crate::model::Service;
use crate::model::Source;
use crate::policy::circumstances::Setting;
use crate::policy::entitlement::Entitlement;
use crate::policy::entitlement::Permission;
use crate::policy::entitlement::Scope;
use crate::policy::entitlement::Whom;
use crate::policy::entitlement::opens;
use crate::policy::entitlement::written;
use crate::policy::explain::Explanation;
use crate::policy::explain::Membership;
use crate::policy::index::Decision;
use crate::policy::reason::Reason;
use crate::policy::request::Question;

/// One change that turns an answer, alone.
#[derive(Clone, Debug)]
pub enum Way<'d> {
    /// Allows: give the person one of the groups of one of these role groups.
    Join(Vec<&'d RoleGroup>),
    /// Allows: list a group of the person at one of these role groups.
    List(Vec<&'d RoleGroup>),
    /// Allows: give one of these role groups of the person the connect permission.
    Connect(Vec<&'d RoleGroup>),
    /// Allows: write a rule for one of these role groups of the person.
    Rule(Vec<&'d RoleGroup>),
    /// Allows: give one of these role groups of the person the connect permission and a rule.
    ConnectAndRule(Vec<&'d RoleGroup>),
    /// Allows: add the service to one of these rules of the person.
    Extend(Service, Vec<&'d Source>),
    /// Allows: change the conditions of one of these rules of the person.
    Relax(Vec<&'d Source>),
    /// Allows: change what this unrestricted server opens to everybody.
    Open(&'d Server),
    /// Denies: take all these groups from the person.
    Leave(Vec<&'d IdpGroup>),
    /// Denies: take this server out of all these rules.
    Remove(&'d Server, Vec<&'d Source>),
    /// Denies: restrict this server.
    Restrict(&'d Server),
}

/// The ways to the answer that an explanation does not give; `others` is what other role groups may do there.
pub(super) fn ways<'d>(
    directory: &'d Directory,
    question: &Question,
    explanation: &Explanation<'d>,
    others: &[Entitlement<'d>],
) -> Vec<Way<'d>> {
    let Some(server) = explanation.server else { return Vec::new() };
    let (setting, memberships) = (question.supposed.setting(), explanation.memberships.as_slice());
    let there = There { server, question, setting, memberships, directory };
    match explanation.decision {
        Decision::Allowed(_) => there.to_no(&explanation.allowed),
        Decision::Denied(reason) => {
            let fitting = others.iter().filter(|one| there.allows(one.service, one.whom, one.conditions));
            let fitting = fitting.filter(|one| there.is_of_provider(one.role_group));
            let openers = distinct(fitting.map(|one| one.role_group));
            let has_strangers = !explanation.strangers.is_empty();
            there.to_yes(reason, openers, has_strangers)
        }
    }
}

/// A person in front of a server.
struct There<'e, 'd> {
    server: &'d Server,
    question: &'e Question,
    setting: Setting<'e>,
    memberships: &'e [Membership<'d>],
    directory: &'d Directory,
}

impl<'d> There<'_, 'd> {
    fn to_yes(&self, reason: Reason, openers: Vec<&'d RoleGroup>, has_strangers: bool) -> Vec<Way<'d>> {
        let mut ways = Vec::new();
        if !openers.is_empty() {
            if reason == Reason::NoRoleGroup && has_strangers {
                ways.push(Way::List(openers.clone()));
            }
            ways.insert(0, Way::Join(openers));
        }
        let (connecting, mute) = self.role_groups();
        let fits = |one: &Permission<'_>| one.opens().any(|(service, whom)| self.allows(service, whom, one.conditions));
        let ready = distinct(self.written(&mute).filter(fits).map(|one| one.role_group));
        if !ready.is_empty() {
            ways.push(Way::Connect(ready.clone()));
        }
        if self.is_unrestricted() {
            if !connecting.is_empty() {
                ways.push(Way::Open(self.server));
            }
            return ways;
        }
        if let (Reason::ServiceNotInRule, Some(service)) = (reason, self.question.service) {
            let wanted = |one: &Permission<'_>| {
                self.question.fits_whom(Whom::Account(one.account)) && self.setting.allows(one.conditions)
            };
            let rules = self.written(&connecting).filter(wanted);
            let rules = sorted(rules.map(|one| one.source));
            if !rules.is_empty() {
                ways.push(Way::Extend(service, rules));
            }
        }
        let would = |one: &Permission<'_>| one.opens().any(|(service, whom)| self.question.fits(service, whom));
        let rules = sorted(self.written(&connecting).filter(would).map(|one| one.source));
        if !rules.is_empty() {
            ways.push(Way::Relax(rules));
        }
        if !connecting.is_empty() {
            ways.push(Way::Rule(connecting));
        } else if !mute.is_empty() && ready.is_empty() {
            ways.push(Way::ConnectAndRule(mute));
        }
        ways
    }

    fn to_no(&self, allowed: &[Entitlement<'d>]) -> Vec<Way<'d>> {
        let is_giving = |mine: &&Membership<'_>| allowed.iter().any(|one| one.role_group.name == mine.role_group.name);
        let through = self.memberships.iter().filter(is_giving).flat_map(|mine| mine.through.iter().copied());
        let mut ways = vec![Way::Leave(sorted(through))];
        if self.is_unrestricted() {
            if !self.has_sleeping_rule() {
                ways.push(Way::Restrict(self.server));
            }
        } else {
            let sources = sorted(allowed.iter().flat_map(|one| one.sources.iter().copied()));
            ways.push(Way::Remove(self.server, sources));
        }
        ways
    }

    /// The role groups of the person: those that may connect, and those that may not.
    fn role_groups(&self) -> (Vec<&'d RoleGroup>, Vec<&'d RoleGroup>) {
        self.memberships.iter().map(|mine| mine.role_group).partition(|group| group.connect)
    }

    /// What is written about the server for these role groups.
    fn written(&self, of: &[&'d RoleGroup]) -> impl Iterator<Item = Permission<'d>> {
        let scope = Scope::Server(&self.server.id);
        written(self.directory, scope).filter(|one| of.iter().any(|group| group.name == one.role_group.name))
    }

    /// Whether this would answer the question under the circumstances that it supposes.
    fn allows(&self, service: Service, whom: Whom<'_>, conditions: &Conditions) -> bool {
        self.question.fits(service, whom) && self.setting.allows(conditions)
    }

    fn is_of_provider(&self, group: &RoleGroup) -> bool {
        self.question.supposed.provenance().is(group.provider.as_ref())
    }

    fn is_unrestricted(&self) -> bool {
        self.server.access != Access::Restricted
    }

    /// Whether a rule would allow the question, were the server restricted.
    fn has_sleeping_rule(&self) -> bool {
        let (connecting, _) = self.role_groups();
        self.directory.rules.iter().any(|rule| {
            rule.servers.contains(&self.server.id)
                && connecting.iter().any(|group| group.name == rule.role_group)
                && self.setting.allows(&rule.conditions)
                && opens(rule).any(|(service, whom)| self.question.fits(service, whom))
        })
    }
}

/// Each role group once, in the order in which it comes first.
fn distinct<'d>(all: impl Iterator<Item = &'d RoleGroup>) -> Vec<&'d RoleGroup> {
    let mut once: Vec<&'d RoleGroup> = Vec::new();
    for one in all {
        if !once.iter().any(|known| known.name == one.name) {
            once.push(one);
        }
    }
    once
}

/// Each once, in order.
fn sorted<'d, T: Ord>(all: impl Iterator<Item = &'d T>) -> Vec<&'d T> {
    let mut once: Vec<&'d T> = all.collect();
    once.sort_unstable();
    once.dedup();
    once
}
