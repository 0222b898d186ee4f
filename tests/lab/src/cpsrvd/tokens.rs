//! API tokens: the 32-character secrets of the `Authorization` header.

use std::net::IpAddr;
use std::sync::Mutex;

use super::accounts::Accounts;
use super::accounts::Kind;
use super::dates::unix_now;
use super::random;
use super::sync::lock;

/// One API token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Whose token it is.
    pub user: String,
    /// Its name, unique per user: at most 50 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The secret, 32 of `[A-Z0-9]`.
    pub secret: String,
    /// The ACLs it is limited to; `None` for all that its user has.
    pub acls: Option<Vec<String>>,
    /// UNIX time from which it is refused.
    pub expires_at: Option<u64>,
    /// The only addresses or networks that may use it; empty for any.
    pub whitelist_ips: Vec<String>,
    /// UNIX time of its creation.
    pub create_time: u64,
}

impl ApiToken {
    /// A token without limits.
    pub fn new(user: &str, name: &str) -> Self {
        Self {
            user: user.to_owned(),
            name: name.to_owned(),
            secret: random::capitals(32),
            acls: None,
            expires_at: None,
            whitelist_ips: Vec::new(),
            create_time: unix_now(),
        }
    }

    /// Whether the token covers an ACL, before what its user may.
    pub(crate) fn covers(&self, acl: &str) -> bool {
        self.acls.as_ref().is_none_or(|acls| acls.iter().any(|granted| granted == acl || granted == "all"))
    }

    fn accepts(&self, address: IpAddr, now: u64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
            && (self.whitelist_ips.is_empty() || self.whitelist_ips.iter().any(|entry| within(entry, address)))
    }
}

/// The tokens that a server knows.
#[derive(Debug)]
pub(super) struct TokenBook(Mutex<Vec<ApiToken>>);

impl TokenBook {
    /// The given tokens, and one named `panelgate` without limits for each account that can have one.
    pub(super) fn new(accounts: &Accounts, mut tokens: Vec<ApiToken>) -> Self {
        for account in accounts.iter().filter(|account| account.kind != Kind::Mailbox && !account.suspended) {
            if !tokens.iter().any(|token| token.user == account.user) {
                tokens.push(ApiToken::new(&account.user, "panelgate"));
            }
        }
        Self(Mutex::new(tokens))
    }

    /// The token with this secret, if this user may use it from this address now.
    pub(super) fn check(&self, user: &str, secret: &str, address: IpAddr) -> Option<ApiToken> {
        let now = unix_now();
        self.of(user).into_iter().find(|token| token.secret == secret && token.accepts(address, now))
    }

    /// A user's tokens in the order of their creation.
    pub(super) fn of(&self, user: &str) -> Vec<ApiToken> {
        lock(&self.0).iter().filter(|token| token.user == user).cloned().collect()
    }

    /// Adds a token, unless its user has one of that name.
    pub(super) fn add(&self, token: ApiToken) -> bool {
        let mut tokens = lock(&self.0);
        let free = !tokens.iter().any(|known| known.user == token.user && known.name == token.name);
        if free {
            tokens.push(token);
        }
        free
    }

    /// Changes a token in place and returns it as it is then.
    pub(super) fn update(&self, user: &str, name: &str, change: impl FnOnce(&mut ApiToken)) -> Option<ApiToken> {
        let mut tokens = lock(&self.0);
        let token = tokens.iter_mut().find(|token| token.user == user && token.name == name)?;
        change(token);
        Some(token.clone())
    }

    /// Removes the token with this name or secret. Says whether there was one.
    pub(super) fn revoke(&self, user: &str, name_or_secret: &str) -> bool {
        let mut tokens = lock(&self.0);
        let before = tokens.len();
        tokens.retain(|token| token.user != user || ![&*token.name, &*token.secret].contains(&name_or_secret));
        tokens.len() < before
    }
}

/// Whether an allow-list entry (an address or `network/bits`) holds an address.
fn within(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network.parse().ok(), bits.parse::<u32>().ok()),
        None => (entry.parse().ok(), Some(128)),
    };
    match (network, address, bits) {
        (Some(IpAddr::V4(network)), IpAddr::V4(address), Some(bits)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (Some(IpAddr::V6(network)), IpAddr::V6(address), Some(bits)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, address: &str, expected: bool) {
        assert_eq!(within(entry, address.parse().unwrap()), expected, "{address} in {entry}");
    }

    #[test]
    fn an_allow_list_holds_addresses_and_networks_of_one_family() {
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.0/24", "192.0.2.200", true);
        check("192.0.2.0/24", "192.0.3.1", false);
        check("0.0.0.0/0", "192.0.2.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8::1", true);
        check("nonsense", "192.0.2.1", false);
    }
}
