//! Microsoft Graph and Google's directory, as far as a relying party asks them for groups.
//!
//! Sources: Microsoft Graph, "Get user" and "List a user's transitive memberships"; Admin SDK, `groups.list`;
//! Google, "Using OAuth 2.0 for server to server applications".

use http::StatusCode;
use http::header;
use serde_json::Value;
use serde_json::json;

use crate::provider::User;
use crate::provider::assertion;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::server::Asked;
use crate::provider::state::State;
use crate::provider::state::random_text;
use crate::provider::tokens;

/// Objects on a page: few, so that there are several pages.
const PAGE: usize = 2;
/// The scope that a service account must ask for.
const GOOGLE_SCOPE: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";

/// The object id of a person in the directory that Graph shows.
pub fn object_id(sub: &str) -> String {
    format!("oid-of-{sub}")
}

/// `GET /graph/v1.0/me`.
pub(super) fn graph_me(state: &State, asked: &Asked) -> Answer {
    let Some(user) = holder(state, asked) else { return graph_refusal() };
    let id = state.misbehaviour().graph_speaks_of.clone().unwrap_or_else(|| object_id(&user.sub));
    pages::json(&json!({ "@odata.context": "…#users(id)/$entity", "id": id }))
}

/// `GET /graph/v1.0/me/transitiveMemberOf`: groups, and other things that people are members of.
pub(super) fn graph_memberships(state: &State, asked: &Asked) -> Answer {
    let Some(user) = holder(state, asked) else { return graph_refusal() };
    let mut objects: Vec<Value> = vec![
        json!({ "@odata.type": "#microsoft.graph.directoryRole", "id": "role-global-administrator" }),
        json!({ "@odata.type": "#microsoft.graph.administrativeUnit", "id": "unit-north" }),
    ];
    objects.extend(user.groups.iter().map(|id| json!({ "@odata.type": "#microsoft.graph.group", "id": id })));
    let from = asked.query("$skiptoken").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut answer = json!({
        "@odata.context": "…#directoryObjects(id)",
        "value": objects.iter().skip(from).take(PAGE).collect::<Vec<_>>(),
    });
    let endless = state.misbehaviour().graph_endless;
    if let (Value::Object(members), true) = (&mut answer, endless || from + PAGE < objects.len()) {
        let next = state.misbehaviour().graph_next.clone();
        let own = state.endpoint(&format!("/graph/v1.0/me/transitiveMemberOf?$select=id&$skiptoken={}", from + PAGE));
        members.insert("@odata.nextLink".into(), next.unwrap_or(own).into());
    }
    pages::json(&answer)
}

fn graph_refusal() -> Answer {
    let mut answer = pages::json(&json!({ "error": { "code": "Authorization_RequestDenied", "message": "no" } }));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

/// `POST /google/token`: a token for a service account, which is a client with an assertion key.
pub(super) fn google_token(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let refused = Ok(tokens::error(StatusCode::BAD_REQUEST, "invalid_grant"));
    if asked.field("grant_type") != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return refused;
    }
    let text = asked.field("assertion").unwrap_or_default();
    let audience = [state.endpoint("/google/token")];
    let clients = state.clients().iter();
    let claims = clients.filter_map(|client| {
        let claims = assertion::check(state, text, client.assertion_key.as_ref()?, &audience)?;
        (assertion::said(&claims, "iss") == Some(client.id.as_str())).then_some(claims)
    });
    let Some(claims) = claims.into_iter().next() else { return refused };
    let asks = (assertion::said(&claims, "scope"), assertion::said(&claims, "sub"));
    if asks != (Some(GOOGLE_SCOPE), Some("admin@example.com")) {
        return Ok(tokens::error(StatusCode::UNAUTHORIZED, "unauthorized_client"));
    }
    let token = random_text()?;
    state.tables().google_tokens.put(token.clone(), ());
    Ok(pages::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3599 })))
}

/// `GET /google/admin/directory/v1/groups`.
pub(super) fn google_groups(state: &State, asked: &Asked) -> Answer {
    let by_account = bearer(asked).is_some_and(|token| state.tables().google_tokens.get(token).is_some());
    let user = state.users().iter().find(|user| Some(user.sub.as_str()) == asked.query("userKey")).cloned();
    let by_person = holder(state, asked).map(|holder| holder.sub) == user.as_ref().map(|user| user.sub.clone());
    let (true, Some(user)) = (by_account || by_person, user) else {
        let mut answer = pages::json(&json!({ "error": { "code": 403, "message": "Not Authorized" } }));
        *answer.status_mut() = StatusCode::FORBIDDEN;
        return answer;
    };
    let from = asked.query("pageToken").and_then(|text| text.parse().ok()).unwrap_or(0);
    let page: Vec<Value> = user.groups.iter().skip(from).take(PAGE).map(|email| json!({ "email": email })).collect();
    let mut answer = json!({ "kind": "admin#directory#groups" });
    if let Value::Object(members) = &mut answer {
        if !page.is_empty() {
            members.insert("groups".into(), page.into());
        }
        if from + PAGE < user.groups.len() {
            members.insert("nextPageToken".into(), (from + PAGE).to_string().into());
        }
    }
    pages::json(&answer)
}

fn bearer(asked: &Asked) -> Option<&str> {
    asked.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "))
}

/// The person whose access token it is.
fn holder(state: &State, asked: &Asked) -> Option<User> {
    let granted = state.tables().access_tokens.get(bearer(asked)?)?;
    state.user(&granted.person.login)
}
