//! Sealing: a record is readable only with the browser's token and the server's key together.
//!
//! Each record has a key of its own, derived with HKDF-SHA-256 (RFC 5869) from the token that only the
//! browser holds, salted with the server's key; the cipher is AES-256-GCM with a random nonce. A dump
//! of the store without the cookies, or the cookies' hashes without the server's key, opens nothing.
//! What the record is about ([`Purpose`] and its lookup key) is authenticated with it, so a record that
//! was moved or renamed does not open.

use std::fmt;

use aws_lc_rs::aead;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::RandomizedNonceKey;
use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use crate::model::Token256;

/// The server's own half of every sealing key: 32 random bytes. Beside it there may be others, while it is being
/// changed: they seal nothing, and still open what was sealed with them.
#[derive(Clone)]
pub struct ServerKey {
    bytes: [u8; 32],
    others: Vec<[u8; 32]>,
}

impl ServerKey {
    /// Takes the bytes of the key.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, others: Vec::new() }
    }

    /// The same, with others that still open what was sealed with them.
    #[must_use]
    pub fn with_others(mut self, others: &[Self]) -> Self {
        let bytes = others.iter().map(|other| other.bytes).filter(|other| *other != self.bytes);
        let others: Vec<_> = bytes.collect();
        self.others.extend(others);
        self
    }

    /// All of them, the one that seals first.
    fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.bytes).chain(&self.others)
    }

    /// Eight hexadecimal digits for each that stand for it and tell nothing of it, the one that seals first.
    pub fn ids(&self) -> Vec<String> {
        let marks = self.marks("id", &[]);
        let digits =
            |mark: &[u8; 32]| mark.iter().take(4).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        marks.iter().map(digits).collect()
    }

    /// A keyed hash of names, under which a record is found without its token. It tells nobody without this
    /// key what it was made of, and hashes of another kind are never the same.
    pub fn mark(&self, kind: &'static str, names: &[&str]) -> [u8; 32] {
        marked(&self.bytes, kind, names)
    }

    /// The same hash under each key: what was written while another one sealed is found under that one.
    pub fn marks(&self, kind: &'static str, names: &[&str]) -> Vec<[u8; 32]> {
        self.all().map(|key| marked(key, kind, names)).collect()
    }
}

fn marked(key: &[u8; 32], kind: &'static str, names: &[&str]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in ["panelgate/mark/v1", kind].iter().chain(names) {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; 32];
    for (slot, byte) in out.iter_mut().zip(context.sign().as_ref()) {
        *slot = *byte;
    }
    out
}

impl Drop for ServerKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.others.zeroize();
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey([redacted])")
    }
}

/// What a sealed record is for. Records of one purpose never open as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A sign-in that waits for its callback.
    PendingLogin,
    /// A person's session.
    Session,
    /// A browser's way into a session, on the console.
    ConsoleEntry,
    /// A browser's entry to a panel origin.
    PanelEntry,
    /// A panel session that several gateways use.
    PanelSession,
    /// A ticket of the console for the entrance of a panel origin.
    Ticket,
    /// A hand-off code on its way from the console to a panel origin.
    Handoff,
    /// A logout token that was used. Its record holds nothing.
    LogoutToken,
    /// An operator's order to end access.
    Order,
    /// A server's API token, sealed by the vault and not here.
    ApiToken,
    /// What is still to be written into the audit log about tokens and servers.
    FleetNote,
    /// What was seen of a server's panels from outside.
    Shield,
    /// What the watch over the fleet found out about a server.
    ServerCondition,
}

impl Purpose {
    /// The name in the store and in the key derivation. Changing one invalidates stored records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingLogin => "pending-login",
            Self::Session => "session",
            Self::ConsoleEntry => "console-entry",
            Self::PanelEntry => "panel-entry",
            Self::PanelSession => "panel-session",
            Self::Ticket => "ticket",
            Self::Handoff => "handoff",
            Self::LogoutToken => "logout-token",
            Self::Order => "order",
            Self::ApiToken => "api-token",
            Self::FleetNote => "fleet-note",
            Self::Shield => "shield",
            Self::ServerCondition => "server-condition",
        }
    }
}

/// A value that came out of a sealed record: the proof that we put it there.
#[derive(Debug)]
pub struct Unsealed<T>(T);

impl<T> Unsealed<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Something read off the value, without the proof.
    pub fn look<U>(&self, read: impl FnOnce(&T) -> U) -> U {
        read(&self.0)
    }

    /// A part of the value, with the same proof.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Unsealed<U> {
        Unsealed(part(self.0))
    }
}

