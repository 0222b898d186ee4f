//! The `/cpsess##########` path prefix.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use serde::Deserialize;
use serde::Serialize;

/// Digits of a token that we choose, as cPanel documents it ("cpsess" and a 10-digit number).
const DIGITS: usize = 10;

/// Most digits accepted from a server.
const MOST_DIGITS: usize = 20;

/// A security token: the number after `cpsess`, as cpsrvd spells it.
///
/// Not printed: it stands in addresses that people see, but logs must not hold it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecurityToken(Box<str>);

impl SecurityToken {
    /// Chooses one: ten random digits.
    pub fn random(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        let mut text = String::with_capacity(DIGITS);
        while text.len() < DIGITS {
            let mut bytes = [0; 16];
            random.fill(&mut bytes)?;
            // 250 is the largest multiple of ten below 256: taking more would favour low digits.
            let digits = bytes.into_iter().filter(|b| *b < 250).map(|b| char::from(b'0' + b % 10));

            let room = DIGITS - text.len();
            text.extend(digits.take(room));
        }
        Ok(Self(text.into()))
    }

    /// Reads `/cpsess1234567890` (with or without the slash).
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('/').unwrap_or(text).strip_prefix("cpsess")?;
        let fits = (1..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(digits.into()))
    }

    /// Whether a path element is this one's: `cpsess1234567890`.
    pub fn is(&self, element: &str) -> bool {
        element.strip_prefix("cpsess") == Some(&*self.0)
    }

    /// The first path element: `/cpsess1234567890`.
    pub fn expose_prefix(&self) -> String {
        ["/cpsess", &self.0].concat()
    }

    /// The first page under it: `/cpsess1234567890/`.
    pub fn expose_home(&self) -> String {
        ["/cpsess", &self.0, "/"].concat()
    }

    /// The value of the API's `cp_security_token`: `cpsess1234567890`.
    pub fn expose_parameter(&self) -> String {
        format!("cpsess{}", self.0)
    }
}

impl fmt::Debug for SecurityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_token_is_ten_digits_and_never_prints() {
        let token = SecurityToken::random(&SystemRandom::new()).unwrap();
        let prefix = token.expose_prefix();
        assert_eq!(prefix.len(), "/cpsess1234567890".len());
        assert_eq!(SecurityToken::parse(&prefix).unwrap(), token);
        assert!(!format!("{token:?}").contains(&token.expose_parameter()));
        for wrong in ["", "/cpsess", "/cpsess12a", "/x/cpsess1", "/cpsess123456789012345678901"] {
            assert!(SecurityToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
