//! The shapes in which API answers come.

use serde_json::Value;
use serde_json::json;

use crate::cpsrvd::pages;
use crate::cpsrvd::random;

/// WHM API 1: it worked.
pub(crate) fn success(command: &str, reason: &str, data: &Value) -> Value {
    json!({"data": data, "metadata": {"command": command, "reason": reason, "result": 1, "version": 1}})
}

/// WHM API 1: it failed. The status is 200 all the same.
pub(crate) fn failure(command: &str, reason: &str) -> Value {
    json!({"metadata": {"command": command, "reason": reason, "result": 0, "version": 1}})
}

/// A failure's text as current versions write it, or in plain letters.
pub(super) fn reason(text: &str, typographic: bool) -> String {
    if typographic {
        format!("API failure: (XID {}) {text}", random::small(6))
    } else {
        text.replace(['\u{201c}', '\u{201d}'], "\"")
    }
}

/// UAPI: it worked.
pub(crate) fn uapi_success(data: &Value) -> Value {
    json!({"status": 1, "errors": null, "data": data, "metadata": {}, "messages": null, "warnings": null})
}

/// UAPI: it failed.
pub(crate) fn uapi_failure(error: &str) -> Value {
    json!({"status": 0, "errors": [error], "data": null, "metadata": {}, "messages": null, "warnings": null})
}

/// The XML twin of an answer.
pub(super) fn xml(command: &str, value: &Value) -> String {
    let name =
        if command.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') { command } else { "result" };
    format!("<?xml version=\"1.0\" ?>\n{}\n", element(name, value))
}

fn element(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| element(name, item)).collect(),
        Value::Object(fields) => {
            let inner: String = fields.iter().map(|(field, value)| element(field, value)).collect();
            format!("<{name}>{inner}</{name}>")
        }
        Value::Null => format!("<{name}></{name}>"),
        Value::String(text) => format!("<{name}>{}</{name}>", pages::escape(text)),
        Value::Bool(_) | Value::Number(_) => format!("<{name}>{value}</{name}>"),
    }
}
