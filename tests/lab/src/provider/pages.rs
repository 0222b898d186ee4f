//! Answers: the pages that a person sees, JSON, redirects, and bodies that misbehave.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use hyper::body::Frame;
use serde_json::Value;

use crate::provider::state::State;

/// An answer of the provider.
pub(super) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// The sheet of every page. Its colours follow the system's light or dark setting.
const STYLE: &str = include_str!("pages.css");

/// A JSON answer that nobody may cache.
pub(super) fn json(value: &Value) -> Answer {
    json_text(value.to_string())
}

/// An answer that says it is JSON, with this body.
pub(super) fn json_text(text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()).boxed());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A redirect.
pub(super) fn redirect(status: StatusCode, to: &str) -> Result<Answer, header::InvalidHeaderValue> {
    let mut answer = Response::new(Full::default().boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::LOCATION, HeaderValue::try_from(to)?);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// A JSON string that never ends.
pub(super) fn endless() -> Answer {
    let chunk = Bytes::from(vec![b'a'; 16 * 1024]);
    let start = Bytes::from_static(b"{\"a\":\"");
    let frames = stream::unfold(start, move |next| {
        let chunk = chunk.clone();
        async move { Some((Ok(Frame::data(next)), chunk)) }
    });
    streamed(StreamBody::new(frames).boxed())
}

/// A head whose body never comes.
pub(super) fn stalled() -> Answer {
    streamed(StreamBody::new(stream::pending()).boxed())
}

fn streamed(body: BoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The sign-in page.
pub(super) fn sign_in(state: &State, request: &str, client: &str, login: &str, wrong: Option<&str>) -> Answer {
    let wrong = wrong.map(|text| format!(r#"<p class="wrong" role="alert">{}</p>"#, escape(text))).unwrap_or_default();
    let note = state.note.as_deref().map(|text| format!(r#"<p class="note">{}</p>"#, escape(text))).unwrap_or_default();
    // The cursor stands where the next thing is to be typed.
    let (name_focus, password_focus) = if login.is_empty() { ("autofocus", "") } else { ("", "autofocus") };
    let content = format!(
        r#"<h1>Sign in</h1>
<p class="to">to continue to <strong>{client}</strong></p>
{wrong}
<form method="post" action="{action}">
<input type="hidden" name="request" value="{request}">
<label for="login">Name</label>
<input id="login" name="login" value="{login}" autocomplete="username" autocapitalize="none" spellcheck="false" {name_focus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" {password_focus}>
<div class="buttons"><button type="submit">Sign in</button><button class="quiet" type="submit" name="cancel" value="1">Cancel</button></div>
</form>
{note}"#,
        client = escape(client),
        action = escape(&state.endpoint("/sign-in")),
        request = escape(request),
        login = escape(login),
    );
    page(StatusCode::OK, "Sign in", &content)
}

/// The page that asks whether to sign out.
pub(super) fn confirm_sign_out(state: &State) -> Answer {
    let content = format!(
        r#"<h1>Sign out?</h1>
<p class="to">You will be asked for your password the next time.</p>
<form method="post" action="{}"><div class="buttons"><button type="submit" name="confirm" value="1">Sign out</button></div></form>"#,
        escape(&state.endpoint("/logout")),
    );
    page(StatusCode::OK, "Sign out", &content)
}

/// A page with one message.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Answer {
    page(status, title, &format!(r#"<h1>{}</h1><p class="to">{}</p>"#, escape(title), escape(text)))
}

fn page(status: StatusCode, title: &str, content: &str) -> Answer {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Example Identity</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
<div class="brand"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22m-3 0v4m-3.5-4v3"/></svg>Example Identity</div>
{content}
</main>
<footer>A demonstration provider. It keeps nothing.</footer>
</body>
</html>
"#,
        title = escape(title),
    );
    let mut answer = Response::new(Full::new(Bytes::from(html)).boxed());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // No `form-action`: browsers hold it against the redirects that follow the form, and those lead to
    // the client and wherever the client sends the person next.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// Text for HTML content and quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
