//! Being told by the provider that somebody signed out (OpenID Connect Back-Channel Logout 1.0).

use std::time::Duration;

use openidconnect::core::CoreJsonWebKeySet;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;

use crate::identity::claims_check;
use crate::identity::error::InvalidToken;
use crate::identity::error::LoginError;
use crate::identity::provider::Provider;
use crate::identity::settings::ProviderSettings;
use crate::identity::verify;
use crate::model::Subject;
use crate::model::Timestamp;

/// The event that a logout token is about (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The longest that a token may be on its way. Section 4 recommends an expiry of two minutes.
const MAX_AGE: Duration = Duration::from_mins(10);

/// The longest `sid` or `jti`, in bytes.
const MAX_ID: usize = 255;

/// Whose sessions the provider says are over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct LogoutNotice {
    /// The provider's own session; that one alone, if it is named.
    pub sid: Option<String>,
    /// The person. There is a `sid`, a subject, or both.
    pub subject: Option<Subject>,
    /// The token's own id. It is good once.
    pub jti: String,
    /// Until when it could be used.
    pub good_until: Timestamp,
}

impl Provider {
    /// Verifies a logout token.
    ///
    /// # Errors
    /// [`LoginError::Token`] with the rule that it breaks; or why the provider's keys are not to be had.
    pub async fn logout_token(&self, token: &SecretString) -> Result<LogoutNotice, LoginError> {
        let now = self.clock.now();
        let snapshot = self.snapshot(now).await?;
        let token = token.expose_secret();
        match read(token, &snapshot.keys, &self.settings, now) {
            Err(first @ (InvalidToken::UnknownKey | InvalidToken::Signature)) => {
                match self.known.newer_than(&snapshot, &self.transport, &self.settings, now).await? {
                    None => Err(LoginError::Token(first)),
                    Some(newer) => read(token, &newer.keys, &self.settings, now).map_err(LoginError::Token),
                }
            }
            other => other.map_err(LoginError::Token),
        }
    }
}

/// Section 2.6, in its order.
fn read(
    token: &str,
    keys: &CoreJsonWebKeySet,
    settings: &ProviderSettings,
    now: Timestamp,
) -> Result<LogoutNotice, InvalidToken> {
    let lenient = settings.lenient_logout_tokens;
    let fits = |typ: Option<&str>| match typ {
        Some(typ) if verify::is_type(typ, "logout+jwt") => true,
        Some(typ) => lenient && verify::is_type(typ, "jwt"),
        None => lenient,
    };
    let claims = verify::signed(token, keys, settings.id_token_alg, fits)?;
    if claims_check::text(&claims, "iss")? != settings.issuer {
        return Err(InvalidToken::Issuer);
    }
    claims_check::check_audience(&claims, &settings.client_id, &settings.other_audiences)?;
    let good_until = check_times(&claims, settings, now)?;
    let subject = claims.contains_key("sub").then(|| {
        let sub = claims_check::text(&claims, "sub")?;
        claims_check::check_subject(sub)?;
        Ok(Subject { iss: settings.issuer.clone(), sub: sub.to_owned() })
    });
    let subject = subject.transpose()?;
    let sid = claims.contains_key("sid").then(|| id(&claims, "sid")).transpose()?;
    if subject.is_none() && sid.is_none() {
        return Err(InvalidToken::Claim("sid"));
    }
    let event = claims.get("events").and_then(Value::as_object).and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(InvalidToken::Claim("events"));
    }
    // An ID token must not pass for one of these.
    if claims.contains_key("nonce") {
        return Err(InvalidToken::Nonce);
    }
    Ok(LogoutNotice { sid, subject, jti: id(&claims, "jti")?, good_until })
}

fn check_times(
    claims: &Map<String, Value>,
    settings: &ProviderSettings,
    now: Timestamp,
) -> Result<Timestamp, InvalidToken> {
    let (moment, leeway) = (Duration::from_millis(now.0).as_secs_f64(), settings.leeway.as_secs_f64());
    match claims_check::moment(claims, "exp")? {
        Some(expires) if moment >= expires + leeway => return Err(InvalidToken::Expired),
        None if !settings.lenient_logout_tokens => return Err(InvalidToken::Claim("exp")),
        Some(_) | None => {}
    }
    let issued_at = claims_check::moment(claims, "iat")?.ok_or(InvalidToken::Claim("iat"))?;
    if issued_at > moment + leeway || issued_at < moment - leeway - MAX_AGE.as_secs_f64() {
        return Err(InvalidToken::IssuedAt);
    }
    // Whatever `exp` says: after this, `iat` refuses it.
    Ok(now.plus(MAX_AGE + settings.leeway * 2))
}

fn id(claims: &Map<String, Value>, name: &'static str) -> Result<String, InvalidToken> {
    let text = claims_check::text(claims, name)?;
    let fits = !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(InvalidToken::Claim(name)) }
}
