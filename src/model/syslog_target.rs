//! Where syslog listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where syslog listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTarget {
    /// A datagram socket of this machine.
    Unix(PathBuf),
    /// One datagram for each record. Nobody says whether it arrives.
    Udp(String),
    /// A connection.
    Tcp(String),
}

/// A text that says no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not unix:PATH, udp:HOST:PORT or tcp:HOST:PORT")]
pub struct InvalidSyslogTarget;

impl FromStr for SyslogTarget {
    type Err = InvalidSyslogTarget;

    fn from_str(text: &str) -> Result<Self, InvalidSyslogTarget> {
        let is_address = |text: &str| {
            text.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
        };
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("udp", address)) if is_address(address) => Ok(Self::Udp(address.to_owned())),
            Some(("tcp", address)) if is_address(address) => Ok(Self::Tcp(address.to_owned())),
            _ => Err(InvalidSyslogTarget),
        }
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_how_and_where() {
        for text in ["unix:/dev/log", "udp:log.example.com:514", "tcp:[2001:db8::1]:601"] {
            assert_eq!(text.parse::<SyslogTarget>().unwrap().to_string(), text);
        }
        for text in ["", "unix:log", "udp:host", "tcp::601", "tcp:host:0", "tls:host:6514"] {
            assert_eq!(text.parse::<SyslogTarget>(), Err(InvalidSyslogTarget), "{text}");
        }
    }
}
