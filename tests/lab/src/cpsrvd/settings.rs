//! What a double is started with.

use std::net::IpAddr;

use super::accounts::Accounts;
use super::switches::Switches;
use super::tokens::ApiToken;
use crate::pki::Identity;

/// What a double is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's host name, as `gethostname` gives it.
    pub hostname: String,
    /// Where it listens, on the six ports of [`Service`](super::Service).
    pub ip: IpAddr,
    /// Its certificate; without one, a self-signed certificate for the host name.
    pub identity: Option<Identity>,
    /// Who exists.
    pub accounts: Accounts,
    /// API tokens. Every account but mailboxes that has none here gets one without limits.
    pub tokens: Vec<ApiToken>,
    /// How it behaves.
    pub switches: Switches,
}

impl Settings {
    /// A freshly installed server with the accounts of [`Accounts::default`].
    pub fn new(hostname: &str, ip: IpAddr) -> Self {
        Self {
            hostname: hostname.to_owned(),
            ip,
            identity: None,
            accounts: Accounts::default(),
            tokens: Vec::new(),
            switches: Switches::default(),
        }
    }
}
