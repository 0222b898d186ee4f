//! Our own cookies out of a `Cookie` header. Others' are not looked at and go nowhere.

use http::HeaderMap;
use http::header::COOKIE;

use crate::model::Token256;

/// The cookies that a browser sent, by name, as far as they can be ours.
#[derive(Clone, Debug, Default)]
pub struct Cookies {
    found: Vec<(Box<str>, Token256)>,
    numbers: Vec<(Box<str>, u64)>,
}

impl Cookies {
    /// Reads the header lines (HTTP/2 may split them: RFC 9113 section 8.2.3).
    ///
    /// Ours hold 256 bits as base64url, or a number, and nothing else. One that comes twice is not taken at all:
    /// a sibling origin may have planted the other.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut found: Vec<(Box<str>, Token256)> = Vec::new();
        let mut twice: Vec<Box<str>> = Vec::new();
        let mut numbers: Vec<(Box<str>, u64)> = Vec::new();
        for line in headers.get_all(COOKIE) {
            let Ok(line) = line.to_str() else { continue };
            for pair in line.split(';') {
                let Some((name, value)) = pair.trim_start().split_once('=') else { continue };
                if !is_ours(name) {
                    continue;
                }
                let Some(token) = Token256::parse(value) else {
                    numbers.extend(number(value).map(|number| (name.into(), number)));
                    continue;
                };
                if found.iter().any(|(known, _)| &**known == name) {
                    twice.push(name.into());
                } else {
                    found.push((name.into(), token));
                }
            }
        }
        found.retain(|(name, _)| !twice.contains(name));
        Self { found, numbers }
    }

    /// The largest number in cookies of this name: it says what the browser has seen, and gives no right.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers.iter().filter(|(known, _)| &**known == name).map(|(_, number)| *number).max()
    }

    /// The token in the cookie of this name.
    pub fn token(&self, name: &str) -> Option<&Token256> {
        self.found.iter().find(|(known, _)| &**known == name).map(|(_, token)| token)
    }
}

/// A number in its one spelling, below what JSON takes for certain.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|number| *number < 1 << 53)?;
    (number.to_string() == text).then_some(number)
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix("__Host-").unwrap_or(name).starts_with("panelgate-")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        let mut headers = HeaderMap::new();
        let line =
            "panelgate-a=7; panelgate-b=07; panelgate-c=+7; panelgate-d=99999999999999999999; e=7; panelgate-a=3";
        headers.append(COOKIE, HeaderValue::from_static(line));
        let cookies = Cookies::read(&headers);
        assert_eq!(cookies.number("panelgate-a"), Some(7));
        for other in ["panelgate-b", "panelgate-c", "panelgate-d", "e"] {
            assert_eq!(cookies.number(other), None, "{other}");
        }
    }

    #[test]
    fn only_our_own_and_only_once() {
        let good = "A".repeat(43);
        let mut headers = HeaderMap::new();
        let line = format!("a=b; __Host-panelgate-session={good}; panelgate-login=short; whostmgrsession={good}");
        headers.append(COOKIE, HeaderValue::from_str(&line).unwrap());
        let cookies = Cookies::read(&headers);
        assert!(cookies.token("__Host-panelgate-session").is_some());
        assert!(cookies.token("panelgate-login").is_none());
        assert!(cookies.token("whostmgrsession").is_none());
        assert_eq!(cookies.number("panelgate-login"), None);
        headers.append(COOKIE, HeaderValue::from_str(&format!("__Host-panelgate-session={good}")).unwrap());
        assert!(Cookies::read(&headers).token("__Host-panelgate-session").is_none());
    }
}
