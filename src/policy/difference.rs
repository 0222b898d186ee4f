//! What a change of the directory gives and takes.
//!
//! Compared is what each `IdP` group gets. What a person gets is what their groups get together, so no change
//! for anybody can hide between two role groups, a moved group or a connect permission.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::Account;
use crate::model::Conditions;
use crate::model::Directory;
use crate::model::Host;
use crate::model::IdpGroup;
use crate::model::RoleGroupName;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::policy::entitlement::Permission;
use crate::policy::entitlement::Scope;
use crate::policy::entitlement::written;

/// Something that an `IdP` group can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right<'d> {
    /// To use Panelgate at all.
    Connect,
    /// To open a service of a server.
    Open {
        /// The server.
        server: &'d ServerId,
        /// Where it is: under the same id, another host is another machine.
        host: &'d Host,
        /// The address in place of the host's own.
        address: Option<IpAddr>,
        /// The service.
        service: Service,
        /// The account to become.
        account: &'d Account,
        /// Into which services of customers one may go on from WHM.
        customers: &'d [Service],
        /// When it holds.
        conditions: &'d Conditions,
    },
}

/// Whether a right comes or goes. Ordered as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The new directory gives it, the old one does not.
    Gains,
    /// The old directory gives it, the new one does not.
    Loses,
}

/// A right that some `IdP` groups gain or lose through the same role groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'d> {
    /// Whether it comes or goes.
    pub direction: Direction,
    /// The role groups that give it: of the new directory for a gain, of the old one for a loss.
    pub role_groups: Vec<&'d RoleGroupName>,
    /// The `IdP` groups that gain or lose it, in order.
    pub idp_groups: Vec<&'d IdpGroup>,
    /// What.
    pub right: Right<'d>,
    /// The lines that give it, of the same directory as the role groups.
    pub sources: Vec<&'d Source>,
}

/// What a set of changes comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody gains or loses anything.
    Same,
    /// Somebody loses something, and nobody gains anything.
    Narrowed,
    /// Somebody gains something.
    Widened,
}

/// Everything that somebody gains or loses from one directory to another: gains first, by role group.
pub fn diff<'d>(old: &'d Directory, new: &'d Directory) -> Vec<Change<'d>> {
    let (before, after) = (rights(old), rights(new));
    let mut changes = missing_from(&before, &after, Direction::Gains);
    changes.extend(missing_from(&after, &before, Direction::Loses));
    changes
}

/// What changes come to.
pub fn verdict(changes: &[Change<'_>]) -> Verdict {
    match changes {
        [] => Verdict::Same,
        some if some.iter().any(|change| change.direction == Direction::Gains) => Verdict::Widened,
        _ => Verdict::Narrowed,
    }
}

/// Each right of each `IdP` group, and what gives it.
type Rights<'d> = BTreeMap<(Right<'d>, &'d IdpGroup), Vec<Giver<'d>>>;

/// A role group, and the line by which it gives a right.
type Giver<'d> = (&'d RoleGroupName, &'d Source);

fn rights(directory: &Directory) -> Rights<'_> {
    let mut rights = Rights::new();
    for group in directory.role_groups.values().filter(|group| group.connect) {
        for idp_group in &group.idp_groups {
            rights.entry((Right::Connect, idp_group)).or_default().push((&group.name, &group.source));
        }
    }
    for permission in written(directory, Scope::All).filter(|permission| permission.role_group.connect) {
        for service in permission.services {
            let right = Right::open(&permission, *service);
            for idp_group in &permission.role_group.idp_groups {
                let giver = (&permission.role_group.name, permission.source);
                rights.entry((right, idp_group)).or_default().push(giver);
            }
        }
    }
    rights
}

/// The rights in `there` that are not in `here`, those of a kind put together.
fn missing_from<'d>(here: &Rights<'d>, there: &Rights<'d>, direction: Direction) -> Vec<Change<'d>> {
    let mut changes: BTreeMap<(Vec<&'d RoleGroupName>, Right<'d>), Change<'d>> = BTreeMap::new();
    for (key, givers) in there.iter().filter(|(key, _)| !here.contains_key(key)) {
        let (right, idp_group) = *key;
        let mut role_groups: Vec<_> = givers.iter().map(|(name, _)| *name).collect();
        role_groups.sort_unstable();
        role_groups.dedup();
        let change = changes.entry((role_groups.clone(), right)).or_insert_with(|| Change {
            direction,
            role_groups,
            idp_groups: Vec::new(),
            right,
            sources: Vec::new(),
        });
        change.idp_groups.push(idp_group);
        change.sources.extend(givers.iter().map(|(_, source)| *source));
    }
    let mut changes: Vec<_> = changes.into_values().collect();
    for change in &mut changes {
        change.sources.sort_unstable();
        change.sources.dedup();
    }
    changes
}

impl<'d> Right<'d> {
    fn open(permission: &Permission<'d>, service: Service) -> Self {
        let Permission { server, account, customers, conditions, .. } = *permission;
        let Server { id, host, address, .. } = server;
        Self::Open { server: id, host, address: *address, service, account, customers, conditions }
    }
}
