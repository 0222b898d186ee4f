//! What the server answers, by path. A security token in front of it changes nothing.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::header::CONNECTION;
use http::header::CONTENT_TYPE;
use http::header::SEC_WEBSOCKET_ACCEPT;
use http::header::SEC_WEBSOCKET_KEY;
use http::header::SERVER;
use http::header::UPGRADE;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::interval;
use url::form_urlencoded;

use super::body::Answer;
use super::echo::echo;
use super::panel;

/// Events that may wait for a slow reader.
const EVENTS: usize = 4;

/// `/b/N` N bytes, `/sink` swallows, `/sse?n=&ms=` trickles, `/ws` echoes.
pub(crate) async fn answer(request: Request<Incoming>) -> Response<Answer> {
    let path = request.uri().path().to_owned();
    let (token, rest) = match path.strip_prefix("/cpsess").and_then(|rest| rest.split_once('/')) {
        Some((digits, rest)) => (format!("cpsess{digits}"), format!("/{rest}")),
        None => (String::new(), path),
    };
    let answered = if let Some(size) = rest.strip_prefix("/b/") {
        size.parse().ok().and_then(letters)
    } else if rest.is_empty() || rest == "/" {
        letters(128)
    } else if rest == "/sink" {
        Some(sink(request).await)
    } else if rest == "/sse" {
        events(&request)
    } else if rest == "/ws" {
        websocket(request)
    } else if rest.starts_with("/login") {
        panel::log_in(&token)
    } else if rest == "/json-api/create_user_session" {
        panel::create_user_session(request).await
    } else if let Some(function) = rest.strip_prefix("/json-api/") {
        panel::look(function)
    } else {
        None
    };
    answered.unwrap_or_else(|| status(StatusCode::NOT_FOUND))
}

fn status(status: StatusCode) -> Response<Answer> {
    let mut answer = Response::new(Answer::Text(None));
    *answer.status_mut() = status;
    answer
}

/// A page with the headers that cpsrvd sends.
fn letters(size: u64) -> Option<Response<Answer>> {
    Response::builder()
        .header(SERVER, "cpsrvd")
        .header(CONTENT_TYPE, "text/html; charset=\"utf-8\"")
        .header(CACHE_CONTROL, "no-cache, no-store, must-revalidate, private")
        .header("x-frame-options", "SAMEORIGIN")
        .header("x-content-type-options", "nosniff")
        .body(Answer::Letters(size))
        .ok()
}

async fn sink(mut request: Request<Incoming>) -> Response<Answer> {
    let mut size = 0;
    while let Some(frame) = request.body_mut().frame().await {
        let Ok(frame) = frame else { return status(StatusCode::BAD_REQUEST) };
        size += frame.data_ref().map_or(0, Bytes::len);
    }
    Response::new(Answer::Text(Some(Bytes::from(size.to_string()))))
}

fn events(request: &Request<Incoming>) -> Option<Response<Answer>> {
    let query = request.uri().query().unwrap_or_default();
    let number = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok())
    };
    let (count, pause): (u64, u64) = (number("n")?, number("ms")?);
    let (sender, receiver) = mpsc::channel(EVENTS);
    spawn_local(async move {
        let mut beat = interval(Duration::from_millis(pause.max(1)));
        for id in 0..count {
            beat.tick().await;
            let event = format!("id: {id}\ndata: 0123456789012345678901234567890123456789\n\n");
            if sender.send(Bytes::from(event)).await.is_err() {
                return;
            }
        }
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .header(CACHE_CONTROL, "no-cache")
        .body(Answer::Events(receiver))
        .ok()
}

fn websocket(mut request: Request<Incoming>) -> Option<Response<Answer>> {
    let mut text = request.headers().get(SEC_WEBSOCKET_KEY)?.as_bytes().to_vec();
    text.extend_from_slice(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text));
    let upgrade = hyper::upgrade::on(&mut request);
    spawn_local(async move {
        if let Ok(upgraded) = upgrade.await {
            // The other side hung up.
            drop(echo(TokioIo::new(upgraded)).await);
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Answer::Text(None))
        .ok()
}
