//! A DNS host name or an IP address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// A host: a DNS name in lower case without a final dot, or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A DNS name (RFC 1123 section 2.1), at most 253 characters.
    Name(Arc<str>),
    /// An address.
    Ip(IpAddr),
}

/// The text is neither a DNS name nor an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS name or IP address")]
pub struct InvalidHost;

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = text.to_ascii_lowercase();
        let label_fits = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        // A name whose last label is all digits would be taken for an IPv4 address by some resolvers.
        let numeric_end = name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > 253 || numeric_end || !name.split('.').all(label_fits) {
            return Err(InvalidHost);
        }
        Ok(Self::Name(name.into()))
    }
}

impl Host {
    /// Whether the name is `localhost` or below it (RFC 6761 section 6.3), or a loopback address.
    pub fn is_localhost(&self) -> bool {
        match self {
            Self::Name(name) => &**name == "localhost" || name.ends_with(".localhost"),
            Self::Ip(ip) => ip.is_loopback(),
        }
    }

    /// This name with a label in front; an address has no sub-names and gives nothing.
    pub fn with_label(&self, label: &str) -> Option<Self> {
        match self {
            Self::Name(name) => format!("{label}.{name}").parse().ok(),
            Self::Ip(_) => None,
        }
    }
}

impl fmt::Display for Host {
    /// The form that stands in a URL: an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_have_one_spelling() {
        assert_eq!("Web1.Example.COM".parse::<Host>().unwrap().to_string(), "web1.example.com");
        assert_eq!("[::1]".parse::<Host>().unwrap().to_string(), "[::1]");
        for wrong in ["", ".", "a..b", "-a.b", "a_b", "a b", "1.2.3.999", "example.com.", "é.example"] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_localhost_is_localhost() {
        assert!("web1.connect.localhost".parse::<Host>().unwrap().is_localhost());
        assert!(!"localhost.example.com".parse::<Host>().unwrap().is_localhost());
    }
}
