//! What a change of the directory gives and takes.
//!
//! Compared is what each `IdP` group gets, and under which conditions. What a person gets is what their groups get
//! together, so no change for anybody can hide between two role groups, a moved group or a connect permission.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::Conditions;
use crate::model::Directory;
use crate::model::Host;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Right;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::policy::entitlement::ALWAYS;
use crate::policy::entitlement::Scope;
use crate::policy::entitlement::Whom;
use crate::policy::entitlement::written;
use crate::policy::region::Region;

/// Something that an `IdP` group can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holding<'d> {
    /// To use Panelgate at all.
    Connect,
    /// A right over Panelgate itself.
    Right(Right),
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
        /// Whom one becomes.
        whom: Whom<'d>,
    },
}

/// Whether something comes or goes. Ordered as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The new directory gives it, the old one does not.
    Gains,
    /// The old directory gives it, the new one does not.
    Loses,
}

/// What some `IdP` groups gain or lose through the same role groups, under the same conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'d> {
    /// Whether it comes or goes.
    pub direction: Direction,
    /// The role groups that give it: of the new directory for a gain, of the old one for a loss.
    pub role_groups: Vec<&'d RoleGroupName>,
    /// The provider that the groups must come from; any, if there is none.
    pub provider: Option<&'d ProviderId>,
    /// The `IdP` groups that gain or lose it, in order.
    pub idp_groups: Vec<&'d IdpGroup>,
    /// What.
    pub holding: Holding<'d>,
    /// When it holds where it is given. Of that, some at least is not given on the other side.
    pub conditions: &'d Conditions,
    /// Whether the other side gives it too, under narrower conditions.
    pub is_partial: bool,
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
    let (before, after) = (held(old), held(new));
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

/// What gives each holding to each `IdP` group. Hashed: in a large directory there are hundreds of thousands, and
/// keeping them in order takes most of the time.
type Held<'d> = HashMap<(Holding<'d>, &'d IdpGroup), Vec<Giver<'d>>>;

/// A role group, and the line by which it gives something under conditions.
#[derive(Clone, Copy)]
struct Giver<'d> {
    role_group: &'d RoleGroup,
    conditions: &'d Conditions,
    source: &'d Source,
}

impl<'d> Giver<'d> {
    /// When what it gives holds, for whom.
    fn terms(self) -> (Option<&'d ProviderId>, &'d Conditions) {
        (self.role_group.provider.as_ref(), self.conditions)
    }

    fn region(self) -> Region<'d> {
        let (provider, conditions) = self.terms();
        Region::new(provider, conditions)
    }

    fn is_always(self) -> bool {
        self.role_group.provider.is_none() && self.conditions.is_none()
    }
}

fn held(directory: &Directory) -> Held<'_> {
    let mut held = Held::new();
    for role_group in directory.role_groups.values().filter(|group| group.connect) {
        let giver = Giver { role_group, conditions: &ALWAYS, source: &role_group.source };
        let rights = role_group.rights.iter().map(|right| Holding::Right(*right));
        for holding in [Holding::Connect].into_iter().chain(rights) {
            add(&mut held, holding, giver);
        }
    }
    for permission in written(directory, Scope::All).filter(|permission| permission.role_group.connect) {
        let (role_group, conditions, source) = (permission.role_group, permission.conditions, permission.source);
        for (service, whom) in permission.opens() {
            let holding = Holding::open(permission.server, service, whom);
            add(&mut held, holding, Giver { role_group, conditions, source });
        }
    }
    held
}

fn add<'d>(held: &mut Held<'d>, holding: Holding<'d>, giver: Giver<'d>) {
    for idp_group in &giver.role_group.idp_groups {
        held.entry((holding, idp_group)).or_default().push(giver);
    }
}

/// What `there` gives and `here` does not, that of a kind put together.
fn missing_from<'d>(here: &Held<'d>, there: &Held<'d>, direction: Direction) -> Vec<Change<'d>> {
    let mut changes: BTreeMap<_, Change<'d>> = BTreeMap::new();
    for (key, givers) in there {
        let (holding, idp_group) = *key;
        let others = here.get(key).map(Vec::as_slice).unwrap_or_default();
        for (provider, conditions) in uncovered(givers, others) {
            let alike: Vec<_> = givers.iter().filter(|giver| giver.terms() == (provider, conditions)).collect();
            let mut role_groups: Vec<_> = alike.iter().map(|giver| &giver.role_group.name).collect();
            role_groups.sort_unstable();
            role_groups.dedup();
            let kind = (role_groups.clone(), holding, provider, conditions, !others.is_empty());
            let change = changes.entry(kind).or_insert_with(|| Change {
                direction,
                role_groups,
                provider,
                idp_groups: Vec::new(),
                holding,
                conditions,
                is_partial: !others.is_empty(),
                sources: Vec::new(),
            });
            change.idp_groups.push(idp_group);
            change.sources.extend(alike.iter().map(|giver| giver.source));
        }
    }
    let mut changes: Vec<_> = changes.into_values().collect();
    for change in &mut changes {
        change.idp_groups.sort_unstable();
        change.sources.sort_unstable();
        change.sources.dedup();
    }
    changes
}

/// The terms of which something is not given by others, once each.
fn uncovered<'d>(givers: &[Giver<'d>], others: &[Giver<'d>]) -> Vec<(Option<&'d ProviderId>, &'d Conditions)> {
    if others.iter().any(|other| other.is_always()) {
        return Vec::new();
    }
    let is_given = |giver: &Giver<'d>| others.iter().any(|other| other.terms() == giver.terms());
    let mut terms: Vec<_> = givers.iter().filter(|giver| !is_given(giver)).collect();
    if !terms.is_empty() && !others.is_empty() {
        let others: Vec<Region<'d>> = others.iter().map(|other| other.region()).collect();
        terms.retain(|giver| !giver.region().is_within(&others));
    }
    let mut terms: Vec<_> = terms.into_iter().map(|giver| giver.terms()).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

impl<'d> Holding<'d> {
    fn open(server: &'d Server, service: Service, whom: Whom<'d>) -> Self {
        let Server { id, host, address, .. } = server;
        Self::Open { server: id, host, address: *address, service, whom }
    }
}
