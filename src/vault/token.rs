//! Where a server's token is had when it is needed.

use std::sync::Arc;

use secrecy::SecretString;

use crate::model::SecretRef;
use crate::vault::binding::Binding;
use crate::vault::error::TokenError;
use crate::vault::read::read;
use crate::vault::records::Vault;

/// The way to one server's token. The token itself is in clear only with who asked for it.
#[derive(Clone, Debug)]
pub enum Token {
    /// It lies outside.
    Outside(SecretRef),
    /// It lies in the vault.
    Sealed(Arc<Vault>, Binding),
}

impl Token {
    /// Reads it.
    pub async fn read(&self) -> Result<SecretString, TokenError> {
        match self {
            Self::Outside(reference) => read(reference).map_err(TokenError::Outside),
            Self::Sealed(vault, binding) => Ok(vault.open(binding).await?.contents.token),
        }
    }
}
