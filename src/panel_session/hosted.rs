//! A server, as far as panel sessions need it.

use crate::model::Account;
use crate::model::Service;
use crate::panel::ApiCredential;
use crate::upstream::Client;
use crate::upstream::Upstream;
use crate::vault::Token;
use crate::vault::TokenError;

/// What makes a server entry what it is to panel sessions: a digest of host, address, trust and token
/// reference. A panel session is used under the entry that it was opened under, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerIdentity(pub [u8; 32]);

/// A server with what it takes to open sessions on it.
#[derive(Clone, Debug)]
pub struct Hosted {
    /// Changes when panel sessions of before must not be used any more.
    pub identity: ServerIdentity,
    /// The way there.
    pub upstream: Upstream,
    /// The owner of the API token.
    pub api_account: Account,
    /// The API token.
    pub api_token: Token,
}

impl Hosted {
    /// What it takes to call its API.
    pub(super) async fn api(&self) -> Result<(Client, ApiCredential), TokenError> {
        let token = self.api_token.read().await?;
        let credential = ApiCredential { account: self.api_account.clone(), token };
        Ok((self.upstream.client(Service::Whostmgrd), credential))
    }
}
