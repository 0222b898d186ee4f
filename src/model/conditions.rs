//! When a permission holds: from where, from when until when, and how recently and how well signed in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::clock::Timestamp;

/// What must be true of a request besides who asks for what. Without any, a permission always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conditions {
    /// The networks that the person's address must be in one of; any address, if there are none.
    pub networks: Vec<Network>,
    /// The first moment.
    pub not_before: Option<Timestamp>,
    /// The moment from which on it is over.
    pub expires: Option<Timestamp>,
    /// How the person must have signed in.
    pub require: Strength,
}

/// How well somebody must have signed in. Without anything, as they did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Strength {
    /// The longest time since the provider last asked for proof (`auth_time`).
    pub max_age: Option<Duration>,
    /// The authentication context classes (`acr`) of which it must be one; any, if there are none.
    pub acr: Vec<AcrValue>,
}

/// An Authentication Context Class Reference (OpenID Connect Core 1.0, section 2), compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AcrValue(Box<str>);

/// The text is no authentication context class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an authentication context class has 1 to 200 visible characters of ASCII and no blank")]
pub struct InvalidAcrValue;

/// A network of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpNet);

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It is written in another way.
    #[error("it is no network")]
    Form,
    /// It has an address within the network where the first one belongs; the network is named.
    #[error("the network begins at {0}")]
    Host(Network),
    /// It is of IPv4 addresses mapped into IPv6, in which no address is ever seen here.
    #[error("addresses of IPv4 are written as such")]
    Mapped,
}

impl Conditions {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether these hold whenever others do, as far as that can be seen network by network.
    pub fn cover(&self, others: &Self) -> bool {
        let is_covered = |network: &Network| self.networks.iter().any(|wide| wide.covers(network));
        let from_there = !others.networks.is_empty() && others.networks.iter().all(is_covered);
        let at_its_end = self.expires.is_none_or(|end| others.expires.is_some_and(|other| other <= end));
        (self.networks.is_empty() || from_there)
            && self.not_before.unwrap_or_default() <= others.not_before.unwrap_or_default()
            && at_its_end
            && self.require.covers(&others.require)
    }
}

/// In words: `from 192.0.2.0/24, until 2026-12-31T18:00:00Z`; without any, `always`.
impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("always");
        }
        let mut parts = Vec::new();
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        if !networks.is_empty() {
            parts.push(format!("from {}", networks.join(" or ")));
        }
        parts.extend(self.not_before.map(|first| format!("since {}", Whole(first))));
        parts.extend(self.expires.map(|end| format!("until {}", Whole(end))));
        let require = self.require.to_string();
        parts.extend((!require.is_empty()).then_some(require));
        f.write_str(&parts.join(", "))
    }
}

/// In words: `signed in within 15 minutes, with acr phr or phrh`; without any, nothing.
impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(most) = self.max_age {
            let minutes = most.as_secs() / 60;
            write!(f, "signed in within {minutes} minute{}", if minutes == 1 { "" } else { "s" })?;
        }
        if self.acr.is_empty() {
            return Ok(());
        }
        let classes: Vec<&str> = self.acr.iter().map(AcrValue::as_str).collect();
        let comma = if self.max_age.is_some() { ", " } else { "" };
        write!(f, "{comma}with acr {}", classes.join(" or "))
    }
}

/// A moment without its milliseconds, unless it has some.
struct Whole(Timestamp);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.strip_suffix(".000Z") {
            Some(whole) => write!(f, "{whole}Z"),
            None => f.write_str(&text),
        }
    }
}

impl Strength {
    /// Whether every sign-in that meets another strength meets this one.
    fn covers(&self, other: &Self) -> bool {
        let is_young = self.max_age.is_none_or(|most| other.max_age.is_some_and(|age| age <= most));
        let among = !other.acr.is_empty() && other.acr.iter().all(|acr| self.acr.contains(acr));
        is_young && (self.acr.is_empty() || among)
    }

    /// Whether nothing is required.
    pub fn is_none(&self) -> bool {
        self.max_age.is_none() && self.acr.is_empty()
    }
}

impl AcrValue {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AcrValue {
    type Err = InvalidAcrValue;

    /// Blanks separate values in `acr_values` (OpenID Connect Core 1.0, section 3.1.2.1), so none has one.
    fn from_str(text: &str) -> Result<Self, InvalidAcrValue> {
        let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(InvalidAcrValue) }
    }
}

impl fmt::Display for AcrValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Network {
    /// Whether an address, in the form that is its own, is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Its first and last address.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        (self.0.network(), self.0.broadcast())
    }

    /// Whether every address of another network is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether it holds more addresses than a handful of machines of one purpose have: more than 256 of IPv4,
    /// or more than one network of IPv6.
    pub fn is_wide(&self) -> bool {
        self.0.prefix_len() < if self.0.addr().is_ipv4() { 24 } else { 64 }
    }

    /// Whether it is a whole family of addresses.
    pub fn is_everywhere(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let net = match text.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => text.parse::<IpAddr>().map(IpNet::from).map_err(|_| InvalidNetwork::Form)?,
        };
        if net.addr() != net.addr().to_canonical() {
            return Err(InvalidNetwork::Mapped);
        }
        if net.trunc() != net {
            return Err(InvalidNetwork::Host(Self(net.trunc())));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_from_its_first_address() {
        let parse = |text: &str| text.parse::<Network>();
        for good in ["192.0.2.0/24", "10.0.0.1", "0.0.0.0/0", "2001:db8::/32", "::1"] {
            assert_eq!(parse(good).unwrap().to_string(), good);
        }
        assert_eq!(parse("10.0.0.1/32").unwrap().to_string(), "10.0.0.1");
        assert_eq!(parse("10.0.0.1/8").unwrap_err().to_string(), "the network begins at 10.0.0.0/8");
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "office", "10.0.0.0 /8", "fe80::1%eth0"] {
            assert_eq!(parse(wrong), Err(InvalidNetwork::Form), "{wrong}");
        }
        assert_eq!(parse("::ffff:10.0.0.0/104"), Err(InvalidNetwork::Mapped));
    }

    #[test]
    fn an_address_is_in_a_network_of_its_own_family_alone() {
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("::1".parse().unwrap()));
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
        let office: Network = "192.0.2.0/24".parse().unwrap();
        assert!(office.contains("192.0.2.255".parse().unwrap()));
        assert!(!office.contains("192.0.3.0".parse().unwrap()));
    }

    #[test]
    fn conditions_read_as_a_sentence() {
        let mut conditions = Conditions::default();
        assert_eq!(conditions.to_string(), "always");
        conditions.expires = Some(Timestamp::from_secs(1_800_000_000));
        conditions.networks = vec!["192.0.2.0/24".parse().unwrap(), "::1".parse().unwrap()];
        conditions.require.max_age = Some(Duration::from_mins(1));
        conditions.require.acr = vec!["a".parse().unwrap(), "b".parse().unwrap()];
        assert_eq!(
            conditions.to_string(),
            "from 192.0.2.0/24 or ::1, until 2027-01-15T08:00:00Z, signed in within 1 minute, with acr a or b"
        );
    }

    #[test]
    fn a_context_class_is_one_word() {
        assert!("urn:mace:incommon:iap:silver".parse::<AcrValue>().is_ok());
        for wrong in ["", "a b", "a\n", "é", &"a".repeat(201)] {
            assert_eq!(wrong.parse::<AcrValue>(), Err(InvalidAcrValue), "{wrong}");
        }
    }
}
