//! Why a token is not given out.

use crate::store::StoreError;
use crate::vault::read::VaultError;

/// Why a server's API token cannot be had, or its record not be changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It does not lie outside where the directory says.
    #[error("the API token cannot be read from where the directory says")]
    Outside(#[source] VaultError),
    /// There is no record.
    #[error("the vault has no token of {0}: store one with `panelgate vault set {0}`")]
    Missing(String),
    /// There is a record already.
    #[error("the vault has a token of {0} already")]
    Exists(String),
    /// The record was sealed with a key that is not among those configured.
    #[error(
        "the vault's record of {server} is sealed with master key {key}, and that is none of the configured ones ({configured})"
    )]
    OtherKey {
        /// Whose record.
        server: String,
        /// The id of its key.
        key: String,
        /// The ids of the keys there are.
        configured: String,
    },
    /// The record does not open although the key is right.
    #[error("the vault's record of {0} does not open: it was moved or changed outside of Panelgate")]
    Altered(String),
    /// The record opens, and is bound to something else than the directory says.
    #[error("the directory has {difference}: if that is right, run `panelgate vault rebind {server}`")]
    Bound {
        /// Whose record.
        server: String,
        /// What differs.
        difference: String,
    },
    /// Somebody else changed the record meanwhile.
    #[error("the vault's record of {0} was changed by somebody else meanwhile")]
    Overtaken(String),
    /// The store did not do it.
    #[error("the vault's store failed")]
    Store(#[source] StoreError),
    /// The cipher or the random source failed.
    #[error("the vault cannot seal")]
    Seal,
}
