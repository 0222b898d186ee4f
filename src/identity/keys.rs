//! The provider's public keys (RFC 7517), reduced to those that may verify an ID token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJsonWebKey;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Map;
use serde_json::Value;

use crate::identity::algorithm;
use crate::identity::error::Nonsense;
use crate::model::IdTokenAlgorithm;

/// The most keys in a set; providers have two to ten.
const MAX_KEYS: usize = 100;
/// RFC 7518 section 3.3: RSA keys have at least 2048 bits.
const MIN_RSA_BYTES: usize = 256;
/// The longest RSA modulus that the library verifies with, 4096 bits.
const MAX_RSA_BYTES: usize = 512;

/// Reads a JWK set, keeping the keys that fit the one algorithm.
pub(super) fn read(set: &Map<String, Value>, algorithm: IdTokenAlgorithm) -> Result<CoreJsonWebKeySet, Nonsense> {
    let Some(Value::Array(keys)) = set.get("keys") else { return Err(Nonsense::Member("keys")) };
    if keys.len() > MAX_KEYS {
        return Err(Nonsense::TooManyKeys);
    }
    // A key that we cannot read may be one for another purpose (RFC 7517 section 5: ignore it).
    let usable: Vec<CoreJsonWebKey> = keys
        .iter()
        .filter(|key| key.as_object().is_some_and(|key| fits(key, algorithm)))
        .filter_map(|key| serde_json::from_value(key.clone()).ok())
        .collect();
    if usable.is_empty() {
        return Err(Nonsense::NoUsableKey);
    }
    Ok(CoreJsonWebKeySet::new(usable))
}

fn fits(key: &Map<String, Value>, algorithm: IdTokenAlgorithm) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let absent_or = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value.as_str() == Some(wanted));
    let (kty, crv) = algorithm::key_type(algorithm);
    let strong = kty != "RSA"
        || text("n").and_then(|n| URL_SAFE_NO_PAD.decode(n).ok()).is_some_and(|n| {
            let bytes = n.iter().skip_while(|byte| **byte == 0).count();
            (MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&bytes)
        });
    text("kty") == Some(kty)
        && (crv.is_none() || text("crv") == crv)
        && absent_or("use", "sig")
        && absent_or("alg", algorithm.as_str())
        && strong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(kid: &str, bytes: usize) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode(vec![0xc5; bytes]), "e": "AQAB"})
    }

    fn kept(keys: &Value) -> Result<usize, Nonsense> {
        read(json!({ "keys": keys }).as_object().unwrap(), IdTokenAlgorithm::Rs256).map(|set| set.keys().len())
    }

    #[test]
    fn only_keys_for_the_one_algorithm_stay() {
        let with = |name: &str, value: &str| {
            let mut key = rsa("k", 256);
            key[name] = json!(value);
            key
        };
        assert_eq!(kept(&json!([rsa("a", 256), rsa("b", 512), with("use", "sig"), with("alg", "RS256")])), Ok(4));
        for useless in [
            rsa("weak", 128),
            rsa("huge", 513),
            with("use", "enc"),
            with("alg", "RS512"),
            with("alg", "RSA-OAEP"),
            with("kty", "oct"),
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
            json!({"kty": "AKP"}),
            json!("key"),
        ] {
            assert_eq!(kept(&json!([useless])), Err(Nonsense::NoUsableKey), "{useless}");
            assert_eq!(kept(&json!([useless, rsa("good", 256)])), Ok(1), "{useless}");
        }
        assert_eq!(kept(&json!(vec![rsa("k", 256); 101])), Err(Nonsense::TooManyKeys));
        assert_eq!(kept(&json!("keys")), Err(Nonsense::Member("keys")));
    }
}
