//! The three services of cPanel & WHM, with their ports and cookie names.

use serde::Serialize;

/// A service that cpsrvd answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// WHM, ports 2087 and 2086.
    Whostmgrd,
    /// cPanel, ports 2083 and 2082.
    Cpaneld,
    /// Webmail, ports 2096 and 2095.
    Webmaild,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Whostmgrd, Self::Cpaneld, Self::Webmaild];

    /// The service that `create_user_session` calls by this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// The name in `create_user_session` and in the session log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whostmgrd => "whostmgrd",
            Self::Cpaneld => "cpaneld",
            Self::Webmaild => "webmaild",
        }
    }

    /// The TLS port.
    pub fn port(self) -> u16 {
        match self {
            Self::Whostmgrd => 2087,
            Self::Cpaneld => 2083,
            Self::Webmaild => 2096,
        }
    }

    /// The plain-text twin of [`Service::port`].
    pub fn plain_port(self) -> u16 {
        match self {
            Self::Whostmgrd => 2086,
            Self::Cpaneld => 2082,
            Self::Webmaild => 2095,
        }
    }

    /// The name of the session cookie.
    pub fn session_cookie(self) -> &'static str {
        match self {
            Self::Whostmgrd => "whostmgrsession",
            Self::Cpaneld => "cpsession",
            Self::Webmaild => "webmailsession",
        }
    }

    /// The name of the cookie that the login page clears.
    pub fn relogin_cookie(self) -> &'static str {
        match self {
            Self::Whostmgrd => "whostmgrrelogin",
            Self::Cpaneld => "cprelogin",
            Self::Webmaild => "webmailrelogin",
        }
    }
}

/// One listening port: a service, with or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) service: Service,
    pub(crate) tls: bool,
}

impl Endpoint {
    /// The six ports of a server.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Service::ALL.into_iter().flat_map(|service| [true, false].map(|tls| Self { service, tls }))
    }

    pub(crate) fn port(self) -> u16 {
        if self.tls { self.service.port() } else { self.service.plain_port() }
    }

    pub(crate) fn scheme(self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}
