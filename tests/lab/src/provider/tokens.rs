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
use crate::provider::User;
use crate::provider::assertion;
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

/// Exchanges a code, or a refresh token, once.
pub(super) fn token(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(client) = authenticated(state, asked) else {
        return Ok(error(StatusCode::UNAUTHORIZED, "invalid_client"));
    };
    let (granted, nonce) = match asked.field("grant_type") {
        Some("authorization_code") => {
            let granted = state.tables().codes.take(asked.field("code").unwrap_or_default());
            (granted.filter(|granted| belongs(granted, client, asked)), true)
        }
        // Each is good once (RFC 9700 section 4.14.2); the ID token that it gives has no nonce (OpenID Connect
        // Core 1.0, section 12.2).
        Some("refresh_token") => {
            let granted = state.tables().refresh_tokens.take(asked.field("refresh_token").unwrap_or_default());
            (granted.filter(|granted| granted.request.client_id == client.id), false)
        }
        _ => return Ok(error(StatusCode::BAD_REQUEST, "unsupported_grant_type")),
    };
    match granted.and_then(|granted| state.user(&granted.person.login).map(|user| (granted, user))) {
        Some((granted, user)) => issue(state, client, granted, &user, nonce),
        None => Ok(error(StatusCode::BAD_REQUEST, "invalid_grant")),
    }
}

fn issue(state: &State, client: &Client, granted: Granted, user: &User, nonce: bool) -> anyhow::Result<Answer> {
    let access_token = random_text()?;
    let id_token = id_token::make(state, &granted, user, client, &access_token, nonce)?;
    let mut body = Map::new();
    body.insert("access_token".into(), json!(access_token));
    body.insert("token_type".into(), json!("Bearer"));
    body.insert("expires_in".into(), json!(300));
    body.insert("scope".into(), json!(granted.request.scope));
    body.insert("id_token".into(), json!(id_token));
    let mut tables = state.tables();
    if granted.request.scope.split(' ').any(|scope| scope == "offline_access") {
        let refresh_token = random_text()?;
        body.insert("refresh_token".into(), json!(refresh_token));
        tables.refresh_tokens.put(refresh_token, granted.clone());
    }
    tables.access_tokens.put(access_token, granted);
    tables.id_tokens.put(id_token, client.id.clone());
    drop(tables);
    Patch::apply(&state.misbehaviour().token_response, &mut body);
    Ok(pages::json(&Value::Object(body)))
}

/// The claims of the person whose access token it is.
pub(super) fn userinfo(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let bearer = asked.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let granted = bearer.and_then(|token| state.tables().access_tokens.get(token));
    let Some((granted, user)) = granted.and_then(|g| state.user(&g.person.login).map(|user| (g, user))) else {
        let mut answer = error(StatusCode::UNAUTHORIZED, "invalid_token");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Ok(answer);
    };
    let mut claims = id_token::scope_claims(&user, &granted.request.scope);
    claims.insert("sub".into(), json!(user.sub));
    Patch::apply(&state.misbehaviour().userinfo_claims, &mut claims);
    let faults = state.misbehaviour().userinfo_signed.clone();
    match (faults, state.client(&granted.request.client_id)) {
        // Section 5.3.2.
        (Some(faults), Some(client)) => {
            claims.insert("iss".into(), json!(state.issuer));
            claims.insert("aud".into(), json!(client.id));
            let token = id_token::sign(state, claims, &faults, client)?;
            let mut answer = pages::json_text(token);
            answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
            Ok(answer)
        }
        _ => Ok(pages::json(&Value::Object(claims))),
    }
}

/// The client, by its key if it has one (RFC 7523 section 3), else by one of the two methods with a secret
/// (RFC 6749 section 2.3.1).
pub(super) fn authenticated<'a>(state: &'a State, asked: &Asked) -> Option<&'a Client> {
    let posted = asked.field("client_secret").is_some();
    if let Some(text) = asked.field("client_assertion") {
        let client = state.client(asked.field("client_id")?)?;
        let alone = !posted && asked.header(header::AUTHORIZATION).is_none();
        let typed =
            asked.field("client_assertion_type") == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let audiences = [state.issuer.clone(), state.endpoint("/token")];
        let claims = assertion::check(state, text, client.assertion_key.as_ref()?, &audiences)?;
        let own = ["iss", "sub"].iter().all(|name| assertion::said(&claims, name) == Some(client.id.as_str()));
        return (alone && typed && own && assertion::said(&claims, "jti").is_some()).then_some(client);
    }
    let (id, secret) = match asked.header(header::AUTHORIZATION) {
        // More than one method in a request is refused.
        Some(_) if posted => return None,
        Some(value) => basic(value)?,
        None => (asked.field("client_id")?.to_owned(), asked.field("client_secret")?.to_owned()),
    };
    state.client(&id).filter(|client| client.assertion_key.is_none() && client.secret == secret)
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
