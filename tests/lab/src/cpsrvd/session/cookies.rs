//! Cookies in the spelling of cpsrvd, and reading them back byte for byte.

use percent_encoding::percent_decode_str;

use crate::cpsrvd::dates::Date;
use crate::cpsrvd::dates::unix_now;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::random;
use crate::cpsrvd::service::Service;

/// A second after the start of UNIX time: the date with which cookies are cleared.
const LONG_AGO: &str = "Thu, 01-Jan-1970 00:00:01 GMT";

/// Percent-encodes with lower-case digits, as cpsrvd writes cookie values and login URLs.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

/// The cookie of a session.
pub(super) fn session(exchange: &Exchange<'_>, value: &str) -> String {
    let same_site = if exchange.switches.same_site_lax { "; SameSite=Lax" } else { "" };
    format!("{}={value}; HttpOnly; {}{same_site}", exchange.service().session_cookie(), tail(exchange))
}

/// The cookie that a visitor without a session gets: a session of nobody.
pub(super) fn before_login(exchange: &Exchange<'_>) -> String {
    session(exchange, &encode(&format!(":{},{}", random::word(16), random::hex(32))))
}

/// The cookies that a login clears.
pub(super) fn clearing(exchange: &Exchange<'_>) -> Vec<String> {
    let names: &[&str] = match exchange.service() {
        Service::Whostmgrd => &["whostmgrrelogin"],
        Service::Cpaneld => &["cprelogin", "PPA_ID"],
        Service::Webmaild => &["webmailrelogin", "roundcube_sessid"],
    };
    names.iter().map(|name| clear(exchange, name)).collect()
}

/// The cookie that the login page clears.
pub(super) fn relogin(exchange: &Exchange<'_>) -> String {
    clear(exchange, exchange.service().relogin_cookie())
}

/// The cookie of a session's locale, which lives for a year.
pub(super) fn locale(exchange: &Exchange<'_>, locale: &str) -> String {
    let end = Date::at(unix_now() + 365 * 86_400).http();
    format!("session_locale={}; expires={end}; {}", encode(locale), tail(exchange))
}

/// The raw value of this service's session cookie: the first one, if it was sent more than once.
pub(super) fn received<'a>(exchange: &'a Exchange<'_>) -> Option<&'a str> {
    named(exchange, exchange.service().session_cookie())
}

/// The raw value of a cookie.
pub(crate) fn named<'a>(exchange: &'a Exchange<'_>, name: &str) -> Option<&'a str> {
    exchange
        .request
        .all("Cookie")
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(cookie, _)| *cookie == name)
        .map(|(_, value)| value)
}

/// Whether a received value is this cookie.
pub(super) fn is_same(exchange: &Exchange<'_>, received: &str, cookie: &str) -> bool {
    if exchange.switches.cookies_byte_for_byte {
        return received == cookie;
    }
    percent_decode_str(received).eq(percent_decode_str(cookie))
}

fn clear(exchange: &Exchange<'_>, name: &str) -> String {
    format!("{name}=no; HttpOnly; expires={LONG_AGO}; {}", tail(exchange))
}

fn tail(exchange: &Exchange<'_>) -> String {
    let endpoint = exchange.peer.endpoint;
    format!("path=/; port={}{}", endpoint.port(), if endpoint.tls { "; secure" } else { "" })
}
