//! The three services of a cPanel & WHM server.

use std::fmt;
use std::str::FromStr;

/// A service of cPanel & WHM, by the names of `create_user_session` (cPanel API docs, WHM API 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// WHM, on port 2087.
    Whostmgrd,
    /// cPanel, on port 2083.
    Cpaneld,
    /// Webmail, on port 2096.
    Webmaild,
}

/// The text names no service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service is one of whostmgrd, cpaneld, webmaild")]
pub struct UnknownService;

impl Service {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Whostmgrd, Self::Cpaneld, Self::Webmaild];

    /// The name in the API and in our configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whostmgrd => "whostmgrd",
            Self::Cpaneld => "cpaneld",
            Self::Webmaild => "webmaild",
        }
    }

    /// The name that people know.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Whostmgrd => "WHM",
            Self::Cpaneld => "cPanel",
            Self::Webmaild => "Webmail",
        }
    }

    /// The TLS port, on cpsrvd and, in the `ports` style, on our side.
    pub const fn port(self) -> u16 {
        match self {
            Self::Whostmgrd => 2087,
            Self::Cpaneld => 2083,
            Self::Webmaild => 2096,
        }
    }

    /// The first host label by which cPanel's front-end recognises the service.
    pub const fn host_label(self) -> &'static str {
        match self {
            Self::Whostmgrd => "whm",
            Self::Cpaneld => "cpanel",
            Self::Webmaild => "webmail",
        }
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        Self::ALL.into_iter().find(|s| s.as_str() == name).ok_or(UnknownService)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
