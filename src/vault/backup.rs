//! The vault as a file: every token with what it is bound to, encrypted to the operators' keys.

use aws_lc_rs::rand::SecureRandom;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::model::Timestamp;
use crate::vault::age;
use crate::vault::age::AgeError;
use crate::vault::age::Identity;
use crate::vault::age::Recipient;
use crate::vault::binding::Binding;
use crate::vault::entry::Contents;
use crate::vault::entry::Entry;

/// What the file says that it is.
const FORMAT: &str = "panelgate.vault/1";

/// Why a backup cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The encryption.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// What is inside is not ours.
    #[error("what is encrypted is no backup of a vault")]
    Content,
}

#[derive(Serialize)]
struct Written<'w> {
    format: &'w str,
    made_at: Timestamp,
    records: Vec<WrittenRecord<'w>>,
}

#[derive(Serialize)]
struct WrittenRecord<'w> {
    #[serde(flatten)]
    binding: &'w Binding,
    name: Option<&'w str>,
    expires_at: Option<Timestamp>,
    token: &'w str,
}

#[derive(Deserialize)]
struct Read {
    format: String,
    records: Vec<ReadRecord>,
}

#[derive(Deserialize)]
struct ReadRecord {
    #[serde(flatten)]
    binding: Binding,
    name: Option<String>,
    expires_at: Option<Timestamp>,
    token: SecretString,
}

/// Writes a backup of these records. A change of a token that is under way is not in it.
pub fn export(
    entries: &[Entry],
    recipients: &[Recipient],
    now: Timestamp,
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, BackupError> {
    let written = Written { format: FORMAT, made_at: now, records: entries.iter().map(record).collect() };
    let tokens: usize = entries.iter().map(|entry| entry.contents.token.expose_secret().len()).sum();
    let mut plain = Zeroizing::new(Vec::with_capacity(1024 + entries.len() * 2048 + 6 * tokens));
    serde_json::to_writer(&mut *plain, &written).map_err(|_| BackupError::Content)?;
    Ok(age::encrypt(&plain, recipients, random)?)
}

fn record(entry: &Entry) -> WrittenRecord<'_> {
    let Entry { binding, contents: Contents { token, name, expires_at, .. }, .. } = entry;
    WrittenRecord { binding, name: name.as_deref(), expires_at: *expires_at, token: token.expose_secret() }
}

/// Reads a backup.
pub fn import(file: &[u8], identity: &Identity) -> Result<Vec<(Binding, Contents)>, BackupError> {
    let plain = age::decrypt(file, identity)?;
    let read: Read = serde_json::from_slice(&plain).map_err(|_| BackupError::Content)?;
    if read.format != FORMAT {
        return Err(BackupError::Content);
    }
    let record = |ReadRecord { binding, name, expires_at, token }| {
        (binding, Contents { token, name, expires_at, next: None, rotation: None })
    };
    Ok(read.records.into_iter().map(record).collect())
}
