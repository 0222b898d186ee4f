//! A sign-in for whoever sets a provider up: what came, told without telling it.

use std::fmt;

use serde_json::Map;
use serde_json::Value;

use crate::identity::callback::Callback;
use crate::identity::claims_check;
use crate::identity::error::LoginError;
use crate::identity::groups::GroupsSource;
use crate::identity::pending::PendingLogin;
use crate::identity::provider::Provider;
use crate::identity::provider::Redeemed;
use crate::model::GroupsFrom;
use crate::model::IdpGroup;
use crate::model::Subject;

/// Claims whose values are no secret and say nothing of the person: they are shown as they are.
const SHOWN: [&str; 8] = ["iss", "aud", "azp", "iat", "exp", "auth_time", "acr", "amr"];

/// The most characters of a value that is shown.
const MAX_SHOWN: usize = 120;

/// A verified sign-in that signs nobody in.
#[derive(Debug)]
pub struct Examined {
    /// Who it was.
    pub subject: Subject,
    /// What the ID token holds, in the order of the names.
    pub id_token: Vec<Seen>,
    /// What userinfo holds, where the groups are read from there.
    pub userinfo: Vec<Seen>,
    /// Where the groups are read.
    pub source: String,
    /// The groups, or why they could not be read.
    pub groups: Result<Vec<IdpGroup>, LoginError>,
    /// How far the provider's clock is ahead of ours, in whole seconds.
    pub clock_ahead: i64,
    /// Whether the provider can be asked again later.
    pub can_refresh: bool,
}

/// A claim: its name, and what may be told of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// What kind of value it has; of a few harmless ones the value.
    pub kind: String,
}

impl Provider {
    /// Finishes a sign-in like [`finish`](Provider::finish), with all of its checks, and tells what came. The tokens
    /// are forgotten.
    pub async fn examine(&self, pending: PendingLogin, callback: Callback) -> Result<Examined, LoginError> {
        let Redeemed { tokens, token, snapshot, now, .. } = self.redeem(pending, callback).await?;
        let read = self.read_groups(token.subject(), Some(token.claims()), &tokens.access_token, &snapshot, now).await;
        let (claims, groups) = match read {
            Ok(read) => (read.claims, Ok(read.groups)),
            Err(error) => (None, Err(error)),
        };
        Ok(Examined {
            subject: token.subject().clone(),
            id_token: seen(token.claims()),
            userinfo: claims.as_ref().map(seen).unwrap_or_default(),
            source: self.settings.groups.to_string(),
            groups,
            clock_ahead: claims_check::clock_ahead(token.claims(), now),
            can_refresh: tokens.refresh_token.is_some(),
        })
    }
}

impl fmt::Display for GroupsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(claim) => {
                let from = match claim.from {
                    GroupsFrom::IdToken => "the ID token",
                    GroupsFrom::Userinfo => "userinfo",
                };
                write!(f, "{} in {from}", claim.pointer)
            }
            Self::Graph(_) => f.write_str("Microsoft Graph"),
            Self::GoogleDirectory(_) => f.write_str("Google's directory"),
        }
    }
}

/// The claims of a set, one level deep: what lies in objects is named with the way to it.
fn seen(claims: &Map<String, Value>) -> Vec<Seen> {
    let mut all = Vec::new();
    for (name, value) in claims {
        all.push(Seen { name: name.clone(), kind: kind(name, value) });
        for (inner, value) in value.as_object().into_iter().flatten() {
            all.push(Seen { name: format!("{name}/{inner}"), kind: shape(value) });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn kind(name: &str, value: &Value) -> String {
    if !SHOWN.contains(&name) {
        return shape(value);
    }
    let text = value.to_string();
    text.char_indices()
        .nth(MAX_SHOWN)
        .map_or_else(|| text.clone(), |(end, _)| format!("{}…", text.get(..end).unwrap_or_default()))
}

/// What a value is, and not what it says.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a yes or no".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(list) => {
            let of = |is: fn(&Value) -> bool| !list.is_empty() && list.iter().all(is);
            let what = if of(Value::is_string) {
                " texts"
            } else if of(Value::is_object) {
                " objects"
            } else {
                ""
            };
            format!("a list of {}{what}", list.len())
        }
        Value::Object(members) => format!("an object of {}", members.len()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_a_claim_says_is_told_but_what_is_harmless() {
        let claims = json!({
            "iss": "https://idp.example.com", "sub": "248289761001", "email": "ann@example.com", "iat": 1_700_000_000,
            "groups": ["whm-admins"], "realm_access": { "roles": ["a", "b"] }, "nonce": "secret", "email_verified": true,
            "acr": "x".repeat(500),
        });
        let found = seen(claims.as_object().unwrap());
        let told = |name: &str| found.iter().find(|one| one.name == name).map(|one| one.kind.clone()).unwrap();
        assert_eq!(told("iss"), "\"https://idp.example.com\"");
        assert_eq!(told("iat"), "1700000000");
        assert_eq!(told("email"), "a text of 15 characters");
        assert_eq!(told("groups"), "a list of 1 texts");
        assert_eq!(told("realm_access"), "an object of 1");
        assert_eq!(told("realm_access/roles"), "a list of 2 texts");
        assert_eq!(told("acr").chars().count(), MAX_SHOWN + 1);
        let everything = format!("{found:?}");
        for never in ["248289761001", "ann@", "whm-admins", "secret"] {
            assert!(!everything.contains(never), "{never}");
        }
    }
}
