//! Asking somebody who is signed in for a fresher or stronger sign-in, and checking that the answer is one
//! (OpenID Connect Core 1.0, sections 3.1.2.1 and 2: `max_age`, `acr_values`, `auth_time`, `acr`).

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::identity::principal::acr;
use crate::identity::principal::authenticated_at;
use crate::model::Strength;
use crate::model::Subject;
use crate::model::Timestamp;

/// What a sign-in is to prove about somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUp {
    subject: Subject,
    max_age: Option<Duration>,
    acr: Vec<String>,
    insists: bool,
}

/// Why a sign-in is not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooWeak {
    /// Somebody else has signed in.
    #[error("it is about another person than the one who was asked")]
    AnotherPerson,
    /// `auth_time` is missing, although `max_age` makes it required (section 2).
    #[error("it does not say when the person was asked for proof")]
    NoAuthTime,
    /// The person has not been asked for proof recently enough.
    #[error("the person was asked for proof too long ago")]
    TooOld,
    /// `acr` is none of those that would do.
    #[error("it is not of a class that is strong enough")]
    Acr,
}

impl StepUp {
    /// This strength, of this person.
    pub fn new(subject: Subject, strength: &Strength) -> Self {
        let acr = strength.acr.iter().map(|class| class.as_str().to_owned()).collect();
        Self { subject, max_age: strength.max_age, acr, insists: false }
    }

    /// The same, and the provider is to ask for proof whatever it knows (`prompt=login`): for one that does
    /// not heed `max_age`. Nothing if that was asked for already, or would not help.
    pub fn insisting(&self, because: TooWeak) -> Option<Self> {
        let helps = because == TooWeak::TooOld && !self.insists;
        helps.then(|| Self { insists: true, ..self.clone() })
    }

    /// Whether the provider is to ask for proof whatever it knows.
    pub(super) fn insists(&self) -> bool {
        self.insists
    }

    /// The `max_age` to ask for: half of what is demanded, so that what the provider still takes for fresh is
    /// not stale a moment later.
    pub(super) fn max_age(&self) -> Option<Duration> {
        self.max_age.map(|most| Duration::from_secs(most.as_secs() / 2))
    }

    /// The classes to ask for, any of which will do.
    pub(super) fn classes(&self) -> &[String] {
        &self.acr
    }

    /// Whether verified claims about a subject prove it.
    pub(super) fn check(&self, subject: &Subject, claims: &Map<String, Value>, now: Timestamp) -> Result<(), TooWeak> {
        if *subject != self.subject {
            return Err(TooWeak::AnotherPerson);
        }
        if let Some(most) = self.max_age {
            let at = authenticated_at(claims, now).ok_or(TooWeak::NoAuthTime)?;
            if now.since(at) > most {
                return Err(TooWeak::TooOld);
            }
        }
        let class = acr(claims);
        if self.acr.is_empty() || class.is_some_and(|class| self.acr.contains(&class)) {
            Ok(())
        } else {
            Err(TooWeak::Acr)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::AcrValue;

    fn ann() -> Subject {
        Subject { iss: "https://idp".into(), sub: "ann".into() }
    }

    fn step_up() -> StepUp {
        let acr = vec!["phr".parse::<AcrValue>().unwrap(), "phrh".parse().unwrap()];
        StepUp::new(ann(), &Strength { max_age: Some(Duration::from_mins(15)), acr })
    }

    #[test]
    fn what_comes_back_is_checked_and_not_hoped_for() {
        let now = Timestamp::from_secs(10_000);
        for (claims, expected) in [
            (json!({ "auth_time": 9_100, "acr": "phr" }), Ok(())),
            (json!({ "auth_time": 10_030, "acr": "phrh" }), Ok(())),
            (json!({ "auth_time": 9_099, "acr": "phr" }), Err(TooWeak::TooOld)),
            (json!({ "acr": "phr" }), Err(TooWeak::NoAuthTime)),
            (json!({ "auth_time": "10000", "acr": "phr" }), Err(TooWeak::NoAuthTime)),
            (json!({ "auth_time": 10_000 }), Err(TooWeak::Acr)),
            (json!({ "auth_time": 10_000, "acr": "PHR" }), Err(TooWeak::Acr)),
            (json!({ "auth_time": 10_000, "acr": ["phr"] }), Err(TooWeak::Acr)),
        ] {
            assert_eq!(step_up().check(&ann(), claims.as_object().unwrap(), now), expected, "{claims}");
        }
        let other = Subject { iss: "https://other".into(), ..ann() };
        let good = json!({ "auth_time": 10_000, "acr": "phr" });
        assert_eq!(step_up().check(&other, good.as_object().unwrap(), now), Err(TooWeak::AnotherPerson));
    }

    #[test]
    fn insisting_helps_once_and_only_against_what_is_old() {
        let again = step_up().insisting(TooWeak::TooOld).unwrap();
        assert!(again.insists() && !step_up().insists());
        assert_eq!(again.insisting(TooWeak::TooOld), None);
        for because in [TooWeak::AnotherPerson, TooWeak::NoAuthTime, TooWeak::Acr] {
            assert_eq!(step_up().insisting(because), None);
        }
        assert_eq!(step_up().max_age(), Some(Duration::from_secs(450)));
    }
}
