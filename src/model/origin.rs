//! Web origins (RFC 6454).

use std::fmt;
use std::str::FromStr;

use crate::model::host::Host;

/// The two schemes that an origin of ours can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Clear text: only on `localhost`.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The name as it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is not written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A scheme, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, always given.
    pub port: u16,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// It is not `http://…` or `https://…`.
    #[error("an origin begins with https:// (or, on localhost, http://)")]
    Scheme,
    /// The host is not one.
    #[error("the origin's host is not a DNS name or IP address")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the origin's port is not a number from 1 to 65535")]
    Port,
    /// Something follows the host and port.
    #[error("an origin has no path, query, fragment or user name")]
    Trailing,
}

impl Origin {
    /// Host and port as the `Host` header spells them: the default port is left out.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(InvalidOrigin::Scheme);
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(InvalidOrigin::Trailing);
        }
        let (host, port) = match rest.rsplit_once(':') {
            // A colon inside the brackets of an IPv6 address is not the one before a port.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            None => scheme.default_port(),
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p != 0).ok_or(InvalidOrigin::Port)?
            }
            Some(_) => return Err(InvalidOrigin::Port),
        };
        Ok(Self { scheme, host: host.parse().map_err(|_| InvalidOrigin::Host)?, port })
    }
}

impl fmt::Display for Origin {
    /// The ASCII serialization (RFC 6454 section 6.2): the default port is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_back_as_browsers_write_it() {
        for (text, written) in [
            ("https://Connect.example.com", "https://connect.example.com"),
            ("https://connect.example.com:443", "https://connect.example.com"),
            ("https://web1.connect.example.com:2087", "https://web1.connect.example.com:2087"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), written);
        }
        assert_eq!("ftp://a".parse::<Origin>(), Err(InvalidOrigin::Scheme));
        assert_eq!("https://a/".parse::<Origin>(), Err(InvalidOrigin::Trailing));
        assert_eq!("https://a:0".parse::<Origin>(), Err(InvalidOrigin::Port));
        assert_eq!("https://u@a".parse::<Origin>(), Err(InvalidOrigin::Trailing));
    }
}
