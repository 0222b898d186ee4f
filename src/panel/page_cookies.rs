//! The few cookies that belong to a page's script and not to cpsrvd's session.
//!
//! Script of a panel's own pages sets or reads these (`docs/cpsrvd.md`, cookies); they carry a preference
//! and open nothing. They alone pass between browser and server, each checked and written anew. Everything
//! else that a browser calls a cookie stays with us, and everything else that a server sets stays in the jar.

use http::HeaderMap;
use http::HeaderValue;
use http::header::COOKIE;
use http::header::SET_COOKIE;

/// The names. A tool that needs another one gets it here, after a look at what it is for.
const NAMES: [&str; 5] = ["timezone", "session_locale", "lang", "langedit", "roundcube_cookies"];

/// Bytes of a value. The longest known is the name of a time zone.
const MOST_BYTES: usize = 256;

/// The page cookies that a browser sent: each once, or not at all.
pub fn from_browser(headers: &HeaderMap) -> Vec<(&'static str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| known(pair.trim_start()));
    let pairs: Vec<_> = pairs.collect();
    let sent = |name: &'static str| {
        let mut values = pairs.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value);
        let value = values.next().filter(|value| is_plain(value))?;
        values.next().is_none().then_some((name, value))
    };
    NAMES.into_iter().filter_map(sent).collect()
}

/// A pair under one of the names.
fn known(pair: &str) -> Option<(&'static str, &str)> {
    NAMES.into_iter().find_map(|name| Some((name, pair.strip_prefix(name)?.strip_prefix('=')?)))
}

/// The page cookies that a server set, as lines for the browser: for this host, and for as long as the
/// browser runs.
pub fn for_browser(headers: &HeaderMap, secure: bool) -> Vec<HeaderValue> {
    let lines = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let secure = if secure { "; Secure" } else { "" };
    let set = |line: &str| {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let hidden = parts.any(|attribute| attribute.eq_ignore_ascii_case("httponly"));
        let passes = !hidden && NAMES.contains(&name) && is_plain(value);
        passes.then(|| HeaderValue::from_str(&format!("{name}={value}; Path=/{secure}; SameSite=Strict")).ok())?
    };
    lines.filter_map(set).collect()
}

fn is_plain(value: &str) -> bool {
    value.len() <= MOST_BYTES && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/%+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_names_with_plain_values_pass() {
        let sent = |line: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(line));
            from_browser(&headers).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            sent("roundcube_cookies=enabled; timezone=Europe/Berlin"),
            "timezone=Europe/Berlin roundcube_cookies=enabled"
        );
        assert_eq!(sent("whostmgrsession=root%3ax; cpsession=x; __Host-panelgate-whm=x; other=1"), "");
        assert_eq!(sent("lang=de; lang=en"), "");
        assert_eq!(sent("lang=\"de\""), "");
    }

    #[test]
    fn a_server_can_set_them_for_its_own_page_only() {
        let set = |line: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
            for_browser(&headers, true).first().map(|line| line.to_str().unwrap().to_owned())
        };
        let line = set("timezone=UTC; Domain=connect.example.com; path=/x; port=2087");
        assert_eq!(line.as_deref(), Some("timezone=UTC; Path=/; Secure; SameSite=Strict"));
        for kept in ["timezone=UTC; HttpOnly", "whostmgrsession=x; path=/", "other=1", "lang=a b"] {
            assert_eq!(set(kept), None, "{kept}");
        }
    }
}
