//! The matrix that people review: what role groups may open, and where that is written.

use crate::model::Access;
use crate::model::Account;
use crate::model::Conditions;
use crate::model::Directory;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::Strength;

/// Those of a permission without any.
static ALWAYS: Conditions = Conditions {
    networks: Vec::new(),
    not_before: None,
    expires: None,
    require: Strength { max_age: None, acr: Vec::new() },
};

/// What one role group with the connect permission may open, as one account.
#[derive(Clone, Debug)]
pub struct Entitlement<'d> {
    /// Who.
    pub role_group: &'d RoleGroup,
    /// The server.
    pub server: &'d Server,
    /// The service.
    pub service: Service,
    /// The account to become.
    pub account: &'d Account,
    /// Into which services of customers one may go on from WHM.
    pub customers: &'d [Service],
    /// When it holds.
    pub conditions: &'d Conditions,
    /// Every line that gives it, each of which is enough: at least one, in the order of the document.
    pub sources: Vec<&'d Source>,
}

/// What part of the matrix is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'s> {
    /// All of it.
    All,
    /// Who reaches this server.
    Server(&'s ServerId),
    /// What this role group reaches.
    RoleGroup(&'s RoleGroupName),
}

/// Everything that role groups may open, by role group, server, service and account.
pub fn matrix<'d>(directory: &'d Directory, scope: Scope<'_>) -> Vec<Entitlement<'d>> {
    let mut found: Vec<Entitlement<'d>> = written(directory, scope)
        .filter(|permission| permission.role_group.connect)
        .flat_map(|permission| {
            permission.services.iter().map(move |service| Entitlement {
                role_group: permission.role_group,
                server: permission.server,
                service: *service,
                account: permission.account,
                customers: permission.customers,
                conditions: permission.conditions,
                sources: vec![permission.source],
            })
        })
        .collect();
    // Stable, so that lines which give the same thing stay in the order of the document.
    found.sort_by(|a, b| a.key().cmp(&b.key()));
    found.dedup_by(|later, first| {
        let is_same = later.key() == first.key();
        if is_same {
            first.sources.append(&mut later.sources);
        }
        is_same
    });
    found
}

/// One written permission for one server, whether or not its role group may connect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permission<'d> {
    pub(super) role_group: &'d RoleGroup,
    pub(super) server: &'d Server,
    pub(super) services: &'d [Service],
    pub(super) account: &'d Account,
    pub(super) customers: &'d [Service],
    pub(super) conditions: &'d Conditions,
    pub(super) source: &'d Source,
}

/// Everything that is written and has an effect on a server: unrestricted servers first, then the rules.
pub(super) fn written<'d>(directory: &'d Directory, scope: Scope<'_>) -> impl Iterator<Item = Permission<'d>> {
    let unrestricted =
        directory.servers.values().filter(move |server| scope.has_server(&server.id)).flat_map(move |server| {
            let opening = match &server.access {
                Access::Unrestricted { services, account, customers } => Some((services, account, customers)),
                Access::Restricted => None,
            };
            opening.into_iter().flat_map(move |(services, account, customers)| {
                directory.role_groups.values().filter(move |group| scope.has_role_group(&group.name)).map(
                    move |role_group| Permission {
                        role_group,
                        server,
                        services,
                        account,
                        customers,
                        conditions: &ALWAYS,
                        source: &server.source,
                    },
                )
            })
        });
    let ruled =
        directory.rules.iter().filter(move |rule| scope.has_role_group(&rule.role_group)).flat_map(move |rule| {
            let role_group = directory.role_groups.get(&rule.role_group);
            let servers = rule.servers.iter().filter(move |server| scope.has_server(server));
            role_group.into_iter().flat_map(move |role_group| {
                // A rule adds nothing to an unrestricted server: that one's own line says all.
                let restricted = servers
                    .clone()
                    .filter_map(|id| directory.servers.get(id))
                    .filter(|server| server.access == Access::Restricted);
                restricted.map(move |server| Permission {
                    role_group,
                    server,
                    services: &rule.services,
                    account: &rule.account,
                    customers: &rule.customers,
                    conditions: &rule.conditions,
                    source: &rule.source,
                })
            })
        });
    unrestricted.chain(ruled)
}

impl Entitlement<'_> {
    fn key(&self) -> (&RoleGroupName, &ServerId, Service, &Account, &Conditions, &[Service]) {
        (&self.role_group.name, &self.server.id, self.service, self.account, self.conditions, self.customers)
    }
}

impl Scope<'_> {
    fn has_server(self, id: &ServerId) -> bool {
        match self {
            Self::Server(wanted) => wanted == id,
            Self::All | Self::RoleGroup(_) => true,
        }
    }

    fn has_role_group(self, name: &RoleGroupName) -> bool {
        match self {
            Self::RoleGroup(wanted) => wanted == name,
            Self::All | Self::Server(_) => true,
        }
    }
}
