//! Pushed authorization requests (RFC 9126).

use http::StatusCode;
use serde_json::json;

use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::server::Asked;
use crate::provider::state::State;
use crate::provider::state::random_text;
use crate::provider::tokens;

/// Keeps a request of an authenticated client until the browser brings its name.
pub(super) fn push(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(client) = tokens::authenticated(state, asked) else {
        return Ok(tokens::error(StatusCode::UNAUTHORIZED, "invalid_client"));
    };
    // Section 2.1: a pushed request does not name another one.
    if asked.field("request_uri").is_some() || asked.field("client_id") != Some(client.id.as_str()) {
        return Ok(tokens::error(StatusCode::BAD_REQUEST, "invalid_request"));
    }
    let uri = format!("urn:ietf:params:oauth:request_uri:{}", random_text()?);
    state.tables().pushed.put(uri.clone(), asked.form.clone());
    let mut answer = pages::json(&json!({ "request_uri": uri, "expires_in": 60 }));
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

/// The request that a browser brings: what was pushed under its name, once, or what the browser says.
pub(super) fn brought(state: &State, asked: &Asked) -> Option<Asked> {
    let pushed = match asked.param("request_uri") {
        Some(uri) => Some(state.tables().pushed.take(uri)?),
        None => None,
    };
    let said = if asked.query.is_empty() { &asked.form } else { &asked.query };
    let client = |pairs: &[(String, String)]| pairs.iter().find(|(name, _)| name == "client_id").cloned();
    if pushed.as_ref().is_some_and(|pushed| client(pushed) != client(said)) {
        return None;
    }
    Some(Asked {
        method: http::Method::GET,
        headers: asked.headers.clone(),
        // Section 4: beside a request_uri nothing that the browser says counts.
        query: pushed.unwrap_or_else(|| said.clone()),
        form: Vec::new(),
    })
}
