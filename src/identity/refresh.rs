//! Asking the provider again who a person is (OpenID Connect Core 1.0, section 12; RFC 9700 section 4.14).
//!
//! It happens in two steps, because a provider that rotates refresh tokens takes one that is used twice for
//! a theft: `refresh` spends the token and gives what has to be stored at once; `reread` then verifies and
//! reads who the person is by now.

use std::fmt;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::identity::claims_check::Nonce;
use crate::identity::client_auth;
use crate::identity::error::InvalidToken;
use crate::identity::error::LoginError;
use crate::identity::exchange;
use crate::identity::groups::UnreadableGroups;
use crate::identity::pending::secret_text;
use crate::identity::principal::Principal;
use crate::identity::provider::Provider;
use crate::identity::verify::VerifiedIdToken;

/// What the provider is asked with again: kept sealed with the session.
#[derive(Clone, Serialize, Deserialize)]
pub struct RefreshGrant {
    #[serde(with = "secret_text")]
    refresh_token: SecretString,
    /// The nonce of the sign-in, which a later ID token may repeat and not change.
    #[serde(with = "secret_text")]
    nonce: SecretString,
    /// `auth_time` of the sign-in, which a later ID token may repeat and not change.
    auth_time: Option<Value>,
    valid_for: Option<Duration>,
}

impl RefreshGrant {
    pub(super) fn new(
        refresh_token: SecretString,
        nonce: SecretString,
        auth_time: Option<Value>,
        valid_for: Option<Duration>,
    ) -> Self {
        Self { refresh_token, nonce, auth_time, valid_for }
    }

    /// A grant for unit tests of the rooms above, unlike any other.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let token = crate::model::Token256::random(&random).map(|token| token.expose()).unwrap_or_default();
        Self::new(token, "n".into(), None, None)
    }

    /// Whether it is this grant.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.refresh_token.expose_secret() == other.refresh_token.expose_secret()
    }

    /// How long what the provider said holds, if it says: the access token's lifetime.
    pub fn valid_for(&self) -> Option<Duration> {
        self.valid_for
    }
}

impl fmt::Debug for RefreshGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshGrant").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// A refresh token that was spent.
#[derive(Debug)]
#[must_use = "the grant in it takes the place of the one that was spent"]
pub struct Refreshed {
    /// What to ask with the next time.
    pub grant: RefreshGrant,
    id_token: Option<SecretString>,
    access_token: SecretString,
}

impl Provider {
    /// Spends a refresh token.
    ///
    /// # Errors
    /// [`LoginError::RefreshRefused`] when the provider does not take it.
    pub async fn refresh(&self, grant: RefreshGrant) -> Result<Refreshed, LoginError> {
        let now = self.clock.now();
        let snapshot = self.snapshot(now).await?;
        let client = exchange::client(&self.settings, &snapshot.metadata)?;
        let assertion = client_auth::assertion(&self.settings, &snapshot.metadata, now, &self.random)?;
        let tokens = exchange::refresh(&self.transport, &client, &grant.refresh_token, assertion.as_ref()).await?;
        // RFC 6749 section 6: without a new one, the old one goes on.
        let refresh_token = tokens.refresh_token.unwrap_or(grant.refresh_token);
        let grant = RefreshGrant { refresh_token, valid_for: tokens.valid_for, ..grant };
        Ok(Refreshed { grant, id_token: tokens.id_token, access_token: tokens.access_token })
    }

    /// Who the person is by now: the same subject with the groups of today.
    pub async fn reread(&self, refreshed: &Refreshed, before: &Principal) -> Result<Principal, LoginError> {
        let now = self.clock.now();
        let snapshot = self.snapshot(now).await?;
        let grant = &refreshed.grant;
        let token = match &refreshed.id_token {
            Some(id_token) => {
                let nonce = Nonce::AtMost(grant.nonce.expose_secret());
                Some(self.verify(id_token, &refreshed.access_token, nonce, &snapshot, now).await?)
            }
            None => None,
        };
        // Section 12.2: the same `iss` (checked with the token) and `sub`; `auth_time`, if it is there, is that
        // of the sign-in.
        let is_same = token.as_ref().is_none_or(|token| {
            let auth_time = token.claims().get("auth_time");
            token.subject() == before.subject() && auth_time.is_none_or(|now| grant.auth_time.as_ref() == Some(now))
        });
        if !is_same {
            return Err(LoginError::Token(InvalidToken::AnotherSignIn));
        }
        let claims = token.as_ref().map(VerifiedIdToken::claims);
        let read = self.read_groups(before.subject(), claims, &refreshed.access_token, &snapshot, now).await?;
        Ok(before.with_groups(read.groups))
    }
}

impl LoginError {
    /// Whether this failure of a refresh says that the sign-in is over: the provider took it back, or speaks
    /// of somebody else. Anything else (it is away, it rotates its keys, its clock is off) can pass.
    pub fn ends_session(&self) -> bool {
        match self {
            Self::RefreshRefused(refusal) => refusal.is_final(),
            Self::Token(reason) => {
                !matches!(reason, InvalidToken::Expired | InvalidToken::NotYetValid | InvalidToken::IssuedAt)
            }
            Self::Nonsense { source, .. } => *source == crate::identity::Nonsense::SubjectMismatch,
            // What kept the groups away decides.
            Self::GroupsAway(error) => error.ends_session(),
            Self::Groups(reason) => *reason == UnreadableGroups::OtherPerson,
            Self::Expired
            | Self::UnknownLogin
            | Self::Callback(_)
            | Self::WrongIssuer
            | Self::Refused(_)
            | Self::CodeRefused(_)
            | Self::RequestRefused(_)
            | Self::TooWeak(_)
            | Self::Unavailable { .. }
            | Self::Random(_) => false,
        }
    }
}
