//! The authorization endpoint and the sign-in form (OpenID Connect Core 1.0, section 3.1.2; RFC 7636).

use anyhow::Context as _;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use serde_json::Map;
use url::Url;

use crate::provider::misbehaviour::Patch;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::push;
use crate::provider::server::Asked;
use crate::provider::state::AuthorizationRequest;
use crate::provider::state::Granted;
use crate::provider::state::SignedIn;
use crate::provider::state::State;
use crate::provider::state::now;
use crate::provider::state::random_text;

/// The cookie of the provider's own session.
const SESSION_COOKIE: &str = "provider_session";

/// Answers with a code if somebody is signed in already, else with the sign-in page.
pub(super) fn authorize(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let Some(brought) = push::brought(state, asked) else {
        let reason = "The pushed request is unknown, used already, or another client's.";
        return Ok(pages::message(StatusCode::BAD_REQUEST, "This sign-in cannot start", reason));
    };
    let asked = &brought;
    let request = match check(state, asked) {
        Ok(request) => request,
        Err(Refusal::Page(reason)) => {
            return Ok(pages::message(StatusCode::BAD_REQUEST, "This sign-in cannot start", reason));
        }
        Err(Refusal::Client(request, code)) => return respond(state, &request, "error", code),
    };
    let prompts: Vec<&str> = asked.param("prompt").unwrap_or_default().split(' ').collect();
    let person = asked.cookie(SESSION_COOKIE).and_then(|key| state.tables().sessions.get(key));
    let obeys = !state.misbehaviour().ignores_max_age;
    let max_age = asked.param("max_age").and_then(|text| text.parse::<u64>().ok()).filter(|_| obeys);
    let is_fresh = |person: &SignedIn| max_age.is_none_or(|most| now().saturating_sub(person.auth_time) <= most);
    let is_strong =
        |person: &SignedIn| request.acr.is_empty() || person.acr.as_ref().is_some_and(|acr| request.acr.contains(acr));
    let is_enough = person.as_ref().is_some_and(|person| is_fresh(person) && is_strong(person));
    match person.filter(|_| is_enough) {
        Some(person) if !prompts.contains(&"login") => grant(state, request, person),
        _ if prompts.contains(&"none") => respond(state, &request, "error", "login_required"),
        _ => {
            let key = random_text()?;
            let page = pages::sign_in(state, &key, &request.client_id, "", None);
            state.tables().waiting.put(key, request);
            Ok(page)
        }
    }
}

/// Takes the sign-in form.
pub(super) fn sign_in(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let key = asked.field("request").unwrap_or_default();
    let Some(request) = state.tables().waiting.get(key) else {
        let hint = "It was used already or is too old. Go back to where you came from and begin again.";
        return Ok(pages::message(StatusCode::BAD_REQUEST, "This sign-in page is no longer good", hint));
    };
    let login = asked.field("login").unwrap_or_default();
    if asked.field("cancel").is_some() {
        state.tables().waiting.take(key);
        return respond(state, &request, "error", "access_denied");
    }
    let password = asked.field("password").unwrap_or_default();
    let Some(user) = state.user(login).filter(|user| user.password == password) else {
        let wrong = "That name and password do not belong together.";
        return Ok(pages::sign_in(state, key, &request.client_id, login, Some(wrong)));
    };
    let person = SignedIn {
        login: user.login.clone(),
        auth_time: now(),
        acr: request.acr.first().cloned(),
        sid: random_text()?,
    };
    let session = random_text()?;
    state.tables().waiting.take(key);
    state.tables().sessions.put(session.clone(), person.clone());
    let mut answer = grant(state, request, person)?;
    let secure = if state.secure { "; Secure" } else { "" };
    let path = if state.base.is_empty() { "/" } else { &state.base };
    let cookie = format!("{SESSION_COOKIE}={session}; Path={path}; HttpOnly; SameSite=Lax{secure}");
    answer.headers_mut().append(header::SET_COOKIE, HeaderValue::try_from(cookie)?);
    Ok(answer)
}

/// Forgets the session of the browser that asks.
pub(super) fn forget(state: &State, asked: &Asked) -> Option<SignedIn> {
    asked.cookie(SESSION_COOKIE).and_then(|key| state.tables().sessions.take(key))
}

enum Refusal {
    /// Nothing may be sent to the redirect URI, because it is not known to be the client's.
    Page(&'static str),
    /// The client is told, with this error code.
    Client(Box<AuthorizationRequest>, &'static str),
}

fn check(state: &State, asked: &Asked) -> Result<AuthorizationRequest, Refusal> {
    let text = |name: &str| asked.param(name).unwrap_or_default().to_owned();
    let client = state.client(&text("client_id")).ok_or(Refusal::Page("The client is not registered."))?;
    let redirect_uri = text("redirect_uri");
    if !client.redirect_uris.contains(&redirect_uri) {
        return Err(Refusal::Page("The redirect URI is not registered for this client."));
    }
    let request = AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri,
        scope: text("scope"),
        state: asked.param("state").map(str::to_owned),
        nonce: asked.param("nonce").map(str::to_owned),
        code_challenge: text("code_challenge"),
        acr: text("acr_values").split_whitespace().map(str::to_owned).collect(),
    };
    if asked.param("response_type") != Some("code") {
        return Err(Refusal::Client(Box::new(request), "unsupported_response_type"));
    }
    if !request.scope.split(' ').any(|scope| scope == "openid") {
        return Err(Refusal::Client(Box::new(request), "invalid_scope"));
    }
    // RFC 7636 section 4.2: the S256 challenge is 32 octets in base64url.
    if asked.param("code_challenge_method") != Some("S256") || request.code_challenge.len() != 43 {
        return Err(Refusal::Client(Box::new(request), "invalid_request"));
    }
    Ok(request)
}

fn grant(state: &State, request: AuthorizationRequest, person: SignedIn) -> anyhow::Result<Answer> {
    let code = random_text()?;
    let answer = respond(state, &request, "code", &code)?;
    state.tables().codes.put(code, Granted { request, person });
    Ok(answer)
}

/// Sends the browser back to the client with a code or an error.
fn respond(state: &State, request: &AuthorizationRequest, name: &str, value: &str) -> anyhow::Result<Answer> {
    let mut params = Map::new();
    params.insert(name.to_owned(), value.into());
    params.insert("iss".to_owned(), state.issuer.as_str().into());
    if let Some(given) = &request.state {
        params.insert("state".to_owned(), given.as_str().into());
    }
    Patch::apply(&state.misbehaviour().authorization_response, &mut params);
    let mut to = Url::parse(&request.redirect_uri).context("a registered redirect URI is not a URL")?;
    for (name, value) in &params {
        to.query_pairs_mut().append_pair(name, value.as_str().unwrap_or(&value.to_string()));
    }
    Ok(pages::redirect(StatusCode::SEE_OTHER, to.as_str())?)
}
