//! From the text of an ID token to the proof that it is good.
//!
//! The signature is verified by openidconnect, with one key and one algorithm that we name. Its own ID
//! token verifier is not used: that reads every claim into types of its own, and so refuses a good token
//! for an odd claim that nobody uses (`amr` as a string, an `address` in one line). The claims that count
//! are checked over the payload as it was signed, by [`claims_check`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey as _;
use openidconnect::core::CoreJsonWebKey;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Map;
use serde_json::Value;

use crate::identity::algorithm;
use crate::identity::claims_check;
use crate::identity::claims_check::Expected;
use crate::identity::error::InvalidToken;
use crate::identity::strict_json;
use crate::identity::strict_json::NotStrict;
use crate::model::IdTokenAlgorithm;
use crate::model::Subject;

/// The longest ID token, in bytes: some 1000 groups with long names.
const MAX_TOKEN: usize = 64 * 1024;

/// The proof that an ID token was verified. Only this file makes one.
#[derive(Debug)]
#[must_use]
pub(super) struct VerifiedIdToken {
    subject: Subject,
    claims: Map<String, Value>,
}

impl VerifiedIdToken {
    /// Issuer and `sub`.
    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Every claim, as it was signed.
    pub(super) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// Verifies an ID token.
pub(super) fn verify(
    token: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<VerifiedIdToken, InvalidToken> {
    let payload = signed(token, keys, expected.algorithm, is_plain)?;
    claims_check::check(&payload, expected)?;
    let sub = payload.get("sub").and_then(Value::as_str).ok_or(InvalidToken::Claim("sub"))?;
    let subject = Subject { iss: expected.issuer.to_owned(), sub: sub.to_owned() };
    Ok(VerifiedIdToken { subject, claims: payload })
}

/// Whether a `typ` says nothing in particular. Another kind of token (`at+jwt`, `logout+jwt`) must not pass for
/// one of these (RFC 8725 section 3.11).
pub(super) fn is_plain(typ: Option<&str>) -> bool {
    typ.is_none_or(|typ| is_type(typ, "jwt"))
}

/// Whether a `typ` is this media type below `application/`, with or without saying so (RFC 7515 section 4.1.9).
pub(super) fn is_type(typ: &str, wanted: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == wanted
}

/// The payload of a token that the provider signed with the one algorithm, and whose `typ` fits.
pub(super) fn signed(
    token: &str,
    keys: &CoreJsonWebKeySet,
    algorithm: IdTokenAlgorithm,
    fits: impl FnOnce(Option<&str>) -> bool,
) -> Result<Map<String, Value>, InvalidToken> {
    if token.len() > MAX_TOKEN {
        return Err(InvalidToken::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
    let (header, payload) = match message.split('.').collect::<Vec<_>>().as_slice() {
        [header, payload] => (object(header)?, object(payload)?),
        // RFC 7516 section 9: an encrypted token has five parts.
        [_, _, _, _] => return Err(InvalidToken::Encrypted),
        _ => return Err(InvalidToken::Malformed),
    };
    check_header(&header, algorithm, fits)?;
    select_key(&header, keys)?
        .verify_signature(&algorithm::core(algorithm), message.as_bytes(), &decode(signature)?)
        .map_err(|_| InvalidToken::Signature)?;
    Ok(payload)
}

fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::Malformed)
}

fn object(part: &str) -> Result<Map<String, Value>, InvalidToken> {
    strict_json::object(&decode(part)?).map_err(|reason| match reason {
        NotStrict::Twice => InvalidToken::Twice,
        NotStrict::NotAnObject => InvalidToken::Malformed,
    })
}

fn check_header(
    header: &Map<String, Value>,
    algorithm: IdTokenAlgorithm,
    fits: impl FnOnce(Option<&str>) -> bool,
) -> Result<(), InvalidToken> {
    if header.get("alg").and_then(Value::as_str) != Some(algorithm.as_str()) {
        return Err(InvalidToken::Algorithm);
    }
    let typ = header.get("typ").map(|typ| typ.as_str().ok_or(InvalidToken::Type)).transpose()?;
    if !fits(typ) {
        return Err(InvalidToken::Type);
    }
    if header.contains_key("crit") || header.contains_key("cty") {
        return Err(InvalidToken::Header);
    }
    Ok(())
}

/// The one key that the token can be signed with (section 10.1). The set holds only keys that fit the
/// algorithm.
fn select_key<'a>(
    header: &Map<String, Value>,
    keys: &'a CoreJsonWebKeySet,
) -> Result<&'a CoreJsonWebKey, InvalidToken> {
    let wanted = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(InvalidToken::Malformed),
    };
    let mut fitting =
        keys.keys().iter().filter(|key| wanted.is_none_or(|kid| key.key_id().is_some_and(|id| id.as_str() == kid)));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(InvalidToken::AmbiguousKey),
        (None, _) => Err(InvalidToken::UnknownKey),
    }
}
