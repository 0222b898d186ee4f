//! Groups: from the one configured source, exactly as they stand there.

use std::str::FromStr;

use serde_json::Map;
use serde_json::Value;

use crate::model::IdpGroup;

use crate::model::GroupsFrom;

/// The most groups of one person that are accepted.
const MAX_GROUPS: usize = 5000;
/// The longest name of a group, in bytes.
const MAX_NAME: usize = 1024;
/// The deepest place that a pointer may name.
const MAX_DEPTH: usize = 16;

/// Where a person's groups stand. Sources are never merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsSource {
    /// In which answer of the provider.
    pub from: GroupsFrom,
    /// Where in it.
    pub pointer: ClaimPointer,
}

/// A JSON Pointer (RFC 6901) to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer(Vec<String>);

/// Why a text is no pointer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPointer {
    /// It does not begin with a slash.
    #[error("a claim pointer begins with a slash, as in /groups")]
    NoSlash,
    /// A tilde is not followed by 0 or 1.
    #[error("in a claim pointer, ~ is written ~0 and / inside a name is written ~1")]
    Escape,
    /// It has more than 16 steps.
    #[error("the claim pointer is too deep")]
    TooDeep,
}

/// Why groups could not be read. A person whose groups are unknown does not get in with none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableGroups {
    /// The source is userinfo, and the provider has no such endpoint.
    #[error("the provider has no userinfo endpoint")]
    NoUserinfo,
    /// The source is the ID token, and a refresh brought none.
    #[error("the provider sends no ID token with a refresh")]
    NoIdToken,
    /// The provider says that the groups are too many for the token and are to be had elsewhere.
    #[error("the provider left the groups out because they are too many")]
    Overage,
    /// The claim is neither a string nor an array of strings.
    #[error("the claim is neither a string nor an array of strings")]
    Shape,
    /// There are more than 5000.
    #[error("there are more than 5000 groups")]
    TooMany,
    /// A name is empty or longer than 1024 bytes.
    #[error("a group's name is empty or longer than 1024 bytes")]
    Name,
}

impl FromStr for ClaimPointer {
    type Err = InvalidPointer;

    fn from_str(text: &str) -> Result<Self, InvalidPointer> {
        let rest = text.strip_prefix('/').ok_or(InvalidPointer::NoSlash)?;
        let steps = rest.split('/').map(unescape).collect::<Option<Vec<_>>>().ok_or(InvalidPointer::Escape)?;
        if steps.len() > MAX_DEPTH {
            return Err(InvalidPointer::TooDeep);
        }
        Ok(Self(steps))
    }
}

/// RFC 6901 section 4: `~1` is a slash and `~0` a tilde, decoded in this order.
fn unescape(step: &str) -> Option<String> {
    let mut after_tilde = step.split('~').skip(1);
    after_tilde.all(|rest| rest.starts_with(['0', '1'])).then(|| step.replace("~1", "/").replace("~0", "~"))
}

impl ClaimPointer {
    /// The claim's value, or nothing if it is absent.
    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Result<Option<&'a Value>, UnreadableGroups> {
        let Some((first, steps)) = self.0.split_first() else { return Ok(None) };
        let mut place = claims.get(first);
        for step in steps {
            place = match place {
                None => return Ok(None),
                Some(Value::Object(members)) => members.get(step),
                Some(_) => return Err(UnreadableGroups::Shape),
            };
        }
        Ok(place)
    }
}

/// The groups in a set of claims; none if the claim is absent.
pub(super) fn read(claims: &Map<String, Value>, pointer: &ClaimPointer) -> Result<Vec<IdpGroup>, UnreadableGroups> {
    match pointer.find(claims)? {
        None if is_overage(claims, pointer) => Err(UnreadableGroups::Overage),
        None => Ok(Vec::new()),
        Some(Value::String(name)) => Ok(vec![group(name)?]),
        Some(Value::Array(names)) if names.len() > MAX_GROUPS => Err(UnreadableGroups::TooMany),
        Some(Value::Array(names)) => {
            names.iter().map(|name| group(name.as_str().ok_or(UnreadableGroups::Shape)?)).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(UnreadableGroups::Shape),
    }
}

fn group(name: &str) -> Result<IdpGroup, UnreadableGroups> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(UnreadableGroups::Name);
    }
    Ok(IdpGroup(name.to_owned()))
}

