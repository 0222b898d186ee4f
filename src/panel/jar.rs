//! cpsrvd's cookies, kept on our side.

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderMap;
use http::HeaderValue;
use http::header::SET_COOKIE;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroize;

/// Cookies in one jar. Panels and their tools set around ten.
const MOST_COOKIES: usize = 50;

/// Bytes of one cookie, name and value (RFC 6265 section 6.1 asks clients to take 4096).
const MOST_BYTES: usize = 4096;

/// The names under which cpsrvd keeps its sessions.
const SESSION_COOKIES: [&str; 3] = ["whostmgrsession", "cpsession", "webmailsession"];

/// Whether a cookie of this name is a cpsrvd session.
pub fn is_session_cookie(name: &str) -> bool {
    SESSION_COOKIES.contains(&name)
}

/// The cookies of a jar on their way through a sealed record. They are printable ASCII.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JarRecord(BTreeMap<String, String>);

impl fmt::Debug for JarRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JarRecord({} cookies)", self.0.len())
    }
}

/// The cookies of one panel session: opaque bytes, sent back exactly as they came.
///
/// Never merged with another one's and never printed. `Domain` and `Path` are not looked at: a jar
/// belongs to one service of one server, and cpsrvd's cookies are for all of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CookieJar {
    cookies: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// All of them as they are sent: every request needs it, and few answers change it.
    line: Option<HeaderValue>,
}

impl CookieJar {
    /// Takes in every `Set-Cookie` of an answer; says whether that changed anything. What is too large, or too
    /// many, is left out.
    pub fn absorb(&mut self, headers: &HeaderMap) -> bool {
        let mut changed = false;
        for line in headers.get_all(SET_COOKIE) {
            changed |= self.absorb_line(line.as_bytes());
        }
        changed
    }

    fn absorb_line(&mut self, line: &[u8]) -> bool {
        let mut parts = line.split(|b| *b == b';');
        let Some((name, value)) = parts.next().and_then(pair) else { return false };
        if name.is_empty() || name.len() + value.len() > MOST_BYTES || !is_cookie_text(name) || !is_cookie_text(value) {
            return false;
        }
        // The other attributes (`port=2087` of RFC 2965 among them) are for browsers.
        if parts.any(ends_the_cookie) || value.is_empty() { self.drop(name) } else { self.put(name, value) }
    }

    fn put(&mut self, name: &[u8], value: &[u8]) -> bool {
        let is_full = self.cookies.len() >= MOST_COOKIES;
        match self.cookies.get(name) {
            Some(known) if **known == *value => return false,
            None if is_full => return false,
            Some(_) | None => self.cookies.insert(name.into(), value.into()),
        };
        self.line = self.written(&[]);
        true
    }

    fn drop(&mut self, name: &[u8]) -> bool {
        let is_gone = self.cookies.remove(name).is_some();
        self.line = self.written(&[]);
        is_gone
    }

    /// This jar with what has changed in another one from `before` to `after`.
    #[must_use]
    pub fn with_changes(&self, before: &Self, after: &Self) -> Self {
        let mut merged = self.clone();
        for name in before.cookies.keys().filter(|name| !after.cookies.contains_key(*name)) {
            merged.drop(name);
        }
        for (name, value) in after.cookies.iter().filter(|(name, value)| before.cookies.get(*name) != Some(value)) {
            merged.put(name, value);
        }
        merged
    }

    /// What is in it, to be sealed.
    pub fn record(&self) -> JarRecord {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        JarRecord(self.cookies.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// The jar of a record.
    pub fn restore(record: &JarRecord) -> Self {
        let mut jar = Self::default();
        for (name, value) in &record.0 {
            jar.put(name.as_bytes(), value.as_bytes());
        }
        jar
    }

    /// Whether the jar holds a session of cpsrvd.
    pub fn has_session(&self) -> bool {
        SESSION_COOKIES.iter().any(|name| self.cookies.contains_key(name.as_bytes()))
    }

    /// The `Cookie` header, marked as sensitive; nothing if there is no cookie to send.
    ///
    /// `page` are cookies of the page's own script: where the jar has one of the same name, the page's is
    /// the newer one. A session cookie is never taken from a page.
    pub fn header(&self, page: &[(&str, &str)]) -> Option<HeaderValue> {
        if page.is_empty() { self.line.clone() } else { self.written(page) }
    }

    fn written(&self, page: &[(&str, &str)]) -> Option<HeaderValue> {
        let of_page = page.iter().filter(|(name, _)| !is_session_cookie(name));
        let of_page = of_page.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let of_jar = self.cookies.iter().map(|(name, value)| (&**name, &**value));
        let replaced =
            |name: &[u8]| page.iter().any(|(other, _)| other.as_bytes() == name && !is_session_cookie(other));
        let of_jar = of_jar.filter(|(name, _)| !replaced(name));
        let mut line = Vec::new();
        for (name, value) in of_jar.chain(of_page) {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            line.extend_from_slice(name);
            line.push(b'=');
            line.extend_from_slice(value);
        }
        let mut header = HeaderValue::from_bytes(&line).ok().filter(|v| !v.is_empty());
        line.zeroize();
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        header
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieJar({} cookies)", self.cookies.len())
    }
}

fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|b| *b == b'=')?;
    let (name, value) = part.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// Printable ASCII without what separates cookies. Values stay as they are, percent-encoding and all.
fn is_cookie_text(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b','))
}

