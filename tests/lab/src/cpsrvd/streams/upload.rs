//! Uploads: counted as they come, answered at the end, cut off at a limit.

use serde_json::json;

use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::api;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;

/// The UAPI function that takes files.
pub(crate) const PATH: &str = "/execute/Fileman/upload_files";

/// Counts a `multipart/form-data` body without keeping it.
pub(crate) async fn answer(exchange: &mut Exchange<'_>) -> Answer {
    let boundary = exchange.request.header("Content-Type").and_then(|value| {
        value.strip_prefix("multipart/form-data;")?.split_once("boundary=").map(|(_, boundary)| boundary.to_owned())
    });
    let Some(boundary) = boundary.filter(|boundary| !boundary.is_empty()) else {
        return Answer::json(&api::envelope::uapi_failure("An upload must be multipart/form-data.")).closing();
    };
    let mut tail = Vec::new();
    loop {
        match exchange.incoming.next().await {
            Ok(Some(piece)) => {
                if exchange.switches.upload_limit.is_some_and(|limit| exchange.incoming.read() > limit) {
                    let page = pages::refused("Too large", "The file is larger than this server accepts.");
                    return Answer::page(413, "Request Entity Too Large", page).closing();
                }
                tail.extend_from_slice(&piece);
                let surplus = tail.len().saturating_sub(256);
                tail.drain(..surplus);
            }
            Ok(None) => break,
            Err(error) => return Answer::json(&api::envelope::uapi_failure(&error.to_string())).closing(),
        }
    }
    let end = format!("--{}--", boundary.trim_matches('"'));
    if !String::from_utf8_lossy(&tail).trim_end().ends_with(&end) {
        return Answer::json(&api::envelope::uapi_failure("The upload is incomplete.")).closing();
    }
    Answer::json(&api::envelope::uapi_success(&json!({"succeeded": 1, "failed": 0, "bytes": exchange.incoming.read()})))
}