/// Whether the claim is said to be elsewhere: distributed claims (OpenID Connect Core 1.0, section
/// 5.6.2), or Entra ID's `hasgroups`. The address given there is never followed.
fn is_overage(claims: &Map<String, Value>, pointer: &ClaimPointer) -> bool {
    let elsewhere = claims.get("_claim_names").and_then(Value::as_object);
    let named = pointer.0.first().is_some_and(|name| elsewhere.is_some_and(|names| names.contains_key(name)));
    let has_groups = match claims.get("hasgroups") {
        Some(Value::Bool(has)) => *has,
        Some(Value::String(has)) => has == "true",
        _ => false,
    };
    named || has_groups
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(claims: &Value, pointer: &str, expected: Result<&[&str], UnreadableGroups>) {
        let found = read(claims.as_object().unwrap(), &pointer.parse().unwrap());
        let expected = expected.map(|names| names.iter().map(|name| IdpGroup((*name).into())).collect::<Vec<_>>());
        assert_eq!(found, expected, "{pointer} in {claims}");
    }

    #[test]
    fn groups_are_strings_and_nothing_else() {
        use UnreadableGroups as U;
        check(&json!({"groups": ["b", "a", "A"]}), "/groups", Ok(&["b", "a", "A"]));
        check(&json!({"groups": "only"}), "/groups", Ok(&["only"]));
        check(&json!({"groups": "a,b"}), "/groups", Ok(&["a,b"]));
        check(&json!({"groups": []}), "/groups", Ok(&[]));
        check(&json!({}), "/groups", Ok(&[]));
        check(&json!({"realm_access": {"roles": ["x"]}}), "/realm_access/roles", Ok(&["x"]));
        check(&json!({"realm_access": {}}), "/realm_access/roles", Ok(&[]));
        check(&json!({"https://example.com/groups": ["n"]}), "/https:~1~1example.com~1groups", Ok(&["n"]));
        check(&json!({"a~b": "t"}), "/a~0b", Ok(&["t"]));
        check(&json!({"realm_access": "x"}), "/realm_access/roles", Err(U::Shape));
        for wrong in [json!(null), json!(true), json!(7), json!({"admin": {}}), json!(["a", 1]), json!([["a"]])] {
            check(&json!({ "groups": wrong }), "/groups", Err(U::Shape));
        }
        check(&json!({"groups": ["a", ""]}), "/groups", Err(U::Name));
        check(&json!({"groups": "x".repeat(1025)}), "/groups", Err(U::Name));
        check(&json!({"groups": vec!["g"; 5001]}), "/groups", Err(U::TooMany));
        assert_eq!(
            read(json!({"g": vec!["g"; 5000]}).as_object().unwrap(), &"/g".parse().unwrap()).unwrap().len(),
            5000
        );
    }

    #[test]
    fn groups_that_are_elsewhere_are_not_no_groups() {
        use UnreadableGroups as U;
        let distributed =
            json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}});
        check(&distributed, "/groups", Err(U::Overage));
        check(&distributed, "/roles", Ok(&[]));
        check(&json!({"hasgroups": true}), "/groups", Err(U::Overage));
        check(&json!({"hasgroups": "true"}), "/groups", Err(U::Overage));
        check(&json!({"hasgroups": false}), "/groups", Ok(&[]));
    }

    #[test]
    fn a_pointer_is_one_of_rfc_6901() {
        for (text, error) in [
            ("groups", InvalidPointer::NoSlash),
            ("", InvalidPointer::NoSlash),
            ("/a~", InvalidPointer::Escape),
            ("/a~2", InvalidPointer::Escape),
            ("/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", InvalidPointer::TooDeep),
        ] {
            assert_eq!(text.parse::<ClaimPointer>(), Err(error), "{text}");
        }
    }
}
