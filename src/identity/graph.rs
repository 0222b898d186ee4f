//! Groups from Microsoft Graph, for Entra ID: there an ID token leaves the groups out when they are more than
//! 200 and names an address instead. That address is not followed; this one is configured.
//!
//! Source: Microsoft Graph, "List a user's memberships (transitive)"; Entra ID, "groups overage claim".

use http::header;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::groups::UnreadableGroups;
use crate::identity::groups::add;
use crate::identity::transport::Transport;
use crate::model::IdpGroup;

/// The most pages that are read; each has up to 999 objects, of which some are no groups.
const MAX_PAGES: usize = 20;
/// What Graph calls a group among the other things that somebody is a member of.
const GROUP: &str = "#microsoft.graph.group";

/// The object ids of all groups that the person is in, through other groups too; `claims` are those of the ID
/// token.
pub(super) async fn groups(
    transport: &Transport,
    endpoint: &Url,
    access_token: &SecretString,
    claims: &Map<String, Value>,
) -> Result<Vec<IdpGroup>, LoginError> {
    let unreadable = |reason| LoginError::Groups(reason);
    let ours = claims.get("oid").and_then(Value::as_str).ok_or(unreadable(UnreadableGroups::NoObjectId))?;
    // As with userinfo: an access token that was swapped would give somebody else's groups.
    let me = get(transport, &below(endpoint, "/me", &[("$select", "id")])?, access_token).await?;
    if me.get("id").and_then(Value::as_str) != Some(ours) {
        return Err(unreadable(UnreadableGroups::OtherPerson));
    }
    let mut groups = Vec::new();
    let mut page = below(endpoint, "/me/transitiveMemberOf", &[("$select", "id"), ("$top", "999")])?;
    for _ in 0..MAX_PAGES {
        let answer = get(transport, &page, access_token).await?;
        let Some(Value::Array(objects)) = answer.get("value") else {
            return Err(unreadable(UnreadableGroups::Shape));
        };
        for object in objects {
            let text = |name| object.get(name).and_then(Value::as_str).ok_or(unreadable(UnreadableGroups::Shape));
            if text("@odata.type")? == GROUP {
                add(&mut groups, text("id")?).map_err(LoginError::Groups)?;
            }
        }
        match answer.get("@odata.nextLink") {
            None => return Ok(groups),
            Some(next) => page = following(endpoint, next).map_err(LoginError::Groups)?,
        }
    }
    Err(unreadable(UnreadableGroups::TooMany))
}

/// The next page, if it is one of the same list: the token goes nowhere else.
fn following(endpoint: &Url, next: &Value) -> Result<Url, UnreadableGroups> {
    let url = next.as_str().and_then(|text| Url::parse(text).ok()).ok_or(UnreadableGroups::Elsewhere)?;
    let path = format!("{}/me/transitiveMemberOf", endpoint.path().trim_end_matches('/'));
    let plain = url.username().is_empty() && url.password().is_none();
    // Graph writes the same list with a cast at times, and with the person's id in the place of `me`.
    if plain && url.origin() == endpoint.origin() && url.path() == path {
        Ok(url)
    } else {
        Err(UnreadableGroups::Elsewhere)
    }
}

fn below(endpoint: &Url, path: &str, query: &[(&str, &str)]) -> Result<Url, LoginError> {
    let text = format!("{}{path}", endpoint.as_str().trim_end_matches('/'));
    let mut url = Url::parse(&text).map_err(|_| nonsense(Nonsense::Member("endpoint")))?;
    url.query_pairs_mut().extend_pairs(query);
    Ok(url)
}

async fn get(transport: &Transport, url: &Url, access_token: &SecretString) -> Result<Map<String, Value>, LoginError> {
    let request = http::Request::get(url.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", access_token.expose_secret()))
        .body(Vec::new())
        .map_err(|_| nonsense(Nonsense::Member("access_token")))?;
    Ok(transport.object(Endpoint::Graph, request).await?.1)
}

fn nonsense(source: Nonsense) -> LoginError {
    LoginError::Nonsense { endpoint: Endpoint::Graph, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_of_the_same_list() {
        let endpoint = Url::parse("https://graph.example.com/v1.0").unwrap();
        let follow = |text: &str| following(&endpoint, &text.into());
        assert!(follow("https://graph.example.com/v1.0/me/transitiveMemberOf?$skiptoken=x").is_ok());
        for wrong in [
            "https://evil.example/v1.0/me/transitiveMemberOf",
            "http://graph.example.com/v1.0/me/transitiveMemberOf",
            "https://graph.example.com:444/v1.0/me/transitiveMemberOf",
            "https://a@graph.example.com/v1.0/me/transitiveMemberOf",
            "https://graph.example.com/v1.0/users/other/transitiveMemberOf",
            "https://graph.example.com/v1.0/me/transitiveMemberOf/../../users",
            "/v1.0/me/transitiveMemberOf",
        ] {
            assert_eq!(follow(wrong), Err(UnreadableGroups::Elsewhere), "{wrong}");
        }
    }
}