/// `Max-Age` of zero or less, or an `Expires` in 1970 or 1971, which is how cpsrvd clears a cookie.
fn ends_the_cookie(attribute: &[u8]) -> bool {
    let Some((name, value)) = pair(attribute) else { return false };
    if name.eq_ignore_ascii_case(b"max-age") {
        return value.starts_with(b"-") || value == b"0";
    }
    name.eq_ignore_ascii_case(b"expires") && value.windows(4).any(|year| year == b"1970" || year == b"1971")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&'static str]) -> CookieJar {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }
        let mut jar = CookieJar::default();
        jar.absorb(&headers);
        jar
    }

    fn sent(jar: &CookieJar) -> String {
        jar.header(&[]).map(|h| h.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn a_value_goes_back_as_it_came() {
        let jar = jar(&[
            "whostmgrsession=root%3aAbCd%2c0011; HttpOnly; path=/; port=2087; secure",
            "cprelogin=no; HttpOnly; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/; port=2083; secure",
            "b=1=2; SameSite=Lax",
        ]);
        assert_eq!(sent(&jar), "b=1=2; whostmgrsession=root%3aAbCd%2c0011");
        assert!(jar.has_session());
        assert!(!format!("{jar:?}").contains("AbCd"));
    }

    #[test]
    fn a_pages_own_cookie_goes_along_and_no_session_does() {
        let jar = jar(&["whostmgrsession=mine", "lang=de"]);
        let line = jar.header(&[("lang", "en"), ("whostmgrsession", "forged")]).unwrap();
        assert_eq!(line, "whostmgrsession=mine; lang=en");
    }

    #[test]
    fn a_cookie_is_replaced_and_cleared() {
        assert_eq!(sent(&jar(&["a=1", "a=2"])), "a=2");
        assert_eq!(sent(&jar(&["a=1", "a=x; Max-Age=0"])), "");
        assert_eq!(sent(&jar(&["a=1", "a="])), "");
    }

    #[test]
    fn what_two_gateways_changed_comes_together() {
        let common = jar(&["whostmgrsession=s", "lang=en", "old=1"]);
        let here = jar(&["whostmgrsession=s", "lang=de", "old=1", "mail=a"]);
        let there = jar(&["whostmgrsession=s", "lang=en", "token=b"]);
        let merged = there.with_changes(&common, &here);
        assert_eq!(sent(&merged), "lang=de; mail=a; token=b; whostmgrsession=s");
        assert_eq!(sent(&here.with_changes(&common, &there)), sent(&merged));
        let restored = CookieJar::restore(&merged.record());
        assert!(restored == merged && !format!("{:?}", merged.record()).contains("whostmgr"));
    }

    #[test]
    fn a_jar_says_whether_an_answer_changed_it() {
        let mut jar = jar(&["a=1"]);
        for (line, changed) in [("a=1", false), ("a=2", true), ("b=; Max-Age=0", false), ("a=; Max-Age=0", true)] {
            assert_eq!(jar.absorb_line(line.as_bytes()), changed, "{line}");
        }
    }

    #[test]
    fn a_jar_is_bounded() {
        let mut jar = CookieJar::default();
        for n in 0..60 {
            jar.absorb_line(format!("c{n}=1").as_bytes());
        }
        assert_eq!(jar.cookies.len(), MOST_COOKIES);
        jar.absorb_line(format!("c0={}", "x".repeat(5000)).as_bytes());
        assert_eq!(jar.cookies.get(b"c0".as_slice()).unwrap().as_ref(), b"1");
        for odd in ["a b=1", "=1", "x", "n=a\tb", ""] {
            jar.absorb_line(odd.as_bytes());
        }
        assert_eq!(jar.cookies.len(), MOST_COOKIES);
    }
}
