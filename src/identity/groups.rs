//! Groups: from the one configured source, exactly as they stand there.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::google::GoogleDirectory;
use crate::model::GroupValues;
use crate::model::GroupsFrom;
use crate::model::IdpGroup;

/// The most groups of one person that are accepted.
const MAX_GROUPS: usize = 5000;
/// The longest name of a group, in bytes.
const MAX_NAME: usize = 1024;
/// The deepest place that a pointer may name.
const MAX_DEPTH: usize = 16;

/// Where a person's groups stand. There is one place, and no other is looked at.
#[derive(Clone, Debug)]
pub enum GroupsSource {
    /// In a claim.
    Claim(GroupsClaim),
    /// In Microsoft Graph, at this endpoint.
    Graph(Url),
    /// In Google's directory.
    GoogleDirectory(GoogleDirectory),
}

impl GroupsSource {
    /// Where secrets are sent to get the groups, other than to the provider.
    pub(super) fn addresses(&self) -> Vec<&Url> {
        match self {
            Self::Claim(_) => Vec::new(),
            Self::Graph(endpoint) => vec![endpoint],
            Self::GoogleDirectory(directory) => {
                let account = directory.account.as_ref().map(|account| &account.token_uri);
                std::iter::once(&directory.endpoint).chain(account).collect()
            }
        }
    }
}

/// A claim that holds groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsClaim {
    /// In which answer of the provider.
    pub from: GroupsFrom,
    /// Where in it.
    pub pointer: ClaimPointer,
    /// What its value is like.
    pub values: GroupValues,
}

/// A JSON Pointer (RFC 6901) to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer(Vec<String>);

impl fmt::Display for ClaimPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

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
    /// The value is not of the configured shape.
    #[error("what should be groups is not of the configured shape")]
    Shape,
    /// There are more than 5000.
    #[error("there are more than 5000 groups")]
    TooMany,
    /// A name is empty or longer than 1024 bytes.
    #[error("a group's name is empty or longer than 1024 bytes")]
    Name,
    /// Two paths end in the same step, which alone is to name the group.
    #[error("two groups have the same last step")]
    Ambiguous,
    /// The ID token does not say who the person is in the directory (`oid`).
    #[error("the ID token holds no object id")]
    NoObjectId,
    /// The directory speaks of somebody else than the ID token.
    #[error("the directory spoke of another person")]
    OtherPerson,
    /// The directory names a next page that is not of the same list.
    #[error("the directory's next page is somewhere else")]
    Elsewhere,
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
pub(super) fn read(claims: &Map<String, Value>, claim: &GroupsClaim) -> Result<Vec<IdpGroup>, UnreadableGroups> {
    // What is there while the provider says that it is elsewhere is not all of it.
    if is_overage(claims, &claim.pointer) {
        return Err(UnreadableGroups::Overage);
    }
    let Some(value) = claim.pointer.find(claims)? else { return Ok(Vec::new()) };
    let mut groups = Vec::new();
    for name in names(value, &claim.values)? {
        add(&mut groups, name?)?;
    }
    if claim.values == GroupValues::LastSteps {
        let unique: HashSet<&IdpGroup> = groups.iter().collect();
        if unique.len() != groups.len() {
            return Err(UnreadableGroups::Ambiguous);
        }
    }
    Ok(groups)
}

type Names<'a> = Box<dyn Iterator<Item = Result<&'a str, UnreadableGroups>> + 'a>;

fn names<'a>(value: &'a Value, values: &'a GroupValues) -> Result<Names<'a>, UnreadableGroups> {
    let text = |item: &'a Value| item.as_str().ok_or(UnreadableGroups::Shape);
    Ok(match (values, value) {
        (GroupValues::Names | GroupValues::LastSteps, Value::String(name)) => {
            Box::new(std::iter::once(Ok(step(name, values))))
        }
        (GroupValues::Names | GroupValues::LastSteps, Value::Array(list)) => {
            Box::new(list.iter().map(move |item| text(item).map(|name| step(name, values))))
        }
        (GroupValues::SeparatedBy(_), Value::String(joined)) if joined.is_empty() => Box::new(std::iter::empty()),
        (GroupValues::SeparatedBy(between), Value::String(joined)) => Box::new(joined.split(between.as_str()).map(Ok)),
        (GroupValues::Keys, Value::Object(members)) => Box::new(members.keys().map(|name| Ok(name.as_str()))),
        (GroupValues::Member(member), Value::Array(list)) => {
            Box::new(list.iter().map(move |item| item.get(member).map_or(Err(UnreadableGroups::Shape), text)))
        }
        _ => return Err(UnreadableGroups::Shape),
    })
}

