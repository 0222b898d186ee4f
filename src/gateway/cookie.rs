//! Our cookies: names and attributes.
//!
//! `__Host-` ties a cookie to one host, TLS and the whole path (RFC 6265bis section 4.1.3), so no sibling
//! can plant one. Cookies ignore ports, so each service has a name of its own. On `http://localhost` the
//! prefix is left out: not every browser takes it there.

use std::time::Duration;

use http::HeaderValue;
use secrecy::ExposeSecret as _;

use crate::model::Scheme;
use crate::model::Service;
use crate::model::Token256;

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The person's session, on the console.
    Session,
    /// The browser's half of sign-ins under way, on the console.
    Login,
    /// The entry to a service of a server, on the panel origin.
    Panel(Service),
    /// The version of a panel session that the browser has seen, on the panel origin.
    Seen(Service),
    /// The verifier of a hand-off under way, on the panel origin.
    Verifier(Service),
}

impl Cookie {
    /// Its name.
    pub(super) fn name(self, scheme: Scheme) -> &'static str {
        let name = match self {
            Self::Session => "__Host-panelgate-session",
            Self::Login => "__Host-panelgate-login",
            Self::Panel(Service::Whostmgrd) => "__Host-panelgate-whm",
            Self::Panel(Service::Cpaneld) => "__Host-panelgate-cpanel",
            Self::Panel(Service::Webmaild) => "__Host-panelgate-webmail",
            Self::Seen(Service::Whostmgrd) => "__Host-panelgate-whm-seen",
            Self::Seen(Service::Cpaneld) => "__Host-panelgate-cpanel-seen",
            Self::Seen(Service::Webmaild) => "__Host-panelgate-webmail-seen",
            Self::Verifier(Service::Whostmgrd) => "__Host-panelgate-whm-verifier",
            Self::Verifier(Service::Cpaneld) => "__Host-panelgate-cpanel-verifier",
            Self::Verifier(Service::Webmaild) => "__Host-panelgate-webmail-verifier",
        };
        match scheme {
            Scheme::Https => name,
            Scheme::Http => name.trim_start_matches("__Host-"),
        }
    }

    /// A `Set-Cookie` line that sets it: until the browser closes, or for `lifetime`.
    pub(super) fn set(self, scheme: Scheme, token: &Token256, lifetime: Option<Duration>) -> Option<HeaderValue> {
        let max_age = lifetime.map(|span| format!("; Max-Age={}", span.as_secs())).unwrap_or_default();
        self.line(scheme, token.expose().expose_secret(), &max_age)
    }

    /// A `Set-Cookie` line that sets it to a number, until the browser closes.
    pub(super) fn number(self, scheme: Scheme, number: u64) -> Option<HeaderValue> {
        self.line(scheme, &number.to_string(), "")
    }

    /// A `Set-Cookie` line that removes it.
    pub(super) fn clear(self, scheme: Scheme) -> Option<HeaderValue> {
        self.line(scheme, "", "; Max-Age=0")
    }

    fn line(self, scheme: Scheme, value: &str, max_age: &str) -> Option<HeaderValue> {
        let secure = match scheme {
            Scheme::Https => "; Secure",
            Scheme::Http => "",
        };
        // The way back from the provider starts on another site; a panel is only ever entered from ours.
        let same_site = match self {
            Self::Session | Self::Login => "Lax",
            Self::Panel(_) | Self::Seen(_) | Self::Verifier(_) => "Strict",
        };
        let name = self.name(scheme);
        let line = format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite={same_site}{max_age}");
        let mut header = HeaderValue::from_str(&line).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_cookie_is_for_one_host_and_no_script() {
        let token = Token256::random(&SystemRandom::new()).unwrap();
        let text = |header: Option<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        let line = text(Cookie::Panel(Service::Whostmgrd).set(Scheme::Https, &token, None));
        assert!(line.starts_with("__Host-panelgate-whm="), "{line}");
        assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{line}");
        let line = text(Cookie::Login.set(Scheme::Http, &token, Some(Duration::from_mins(10))));
        assert!(line.starts_with("panelgate-login="), "{line}");
        assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"), "{line}");
        assert!(text(Cookie::Session.clear(Scheme::Https)).contains("session=; "), "cleared");
    }
}
