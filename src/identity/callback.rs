//! The authorization response as it comes back through the browser (RFC 6749 section 4.1.2, RFC 9207).

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::identity::error::LoginError;
use crate::identity::error::Refusal;
use crate::model::Token256;

/// The longest query that is read, in bytes; codes of some providers have several KiB.
const MAX_QUERY: usize = 16 * 1024;
/// The most parameters that are read; providers send up to six.
const MAX_PARAMS: usize = 32;

/// An authorization response that can be read. It proves nothing: anybody can send one.
#[derive(Debug)]
pub struct Callback {
    state: Token256,
    iss: Option<String>,
    outcome: Outcome,
}

/// What the provider says came of the sign-in.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A code to exchange.
    Code(SecretString),
    /// An error.
    Refused(Refusal),
}

/// Why an authorization response cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedCallback {
    /// The query is longer than 16 KiB or has more than 32 parameters.
    #[error("it is too long")]
    TooLong,
    /// A parameter stands twice (RFC 6749 section 3.1 forbids it).
    #[error("a parameter stands in it twice")]
    Twice,
    /// A parameter is not UTF-8, or holds control characters.
    #[error("a parameter holds characters that do not belong there")]
    Characters,
    /// `state` is missing or was never one of ours.
    #[error("the state is missing or not one of ours")]
    State,
    /// There is neither a code nor an error, or both, or an empty one.
    #[error("it holds neither a code nor an error, or both")]
    Outcome,
}

impl Callback {
    /// Reads the query of the callback's address, without its question mark.
    pub fn parse(query: &str) -> Result<Self, LoginError> {
        Self::read(query).map_err(LoginError::Callback)
    }

    /// The `state`, under which the pending login is found.
    pub fn state(&self) -> &Token256 {
        &self.state
    }

    pub(super) fn iss(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    fn read(query: &str) -> Result<Self, MalformedCallback> {
        if query.len() > MAX_QUERY {
            return Err(MalformedCallback::TooLong);
        }
        let mut params = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // What is not UTF-8 was decoded to the replacement character.
            if [&name, &value].iter().any(|text| text.chars().any(|c| c.is_control() || c == '\u{fffd}')) {
                return Err(MalformedCallback::Characters);
            }
            if params.insert(name, value.into_owned()).is_some() {
                return Err(MalformedCallback::Twice);
            }
            if params.len() > MAX_PARAMS {
                return Err(MalformedCallback::TooLong);
            }
        }
        let state = params.get("state").and_then(|text| Token256::parse(text)).ok_or(MalformedCallback::State)?;
        let outcome = match (params.remove("code"), params.remove("error")) {
            (Some(code), None) if !code.is_empty() => Outcome::Code(code.into()),
            (None, Some(error)) if !error.is_empty() => Outcome::Refused(Refusal::from_code(&error)),
            _ => return Err(MalformedCallback::Outcome),
        };
        Ok(Self { state, iss: params.remove("iss"), outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    proptest::proptest! {
        #[test]
        fn anything_at_all_is_read_or_refused(query in "\\PC{0,80}", tail in "[a-z=&%+0-9]{0,60}") {
            for text in [query.clone(), format!("state={STATE}&{tail}"), format!("state={STATE}&code={query}")] {
                if let Ok(callback) = Callback::read(&text) {
                    proptest::prop_assert!(callback.state.same_as(&Token256::parse(STATE).unwrap()));
                }
            }
        }
    }

    #[track_caller]
    fn wrong(query: &str, expected: MalformedCallback) {
        assert_eq!(Callback::read(&query.replace("STATE", STATE)).err(), Some(expected), "{query}");
    }

    #[test]
    fn a_callback_is_read_one_way_or_not_at_all() {
        use MalformedCallback as M;
        let good = Callback::read(&format!("code=c%2Bd&state={STATE}&iss=https%3A%2F%2Fidp&session_state=x")).unwrap();
        assert_eq!(good.iss(), Some("https://idp"));
        assert!(matches!(good.into_outcome(), Outcome::Code(_)));
        let refused = Callback::read(&format!("error=access_denied&error_description=no&state={STATE}")).unwrap();
        assert!(matches!(refused.into_outcome(), Outcome::Refused(Refusal::AccessDenied)));

        wrong("", M::State);
        wrong("code=c", M::State);
        wrong("code=c&state=short", M::State);
        wrong("code=c&state=STATE&code=d", M::Twice);
        wrong("code=c&state=STATE&state=STATE", M::Twice);
        wrong("code=c&state=STATE&iss=a&%69ss=b", M::Twice);
        wrong("state=STATE", M::Outcome);
        wrong("code=&state=STATE", M::Outcome);
        wrong("code=c&error=access_denied&state=STATE", M::Outcome);
        wrong("code=%ff&state=STATE", M::Characters);
        wrong("code=a%0d%0ab&state=STATE", M::Characters);
        wrong(&format!("state=STATE&code={}", "c".repeat(17_000)), M::TooLong);
        let many: Vec<String> = (0..40).map(|n| format!("p{n}=1")).collect();
        wrong(&many.join("&"), M::TooLong);
    }
}
