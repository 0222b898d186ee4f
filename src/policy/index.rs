//! The directory, turned so that a decision is a few look-ups.

use std::sync::Arc;

use foldhash::HashMap;

use crate::identity::Principal;
use crate::model::Access;
use crate::model::Account;
use crate::model::Conditions;
use crate::model::Directory;
use crate::model::DirectoryVersion;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Right;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Rule;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::Strength;
use crate::model::Timestamp;
use crate::policy::circumstances::Circumstances;
use crate::policy::circumstances::Claimant;
use crate::policy::circumstances::Provenance;
use crate::policy::circumstances::Setting;
use crate::policy::denial::Denial;
use crate::policy::grant::Grant;
use crate::policy::reason::Reason;
use crate::policy::request::AccessRequest;
use crate::policy::request::Reach;
use crate::policy::request::Wish;

/// All the permissions of one version of the directory.
///
/// A decision looks each of the person's `IdP` groups up once and allocates nothing; only the grant or
/// denial around it does.
#[derive(Debug)]
pub struct Policy {
    version: DirectoryVersion,
    providers: HashMap<String, ProviderId>,
    /// In the order of their names: a role group's number is its place here.
    roles: Vec<Role>,
    /// The numbers of the role groups that list a group.
    roles_of: HashMap<IdpGroup, Vec<usize>>,
    /// In the order of the document: a permission's number is its place here.
    rules: Vec<Permission>,
    servers: HashMap<ServerId, Opening>,
}

/// What a person is before they ask for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Their role groups, by name.
    pub role_groups: Vec<RoleGroupName>,
    /// Whether one of those has the connect permission.
    pub may_connect: bool,
}

/// The answer to a request, without the permission that [`Policy::authorize`] makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// Allowed by this line: the first rule that does, or the server's where it is unrestricted.
    Allowed(&'p Source),
    /// Not allowed.
    Denied(Reason),
}

/// A role group.
#[derive(Debug)]
struct Role {
    name: RoleGroupName,
    provider: Option<ProviderId>,
    connect: bool,
    rights: Vec<Right>,
}

/// What is written about a server.
#[derive(Debug)]
enum Opening {
    /// The same for every role with the connect permission.
    Unrestricted(Permission),
    /// The numbers of role groups and of rules for them, in order.
    Restricted(Vec<(usize, usize)>),
}

/// One written permission.
#[derive(Debug)]
struct Permission {
    services: Vec<Service>,
    account: Account,
    customers: Vec<Service>,
    conditions: Conditions,
    source: Source,
    /// Its place in the document, which decides nothing but which line is named.
    place: usize,
}

/// A decision under way: each permission can only take it further.
struct Verdict<'p> {
    reason: Reason,
    allowed: Option<&'p Permission>,
    strength: Option<(usize, &'p Strength)>,
    customers: [bool; Service::ALL.len()],
    until: Until,
}

/// When what was found to be allowed ends, at the latest.
enum Until {
    Never,
    Moment(Timestamp),
}

impl Policy {
    /// Indexes a directory.
    #[expect(clippy::needless_pass_by_value, reason = "a policy belongs to one snapshot, which its maker shares")]
    pub fn new(directory: Arc<Directory>) -> Self {
        let mut roles_of: HashMap<IdpGroup, Vec<usize>> = HashMap::default();
        let mut numbers: HashMap<&RoleGroupName, usize> = HashMap::default();
        for (number, group) in directory.role_groups.values().enumerate() {
            for idp_group in &group.idp_groups {
                roles_of.entry(idp_group.clone()).or_default().push(number);
            }
            numbers.insert(&group.name, number);
        }
        let mut servers: HashMap<ServerId, Opening> = directory
            .servers
            .values()
            .map(|server| (server.id.clone(), Opening::new(&server.access, &server.source)))
            .collect();
        for (place, rule) in directory.rules.iter().enumerate() {
            let Some(role) = numbers.get(&rule.role_group) else { continue };
            for server in &rule.servers {
                // A rule adds nothing to an unrestricted server: that one's own line says all.
                if let Some(Opening::Restricted(given)) = servers.get_mut(server) {
                    given.push((*role, place));
                }
            }
        }
        for opening in servers.values_mut() {
            if let Opening::Restricted(given) = opening {
                given.sort_unstable();
                given.dedup();
            }
        }
        Self {
            version: directory.version.clone(),
            providers: directory.providers.clone().into_iter().collect(),
            roles: directory.role_groups.values().map(Role::new).collect(),
            roles_of,
            rules: directory.rules.iter().enumerate().map(|(place, rule)| Permission::new(place, rule)).collect(),
            servers,
        }
    }

    /// The version of the directory.
    pub fn version(&self) -> &DirectoryVersion {
        &self.version
    }

