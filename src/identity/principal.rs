//! Who is asking: the result of a verified sign-in.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::identity::verify::VerifiedIdToken;
use crate::model::AcrValue;
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
    #[serde(default)]
    authenticated_at: Option<Timestamp>,
    #[serde(default)]
    acr: Option<String>,
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
        let (authenticated_at, acr) = (authenticated_at(token.claims(), signed_in_at), acr(token.claims()));
        Self { record: PrincipalRecord { subject, name, email, groups, signed_in_at, authenticated_at, acr } }
    }

    /// The same person with groups that the provider proved anew.
    pub(super) fn with_groups(&self, groups: Vec<IdpGroup>) -> Self {
        Self { record: PrincipalRecord { groups, ..self.record.clone() } }
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

    /// When the provider last asked the person for proof (`auth_time`), if it said so. Never after the sign-in.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.record.authenticated_at
    }

    /// The authentication context class that the provider vouches for (`acr`), if it said one.
    pub fn acr(&self) -> Option<&str> {
        self.record.acr.as_deref()
    }

    /// A principal for unit tests of the rooms above.
    #[cfg(test)]
    pub(crate) fn for_test(sub: &str, groups: &[&str]) -> Self {
        let subject = Subject { iss: "https://idp.example.com".into(), sub: sub.into() };
        let groups = groups.iter().map(|g| IdpGroup((*g).into())).collect();
        let signed_in_at = Timestamp::from_secs(1_800_000_000);
        let record = PrincipalRecord {
            subject,
            name: sub.into(),
            email: None,
            groups,
            signed_in_at,
            authenticated_at: Some(signed_in_at),
            acr: None,
        };
        Self { record }
    }
}

/// `auth_time` (OpenID Connect Core 1.0, section 2), in whole seconds. A clock that is ahead of ours makes no
/// sign-in younger than it is.
pub(super) fn authenticated_at(claims: &Map<String, Value>, signed_in_at: Timestamp) -> Option<Timestamp> {
    let seconds = claims.get("auth_time")?;
    // With a fraction at some providers; then the whole second before it.
    let seconds = seconds.as_u64().or_else(|| seconds.as_f64()?.trunc().to_string().parse().ok())?;
    Some(Timestamp::from_secs(seconds).min(signed_in_at))
}

/// `acr`, if it is one that a rule could name.
pub(super) fn acr(claims: &Map<String, Value>) -> Option<String> {
    let acr: AcrValue = claims.get("acr")?.as_str()?.parse().ok()?;
    Some(acr.as_str().to_owned())
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
    fn strength_is_what_the_provider_says_and_nothing_else() {
        let claims = |value: Value| value.as_object().unwrap().clone();
        let now = Timestamp::from_secs(1000);
        for (auth_time, expected) in [
            (serde_json::json!(990), Some(Timestamp::from_secs(990))),
            (serde_json::json!(990.9), Some(Timestamp::from_secs(990))),
            (serde_json::json!(1000), Some(now)),
            (serde_json::json!(1001), Some(now)),
            (serde_json::json!(-1), None),
            (serde_json::json!("990"), None),
            (serde_json::json!(null), None),
        ] {
            assert_eq!(authenticated_at(&claims(serde_json::json!({ "auth_time": auth_time })), now), expected);
        }
        assert_eq!(authenticated_at(&Map::new(), now), None);
        for (said, expected) in [
            (serde_json::json!("urn:mfa"), Some("urn:mfa")),
            (serde_json::json!("two words"), None),
            (serde_json::json!(["urn:mfa"]), None),
            (serde_json::json!(2), None),
        ] {
            assert_eq!(acr(&claims(serde_json::json!({ "acr": said }))).as_deref(), expected);
        }
    }

    #[test]
    fn text_to_show_is_clean_and_short() {
        let claims = |name: &str| serde_json::json!({ "name": name }).as_object().unwrap().clone();
        assert_eq!(display_text(&claims(" A\u{7}\u{202e}nn\n"), "name").as_deref(), Some("Ann"));
        assert_eq!(display_text(&claims(" \t"), "name"), None);
        assert_eq!(display_text(&claims(&"é".repeat(300)), "name").unwrap().chars().count(), 200);
    }
}
