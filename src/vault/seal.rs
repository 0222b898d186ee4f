//! Sealing a record: AES-256-GCM twice, the token under a data key and the data key under the master key.

use aws_lc_rs::aead;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::RandomizedNonceKey;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::vault::binding::Binding;
use crate::vault::entry::Contents;
use crate::vault::entry::Entry;
use crate::vault::entry::Facts;
use crate::vault::error::TokenError;
use crate::vault::master_key::MasterKey;
use crate::vault::master_key::MasterKeys;

/// The version of the record.
const VERSION: u32 = 1;

const WRAPPED: &[u8] = b"panelgate/vault/data-key/v1\0";
const SEALED: &[u8] = b"panelgate/vault/token/v1\0";

/// A record as it lies in the store.
#[derive(Serialize, Deserialize)]
struct Lying {
    /// The facts as JSON, exactly as they were authenticated.
    facts: String,
    /// The id of the master key.
    key: String,
    /// The data key under the master key, in base64.
    data_key: String,
    /// The secrets under the data key, in base64.
    sealed: String,
}

/// What is sealed.
#[derive(Serialize)]
struct Secrets<'s> {
    token: &'s str,
    next: Option<&'s str>,
}

#[derive(Deserialize)]
struct ReadSecrets {
    token: SecretString,
    next: Option<SecretString>,
}

/// Seals a record with a new data key under the current master key.
pub(super) fn seal(
    keys: &MasterKeys,
    random: &dyn SecureRandom,
    facts: &Facts,
    contents: &Contents,
) -> Result<Vec<u8>, TokenError> {
    let facts = serde_json::to_string(&Facts { version: VERSION, ..facts.clone() }).map_err(|_| TokenError::Seal)?;
    let mut data_key = Zeroizing::new([0; 32]);
    random.fill(data_key.as_mut_slice()).map_err(|_| TokenError::Seal)?;
    let next = contents.next.as_ref().map(SecretString::expose_secret);
    let secrets = Secrets { token: contents.token.expose_secret(), next };
    // Room for all of it at once, so that growing leaves no copies behind.
    let room = 64 + 6 * (secrets.token.len() + secrets.next.map_or(0, str::len));
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *plain, &secrets).map_err(|_| TokenError::Seal)?;
    let wrapping_key = wrapping(&keys.current)?;
    let lying = Lying {
        key: keys.current.id(),
        data_key: close(&wrapping_key, WRAPPED, &facts, data_key.as_slice())?,
        sealed: close(&data_key, SEALED, &facts, &plain)?,
        facts,
    };
    serde_json::to_vec(&lying).map_err(|_| TokenError::Seal)
}

/// The facts of a record, not authenticated, and the id of its key.
pub(super) fn facts(raw: &[u8]) -> Option<(Facts, String)> {
    let lying: Lying = serde_json::from_slice(raw).ok()?;
    Some((serde_json::from_str(&lying.facts).ok()?, lying.key))
}

/// Opens a record, which has to be that of this server.
pub(super) fn open(keys: &MasterKeys, server: &str, raw: Vec<u8>) -> Result<Entry, TokenError> {
    let altered = || TokenError::Altered(server.to_owned());
    let lying: Lying = serde_json::from_slice(&raw).map_err(|_| altered())?;
    let key = keys.find(&lying.key).ok_or_else(|| TokenError::OtherKey {
        server: server.to_owned(),
        key: lying.key.chars().filter(char::is_ascii_hexdigit).take(8).collect(),
        configured: keys.ids(),
    })?;
    let wrapping_key = wrapping(key)?;
    let data_key = unclose(&wrapping_key, WRAPPED, &lying.facts, &lying.data_key).ok_or_else(altered)?;
    let data_key: Zeroizing<[u8; 32]> = Zeroizing::new(data_key.as_slice().try_into().map_err(|_| altered())?);
    let plain = unclose(&data_key, SEALED, &lying.facts, &lying.sealed).ok_or_else(altered)?;
    let secrets: ReadSecrets = serde_json::from_slice(&plain).map_err(|_| altered())?;
    let facts: Facts = serde_json::from_str(&lying.facts).map_err(|_| altered())?;
    if facts.binding.server != server || facts.version != VERSION {
        return Err(altered());
    }
    let Facts { binding, name, expires_at, stored_at, rotation, .. } = facts;
    let contents = Contents { token: secrets.token, name, expires_at, next: secrets.next, rotation };
    Ok(Entry { binding, contents, stored_at, raw })
}

/// Whether an open record is bound to what the directory says.
pub(super) fn is_bound(entry: Entry, binding: &Binding) -> Result<Entry, TokenError> {
    match entry.binding.difference(binding) {
        None => Ok(entry),
        Some(difference) => Err(TokenError::Bound { server: binding.server.clone(), difference }),
    }
}

fn wrapping(key: &MasterKey) -> Result<Zeroizing<[u8; 32]>, TokenError> {
    key.wrapping().ok_or(TokenError::Seal)
}

fn close(key: &[u8; 32], kind: &[u8], facts: &str, plain: &[u8]) -> Result<String, TokenError> {
    let key = RandomizedNonceKey::new(&aead::AES_256_GCM, key).map_err(|_| TokenError::Seal)?;
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + aead::NONCE_LEN + 16));
    sealed.extend_from_slice(plain);
    let aad = Aad::from([kind, facts.as_bytes()].concat());
    let nonce = key.seal_in_place_append_tag(aad, &mut *sealed).map_err(|_| TokenError::Seal)?;
    sealed.extend_from_slice(nonce.as_ref());
    Ok(STANDARD.encode(&*sealed))
}

fn unclose(key: &[u8; 32], kind: &[u8], facts: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = RandomizedNonceKey::new(&aead::AES_256_GCM, key).ok()?;
    let mut bytes = Zeroizing::new(STANDARD.decode(sealed).ok()?);
    let at = bytes.len().checked_sub(aead::NONCE_LEN)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(&bytes.split_off(at)).ok()?;
    let aad = Aad::from([kind, facts.as_bytes()].concat());
    let length = key.open_in_place(nonce, aad, &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}
