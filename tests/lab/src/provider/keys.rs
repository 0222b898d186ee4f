//! The provider's signing keys and their JWKS (RFC 7517, RFC 7518).

use anyhow::Context as _;
use anyhow::anyhow;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

/// One generation of keys: an RSA key for RS256 and a P-256 key for ES256.
#[derive(Debug)]
pub(super) struct Generation {
    number: u32,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

/// The keys in use, newest first.
#[derive(Debug)]
pub(super) struct Keys {
    generations: Vec<Generation>,
    made: u32,
}

impl Keys {
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut keys = Self { generations: Vec::new(), made: 0 };
        keys.add()?;
        Ok(keys)
    }

    /// Puts new keys in front and keeps the old ones.
    pub(super) fn add(&mut self) -> anyhow::Result<()> {
        self.made += 1;
        self.generations.insert(0, Generation::new(self.made)?);
        Ok(())
    }

    /// Puts new keys in the place of all old ones.
    pub(super) fn replace(&mut self) -> anyhow::Result<()> {
        self.add()?;
        self.generations.truncate(1);
        Ok(())
    }

    /// The generation that signs.
    pub(super) fn newest(&self) -> anyhow::Result<&Generation> {
        self.generations.first().context("the provider has no keys")
    }

    /// The public keys.
    pub(super) fn jwks(&self, rsa_only: bool) -> anyhow::Result<Value> {
        let mut keys = Vec::new();
        for generation in &self.generations {
            keys.push(generation.rsa_jwk()?);
            if !rsa_only {
                keys.push(generation.ec_jwk()?);
            }
        }
        Ok(json!({ "keys": keys }))
    }
}

impl Generation {
    pub(super) fn new(number: u32) -> anyhow::Result<Self> {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make an RSA key"))?;
        let ec = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| anyhow!("cannot make a P-256 key"))?;
        Ok(Self { number, rsa, ec })
    }

    pub(super) fn rsa_kid(&self) -> String {
        format!("rsa-{}", self.number)
    }

    pub(super) fn ec_kid(&self) -> String {
        format!("ec-{}", self.number)
    }

    pub(super) fn rs256(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut out = vec![0; self.rsa.public_modulus_len()];
        self.rsa
            .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out)
            .map_err(|_| anyhow!("cannot sign with RS256"))?;
        Ok(out)
    }

    pub(super) fn es256(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signed = self.ec.sign(&SystemRandom::new(), message).map_err(|_| anyhow!("cannot sign with ES256"))?;
        Ok(signed.as_ref().to_vec())
    }

    fn rsa_jwk(&self) -> anyhow::Result<Value> {
        let (n, e) = rsa_numbers(self.rsa.public_key().as_ref()).context("the RSA key's DER is not readable")?;
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        Ok(json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.rsa_kid(), "n": text(n), "e": text(e) }))
    }

    fn ec_jwk(&self) -> anyhow::Result<Value> {
        // SEC 1 section 2.3.3: 0x04, then the two coordinates.
        let point = self.ec.public_key().as_ref();
        let (x, y) = point.strip_prefix(&[4]).and_then(|p| p.split_at_checked(32)).context("not a P-256 point")?;
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        Ok(json!({
            "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.ec_kid(),
            "x": text(x), "y": text(y),
        }))
    }
}

/// Modulus and exponent out of an `RSAPublicKey` (RFC 8017 appendix A.1.1), without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (n, rest) = der_value(sequence, 0x02)?;
    let (e, _) = der_value(rest, 0x02)?;
    Some((n.strip_prefix(&[0]).unwrap_or(n), e.strip_prefix(&[0]).unwrap_or(e)))
}

/// The content of the DER value with this tag at the start, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else { return None };
    if *found != tag {
        return None;
    }
    if *length < 0x80 {
        return rest.split_at_checked(usize::from(*length));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
    let length = digits.iter().try_fold(0usize, |sum, d| sum.checked_mul(256)?.checked_add(usize::from(*d)))?;
    rest.split_at_checked(length)
}
