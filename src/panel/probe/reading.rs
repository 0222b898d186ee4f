//! Reading answers: the little that several steps want to know of one.

use serde_json::Value;

use crate::panel::api_answer;
use crate::panel::probe::record::Heard;

pub(super) fn is_success(heard: &Heard) -> bool {
    api_answer::read(heard.status.as_u16(), &heard.body).is_ok()
}

/// The reason in an API answer, or what else there is to say.
pub(super) fn reason(heard: &Heard) -> String {
    let json = heard.json();
    let reason = json.as_ref().and_then(|json| json.pointer("/metadata/reason")).and_then(Value::as_str);
    reason.map_or_else(|| heard.line(), |text| text.chars().filter(|c| !c.is_control()).take(200).collect())
}

pub(super) fn has_framing_headers(heard: &Heard) -> bool {
    let frame = heard.header("x-frame-options").is_some_and(|value| value.eq_ignore_ascii_case("sameorigin"));
    frame && heard.header("x-content-type-options").is_some_and(|value| value.eq_ignore_ascii_case("nosniff"))
}

/// Where an answer leads, by its head or its page.
pub(super) fn leads_to(heard: &Heard) -> Option<String> {
    if let Some(location) = heard.header("location") {
        return Some(location.to_owned());
    }
    let text = String::from_utf8_lossy(&heard.body).into_owned();
    let at = text.to_ascii_lowercase().find("url=")?;
    let rest = text.get(at + 4..)?;
    rest.find(['"', '\'', '>', ' ']).and_then(|end| rest.get(..end)).map(str::to_owned)
}

/// The path of an address on the same server.
pub(super) fn own_path(to: &str, authority: &str) -> Option<String> {
    let path = match to.strip_prefix("https://") {
        Some(rest) => rest.strip_prefix(authority)?,
        None => to,
    };
    path.starts_with('/').then(|| path.to_owned())
}

/// A percent-encoded text, decoded.
pub(super) fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        if let (Some(byte), Some(rest)) = (byte, part.get(2..)) {
            out.push(char::from(byte));
            out.push_str(rest);
        } else {
            out.push('%');
            out.push_str(part);
        }
    }
    out
}
