//! The shapes in which API answers come.

use serde_json::Value;
use serde_json::json;

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
    let mut out = String::from("<?xml version=\"1.0\" ?>\n");
    element(&mut out, name, value);
    out.push('\n');
    out
}

fn element(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| element(out, name, item)),
        Value::Object(fields) => {
            out.push_str(&format!("<{name}>"));
            for (field, value) in fields {
                element(out, field, value);
            }
            out.push_str(&format!("</{name}>"));
        }
        Value::Null => out.push_str(&format!("<{name}></{name}>")),
        Value::String(text) => out.push_str(&format!("<{name}>{}</{name}>", crate::cpsrvd::pages::escape(text))),
        Value::Bool(_) | Value::Number(_) => out.push_str(&format!("<{name}>{value}</{name}>")),
    }
}
