//! The token endpoint (OpenID Connect Core 1.0, section 3.1.3) and userinfo (section 5.3).

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::provider::Client;
use crate::provider::id_token;
use crate::provider::misbehaviour::Patch;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::server::Asked;
use crate::provider::state::Granted;
use crate::provider::state::State;
use crate::provider::state::random_text;

/// An OAuth error (RFC 6749 section 5.2).
pub(super) fn error(status: StatusCode, code: &str) -> Answer {
    let mut answer = pages::json(&json!({ "error": code }));
    *answer.status_mut() = status;
    answer
}

/// Exchanges a code, once.
pub(super) fn token(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(client) = authenticated(state, asked) else {
        return Ok(error(StatusCode::UNAUTHORIZED, "invalid_client"));
    };
    if asked.field("grant_type") != Some("authorization_code") {
        return Ok(error(StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    let granted = state.tables().codes.take(asked.field("code").unwrap_or_default());
    let Some(granted) = granted.filter(|granted| belongs(granted, client, asked)) else {
        return Ok(error(StatusCode::BAD_REQUEST, "invalid_grant"));
    };
    let Some(user) = state.user(&granted.person.login) else {
        return Ok(error(StatusCode::BAD_REQUEST, "invalid_grant"));
    };
    let access_token = random_text()?;
    let id_token = id_token::make(state, &granted, user, client, &access_token)?;
    let mut body = Map::new();
    body.insert("access_token".into(), json!(access_token));
    body.insert("token_type".into(), json!("Bearer"));
    body.insert("expires_in".into(), json!(300));
    body.insert("scope".into(), json!(granted.request.scope));
    body.insert("id_token".into(), json!(id_token));
    let mut tables = state.tables();
    tables.access_tokens.put(access_token, granted);
    tables.id_tokens.put(id_token, client.id.clone());
    drop(tables);
    Patch::apply(&state.misbehaviour().token_response, &mut body);
    Ok(pages::json(&Value::Object(body)))
}

/// The claims of the person whose access token it is.
pub(super) fn userinfo(state: &State, asked: &Asked) -> Answer {
    let bearer = asked.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let granted = bearer.and_then(|token| state.tables().access_tokens.get(token));
    let Some((granted, user)) = granted.and_then(|g| state.user(&g.person.login).map(|user| (g, user))) else {
        let mut answer = error(StatusCode::UNAUTHORIZED, "invalid_token");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return answer;
    };
    let mut claims = id_token::scope_claims(user, &granted.request.scope);
    claims.insert("sub".into(), json!(user.sub));
    Patch::apply(&state.misbehaviour().userinfo_claims, &mut claims);
    pages::json(&Value::Object(claims))
}

/// The client, by one of the two methods with a secret (RFC 6749 section 2.3.1).
fn authenticated<'a>(state: &'a State, asked: &Asked) -> Option<&'a Client> {
    let posted = asked.field("client_secret").is_some();
    let (id, secret) = match asked.header(header::AUTHORIZATION) {
        // More than one method in a request is refused.
        Some(_) if posted => return None,
        Some(value) => basic(value)?,
        None => (asked.field("client_id")?.to_owned(), asked.field("client_secret")?.to_owned()),
    };
    state.client(&id).filter(|client| client.secret == secret)
}

/// Id and secret, each form-encoded before they were joined.
fn basic(header: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
    };
    Some((decode(id)?, decode(secret)?))
}

/// Whether the code was given to this client, for this redirect URI, and to the holder of the verifier.
fn belongs(granted: &Granted, client: &Client, asked: &Asked) -> bool {
    let verifier = asked.field("code_verifier").unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    granted.request.client_id == client.id
        && asked.field("redirect_uri") == Some(granted.request.redirect_uri.as_str())
        && challenge == granted.request.code_challenge
}
