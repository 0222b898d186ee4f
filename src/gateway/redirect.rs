//! From plain HTTP to HTTPS, and nowhere else.

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;

use crate::edge::Origins;
use crate::gateway::answer;
use crate::model::Target;
use crate::upstream::Body;

/// Answers a request that came without TLS: to the same page of the same name if it is one of ours, else not
/// at all. Nothing that was sent along is looked at, and no cookie is set.
pub(super) fn to_https<B>(origins: &Origins, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer::status(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => host.split_once(':').map_or(host, |(host, _)| host),
        _ => return answer::status(StatusCode::BAD_REQUEST),
    };
    let Some(origin) = origins.named(host) else { return answer::status(StatusCode::MISDIRECTED_REQUEST) };
    let spelled = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // What could be read in two ways is not repeated; the way in is.
    let target = Target::parse(spelled).map_or_else(|_| "/".to_owned(), |target| target.to_string());
    let mut response = answer::status(StatusCode::PERMANENT_REDIRECT);
    match HeaderValue::from_str(&format!("{origin}{target}")) {
        Ok(location) => drop(response.headers_mut().insert(header::LOCATION, location)),
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}
