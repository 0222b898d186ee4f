//! Durable, shared state: records that are sealed before they get here.
//!
//! One node keeps them in SQLite, several share them in PostgreSQL. The room knows keys, owners, expiry and bytes; what a record means is
//! the business of the room that sealed it.

mod bell;
mod database;
mod key_file;
mod layout;
mod leases;
mod look;
mod notices;
#[cfg(test)]
mod older;
mod records;
mod seal;
#[cfg(test)]
mod tests;

pub use key_file::KeyFileError;
pub use key_file::forget_former;
pub use key_file::former;
pub use key_file::read_or_create;
pub use key_file::rotate;
pub use key_file::shared_key;
pub use look::Seen;
pub use look::Shared;
pub use notices::NOTICE_LIFETIME;
pub use notices::Notice;
pub use records::Key;
pub use records::Labelled;
pub use records::Record;
pub use records::Store;
pub use records::StoreError;
pub use seal::Purpose;
pub use seal::SealError;
pub use seal::ServerKey;
pub use seal::Unsealed;
pub use seal::label_sealed_with;
pub use seal::open;
pub use seal::open_label;
pub use seal::seal;
pub use seal::seal_label;
