//! Who is asking: the result of a verified sign-in.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::identity::verify::VerifiedIdToken;
use crate::model::IdpGroup;
use crate::model::Subject;
use crate::model::Timestamp;
use crate::store::Unsealed;

/// The longest name or address that is kept for display, in characters.
const MAX_DISPLAY: usize = 200;

/// An authenticated subject with the groups that the provider proved for it.
///
/// Made by a verified sign-in, or restored from a sealed record that a verified sign-in wrote; there is
/// no third way.
#[derive(Clone, Debug)]
#[must_use]
pub struct Principal {
    record: PrincipalRecord,
}

/// A principal as it lies in a sealed record. It proves nothing until it comes [`Unsealed`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrincipalRecord {
    subject: Subject,
    name: String,
    email: Option<String>,
    groups: Vec<IdpGroup>,
    signed_in_at: Timestamp,
}

impl Principal {
    /// The principal of a sign-in whose ID token was verified, with what its claims (those of the ID
    /// token, or of userinfo about the same subject) say for display.
    pub(super) fn new(
        token: &VerifiedIdToken,
        claims: &Map<String, Value>,
        groups: Vec<IdpGroup>,
        signed_in_at: Timestamp,
    ) -> Self {
        let subject = token.subject().clone();
        let show = |name| display_text(claims, name).or_else(|| display_text(token.claims(), name));
        let email = show("email");
        let name = show("name").or_else(|| show("preferred_username")).or_else(|| email.clone());
        let name = name.unwrap_or_else(|| subject.sub.clone());
        Self { record: PrincipalRecord { subject, name, email, groups, signed_in_at } }
    }

    /// The principal out of a record that we sealed.
    pub fn restore(record: Unsealed<PrincipalRecord>) -> Self {
        Self { record: record.into_inner() }
    }

    /// What is sealed, to be restored later.
    pub fn record(&self) -> &PrincipalRecord {
        &self.record
    }

    /// Issuer and `sub`.
    pub fn subject(&self) -> &Subject {
        &self.record.subject
    }

    /// A name to show. Never a key: names and addresses change hands.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// An e-mail address to show, if the provider sent one. Never a key.
    pub fn email(&self) -> Option<&str> {
        self.record.email.as_deref()
    }

    /// The groups, exactly as the provider sent them.
    pub fn groups(&self) -> &[IdpGroup] {
        &self.record.groups
    }

    /// When the sign-in was verified.
    pub fn signed_in_at(&self) -> Timestamp {
        self.record.signed_in_at
    }

    /// A principal for unit tests of the rooms above.
    #[cfg(test)]
    pub(crate) fn for_test(sub: &str, groups: &[&str]) -> Self {
        let subject = Subject { iss: "https://idp.example.com".into(), sub: sub.into() };
        let groups = groups.iter().map(|g| IdpGroup((*g).into())).collect();
        let signed_in_at = Timestamp::from_secs(1_800_000_000);
        Self { record: PrincipalRecord { subject, name: sub.into(), email: None, groups, signed_in_at } }
    }
}

/// A claim as text to show: without characters that steer the display, cut at 200 characters; nothing
/// if none is left.
fn display_text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text: String = claims.get(name)?.as_str()?.chars().filter(|c| !steers_display(*c)).take(MAX_DISPLAY).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Control characters, and those that turn the direction of writing (Unicode UAX #9, section 2), with
/// which one name can be made to look like another.
fn steers_display(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;
    use crate::model::Token256;
    use crate::store;
    use crate::store::Purpose;
    use crate::store::ServerKey;

    #[test]
    fn a_principal_comes_back_out_of_its_sealed_record() {
        let (server, token) = (ServerKey::new([1; 32]), Token256::random(&SystemRandom::new()).unwrap());
        let ann = Principal::for_test("ann", &["staff"]);
        let sealed = store::seal(&server, &token, Purpose::Session, ann.record()).unwrap();
        let back = Principal::restore(store::open(&server, &token, Purpose::Session, sealed).unwrap());
        assert_eq!(back.subject(), ann.subject());
        assert_eq!(back.groups(), ann.groups());
    }

    #[test]
    fn text_to_show_is_clean_and_short() {
        let claims = |name: &str| serde_json::json!({ "name": name }).as_object().unwrap().clone();
        assert_eq!(display_text(&claims(" A\u{7}\u{202e}nn\n"), "name").as_deref(), Some("Ann"));
        assert_eq!(display_text(&claims(" \t"), "name"), None);
        assert_eq!(display_text(&claims(&"é".repeat(300)), "name").unwrap().chars().count(), 200);
    }
}
