//! Our own cookies out of a `Cookie` header. Others' are not looked at and go nowhere.

use http::HeaderMap;
use http::header::COOKIE;

use crate::model::Token256;

/// Our own cookies in the header lines of a request, which are gone through when one is asked for: most requests ask
/// for one, and once.
#[derive(Clone, Copy, Debug)]
pub struct Cookies<'h>(&'h HeaderMap);

impl<'h> Cookies<'h> {
    /// Those in these header lines.
    pub const fn of(headers: &'h HeaderMap) -> Self {
        Self(headers)
    }

    /// The largest number in cookies of this name: it says what the browser has seen, and gives no right.
    pub fn number(self, name: &str) -> Option<u64> {
        self.values(name).filter_map(number).max()
    }

    /// The token in the cookie of this name: 256 bits as base64url, and nothing else. One that comes twice is not
    /// taken at all: a sibling origin may have planted the other.
    pub fn token(self, name: &str) -> Option<Token256> {
        let mut tokens = self.values(name).filter_map(Token256::parse);
        let token = tokens.next()?;
        tokens.next().is_none().then_some(token)
    }

    /// The values under a name. HTTP/2 may split the line (RFC 9113 section 8.2.3).
    fn values(self, name: &str) -> impl Iterator<Item = &'h str> {
        let lines = self.0.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        pairs.filter_map(move |pair| pair.trim_start().strip_prefix(name)?.strip_prefix('='))
    }
}

/// A number in its one spelling, below what JSON takes for certain.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|number| *number < 1 << 53)?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        let mut headers = HeaderMap::new();
        let line = "panelgate-a=7; panelgate-b=07; panelgate-c=+7; panelgate-d=99999999999999999999; panelgate-a=3";
        headers.append(COOKIE, HeaderValue::from_static(line));
        let cookies = Cookies::of(&headers);
        assert_eq!(cookies.number("panelgate-a"), Some(7));
        for other in ["panelgate-b", "panelgate-c", "panelgate-d", "panelgate"] {
            assert_eq!(cookies.number(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_of_its_own_name_and_only_once() {
        let good = "A".repeat(43);
        let mut headers = HeaderMap::new();
        let line =
            format!("a=b; __Host-panelgate-session={good}; panelgate-login=short; other__Host-panelgate-whm={good}");
        headers.append(COOKIE, HeaderValue::from_str(&line).unwrap());
        let cookies = Cookies::of(&headers);
        assert!(cookies.token("__Host-panelgate-session").is_some());
        assert!(cookies.token("panelgate-login").is_none());
        assert!(cookies.token("__Host-panelgate-whm").is_none());
        assert!(cookies.token("__Host-panelgate").is_none());
        assert_eq!(cookies.number("panelgate-login"), None);
        headers.append(COOKIE, HeaderValue::from_str(&format!("__Host-panelgate-session={good}")).unwrap());
        assert!(Cookies::of(&headers).token("__Host-panelgate-session").is_none());
    }
}