/// The part of a name that counts.
fn step<'a>(name: &'a str, values: &GroupValues) -> &'a str {
    match values {
        GroupValues::LastSteps => name.rsplit('/').next().unwrap_or(name),
        GroupValues::Names | GroupValues::SeparatedBy(_) | GroupValues::Keys | GroupValues::Member(_) => name,
    }
}

/// Adds a group, within the bounds of all sources.
pub(super) fn add(groups: &mut Vec<IdpGroup>, name: &str) -> Result<(), UnreadableGroups> {
    if groups.len() == MAX_GROUPS {
        return Err(UnreadableGroups::TooMany);
    }
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(UnreadableGroups::Name);
    }
    groups.push(IdpGroup(name.to_owned()));
    Ok(())
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
    named || (has_groups && pointer.0.first().is_some_and(|name| name == "groups"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(claims: &Value, pointer: &str, expected: Result<&[&str], UnreadableGroups>) {
        check_as(GroupValues::Names, claims, pointer, expected);
    }

    #[track_caller]
    fn check_as(values: GroupValues, claims: &Value, pointer: &str, expected: Result<&[&str], UnreadableGroups>) {
        let claim = GroupsClaim { from: GroupsFrom::IdToken, pointer: pointer.parse().unwrap(), values };
        let found = read(claims.as_object().unwrap(), &claim);
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
        check(&json!({"g": vec!["g"; 5000]}), "/g", Ok(&vec!["g"; 5000]));
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
        check(&json!({"hasgroups": true, "roles": ["r"]}), "/roles", Ok(&["r"]));
        check(&json!({"hasgroups": true, "groups": ["some"]}), "/groups", Err(U::Overage));
        check(&json!({"_claim_names": {"groups": "src1"}, "groups": ["some"]}), "/groups", Err(U::Overage));
    }

    #[test]
    fn each_shape_is_read_in_its_own_way_alone() {
        use GroupValues as V;
        use UnreadableGroups as U;
        let separated = || V::SeparatedBy(";".into());
        check_as(separated(), &json!({"g": "a;b, c"}), "/g", Ok(&["a", "b, c"]));
        check_as(separated(), &json!({"g": ""}), "/g", Ok(&[]));
        check_as(separated(), &json!({"g": "a;;b"}), "/g", Err(U::Name));
        check_as(separated(), &json!({"g": ["a;b"]}), "/g", Err(U::Shape));
        check_as(V::Keys, &json!({"g": {"a": {"1": "x"}, "b": null}}), "/g", Ok(&["a", "b"]));
        check_as(V::Keys, &json!({"g": ["a"]}), "/g", Err(U::Shape));
        let member = || V::Member("name".into());
        check_as(member(), &json!({"g": [{"name": "a", "id": 1}, {"name": "b"}]}), "/g", Ok(&["a", "b"]));
        check_as(member(), &json!({"g": [{"name": "a"}, {"id": 1}]}), "/g", Err(U::Shape));
        check_as(member(), &json!({"g": [{"name": 1}]}), "/g", Err(U::Shape));
        check_as(member(), &json!({"g": ["a"]}), "/g", Err(U::Shape));
        check_as(V::LastSteps, &json!({"g": ["/staff/admins", "plain"]}), "/g", Ok(&["admins", "plain"]));
        check_as(V::LastSteps, &json!({"g": "/staff/admins"}), "/g", Ok(&["admins"]));
        check_as(V::LastSteps, &json!({"g": ["/staff/admins", "/guests/admins"]}), "/g", Err(U::Ambiguous));
        check_as(V::LastSteps, &json!({"g": ["/staff/"]}), "/g", Err(U::Name));
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
