//! Checking clients that prove who they are with a private key (RFC 7523 section 3).

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::state::State;
use crate::provider::state::now;

/// The longest that an assertion may be good, in seconds.
const LONGEST: u64 = 300;

/// A client's public key, and the one algorithm that it signs with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertionKey {
    /// RS256, PS256, ES256 or `EdDSA`.
    pub algorithm: String,
    /// The key as it stands in its algorithm: `RSAPublicKey` in DER, a point of the curve, or 32 octets.
    pub public: Vec<u8>,
    /// The `kid` that must be named.
    pub id: Option<String>,
}

/// A claim that is text.
pub(super) fn said<'a>(claims: &'a Value, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// The claims of an assertion that this key signed, is fresh, is for `audience`, and was not seen before.
pub(super) fn check(state: &State, text: &str, key: &AssertionKey, audiences: &[String]) -> Option<Value> {
    let (message, signed) = text.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let object = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (header, claims) = (object(header)?, object(claims)?);
    let named = header.get("kid").and_then(Value::as_str).map(str::to_owned);
    if header.get("alg")?.as_str()? != key.algorithm || named != key.id {
        return None;
    }
    let algorithm: &dyn VerificationAlgorithm = match key.algorithm.as_str() {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
        "EdDSA" => &signature::ED25519,
        _ => return None,
    };
    let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
    UnparsedPublicKey::new(algorithm, &key.public).verify(message.as_bytes(), &signed).ok()?;
    let audience = claims.get("aud")?.as_str()?;
    let (iat, exp) = (claims.get("iat")?.as_u64()?, claims.get("exp")?.as_u64()?);
    let fresh = exp > now() && exp <= now() + LONGEST && iat <= now() + 5;
    if !fresh || !audiences.iter().any(|ours| ours == audience) {
        return None;
    }
    // Google's grants have no number; assertions of clients must.
    if let Some(jti) = claims.get("jti").and_then(Value::as_str) {
        let mut tables = state.tables();
        if tables.assertions.get(jti).is_some() {
            return None;
        }
        tables.assertions.put(jti.to_owned(), ());
    }
    Some(claims)
}
