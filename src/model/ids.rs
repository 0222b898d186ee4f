//! Names and ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A server's short name, usable as a DNS label (RFC 1123 section 2.1: 1 to 63 of `a-z 0-9 -`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(Arc<str>);

/// First labels by which cPanel recognises its services and the sites of customers (cPanel docs, service
/// and proxy subdomains). A panel origin that begins with one would be taken for something else.
const CPANELS_OWN: [&str; 8] =
    ["autoconfig", "autodiscover", "cpanel", "cpcalendars", "cpcontacts", "webdisk", "webmail", "whm"];

/// Why a name is not spelt like a DNS label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// It has no characters.
    #[error("the name is empty")]
    Empty,
    /// DNS labels end at 63 octets.
    #[error("the name is longer than 63 characters")]
    TooLong,
    /// It holds something else than `a-z`, `0-9` and `-`.
    #[error("the name may hold only lower-case letters, digits and hyphens")]
    Character,
    /// It begins or ends with a hyphen.
    #[error("the name may not begin or end with a hyphen")]
    Hyphen,
}

impl ServerId {
    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether cPanel's pages take a host name that begins with it for something else.
    pub fn is_cpanels_own(&self) -> bool {
        CPANELS_OWN.contains(&self.as_str())
    }
}

impl FromStr for ServerId {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        label(text).map(Self)
    }
}

fn label(text: &str) -> Result<Arc<str>, InvalidLabel> {
    if text.is_empty() {
        return Err(InvalidLabel::Empty);
    }
    if text.len() > 63 {
        return Err(InvalidLabel::TooLong);
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(InvalidLabel::Character);
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(InvalidLabel::Hyphen);
    }
    Ok(text.into())
}

impl AsRef<str> for ServerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The short name of an OpenID Provider, as it stands in its redirect address: spelt like a DNS label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        label(text).map(Self)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a role group: what our policy speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleGroupName(Box<str>);

impl RoleGroupName {
    /// The name, or nothing if it is empty, longer than 100 bytes, or holds control characters.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
        fits.then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleGroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id that a person can read out and that stands in the log beside what happened.
///
/// Ten characters of Crockford's base 32 (50 random bits): no vowels to form words, no `O` or `I` to
/// mistake for digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferenceId([u8; 11]);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl ReferenceId {
    /// Makes an id out of random bits, of which the lowest 50 are used.
    pub fn from_bits(bits: u64) -> Self {
        let mut text = *b"00000-00000";
        for (place, slot) in text.iter_mut().filter(|slot| **slot != b'-').enumerate() {
            let digit = (bits >> (5 * place)) & 31;
            *slot = usize::try_from(digit).ok().and_then(|d| CROCKFORD.get(d)).copied().unwrap_or(b'0');
        }
        Self(text)
    }

    /// The text: two halves with a hyphen between them.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same as bytes, which need no look at whether they are text.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_id_is_a_dns_label() {
        assert!("web1".parse::<ServerId>().is_ok());
        assert_eq!("".parse::<ServerId>(), Err(InvalidLabel::Empty));
        assert_eq!("Web1".parse::<ServerId>(), Err(InvalidLabel::Character));
        assert_eq!("web_1".parse::<ServerId>(), Err(InvalidLabel::Character));
        assert_eq!("-web".parse::<ServerId>(), Err(InvalidLabel::Hyphen));
        assert_eq!("a".repeat(64).parse::<ServerId>(), Err(InvalidLabel::TooLong));
    }

    #[test]
    fn a_reference_reads_in_two_halves() {
        assert_eq!(ReferenceId::from_bits(0).to_string(), "00000-00000");
        assert_eq!(ReferenceId::from_bits(u64::MAX).to_string(), "ZZZZZ-ZZZZZ");
    }
}
