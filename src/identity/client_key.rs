//! Our own private key, where we prove who we are with one (RFC 7523; OpenID Connect Core 1.0, section 9).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::RsaEncoding;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Value;
use serde_json::json;

use crate::model::RsaPadding;
use crate::model::Timestamp;
use crate::model::Token256;

/// How long an assertion of ours is good. It is used at once; clocks may differ a little.
const LIFETIME: Duration = Duration::from_mins(2);
/// RFC 7518 section 3.3: RSA keys have at least 2048 bits.
const MIN_RSA_BYTES: usize = 256;

/// A private key that signs our assertions.
#[derive(Clone)]
pub struct ClientKey {
    pair: Arc<Pair>,
    key_id: Option<String>,
    certificate: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair, RsaPadding),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The bytes are no private key that we sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PKCS #8 private key of RSA (2048 bits or more), P-256 or Ed25519")]
pub struct UnusableKey;

impl ClientKey {
    /// Reads a private key in PKCS #8; its kind says how it signs: RS256 or PS256, ES256, or `EdDSA`.
    pub fn from_pkcs8(der: &[u8], padding: RsaPadding) -> Result<Self, UnusableKey> {
        let rsa = || RsaKeyPair::from_pkcs8(der).ok().filter(|pair| pair.public_modulus_len() >= MIN_RSA_BYTES);
        let p256 = || EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, der).ok();
        let ed25519 = || Ed25519KeyPair::from_pkcs8(der).ok();
        let pair = rsa()
            .map(|pair| Pair::Rsa(pair, padding))
            .or_else(|| p256().map(Pair::P256))
            .or_else(|| ed25519().map(Pair::Ed25519))
            .ok_or(UnusableKey)?;
        Ok(Self { pair: Arc::new(pair), key_id: None, certificate: None })
    }

    /// Names the key as the provider knows it (`kid`, RFC 7515 section 4.1.4).
    #[must_use]
    pub fn known_as(self, key_id: Option<String>) -> Self {
        Self { key_id, ..self }
    }

    /// Names the certificate of the key, in DER, by its hash (`x5t#S256`, RFC 7515 section 4.1.8).
    #[must_use]
    pub fn certified_by(self, certificate: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, certificate);
        Self { certificate: Some(URL_SAFE_NO_PAD.encode(hash)), ..self }
    }

    /// The proof that it is us who ask, for one request (RFC 7523 section 3).
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<SecretString, Unspecified> {
        let jti = Token256::random(random)?.expose();
        let mut claims = json!({ "iss": client_id, "sub": client_id, "aud": audience, "jti": jti.expose_secret() });
        set_times(&mut claims, now);
        self.sign(&claims)
    }

    /// A request for a token in somebody's name (RFC 7523 section 2.1), as Google's service accounts make it.
    pub(super) fn grant(
        &self,
        account: &str,
        acting_as: &str,
        scope: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, Unspecified> {
        let mut claims = json!({ "iss": account, "sub": acting_as, "scope": scope, "aud": audience });
        set_times(&mut claims, now);
        self.sign(&claims)
    }

    fn sign(&self, claims: &Value) -> Result<SecretString, Unspecified> {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        for (name, value) in [("kid", &self.key_id), ("x5t#S256", &self.certificate)] {
            if let (Some(members), Some(value)) = (header.as_object_mut(), value) {
                members.insert(name.to_owned(), value.as_str().into());
            }
        }
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", text(&header), text(claims));
        let signature = self.signature(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }

    fn algorithm(&self) -> &'static str {
        match &*self.pair {
            Pair::Rsa(_, RsaPadding::Pkcs1) => "RS256",
            Pair::Rsa(_, RsaPadding::Pss) => "PS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        // These signatures need random numbers of their own; aws-lc draws them itself.
        let random = aws_lc_rs::rand::SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair, padding) => {
                let encoding: &dyn RsaEncoding = match padding {
                    RsaPadding::Pkcs1 => &signature::RSA_PKCS1_SHA256,
                    RsaPadding::Pss => &signature::RSA_PSS_SHA256,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut out)?;
                Ok(out)
            }
            Pair::P256(pair) => pair.sign(&random, message).map(|signed| signed.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn set_times(claims: &mut Value, now: Timestamp) {
    let seconds = now.0 / 1000;
    if let Some(members) = claims.as_object_mut() {
        members.insert("iat".to_owned(), seconds.into());
        members.insert("exp".to_owned(), (seconds + LIFETIME.as_secs()).into());
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}