    /// Decides, and makes the permission or the refusal of it.
    pub fn authorize(
        &self,
        principal: &Arc<Principal>,
        request: AccessRequest,
        circumstances: &Circumstances<'_>,
    ) -> Result<Grant, Box<Denial>> {
        let verdict = self.judge(&self.claimant(principal), (&request).into(), &circumstances.into());
        if let Some(permission) = verdict.allowed {
            let (customers, until) = (verdict.customers(), verdict.until());
            let (principal, source) = (Arc::clone(principal), permission.source.clone());
            return Ok(Grant::new(principal, request, self.version.clone(), source, customers, until));
        }
        let (reason, strength) = (verdict.reason, verdict.strength().cloned());
        let role_groups = self.standing(principal).role_groups;
        Err(Box::new(Denial { request, reason, strength, version: self.version.clone(), role_groups }))
    }

    /// The role groups of a person, and whether they may use Panelgate at all.
    pub fn standing(&self, principal: &Principal) -> Standing {
        self.standing_of(&self.claimant(principal))
    }

    /// Whether a person has a right over Panelgate itself.
    pub fn has_right(&self, principal: &Principal, right: Right) -> bool {
        self.claimant_has_right(&self.claimant(principal), right)
    }

    /// Everything that a person may open under these circumstances, or could after a stronger sign-in: in order and
    /// once each.
    pub fn reach(&self, principal: &Principal, circumstances: &Circumstances<'_>) -> Vec<Reach> {
        self.reach_of(&self.claimant(principal), circumstances)
    }

    /// Whether a person may keep open what they have opened: whether it is still written, and still valid at this
    /// time. From where and after which sign-in they use it is asked of each request.
    pub fn may_keep(&self, principal: &Principal, request: &AccessRequest, now: Timestamp) -> bool {
        let setting = Setting { now: Some(now), ..Setting::default() };
        matches!(self.decide_wish(&self.claimant(principal), request.into(), &setting), Decision::Allowed(_))
    }

    /// Decides for whoever has these groups.
    pub fn decide(
        &self,
        claimant: &Claimant<'_>,
        request: &AccessRequest,
        circumstances: &Circumstances<'_>,
    ) -> Decision<'_> {
        self.decide_wish(claimant, request.into(), &circumstances.into())
    }

    /// Decides whether anything that fits a wish is allowed.
    pub(super) fn decide_wish(&self, claimant: &Claimant<'_>, wish: Wish<'_>, setting: &Setting<'_>) -> Decision<'_> {
        let verdict = self.judge(claimant, wish, setting);
        verdict.allowed.map_or(Decision::Denied(verdict.reason), |permission| Decision::Allowed(&permission.source))
    }

    fn judge(&self, claimant: &Claimant<'_>, wish: Wish<'_>, setting: &Setting<'_>) -> Verdict<'_> {
        let opening = self.servers.get(wish.server);
        let mut verdict = Verdict::new();
        for (number, role) in self.roles_of(claimant) {
            verdict.reason = verdict.reason.max(Reason::NoConnectPermission);
            if !role.connect {
                continue;
            }
            let Some(opening) = opening else {
                verdict.reason = Reason::UnknownServer;
                continue;
            };
            verdict.reason = verdict.reason.max(Reason::NoRuleForServer);
            for permission in self.permissions(opening, number) {
                match permission.shortfall(wish, setting) {
                    Some(reason) => verdict.falls_short(permission, reason),
                    None => verdict.allow(permission),
                }
            }
        }
        verdict
    }

    /// The standing of whoever has these groups.
    pub fn standing_of(&self, claimant: &Claimant<'_>) -> Standing {
        let roles = self.distinct_roles(claimant);
        Standing {
            may_connect: roles.iter().any(|(_, role)| role.connect),
            role_groups: roles.into_iter().map(|(_, role)| role.name.clone()).collect(),
        }
    }

    /// Whether whoever has these groups has a right over Panelgate itself.
    pub fn claimant_has_right(&self, claimant: &Claimant<'_>, right: Right) -> bool {
        self.roles_of(claimant).any(|(_, role)| role.connect && role.rights.contains(&right))
    }

    /// The reach of whoever has these groups.
    pub fn reach_of(&self, claimant: &Claimant<'_>, circumstances: &Circumstances<'_>) -> Vec<Reach> {
        let setting = Setting::from(circumstances);
        let roles = self.distinct_roles(claimant);
        let connecting: Vec<usize> =
            roles.into_iter().filter(|(_, role)| role.connect).map(|(number, _)| number).collect();
        let mut reach = Vec::new();
        for (server, opening) in &self.servers {
            for permission in connecting.iter().flat_map(|number| self.permissions(opening, *number)) {
                match setting.shortfall(&permission.conditions) {
                    None | Some(Reason::StrongerSignInNeeded) => {}
                    Some(_) => continue,
                }
                reach.extend(permission.services.iter().map(|service| Reach {
                    server: server.clone(),
                    service: *service,
                    account: permission.account.clone(),
                }));
            }
        }
        reach.sort_unstable();
        reach.dedup();
        reach
    }

    fn claimant<'p>(&'p self, principal: &'p Principal) -> Claimant<'p> {
        let provider = self.providers.get(&principal.subject().iss);
        Claimant { provider: provider.map_or(Provenance::Unknown, Provenance::Provider), groups: principal.groups() }
    }

    /// The roles that these groups give, with their numbers, some perhaps more than once.
    fn roles_of<'p>(&'p self, claimant: &Claimant<'p>) -> impl Iterator<Item = (usize, &'p Role)> {
        let provider = claimant.provider;
        let numbers = claimant.groups.iter().filter_map(|group| self.roles_of.get(group)).flatten();
        let roles = numbers.filter_map(|number| Some((*number, self.roles.get(*number)?)));
        roles.filter(move |(_, role)| provider.is(role.provider.as_ref()))
    }

    /// The roles that these groups give, once each, in the order of their names.
    fn distinct_roles<'p>(&'p self, claimant: &Claimant<'p>) -> Vec<(usize, &'p Role)> {
        let mut roles: Vec<_> = self.roles_of(claimant).collect();
        roles.sort_unstable_by_key(|(number, _)| *number);
        roles.dedup_by_key(|(number, _)| *number);
        roles
    }

    /// What a role that may connect gets here.
    fn permissions<'p>(&'p self, opening: &'p Opening, role: usize) -> impl Iterator<Item = &'p Permission> {
        let (all, given) = match opening {
            Opening::Unrestricted(permission) => (Some(permission), &[][..]),
            Opening::Restricted(given) => {
                let from = given.partition_point(|(number, _)| *number < role);
                (None, given.get(from..).unwrap_or_default())
            }
        };
        let given = given.iter().take_while(move |(number, _)| *number == role);
        all.into_iter().chain(given.filter_map(|(_, rule)| self.rules.get(*rule)))
    }
}

