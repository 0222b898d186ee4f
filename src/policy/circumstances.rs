//! Who asks and under which circumstances, as far as rules ask for it.

use std::net::IpAddr;
use std::time::Duration;

use crate::identity::Principal;
use crate::model::ClientAddr;
use crate::model::Conditions;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Strength;
use crate::model::Timestamp;
use crate::policy::reason::Reason;

/// Whoever has these groups from this provider.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'p> {
    /// Where the groups come from.
    pub provider: Provenance<'p>,
    /// The groups, exactly as the provider sent them.
    pub groups: &'p [IdpGroup],
}

/// Where groups come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance<'p> {
    /// This provider.
    Provider(&'p ProviderId),
    /// One that the directory does not know: role groups of a provider are not theirs.
    Unknown,
    /// Whichever a role group asks for: a reviewer's question that leaves it open.
    Any,
}

/// What is true while somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances<'p> {
    /// When it is.
    pub now: Timestamp,
    /// The person's address, in the form that is its own.
    pub client: IpAddr,
    /// When the provider last asked the person for proof, if it said so.
    pub authenticated_at: Option<Timestamp>,
    /// The authentication context class that the provider vouches for.
    pub acr: Option<&'p str>,
}

/// Circumstances of which any may be left open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setting<'p> {
    pub(super) now: Option<Timestamp>,
    pub(super) client: Option<IpAddr>,
    pub(super) age: Told<Duration>,
    pub(super) acr: Told<&'p str>,
}

/// What is known of a sign-in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Told<T> {
    /// It is left open.
    #[default]
    Open,
    /// The provider said nothing about it.
    Nothing,
    /// This.
    Is(T),
}

impl<'p> Circumstances<'p> {
    /// Those of a person who asks now from an address.
    pub fn of(principal: &'p Principal, client: ClientAddr, now: Timestamp) -> Self {
        Self { now, client: client.ip(), authenticated_at: principal.authenticated_at(), acr: principal.acr() }
    }
}

impl<'p> From<&Circumstances<'p>> for Setting<'p> {
    fn from(known: &Circumstances<'p>) -> Self {
        Self {
            now: Some(known.now),
            client: Some(known.client),
            age: known.authenticated_at.map_or(Told::Nothing, |at| Told::Is(known.now.since(at))),
            acr: known.acr.map_or(Told::Nothing, Told::Is),
        }
    }
}

impl Provenance<'_> {
    /// Whether groups from here count for a role group that asks for a provider, or for none.
    pub(super) fn is(self, wanted: Option<&ProviderId>) -> bool {
        match (wanted, self) {
            (None, _) | (_, Self::Any) => true,
            (Some(wanted), Self::Provider(from)) => wanted == from,
            (Some(_), Self::Unknown) => false,
        }
    }
}

impl Setting<'_> {
    /// Whether conditions hold here.
    pub(super) fn allows(&self, conditions: &Conditions) -> bool {
        self.shortfall(conditions).is_none()
    }

    /// What conditions lack here; nothing if they hold.
    pub(super) fn shortfall(&self, conditions: &Conditions) -> Option<Reason> {
        if let Some(now) = self.now {
            if conditions.expires.is_some_and(|end| end <= now) {
                return Some(Reason::Expired);
            }
            if conditions.not_before.is_some_and(|first| now < first) {
                return Some(Reason::NotYetValid);
            }
        }
        let is_elsewhere = |client| !conditions.networks.iter().any(|network| network.contains(client));
        if !conditions.networks.is_empty() && self.client.is_some_and(is_elsewhere) {
            return Some(Reason::SourceNotInRule);
        }
        (!self.has_strength(&conditions.require)).then_some(Reason::StrongerSignInNeeded)
    }

    fn has_strength(&self, required: &Strength) -> bool {
        let is_young = match (required.max_age, self.age) {
            (None, _) | (_, Told::Open) => true,
            (Some(_), Told::Nothing) => false,
            (Some(most), Told::Is(age)) => age <= most,
        };
        let is_strong = match self.acr {
            Told::Open => true,
            Told::Nothing => required.acr.is_empty(),
            Told::Is(acr) => required.acr.is_empty() || required.acr.iter().any(|one| one.as_str() == acr),
        };
        is_young && is_strong
    }
}
