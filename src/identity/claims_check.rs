//! The check of an ID token's claims (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! It reads the payload as it was signed, and every claim that has a rule; it trusts nothing that the
//! library, which verified the signature, might have assumed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Map;
use serde_json::Value;

use crate::identity::algorithm;
use crate::identity::error::InvalidToken;
use crate::identity::pending::LOGIN_LIFETIME;
use crate::model::IdTokenAlgorithm;
use crate::model::Timestamp;

/// The longest `sub` (section 2).
const MAX_SUB: usize = 255;
/// The most audiences that are read.
const MAX_AUDIENCES: usize = 100;

/// What the `nonce` has to be.
#[derive(Clone, Copy)]
pub(super) enum Nonce<'a> {
    /// There, and this one: the answer to a sign-in.
    Of(&'a str),
    /// Absent, or this one: a token that came by a refresh (section 12.2).
    AtMost(&'a str),
}

/// What an ID token has to say to be the answer to one sign-in.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// Audiences that may stand beside us.
    pub(super) other_audiences: &'a [String],
    /// Claims with the one value that each must have.
    pub(super) required: &'a BTreeMap<String, String>,
    pub(super) algorithm: IdTokenAlgorithm,
    pub(super) nonce: Nonce<'a>,
    /// The access token that came with it.
    pub(super) access_token: &'a str,
    pub(super) now: Timestamp,
    pub(super) leeway: Duration,
}

/// Checks every claim that has a rule. The numbers are those of section 3.1.3.7.
pub(super) fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), InvalidToken> {
    // 2.
    if text(claims, "iss")? != expected.issuer {
        return Err(InvalidToken::Issuer);
    }
    check_subject(text(claims, "sub")?)?;
    check_audience(claims, expected.client_id, expected.other_audiences)?;
    check_times(claims, expected)?;
    // 11.
    match expected.nonce {
        Nonce::AtMost(_) if !claims.contains_key("nonce") => {}
        Nonce::Of(nonce) | Nonce::AtMost(nonce) if same(text(claims, "nonce")?, nonce) => {}
        Nonce::Of(_) | Nonce::AtMost(_) => return Err(InvalidToken::Nonce),
    }
    check_access_token_hash(claims, expected)?;
    let has = |(claim, value): (&String, &String)| claims.get(claim).and_then(Value::as_str) == Some(value);
    if expected.required.iter().all(has) { Ok(()) } else { Err(InvalidToken::RequiredClaim) }
}

pub(super) fn check_subject(sub: &str) -> Result<(), InvalidToken> {
    if sub.is_empty() || sub.len() > MAX_SUB || sub.chars().any(char::is_control) {
        return Err(InvalidToken::Subject);
    }
    Ok(())
}

pub(super) fn check_audience(
    claims: &Map<String, Value>,
    client_id: &str,
    others: &[String],
) -> Result<(), InvalidToken> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(list)) if list.len() <= MAX_AUDIENCES => {
            list.iter().map(Value::as_str).collect::<Option<_>>().ok_or(InvalidToken::Claim("aud"))?
        }
        _ => return Err(InvalidToken::Claim("aud")),
    };
    // 3.
    if !audiences.contains(&client_id) {
        return Err(InvalidToken::Audience);
    }
    let trusted = |name: &str| name == client_id || others.iter().any(|other| other == name);
    if !audiences.iter().all(|name| trusted(name)) {
        return Err(InvalidToken::UntrustedAudience);
    }
    // 4 and 5.
    match claims.get("azp") {
        None if audiences.len() > 1 => Err(InvalidToken::AuthorizedParty),
        None => Ok(()),
        Some(Value::String(party)) if party == client_id => Ok(()),
        Some(_) => Err(InvalidToken::AuthorizedParty),
    }
}

fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), InvalidToken> {
    let now = Duration::from_millis(expected.now.0).as_secs_f64();
    let leeway = expected.leeway.as_secs_f64();
    // 9.
    if now >= moment(claims, "exp")?.ok_or(InvalidToken::Claim("exp"))? + leeway {
        return Err(InvalidToken::Expired);
    }
    // RFC 7519 section 4.1.5.
    if moment(claims, "nbf")?.is_some_and(|not_before| not_before > now + leeway) {
        return Err(InvalidToken::NotYetValid);
    }
    // 10. It was made after the person was sent to the provider, and no sign-in takes longer.
    let issued_at = moment(claims, "iat")?.ok_or(InvalidToken::Claim("iat"))?;
    if issued_at > now + leeway || issued_at < now - leeway - LOGIN_LIFETIME.as_secs_f64() {
        return Err(InvalidToken::IssuedAt);
    }
    Ok(())
}

/// Section 3.1.3.8: in the code flow `at_hash` may be absent, but not wrong.
fn check_access_token_hash(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), InvalidToken> {
    if !claims.contains_key("at_hash") {
        return Ok(());
    }
    let hash = digest::digest(algorithm::hash(expected.algorithm), expected.access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    if !same(text(claims, "at_hash")?, &URL_SAFE_NO_PAD.encode(left)) {
        return Err(InvalidToken::AccessTokenHash);
    }
    Ok(())
}

pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, InvalidToken> {
    claims.get(name).and_then(Value::as_str).ok_or(InvalidToken::Claim(name))
}

/// A `NumericDate` (RFC 7519 section 2): seconds, with a fraction at some providers.
pub(super) fn moment(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, InvalidToken> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().filter(|seconds| seconds.is_finite()).map(Some).ok_or(InvalidToken::Claim(name)),
    }
}