impl Role {
    fn new(group: &RoleGroup) -> Self {
        let RoleGroup { name, provider, connect, rights, idp_groups: _, source: _ } = group.clone();
        Self { name, provider, connect, rights }
    }
}

impl Opening {
    fn new(access: &Access, source: &Source) -> Self {
        match access {
            Access::Restricted => Self::Restricted(Vec::new()),
            Access::Unrestricted { services, account, customers } => Self::Unrestricted(Permission {
                services: services.clone(),
                account: account.clone(),
                customers: customers.clone(),
                conditions: Conditions::default(),
                source: source.clone(),
                place: 0,
            }),
        }
    }
}

impl Permission {
    fn new(place: usize, rule: &Rule) -> Self {
        let Rule { services, account, customers, conditions, source, role_group: _, servers: _ } = rule.clone();
        Self { services, account, customers, conditions, source, place }
    }

    /// What the permission lacks for a wish for its server; nothing if it allows it.
    fn shortfall(&self, wish: Wish<'_>, setting: &Setting<'_>) -> Option<Reason> {
        let lacks = |services: &[Service]| wish.service.is_some_and(|service| !services.contains(&service));
        match wish.through {
            None => {
                if lacks(&self.services) {
                    return Some(Reason::ServiceNotInRule);
                }
                if wish.account.is_some_and(|account| self.account != *account) {
                    return Some(Reason::AccountNotInRule);
                }
            }
            Some(through) => {
                if !self.services.contains(&Service::Whostmgrd) {
                    return Some(Reason::ServiceNotInRule);
                }
                if self.account != *through {
                    return Some(Reason::AccountNotInRule);
                }
                if self.customers.is_empty() || lacks(&self.customers) {
                    return Some(Reason::CustomersNotInRule);
                }
            }
        }
        setting.shortfall(&self.conditions)
    }
}

impl<'p> Verdict<'p> {
    fn new() -> Self {
        Self {
            reason: Reason::NoRoleGroup,
            allowed: None,
            strength: None,
            customers: [false; Service::ALL.len()],
            until: Until::Moment(Timestamp::default()),
        }
    }

    fn falls_short(&mut self, permission: &'p Permission, reason: Reason) {
        self.reason = self.reason.max(reason);
        let is_first = self.strength.is_none_or(|(place, _)| permission.place < place);
        if reason == Reason::StrongerSignInNeeded && is_first {
            self.strength = Some((permission.place, &permission.conditions.require));
        }
    }

    fn allow(&mut self, permission: &'p Permission) {
        if self.allowed.is_none_or(|first| permission.place < first.place) {
            self.allowed = Some(permission);
        }
        for (open, service) in self.customers.iter_mut().zip(Service::ALL) {
            *open |= permission.customers.contains(&service);
        }
        self.until = match (&self.until, permission.conditions.expires) {
            (Until::Never, _) | (_, None) => Until::Never,
            (Until::Moment(so_far), Some(end)) => Until::Moment(end.max(*so_far)),
        };
    }

    /// What would be enough, if nothing but a stronger sign-in is lacking.
    fn strength(&self) -> Option<&'p Strength> {
        let (_, strength) = self.strength.filter(|_| self.reason == Reason::StrongerSignInNeeded)?;
        Some(strength)
    }

    fn customers(&self) -> Vec<Service> {
        self.customers.iter().zip(Service::ALL).filter(|(open, _)| **open).map(|(_, service)| service).collect()
    }

    fn until(&self) -> Option<Timestamp> {
        match self.until {
            Until::Never => None,
            Until::Moment(end) => Some(end),
        }
    }
}

#[cfg(test)]
mod tests;
