//! The WHM or cPanel user that a session is opened as.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest account name accepted: an e-mail address (RFC 5321: 64 + 1 + 255 octets, and we stop at 254).
const MAX_LEN: usize = 254;

/// A WHM or cPanel user name, or for Webmail an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(Arc<str>);

/// What is wrong with an account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccount {
    /// It has no characters.
    #[error("the account name is empty")]
    Empty,
    /// It is longer than an e-mail address can be.
    #[error("the account name is longer than 254 characters")]
    TooLong,
    /// It holds something else than letters, digits and `. _ - + @`.
    #[error("the account name may hold only letters, digits and . _ - + @")]
    Character,
}

impl Account {
    /// The name as cPanel knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is WHM's most powerful account.
    pub fn is_root(&self) -> bool {
        &*self.0 == "root"
    }
}

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(name: &str) -> Result<Self, InvalidAccount> {
        if name.is_empty() {
            return Err(InvalidAccount::Empty);
        }
        if name.len() > MAX_LEN {
            return Err(InvalidAccount::TooLong);
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@".contains(&b)) {
            return Err(InvalidAccount::Character);
        }
        // Names stand in addresses, where these two mean something else.
        if matches!(name, "." | "..") {
            return Err(InvalidAccount::Character);
        }
        Ok(Self(name.into()))
    }
}

impl AsRef<str> for Account {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_users_and_addresses_only() {
        assert!("root".parse::<Account>().unwrap().is_root());
        assert!("ann+list@example.com".parse::<Account>().is_ok());
        assert_eq!("".parse::<Account>(), Err(InvalidAccount::Empty));
        assert_eq!("a b".parse::<Account>(), Err(InvalidAccount::Character));
        assert_eq!("..".parse::<Account>(), Err(InvalidAccount::Character));
        assert_eq!("root:x".parse::<Account>(), Err(InvalidAccount::Character));
        assert_eq!("a".repeat(255).parse::<Account>(), Err(InvalidAccount::TooLong));
    }
}