/// How far the provider's clock is ahead, in whole seconds: `iat` was checked to be within minutes of now.
pub(super) fn clock_ahead(claims: &Map<String, Value>, now: Timestamp) -> i64 {
    let issued = claims.get("iat").and_then(Value::as_f64).unwrap_or_default();
    let ahead = (issued - Duration::from_millis(now.0).as_secs_f64()).round();
    #[expect(clippy::cast_possible_truncation, reason = "a float turns into the nearest integer that there is")]
    let whole = ahead as i64;
    whole
}

fn same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn claims() -> Value {
        json!({
            "iss": "https://idp", "sub": "ann", "aud": "us", "exp": NOW + 300, "iat": NOW, "nonce": "n",
            // OpenID Connect Core 1.0 leaves the value to the algorithm: left half of SHA-256("token").
            "at_hash": URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, b"token").as_ref()[..16]),
        })
    }

    fn checked(claims: &Value) -> Result<(), InvalidToken> {
        let expected = Expected {
            issuer: "https://idp",
            client_id: "us",
            other_audiences: &["project".to_owned()],
            required: &BTreeMap::from([("sub".to_owned(), "ann".to_owned())]),
            algorithm: IdTokenAlgorithm::Rs256,
            nonce: Nonce::Of("n"),
            access_token: "token",
            now: Timestamp::from_secs(NOW),
            leeway: Duration::from_mins(1),
        };
        check(claims.as_object().unwrap(), &expected)
    }

    #[track_caller]
    fn with(name: &str, value: impl Into<Value>, expected: Result<(), InvalidToken>) {
        let mut claims = claims();
        claims[name] = value.into();
        assert_eq!(checked(&claims), expected, "{name} = {}", claims[name]);
    }

    #[test]
    fn every_required_claim_is_missed() {
        assert_eq!(checked(&claims()), Ok(()));
        for name in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(checked(&without), Err(InvalidToken::Claim(name)));
            with(name, json!(null), Err(InvalidToken::Claim(name)));
            with(name, json!({}), Err(InvalidToken::Claim(name)));
        }
        let mut without = claims();
        without.as_object_mut().unwrap().remove("at_hash");
        assert_eq!(checked(&without), Ok(()));
    }

    #[test]
    fn identity_claims_are_exact() {
        use InvalidToken as I;
        with("iss", json!("https://idp/"), Err(I::Issuer));
        with("iss", json!("HTTPS://idp"), Err(I::Issuer));
        with("sub", json!(""), Err(I::Subject));
        with("sub", json!("a\nb"), Err(I::Subject));
        with("sub", json!("a".repeat(255)), Err(I::RequiredClaim));
        with("sub", json!("a".repeat(256)), Err(I::Subject));
        with("nonce", json!("N"), Err(I::Nonce));
        with("at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ"), Err(I::AccessTokenHash));
        with("at_hash", json!(7), Err(I::Claim("at_hash")));
    }

    #[test]
    fn audiences_are_ours_and_trusted() {
        use InvalidToken as I;
        with("aud", json!(["us"]), Ok(()));
        with("aud", json!("them"), Err(I::Audience));
        with("aud", json!([]), Err(I::Audience));
        with("aud", json!(["us", 1]), Err(I::Claim("aud")));
        with("aud", json!(vec!["us"; 101]), Err(I::Claim("aud")));
        with("aud", json!(["us", "them"]), Err(I::UntrustedAudience));
        with("aud", json!(["us", "project"]), Err(I::AuthorizedParty));
        with("azp", json!("us"), Ok(()));
        with("azp", json!("them"), Err(I::AuthorizedParty));
        with("azp", json!(1), Err(I::AuthorizedParty));
        let mut both = claims();
        both["aud"] = json!(["project", "us"]);
        both["azp"] = json!("us");
        assert_eq!(checked(&both), Ok(()));
    }

    #[test]
    fn times_end_on_the_second() {
        use InvalidToken as I;
        with("exp", json!(NOW - 59), Ok(()));
        with("exp", json!(NOW - 60), Err(I::Expired));
        with("exp", json!(-1), Err(I::Expired));
        with("exp", json!(1e300), Ok(()));
        with("exp", json!("2030-01-01T00:00:00Z"), Err(I::Claim("exp")));
        with("nbf", json!(NOW + 60), Ok(()));
        with("nbf", json!(NOW + 61), Err(I::NotYetValid));
        with("iat", json!(1_800_000_060.0), Ok(()));
        with("iat", json!(1_800_000_060.5), Err(I::IssuedAt));
        with("iat", json!(NOW - 660), Ok(()));
        with("iat", json!(NOW - 661), Err(I::IssuedAt));
    }
}
