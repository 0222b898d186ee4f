//! What a server answered, and what may be told of it.

use http::HeaderMap;
use http::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use http_body_util::BodyExt as _;
use hyper::ext::ReasonPhrase;
use serde::Serialize;
use serde_json::Value;

use crate::panel::probe::redact::Redactor;
use crate::upstream::AnswerBody;

/// Bytes of a body that are looked at.
const LOOKED_AT: usize = 64 * 1024;

/// Headers whose values are told. Of others the name is.
const TOLD: [&str; 14] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "keep-alive",
    "location",
    "pragma",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];

/// Marks in a page that a client can recognise it by.
const SIGNS: [&str; 5] =
    ["id=\"login_form\"", "http-equiv=\"refresh\"", "tfa_login_form", "security_question", "login-status-message"];

/// An answer, as it came.
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer, as it may be told: no cookie value, no security token, no login, no API token.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// What was done.
    pub step: &'static str,
    /// Method and path.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers in their order, of most the name alone.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body, as far as it was read.
    pub body_bytes: usize,
    /// What can be recognised in a page.
    pub signs: Vec<&'static str>,
    /// The shape of JSON: its keys, and the types of their values.
    pub shape: Option<Value>,
}

impl Heard {
    pub(super) async fn read(answer: Response<AnswerBody>) -> Self {
        let (parts, mut rest) = answer.into_parts();
        let reason = parts.extensions.get::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()));
        let usual = parts.status.canonical_reason().unwrap_or_default();
        let reason = reason.map_or_else(|| usual.to_owned(), |reason| reason.chars().take(100).collect());
        let mut body = Vec::new();
        // A body that breaks off is what came of it.
        while let Some(Ok(frame)) = rest.frame().await {
            body.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
            if body.len() >= LOOKED_AT {
                body.truncate(LOOKED_AT);
                break;
            }
        }
        Self { status: parts.status, reason, headers: parts.headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn has(&self, mark: &str) -> bool {
        self.body.windows(mark.len()).any(|part| part.eq_ignore_ascii_case(mark.as_bytes()))
    }

    /// Whether it is the sign-in page, whatever its status.
    pub(super) fn is_sign_in(&self) -> bool {
        self.has("id=\"login_form\"")
    }

    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok())
    }

    /// Status and reason phrase.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.reason)
    }

    pub(super) fn told(&self, step: &'static str, request: &str, redactor: &Redactor) -> Exchange {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let value = value.to_str().unwrap_or("(no text)");
            let told = match name.as_str() {
                "set-cookie" => cookie(value),
                name if TOLD.contains(&name) => value.to_owned(),
                _ => "…".to_owned(),
            };
            (name.to_string(), redactor.redacted(&told))
        };
        Exchange {
            step,
            request: redactor.redacted(request),
            status: self.status.as_u16(),
            reason: redactor.redacted(&self.reason),
            headers: self.headers.iter().map(header).collect(),
            body_bytes: self.body.len(),
            signs: SIGNS.into_iter().filter(|sign| self.has(sign)).collect(),
            shape: self.json().map(|json| shape(&json, 0)),
        }
    }
}

/// A `Set-Cookie` without its value.
fn cookie(line: &str) -> String {
    let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let value = if value == "no" { "no" } else { "…" };
    format!("{name}={value};{attributes}")
}

/// Keys and types; keys that are no words of an API (names of accounts, say) are not told.
fn shape(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(object) if depth < 4 => {
            let is_word =
                |key: &str| key.len() <= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            let fields = object.iter().take(40).filter(|(key, _)| is_word(key) && *key != "tokens");
            Value::Object(fields.map(|(key, value)| (key.clone(), shape(value, depth + 1))).collect())
        }
        Value::Array(list) if depth < 4 => {
            Value::Array(list.first().map(|first| shape(first, depth + 1)).into_iter().collect())
        }
        Value::Object(_) => "object".into(),
        Value::Array(_) => "list".into(),
        Value::String(_) => "string".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => "null".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_cookie_and_of_json_no_value_is_told() {
        let line = "whostmgrsession=root%3aAbCd%2c0011; HttpOnly; path=/; port=2087; secure";
        assert_eq!(cookie(line), "whostmgrsession=…; HttpOnly; path=/; port=2087; secure");
        assert_eq!(cookie("cprelogin=no; path=/"), "cprelogin=no; path=/");
        let told = shape(&json!({"data": {"session": "root:x", "expires": 5, "l": [{"a b": 1, "c": null}]}}), 0);
        assert_eq!(told, json!({"data": {"session": "string", "expires": "number", "l": [{"c": "null"}]}}));
    }
}
