//! The master key: it wraps the data keys of the vault's records, and seals nothing else.

use std::fmt;

use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use zeroize::Zeroize as _;
use zeroize::Zeroizing;

/// A text that is no master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the master key is not 32 bytes in base64: make one with openssl rand -base64 32")]
pub struct InvalidMasterKey;

/// 32 random bytes.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// The key that seals, and those that still open.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    pub(super) current: MasterKey,
    pub(super) former: Vec<MasterKey>,
}

impl MasterKey {
    /// Reads it from base64.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidMasterKey> {
        let mut bytes = Zeroizing::new([0; 32]);
        match STANDARD.decode_slice(text.expose_secret(), bytes.as_mut_slice()) {
            Ok(32) => Ok(Self(*bytes)),
            Ok(_) | Err(_) => Err(InvalidMasterKey),
        }
    }

    /// Eight hexadecimal digits by which people and records tell keys apart. They say nothing about the key.
    pub fn id(&self) -> String {
        let mark = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), b"panelgate/vault/key-id/v1");
        let digits = mark.as_ref().iter().take(4).flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    /// The key that wraps data keys, apart from the one that makes the id.
    pub(super) fn wrapping(&self) -> Option<Zeroizing<[u8; 32]>> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"panelgate/vault").extract(&self.0);
        let mut bytes = Zeroizing::new([0; 32]);
        let info = [b"wrap/v1".as_slice()];
        let okm = prk.expand(&info, hkdf::HKDF_SHA256).ok()?;
        okm.fill(bytes.as_mut_slice()).ok()?;
        Some(bytes)
    }
}

impl MasterKeys {
    /// The key that seals from now on, and former ones that open what they sealed.
    pub fn new(current: MasterKey, former: Vec<MasterKey>) -> Self {
        Self { current, former }
    }

    /// The key of this id.
    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        std::iter::once(&self.current).chain(&self.former).find(|key| key.id() == id)
    }

    /// The ids, the current one first.
    pub fn ids(&self) -> String {
        std::iter::once(&self.current).chain(&self.former).map(MasterKey::id).collect::<Vec<_>>().join(", ")
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}
