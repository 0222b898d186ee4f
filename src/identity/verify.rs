//! From the text of an ID token to the proof that it is good.
//!
//! Three looks, all of which must agree: the header (ours), the signature and claims (openidconnect,
//! told exactly one algorithm), and the claims again ([`claims_check`](super::claims_check)).

use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::ClaimsVerificationError;
use openidconnect::ClientId;
use openidconnect::IssuerUrl;
use openidconnect::Nonce;
use openidconnect::SignatureVerificationError;
use openidconnect::core::CoreIdToken;
use openidconnect::core::CoreIdTokenVerifier;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Map;
use serde_json::Value;

use crate::identity::claims_check;
use crate::identity::claims_check::Expected;
use crate::identity::error::InvalidToken;
use crate::identity::strict_json;
use crate::identity::strict_json::NotStrict;
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
    if token.len() > MAX_TOKEN {
        return Err(InvalidToken::TooLong);
    }
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let (header, payload) = match parts.as_slice() {
        [header, payload, _signature] => (part(header)?, part(payload)?),
        // RFC 7516 section 9: an encrypted token has five parts.
        [_, _, _, _, _] => return Err(InvalidToken::Encrypted),
        _ => return Err(InvalidToken::Malformed),
    };
    check_header(&header, expected)?;
    if let Err(reason) = verify_by_library(token, keys, expected) {
        // About claims, ours is the clearer word: the library reads them into types of its own.
        let clearer = (reason == InvalidToken::Malformed).then(|| claims_check::check(&payload, expected).err());
        return Err(clearer.flatten().unwrap_or(reason));
    }
    claims_check::check(&payload, expected)?;
    let sub = payload.get("sub").and_then(Value::as_str).ok_or(InvalidToken::Claim("sub"))?;
    let subject = Subject { iss: expected.issuer.to_owned(), sub: sub.to_owned() };
    Ok(VerifiedIdToken { subject, claims: payload })
}

fn part(text: &str) -> Result<Map<String, Value>, InvalidToken> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken::Malformed)?;
    strict_json::object(&bytes).map_err(|reason| match reason {
        NotStrict::Twice => InvalidToken::Twice,
        NotStrict::NotAnObject => InvalidToken::Malformed,
    })
}

fn check_header(header: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), InvalidToken> {
    if header.get("alg").and_then(Value::as_str) != Some(expected.algorithm.as_str()) {
        return Err(InvalidToken::Algorithm);
    }
    // RFC 8725 section 3.11: another kind of token (`at+jwt`, `logout+jwt`) must not pass for this one.
    let plain = |typ: &str| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt");
    if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(plain)) {
        return Err(InvalidToken::Type);
    }
    if header.contains_key("crit") || header.contains_key("cty") {
        return Err(InvalidToken::Header);
    }
    Ok(())
}

fn verify_by_library(token: &str, keys: &CoreJsonWebKeySet, expected: &Expected<'_>) -> Result<(), InvalidToken> {
    let issuer = IssuerUrl::new(expected.issuer.to_owned()).map_err(|_| InvalidToken::Issuer)?;
    let client_id = ClientId::new(expected.client_id.to_owned());
    // The library forgives no clock difference, so it is given a clock that is late by the leeway.
    let late = UNIX_EPOCH + std::time::Duration::from_millis(expected.now.0).saturating_sub(expected.leeway);
    let verifier = CoreIdTokenVerifier::new_public_client(client_id, issuer, keys.clone())
        .set_allowed_algs([expected.algorithm.core()])
        .set_other_audience_verifier_fn(|audience| expected.other_audiences.iter().any(|name| *name == **audience))
        .set_time_fn(move || late.into());
    let parsed: CoreIdToken = token.parse().map_err(|_| InvalidToken::Malformed)?;
    let nonce = Nonce::new(expected.nonce.to_owned());
    parsed.claims(&verifier, &nonce).map(|_| ()).map_err(|error| reason(&error))
}

/// The reasons that are about keys and signatures; all others are about the claims.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum may grow, and every arm refuses")]
fn reason(error: &ClaimsVerificationError) -> InvalidToken {
    let ClaimsVerificationError::SignatureVerification(error) = error else { return InvalidToken::Malformed };
    match error {
        SignatureVerificationError::NoMatchingKey => InvalidToken::UnknownKey,
        SignatureVerificationError::AmbiguousKeyId(_) => InvalidToken::AmbiguousKey,
        SignatureVerificationError::DisallowedAlg(_)
        | SignatureVerificationError::UnsupportedAlg(_)
        | SignatureVerificationError::NoSignature => InvalidToken::Algorithm,
        // `CryptoError`, `InvalidKey`, `Other`, and whatever the library may add.
        _ => InvalidToken::Signature,
    }
}
