//! Just enough of cpsrvd to be signed in at, and to look well: `create_user_session`, the one-time login, and what
//! the watch over the fleet asks.

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::LOCATION;
use http::header::SET_COOKIE;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use serde_json::json;
use url::form_urlencoded;

use super::body::Answer;

/// A form of the API is a few hundred bytes.
const FORM: usize = 16 * 1024;

/// Opens a session under the security token that was asked for.
pub(crate) async fn create_user_session(request: Request<Incoming>) -> Option<Response<Answer>> {
    let host = request.headers().get(http::header::HOST)?.to_str().ok()?.to_owned();
    let form = Limited::new(request.into_body(), FORM).collect().await.ok()?.to_bytes();
    let asked = form_urlencoded::parse(&form).find(|(name, _)| name == "cp_security_token")?.1;
    let token = format!("/{}", asked.trim_start_matches('/'));
    let url = format!("https://{host}{token}/login/?session=root%3abenchmark%3acreate_user_session");
    let body = json!({
        "metadata": { "version": 1, "result": 1, "reason": "OK", "command": "create_user_session" },
        "data": { "service": "whostmgrd", "session": "root:benchmark", "cp_security_token": token, "url": url, "expires": "4102444800" },
    });
    Some(Response::new(Answer::Text(Some(Bytes::from(body.to_string())))))
}

/// What a server says of itself to a token that may do nothing but open sessions.
pub(crate) fn look(function: &str) -> Option<Response<Answer>> {
    let data = match function {
        "version" => json!({ "version": "11.140.0.20" }),
        "myprivs" => json!({ "privileges": [{ "create-user-session": 1 }] }),
        _ => return None,
    };
    let body = json!({ "metadata": { "version": 1, "result": 1, "reason": "OK", "command": function }, "data": data });
    Some(Response::new(Answer::Text(Some(Bytes::from(body.to_string())))))
}

/// Gives the session's cookie and leads to the panel's first page.
pub(crate) fn log_in(token: &str) -> Option<Response<Answer>> {
    Response::builder()
        .status(StatusCode::MOVED_PERMANENTLY)
        .header(LOCATION, format!("/{token}/"))
        .header(SET_COOKIE, "whostmgrsession=root%3abenchmark%2c0123456789abcdef; HttpOnly; path=/; port=2087; secure")
        .body(Answer::Text(None))
        .ok()
}
