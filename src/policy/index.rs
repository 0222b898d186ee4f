//! The directory, turned so that a decision is a few hash look-ups.

use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::Principal;
use crate::model::Access;
use crate::model::Account;
use crate::model::Directory;
use crate::model::DirectoryVersion;
use crate::model::IdpGroup;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Rule;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
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
    roles: HashMap<IdpGroup, Vec<Arc<Role>>>,
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

/// A role group, numbered in the order of the names.
#[derive(Debug)]
struct Role {
    number: usize,
    name: RoleGroupName,
    connect: bool,
}

/// What is written about a server.
#[derive(Debug)]
enum Opening {
    /// The same for every role with the connect permission.
    Unrestricted(Permission),
    /// By the role's number.
    Restricted(HashMap<usize, Vec<Arc<Permission>>>),
}

/// One written permission.
#[derive(Debug)]
struct Permission {
    services: Vec<Service>,
    account: Account,
    source: Source,
    /// Its place in the document, which decides nothing but which line is named.
    place: usize,
}

impl Policy {
    /// Indexes a directory.
    #[expect(clippy::needless_pass_by_value, reason = "a policy belongs to one snapshot, which its maker shares")]
    pub fn new(directory: Arc<Directory>) -> Self {
        let mut roles: HashMap<IdpGroup, Vec<Arc<Role>>> = HashMap::new();
        let mut by_name: HashMap<&RoleGroupName, Arc<Role>> = HashMap::new();
        for (number, group) in directory.role_groups.values().enumerate() {
            let role = Arc::new(Role::new(number, group));
            for idp_group in &group.idp_groups {
                roles.entry(idp_group.clone()).or_default().push(Arc::clone(&role));
            }
            by_name.insert(&group.name, role);
        }

        let mut servers: HashMap<ServerId, Opening> = directory
            .servers
            .values()
            .map(|server| {
                let opening = match &server.access {
                    Access::Unrestricted { services, account } => Opening::Unrestricted(Permission {
                        services: services.clone(),
                        account: account.clone(),
                        source: server.source.clone(),
                        place: 0,
                    }),
                    Access::Restricted => Opening::Restricted(HashMap::new()),
                };
                (server.id.clone(), opening)
            })
            .collect();

        for (place, rule) in directory.rules.iter().enumerate() {
            let Some(role) = by_name.get(&rule.role_group) else { continue };
            let permission = Arc::new(Permission::new(place, rule));
            for server in &rule.servers {
                // A rule adds nothing to an unrestricted server: that one's own line says all.
                if let Some(Opening::Restricted(given)) = servers.get_mut(server) {
                    given.entry(role.number).or_default().push(Arc::clone(&permission));
                }
            }
        }
        Self { version: directory.version.clone(), roles, servers }
    }

    /// The version of the directory.
    pub fn version(&self) -> &DirectoryVersion {
        &self.version
    }

    /// Decides, and makes the permission or the refusal of it.
    pub fn authorize(&self, principal: &Principal, request: AccessRequest) -> Result<Grant, Denial> {
        match self.decide(principal.groups(), &request) {
            Decision::Allowed(source) => {
                Ok(Grant::new(principal.subject().clone(), request, self.version.clone(), source.clone()))
            }
            Decision::Denied(reason) => {
                let role_groups = self.standing(principal).role_groups;
                Err(Denial { request, reason, version: self.version.clone(), role_groups })
            }
        }
    }

    /// The role groups of a person, and whether they may use Panelgate at all.
    pub fn standing(&self, principal: &Principal) -> Standing {
        self.standing_of(principal.groups())
    }

    /// Everything that a person may open, in order and once each.
    pub fn reach(&self, principal: &Principal) -> Vec<Reach> {
        self.reach_of(principal.groups())
    }

    /// Decides for whoever has these groups.
    pub fn decide(&self, groups: &[IdpGroup], request: &AccessRequest) -> Decision<'_> {
        self.decide_wish(groups, request.into())
    }

    /// Decides whether anything that fits a wish is allowed.
    pub(super) fn decide_wish(&self, groups: &[IdpGroup], wish: Wish<'_>) -> Decision<'_> {
        let opening = self.servers.get(wish.server);
        // How far the request got: each role and permission can only take it further.
        let mut reason = Reason::NoRoleGroup;
        let mut allowed: Option<&Permission> = None;
        for role in self.roles_of(groups) {
            reason = reason.max(Reason::NoConnectPermission);
            if !role.connect {
                continue;
            }
            let Some(opening) = opening else { return Decision::Denied(Reason::UnknownServer) };
            reason = reason.max(Reason::NoRuleForServer);
            for permission in opening.permissions_of(role) {
                match permission.shortfall(wish) {
                    Some(short) => reason = reason.max(short),
                    None if allowed.is_none_or(|first| permission.place < first.place) => allowed = Some(permission),
                    None => {}
                }
            }
        }
        allowed.map_or(Decision::Denied(reason), |permission| Decision::Allowed(&permission.source))
    }

    /// The standing of whoever has these groups.
    pub fn standing_of(&self, groups: &[IdpGroup]) -> Standing {
        let mut roles: Vec<&Role> = self.roles_of(groups).collect();
        roles.sort_unstable_by_key(|role| role.number);
        roles.dedup_by_key(|role| role.number);
        Standing {
            may_connect: roles.iter().any(|role| role.connect),
            role_groups: roles.into_iter().map(|role| role.name.clone()).collect(),
        }
    }

    /// The reach of whoever has these groups.
    pub fn reach_of(&self, groups: &[IdpGroup]) -> Vec<Reach> {
        let mut roles: Vec<&Role> = self.roles_of(groups).collect();
        roles.sort_unstable_by_key(|role| role.number);
        roles.dedup_by_key(|role| role.number);
        let mut reach = Vec::new();
        for (server, opening) in &self.servers {
            for permission in roles.iter().flat_map(|role| opening.permissions_of(role)) {
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

    /// The roles that these groups give, some perhaps more than once.
    fn roles_of<'p>(&'p self, groups: &[IdpGroup]) -> impl Iterator<Item = &'p Role> {
        groups.iter().filter_map(|group| self.roles.get(group)).flatten().map(Arc::as_ref)
    }
}

impl Role {
    fn new(number: usize, group: &RoleGroup) -> Self {
        Self { number, name: group.name.clone(), connect: group.connect }
    }
}

impl Opening {
    /// What a role gets here. Without the connect permission that is nothing, whatever is written.
    fn permissions_of(&self, role: &Role) -> impl Iterator<Item = &Permission> {
        let (all, given) = match self {
            Self::Unrestricted(permission) => (Some(permission), None),
            Self::Restricted(by_role) => (None, by_role.get(&role.number)),
        };
        all.into_iter().chain(given.into_iter().flatten().map(Arc::as_ref)).filter(|_| role.connect)
    }
}

impl Permission {
    fn new(place: usize, rule: &Rule) -> Self {
        Self { services: rule.services.clone(), account: rule.account.clone(), source: rule.source.clone(), place }
    }

    /// What the permission lacks for a wish for its server; nothing if it allows it.
    fn shortfall(&self, wish: Wish<'_>) -> Option<Reason> {
        if wish.service.is_some_and(|service| !self.services.contains(&service)) {
            return Some(Reason::ServiceNotInRule);
        }
        wish.account.is_some_and(|account| self.account != *account).then_some(Reason::AccountNotInRule)
    }
}

#[cfg(test)]
mod tests;
