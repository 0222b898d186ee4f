//! Reading WHM API 1 answers, which do not say what they mean by their status.
//!
//! A refused token is `text/plain` with JSON inside and no `metadata`; a failed call is a 200; a security
//! policy that steps in answers an API call with an HTML page.

use serde::Deserialize;
use serde_json::Value;

use crate::upstream::SendError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The call had no answer.
    #[error("the API call had no answer")]
    Send(#[source] SendError),
    /// The answer broke off.
    #[error("the API's answer broke off")]
    Body(#[source] crate::upstream::BoxError),
    /// The answer is larger than the limit.
    #[error("the API's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Wrong, revoked or expired token, or our address is not on its allow-list.
    #[error("the server refused the API token")]
    TokenRefused,
    /// A security policy of the server (two-factor authentication for API requests) stepped in.
    #[error("a security policy of the server answered instead of the API")]
    SecurityPolicy,
    /// The call was understood and refused.
    #[error("the API refused the call")]
    Refused(#[source] RefusedBecause),
    /// The server answered with an error of its own.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// HTML, or something else that is no JSON.
    #[error("the API answered with something else than JSON")]
    NotJson,
    /// JSON without the fields that the call documents.
    #[error("the API's answer lacks {0}")]
    Lacks(&'static str),
}

/// What the API gave as its reason, sorted by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum RefusedBecause {
    /// The account does not exist on the server.
    #[error("no such account on the server: {0}")]
    NoSuchAccount(String),
    /// The token's owner may not act for the account, or lacks the privilege.
    #[error("the API token may not do this: {0}")]
    NotAllowed(String),
    /// The account is no reseller, so it has no WHM.
    #[error("the account cannot use this service: {0}")]
    NoSuchService(String),
    /// A setting of the server keeps everybody but the account's own user, or its owner, out of its cPanel
    /// (Tweak Settings, `account_login_access`).
    #[error("the account is closed to others: {0}")]
    ClosedToOthers(String),
    /// The account is suspended.
    #[error("the account is suspended: {0}")]
    Suspended(String),
    /// Anything else.
    #[error("reason given: {0}")]
    Other(String),
}

/// Longest reason kept, in characters: it goes into the log.
const REASON: usize = 200;

#[derive(Deserialize)]
struct Envelope {
    metadata: Option<Metadata>,
    data: Option<Value>,
    cpanelresult: Option<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    result: Option<Value>,
    #[serde(default)]
    reason: String,
}

/// The `data` of an answer, or what went wrong.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Value, ApiError> {
    if matches!(status, 401 | 403) {
        return Err(ApiError::TokenRefused);
    }
    if status != 200 {
        return Err(ApiError::Status(status));
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        // The vendor's own client recognises the page by this word (cPanel::PublicAPI).
        let interrupted = body.windows(14).any(|w| w == b"tfa_login_form");
        return Err(if interrupted { ApiError::SecurityPolicy } else { ApiError::NotJson });
    };
    let Some(metadata) = envelope.metadata else {
        let denied = envelope.cpanelresult.is_some_and(|r| r.get("error").is_some());
        return Err(if denied { ApiError::TokenRefused } else { ApiError::Lacks("metadata") });
    };
    // The number 1, and from some calls the string "1".
    let succeeded = match metadata.result {
        Some(Value::Number(n)) => n.as_u64() == Some(1),
        Some(Value::String(text)) => text == "1",
        _ => false,
    };
    if !succeeded {
        return Err(ApiError::Refused(sort(&metadata.reason)));
    }
    envelope.data.ok_or(ApiError::Lacks("data"))
}

/// The same of an answer that may have the shape of API 2 although API 1 was asked.
pub(super) fn read_any_shape(status: u16, body: &[u8]) -> Result<Value, ApiError> {
    match read(status, body) {
        Err(ApiError::Lacks("metadata")) => {
            let envelope = serde_json::from_slice::<Envelope>(body).map_err(|_| ApiError::NotJson)?;
            let data = envelope.cpanelresult.and_then(|mut result| result.get_mut("data").map(Value::take));
            data.ok_or(ApiError::Lacks("data"))
        }
        other => other,
    }
}

fn sort(reason: &str) -> RefusedBecause {
    let text: String = reason.chars().filter(|c| !c.is_control()).take(REASON).collect();
    if text.contains("do not have a user named") {
        RefusedBecause::NoSuchAccount(text)
    } else if text.contains("Permission denied") || text.contains("do not have access to an account") {
        RefusedBecause::NotAllowed(text)
    } else if text.contains("Not a reseller") {
        RefusedBecause::NoSuchService(text)
    } else if text.contains("not allowed to log in") {
        RefusedBecause::ClosedToOthers(text)
    } else if text.contains("suspended") {
        RefusedBecause::Suspended(text)
    } else {
        RefusedBecause::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_and_not_the_status() {
        let refused = r#"{"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}}"#;
        assert!(matches!(read(403, refused.as_bytes()), Err(ApiError::TokenRefused)));
        assert!(matches!(read(200, refused.as_bytes()), Err(ApiError::TokenRefused)));
        assert!(matches!(read(500, b"<html>"), Err(ApiError::Status(500))));
        assert!(matches!(read(200, b"<form id=\"tfa_login_form\">"), Err(ApiError::SecurityPolicy)));
        assert!(matches!(read(200, b"<html>"), Err(ApiError::NotJson)));
        assert!(matches!(read(200, b"{}"), Err(ApiError::Lacks("metadata"))));
        assert!(matches!(read(200, br#"{"metadata":{"result":1}}"#), Err(ApiError::Lacks("data"))));
        assert!(read(200, br#"{"metadata":{"result":"1"},"data":{}}"#).is_ok());
        let reasons = [
            ("API failure: (XID 3y67mz) You do not have a user named “web08”.", "no such account"),
            ("You do not have access to an account named \\\"x\\\".", "may not do this"),
            ("Permission denied", "may not do this"),
            ("Not a reseller", "cannot use this service"),
            ("You are not allowed to log in to the account “dave”.", "closed to others"),
            ("The account “dave” is suspended.", "is suspended"),
            ("Something", "reason given"),
        ];
        for (reason, expected) in reasons {
            let body = format!(r#"{{"metadata":{{"result":0,"reason":"{reason}"}}}}"#);
            let Err(ApiError::Refused(because)) = read(200, body.as_bytes()) else { panic!("{reason}") };
            assert!(because.to_string().contains(expected), "{because}");
        }
    }
}
