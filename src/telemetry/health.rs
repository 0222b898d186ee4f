//! What is wrong with this process, in words, for probes and people.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A part whose health is told. Each room that can be unwell has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Starting, serving or stopping.
    Lifecycle,
    /// The store of sessions.
    Store,
    /// The audit log.
    Audit,
    /// The directory of servers, role groups and rules.
    Directory,
    /// The `OpenID` Provider.
    Provider,
    /// Our own certificates.
    Certificates,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Lifecycle, Self::Store, Self::Audit, Self::Directory, Self::Provider, Self::Certificates];

    /// The name in answers and metrics. It never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Store => "store",
            Self::Audit => "audit",
            Self::Directory => "directory",
            Self::Provider => "provider",
            Self::Certificates => "certificates",
        }
    }

    /// Whether a balancer should send nobody here while it fails.
    ///
    /// Only what another replica may do better: a provider that is away is away for all of them, and people
    /// who are signed in already go on working; a directory or certificate that does not load leaves the
    /// last good one in force.
    pub const fn decides_readiness(self) -> bool {
        match self {
            Self::Lifecycle | Self::Store | Self::Audit => true,
            Self::Directory | Self::Provider | Self::Certificates => false,
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Lifecycle => 0,
            Self::Store => 1,
            Self::Audit => 2,
            Self::Directory => 3,
            Self::Provider => 4,
            Self::Certificates => 5,
        }
    }
}

/// The health of all parts. All are well until somebody says otherwise.
///
/// What is wrong is said in a sentence that stands in the code: no value of a request, a file or an error
/// can get into it. The log has the cause.
#[derive(Default)]
pub struct Health {
    wrong: Mutex<[Option<&'static str>; Check::ALL.len()]>,
    servers: Mutex<HashMap<String, &'static str>>,
}

impl Health {
    /// The part is well (again).
    pub fn well(&self, check: Check) {
        self.set(check, None);
    }

    /// The part is unwell; `sentence` says what is wrong and what it means.
    pub fn unwell(&self, check: Check, sentence: &'static str) {
        self.set(check, Some(sentence));
    }

    /// Whether the part is well.
    pub fn is_well(&self, check: Check) -> bool {
        self.wrong(check).is_none()
    }

    /// Whether people may be sent here.
    pub fn is_ready(&self) -> bool {
        Check::ALL.into_iter().all(|check| !check.decides_readiness() || self.is_well(check))
    }

    /// The sentence about a part that is unwell.
    pub fn wrong(&self, check: Check) -> Option<&'static str> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get(check.place()).copied().flatten()
    }

    /// What is wrong with servers, by their ids, in words that stand in the code. Replaces what was said before.
    pub fn servers_are(&self, wrong: HashMap<String, &'static str>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = wrong;
    }

    /// What is wrong with a server, if anything is known to be.
    pub fn server(&self, id: &str) -> Option<&'static str> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn set(&self, check: Check, sentence: Option<&'static str>) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = wrong.get_mut(check.place()) else { return };
        if *place == sentence {
            return;
        }
        *place = sentence;
        if let Some(sentence) = sentence {
            tracing::warn!(check = check.as_str(), sentence, "unwell");
        } else {
            tracing::info!(check = check.as_str(), "well again");
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = Check::ALL.into_iter().filter_map(|check| Some((check.as_str(), self.wrong(check)?)));
        f.debug_map().entries(wrong).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_place_of_its_own() {
        for (place, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check.place(), place);
        }
    }

    #[test]
    fn what_the_others_cannot_do_better_does_not_take_people_away() {
        let health = Health::default();
        assert!(health.is_ready());
        health.unwell(Check::Provider, "the provider does not answer");
        assert!(health.is_ready() && !health.is_well(Check::Provider));
        health.unwell(Check::Store, "the store does not answer");
        assert!(!health.is_ready());
        health.well(Check::Store);
        assert!(health.is_ready());
        assert_eq!(health.wrong(Check::Provider), Some("the provider does not answer"));
    }
}
