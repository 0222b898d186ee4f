//! The API: WHM API 1 (and what is left of version 0), UAPI, and the API 2 bridge.

mod authorize;
pub(super) mod envelope;
mod sessions;
mod status;
mod table;
mod tokens;
mod uapi;

use serde_json::json;

use super::answer::Answer;
use super::answer::TEXT;
use super::exchange::Exchange;
use super::pages;
use super::service::Service;
use super::session;
use super::switches::Framing;
use authorize::Caller;
pub(super) use authorize::by_header;
pub(super) use sessions::may_enter;
use table::Call;

/// Whether programs are answered on this path, and never a page.
pub(super) fn is_api_path(path: &str) -> bool {
    ["/json-api/", "/xml-api/", "/execute/"].iter().any(|prefix| path.starts_with(prefix))
}

/// The answer to bad credentials, as captured: `text/plain`, no metadata, and a string for a number.
pub(super) fn denied() -> Answer {
    let body = r#"{"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}}"#;
    Answer::new(403, "Forbidden Access denied", TEXT, body).framed(Framing::ContentLength).closing()
}

/// Answers a call. The caller shows an `Authorization` header, or a session's cookie and security token.
pub(super) fn answer(exchange: &Exchange<'_>) -> Answer {
    let caller = match exchange.request.header("Authorization") {
        Some(value) => match by_header(exchange, value) {
            Some(caller) => caller,
            None => return denied(),
        },
        None => match session::admit(exchange) {
            Ok(session) => {
                if let Some(interruption) = session::ask_questions(exchange, &session) {
                    return interruption;
                }
                if let Err(refusal) = session::check_referrer(exchange) {
                    return refusal.by(&session.user, 's');
                }
                Caller::of_session(session)
            }
            Err(refusal) => return refusal.answer(exchange),
        },
    };
    respond(exchange, &caller).by(&caller.user, caller.method)
}

fn respond(exchange: &Exchange<'_>, caller: &Caller) -> Answer {
    if exchange.switches.api_security_policy && caller.session.is_none() {
        return Answer::page(200, "OK", pages::second_factor());
    }
    let call = Call { exchange, caller, fields: exchange.fields() };
    let path = exchange.path;
    if let Some(function) = path.strip_prefix("/execute/") {
        return match exchange.service() {
            Service::Whostmgrd => Answer::page(404, "Not Found", pages::not_found()),
            Service::Cpaneld | Service::Webmaild => Answer::json(&uapi::execute(&call, function)),
        };
    }
    if path == "/json-api/cpanel" {
        return Answer::json(&uapi::bridge(&call));
    }
    if exchange.service() != Service::Whostmgrd {
        return Answer::page(404, "Not Found", pages::not_found());
    }
    if let Some(function) = path.strip_prefix("/xml-api/") {
        let value = table::run(&call, function);
        let xml = envelope::xml(function, &value);
        return Answer::new(200, "OK", "text/xml; charset=\"utf-8\"", xml);
    }
    match path.strip_prefix("/json-api/") {
        Some(function) => Answer::json(&table::run(&call, function)),
        None => Answer::json(&json!({"error": "Unknown App Requested: "})),
    }
}
