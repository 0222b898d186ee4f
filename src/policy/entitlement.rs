//! The matrix that people review: what role groups may open, and where that is written.

use std::fmt;

use crate::model::Access;
use crate::model::Account;
use crate::model::Conditions;
use crate::model::Directory;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Rule;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::Strength;

/// Those of a permission without any.
pub(super) static ALWAYS: Conditions = Conditions {
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
    /// Whom they become.
    pub whom: Whom<'d>,
    /// When it holds.
    pub conditions: &'d Conditions,
    /// Every line that gives it, each of which is enough: at least one, in the order of the document.
    pub sources: Vec<&'d Source>,
}

/// Whom somebody becomes on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whom<'d> {
    /// This account.
    Account(&'d Account),
    /// Any customer of this account, by going on from WHM.
    CustomersOf(&'d Account),
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

/// Everything that role groups may open, by role group, server, service, account and conditions.
pub fn matrix<'d>(directory: &'d Directory, scope: Scope<'_>) -> Vec<Entitlement<'d>> {
    let mut found: Vec<Entitlement<'d>> = written(directory, scope)
        .filter(|permission| permission.role_group.connect)
        .flat_map(|permission| {
            permission.opens().map(move |(service, whom)| Entitlement {
                role_group: permission.role_group,
                server: permission.server,
                service,
                whom,
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

impl<'d> Permission<'d> {
    /// What it opens, and as whom.
    pub(super) fn opens(self) -> impl Iterator<Item = (Service, Whom<'d>)> {
        opened(self.services, self.account, self.customers)
    }
}

/// What a rule opens, and as whom.
pub(super) fn opens(rule: &Rule) -> impl Iterator<Item = (Service, Whom<'_>)> {
    opened(&rule.services, &rule.account, &rule.customers)
}

fn opened<'d>(
    services: &'d [Service],
    account: &'d Account,
    customers: &'d [Service],
) -> impl Iterator<Item = (Service, Whom<'d>)> {
    let leads_on = services.contains(&Service::Whostmgrd);
    let itself = services.iter().map(move |service| (*service, Whom::Account(account)));
    let customers = customers.iter().filter(move |_| leads_on);
    itself.chain(customers.map(move |service| (*service, Whom::CustomersOf(account))))
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
    fn key(&self) -> (&RoleGroupName, &ServerId, Service, Whom<'_>, &Conditions) {
        (&self.role_group.name, &self.server.id, self.service, self.whom, self.conditions)
    }
}

impl Whom<'_> {
    /// Whether it is root, or a customer of root, who has them all.
    pub fn is_root(self) -> bool {
        match self {
            Self::Account(account) | Self::CustomersOf(account) => account.is_root(),
        }
    }
}

impl fmt::Display for Whom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "{account}"),
            Self::CustomersOf(account) => write!(f, "customers of {account}"),
        }
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
