//! Secrets where they lie, read when they are needed and kept nowhere: outside (`env:`, `file:`, systemd's
//! `credential:`), or API tokens sealed in the store (`vault:`).
//!
//! A record of the vault has a data key of its own, drawn anew with each write and wrapped with the master key.
//! What the record says in clear (server, host, account, how the certificate is verified, the token's name and
//! end, and how far a rotation has come) is authenticated with both, so that a record that was moved or edited
//! does not open. What it is bound to is compared with the directory before the token is given out.

mod age;
mod backup;
mod binding;
mod entry;
mod error;
mod master_key;
mod read;
mod records;
mod seal;
#[cfg(test)]
mod tests;
mod token;

pub use age::AgeError;
pub use age::Identity;
pub use age::Recipient;
pub use backup::BackupError;
pub use backup::export;
pub use backup::import;
pub use binding::Binding;
pub use entry::Contents;
pub use entry::Entry;
pub use entry::Listed;
pub use entry::Rotation;
pub use error::TokenError;
pub use master_key::InvalidMasterKey;
pub use master_key::MasterKey;
pub use master_key::MasterKeys;
pub use read::VaultError;
pub use read::is_readable_by_others;
pub use read::read;
pub use records::Rekeyed;
pub use records::Reserved;
pub use records::Vault;
pub use token::Token;
