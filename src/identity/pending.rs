//! A sign-in that waits for its callback.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;

use crate::identity::callback::Callback;
use crate::identity::error::LoginError;
use crate::identity::step_up::StepUp;
use crate::model::Target;
use crate::model::Timestamp;

/// How long a sign-in may take, from the start to the callback. People look for their second factor.
pub const LOGIN_LIFETIME: Duration = Duration::from_mins(10);

/// What has to be remembered between start and callback.
///
/// It holds the secrets that tie the callback to this browser and the code to us, so it is stored only
/// sealed, opened once, and removed before it is used. It is consumed by `finish`.
#[derive(Serialize, Deserialize)]
#[must_use]
pub struct PendingLogin {
    #[serde(with = "secret_text")]
    pub(super) state: SecretString,
    #[serde(with = "secret_text")]
    pub(super) nonce: SecretString,
    #[serde(with = "secret_text")]
    pub(super) verifier: SecretString,
    pub(super) issuer: String,
    #[serde(with = "target_text")]
    pub(super) return_to: Target,
    pub(super) started_at: Timestamp,
    #[serde(default)]
    pub(super) step_up: Option<StepUp>,
}

impl PendingLogin {
    /// When it ends. From this moment on the store may forget it.
    pub fn expires_at(&self) -> Timestamp {
        self.started_at.plus(LOGIN_LIFETIME)
    }

    /// Where the person was going.
    pub fn return_to(&self) -> &Target {
        &self.return_to
    }

    /// What it is to prove, if somebody who is signed in was asked for it.
    pub fn step_up(&self) -> Option<&StepUp> {
        self.step_up.as_ref()
    }

    /// Whether the callback is the one that this sign-in waits for.
    pub(super) fn check(&self, callback: &Callback, issuer: &str, now: Timestamp) -> Result<(), LoginError> {
        if now >= self.expires_at() {
            return Err(LoginError::Expired);
        }
        let (ours, theirs) = (self.state.expose_secret(), callback.state().expose());
        constant_time::verify_slices_are_equal(ours.as_bytes(), theirs.expose_secret().as_bytes())
            .map_err(|_| LoginError::UnknownLogin)?;
        // The code must go to the provider that was asked for it (RFC 9700 section 4.4), also when the
        // configuration changed while the person was away.
        if self.issuer != issuer {
            return Err(LoginError::UnknownLogin);
        }
        Ok(())
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin")
            .field("issuer", &self.issuer)
            .field("started_at", &self.started_at)
            .finish_non_exhaustive()
    }
}

/// A secret as text: only for records that are sealed.
pub(super) mod secret_text {
    use secrecy::ExposeSecret as _;
    use secrecy::SecretString;
    use serde::Deserialize as _;
    use serde::Deserializer;
    use serde::Serializer;

    pub(in crate::identity) fn serialize<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose_secret())
    }

    pub(in crate::identity) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        String::deserialize(from).map(SecretString::from)
    }
}

/// A target as text, checked again when it is read.
mod target_text {
    use serde::Deserialize as _;
    use serde::Deserializer;
    use serde::Serializer;
    use serde::de::Error as _;

    use crate::model::Target;

    pub(super) fn serialize<S: Serializer>(target: &Target, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(target.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Target, D::Error> {
        Target::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;
    use crate::model::Token256;

    #[test]
    fn a_sign_in_ends_on_the_second_it_expires() {
        let state = Token256::random(&SystemRandom::new()).unwrap();
        let started_at = Timestamp::from_secs(1_800_000_000);
        let pending = PendingLogin {
            state: state.expose(),
            nonce: "n".into(),
            verifier: "v".into(),
            issuer: "https://idp".into(),
            return_to: Target::parse("/").unwrap(),
            started_at,
            step_up: None,
        };
        let callback = Callback::parse(&format!("code=c&state={}", state.expose().expose_secret())).unwrap();
        let at = |seconds| {
            let now = started_at.plus(Duration::from_secs(seconds));
            pending.check(&callback, "https://idp", now)
        };
        assert!(at(599).is_ok());
        assert!(matches!(at(600), Err(LoginError::Expired)));
        assert!(matches!(pending.check(&callback, "https://other", started_at), Err(LoginError::UnknownLogin)));
    }
}