/// Why a record could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The value cannot be written as JSON.
    #[error("cannot write the record")]
    Write(#[source] serde_json::Error),
    /// The record does not open: another token, another server key, or it was changed.
    #[error("the record does not open with this key")]
    Closed,
    /// It opened, and does not hold what this version expects.
    #[error("cannot read the record")]
    Read(#[source] serde_json::Error),
}

/// Seals a value for the holder of `token`.
pub fn seal<T: Serialize>(
    server: &ServerKey,
    token: &Token256,
    purpose: Purpose,
    value: &T,
) -> Result<Vec<u8>, SealError> {
    close(
        &record_key(&server.bytes, token.expose_bytes(), RECORD, purpose)?,
        associated(purpose, &token.digest()),
        value,
    )
}

/// Seals what an operator may read of the record under `key`: with the server's key alone.
pub fn seal_label<T: Serialize>(
    server: &ServerKey,
    purpose: Purpose,
    key: &[u8; 32],
    value: &T,
) -> Result<Vec<u8>, SealError> {
    close(&record_key(&server.bytes, &[], LABEL, purpose)?, associated(purpose, key), value)
}

/// Opens what [`seal_label`] made, for the same record.
pub fn open_label<T: DeserializeOwned>(
    server: &ServerKey,
    purpose: Purpose,
    key: &[u8; 32],
    sealed: Vec<u8>,
) -> Result<T, SealError> {
    unclose_with(server, (&[], LABEL, purpose), key, sealed)
}

/// Which of the keys a label was sealed with, by its place among [`ServerKey::ids`].
pub fn label_sealed_with(server: &ServerKey, purpose: Purpose, key: &[u8; 32], sealed: &[u8]) -> Option<usize> {
    server.all().position(|bytes| {
        let opening = record_key(bytes, &[], LABEL, purpose);
        let opened = opening.and_then(|opening| {
            unclose::<serde::de::IgnoredAny>(&opening, associated(purpose, key), sealed.to_vec()).map(drop)
        });
        opened.is_ok()
    })
}

/// Opens with the first key that fits.
fn unclose_with<T: DeserializeOwned>(
    server: &ServerKey,
    (secret, kind, purpose): (&[u8], &[u8], Purpose),
    key: &[u8; 32],
    sealed: Vec<u8>,
) -> Result<T, SealError> {
    for other in &server.others {
        match unclose(&record_key(other, secret, kind, purpose)?, associated(purpose, key), sealed.clone()) {
            Err(SealError::Closed) => {}
            opened => return opened,
        }
    }
    unclose(&record_key(&server.bytes, secret, kind, purpose)?, associated(purpose, key), sealed)
}

const RECORD: &[u8] = b"panelgate/record/v1/";
const LABEL: &[u8] = b"panelgate/label/v1/";

fn close<T: Serialize>(key: &RandomizedNonceKey, aad: Aad<Vec<u8>>, value: &T) -> Result<Vec<u8>, SealError> {
    let mut sealed = serde_json::to_vec(value).map_err(SealError::Write)?;
    let nonce = key.seal_in_place_append_tag(aad, &mut sealed).map_err(|_| SealError::Closed)?;
    sealed.extend_from_slice(nonce.as_ref());
    Ok(sealed)
}

/// Opens what [`seal`] made, for the same token and purpose.
pub fn open<T: DeserializeOwned>(
    server: &ServerKey,
    token: &Token256,
    purpose: Purpose,
    sealed: Vec<u8>,
) -> Result<Unsealed<T>, SealError> {
    unclose_with(server, (token.expose_bytes(), RECORD, purpose), &token.digest(), sealed).map(Unsealed)
}

fn unclose<T: DeserializeOwned>(
    key: &RandomizedNonceKey,
    aad: Aad<Vec<u8>>,
    mut sealed: Vec<u8>,
) -> Result<T, SealError> {
    let at = sealed.len().checked_sub(aead::NONCE_LEN).ok_or(SealError::Closed)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(&sealed.split_off(at)).map_err(|_| SealError::Closed)?;
    let plain = key.open_in_place(nonce, aad, &mut sealed).map_err(|_| SealError::Closed)?;
    let value = serde_json::from_slice(plain).map_err(SealError::Read);
    plain.zeroize();
    value
}

fn associated(purpose: Purpose, key: &[u8; 32]) -> Aad<Vec<u8>> {
    Aad::from([purpose.as_str().as_bytes(), b"\0", key].concat())
}

fn record_key(
    server: &[u8; 32],
    secret: &[u8],
    kind: &[u8],
    purpose: Purpose,
) -> Result<RandomizedNonceKey, SealError> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, server).extract(secret);
    let info = [kind, purpose.as_str().as_bytes()];
    let mut bytes = [0; 32];
    prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut bytes)).map_err(|_| SealError::Closed)?;
    let key = RandomizedNonceKey::new(&aead::AES_256_GCM, &bytes).map_err(|_| SealError::Closed);
    bytes.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn token() -> Token256 {
        Token256::random(&SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_record_opens_only_with_both_keys_and_its_purpose() {
        let (server, mine) = (ServerKey::new([7; 32]), token());
        let sealed = seal(&server, &mine, Purpose::Session, &"secret words").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        let opened = |server: &ServerKey, token: &Token256, purpose, bytes: &[u8]| {
            open::<String>(server, token, purpose, bytes.to_vec()).map(Unsealed::into_inner).ok()
        };
        assert_eq!(opened(&server, &mine, Purpose::Session, &sealed).unwrap(), "secret words");
        assert_eq!(opened(&ServerKey::new([8; 32]), &mine, Purpose::Session, &sealed), None);
        assert_eq!(opened(&server, &token(), Purpose::Session, &sealed), None);
        assert_eq!(opened(&server, &mine, Purpose::Handoff, &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(opened(&server, &mine, Purpose::Session, &changed), None);
        }
        assert_eq!(opened(&server, &mine, Purpose::Session, b"short"), None);
    }

    #[test]
    fn a_label_opens_with_the_servers_key_for_its_record() {
        let server = ServerKey::new([7; 32]);
        let sealed = seal_label(&server, Purpose::Session, &[1; 32], &"Ann").unwrap();
        let opened = |server: &ServerKey, purpose, key: [u8; 32]| {
            open_label::<String>(server, purpose, &key, sealed.clone()).ok()
        };
        assert_eq!(opened(&server, Purpose::Session, [1; 32]).unwrap(), "Ann");
        assert_eq!(opened(&server, Purpose::Session, [2; 32]), None);
        assert_eq!(opened(&server, Purpose::Handoff, [1; 32]), None);
        assert_eq!(opened(&ServerKey::new([8; 32]), Purpose::Session, [1; 32]), None);
    }

    #[test]
    fn while_a_key_is_changed_each_opens_what_the_other_sealed() {
        let (old, new) = (ServerKey::new([7; 32]), ServerKey::new([8; 32]));
        let (not_yet, already) =
            (old.clone().with_others(std::slice::from_ref(&new)), new.clone().with_others(std::slice::from_ref(&old)));
        let mine = token();
        for (sealing, others) in [(&not_yet, [&already, &old]), (&already, [&not_yet, &new])] {
            let sealed = seal(sealing, &mine, Purpose::Session, &"words").unwrap();
            let label = seal_label(sealing, Purpose::Session, &[1; 32], &"Ann").unwrap();
            for opening in others.into_iter().chain([sealing]) {
                let opened = open::<String>(opening, &mine, Purpose::Session, sealed.clone()).unwrap();
                assert_eq!(opened.into_inner(), "words");
                assert_eq!(open_label::<String>(opening, Purpose::Session, &[1; 32], label.clone()).unwrap(), "Ann");
            }
            assert!(already.marks("subject", &["a"]).contains(&sealing.mark("subject", &["a"])));
            let place = label_sealed_with(sealing, Purpose::Session, &[1; 32], &label);
            assert_eq!(place, Some(0));
        }
        let sealed = seal(&already, &mine, Purpose::Session, &"words").unwrap();
        assert!(open::<String>(&old, &mine, Purpose::Session, sealed).is_err(), "the old one alone is no use any more");
        let ids = already.ids();
        assert_eq!((ids.len(), &ids[1]), (2, &old.ids()[0]));
        assert_eq!(already.clone().with_others(&[new]).ids().len(), 2, "a key is not its own former one");
    }

    #[test]
    fn a_mark_depends_on_the_key_the_kind_and_each_name() {
        let server = ServerKey::new([7; 32]);
        let mark = server.mark("subject", &["a", "bc"]);
        assert_eq!(mark, server.mark("subject", &["a", "bc"]));
        for other in [
            server.mark("subject", &["ab", "c"]),
            server.mark("sid", &["a", "bc"]),
            ServerKey::new([8; 32]).mark("subject", &["a", "bc"]),
        ] {
            assert_ne!(mark, other);
        }
    }
}
