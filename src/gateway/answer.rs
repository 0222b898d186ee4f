//! Building our own answers.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use serde::Serialize;

use crate::console::Action;
use crate::console::Ask;
use crate::console::Failed;
use crate::console::ProblemPage;
use crate::console::Rendered;
use crate::console::Site;
use crate::console::Step;
use crate::console::assets::Asset;
use crate::console::paths;
use crate::edge::Destination;
use crate::gateway::failure::Failure;
use crate::gateway::words;
use crate::identity::LoginError;
use crate::model::ReferenceId;
use crate::model::Target;
use crate::rewrite;
use crate::upstream::Body;
use crate::upstream::empty;
use crate::upstream::full;

/// The header that carries the reference of a failure to scripts and to whoever looks at the network log.
const REFERENCE: HeaderName = HeaderName::from_static("panelgate-reference");

/// The header that carries a failure's code, for scripts that cannot or need not read the body.
const PROBLEM: HeaderName = HeaderName::from_static("panelgate-problem");

const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Whether the browser takes gzip (RFC 9110 section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut codings = lines.flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        let is_refused = weight.is_some_and(|weight| weight <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// An answer without a body.
pub(super) fn status(status: StatusCode) -> Response<Body> {
    answer(status, empty())
}

/// A redirect to be followed with GET (RFC 9110 section 15.4.4).
pub(super) fn see_other(location: &str) -> Response<Body> {
    let mut response = status(StatusCode::SEE_OTHER);
    match HeaderValue::from_str(location) {
        Ok(location) => insert(&mut response, header::LOCATION, location),
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// A redirect that keeps method and body (RFC 9110 section 15.4.8).
pub(super) fn moved(location: &str) -> Response<Body> {
    let mut response = see_other(location);
    if response.status() == StatusCode::SEE_OTHER {
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    }
    response
}

/// A page with its policy.
pub(super) fn page(status: StatusCode, page: Rendered) -> Response<Body> {
    let mut response = answer(status, full(page.html));
    insert(&mut response, header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&page.content_security_policy) {
        insert(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A page with its policy, in gzip for a browser that takes it. The page must repeat nothing of the request.
pub(super) fn packed_page(page: Rendered, to: &HeaderMap) -> Response<Body> {
    let packed = if takes_gzip(to) { page.packed() } else { None };
    let mut response = self::page(StatusCode::OK, page);
    if let Some(packed) = packed {
        *response.body_mut() = full(packed);
        insert(&mut response, header::CONTENT_ENCODING, GZIP);
    }
    insert(&mut response, header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// JSON for our own scripts.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = answer(status, full(bytes));
            insert(&mut response, header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "cannot write an answer as JSON");
            self::status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Server-sent events.
pub(super) fn events(stream: Body) -> Response<Body> {
    let mut response = answer(StatusCode::OK, stream);
    insert(&mut response, header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// A style sheet, script or picture of ours; its name changes with its bytes.
pub(super) fn asset(asset: &'static Asset, to: &HeaderMap) -> Response<Body> {
    let packed = asset.packed.filter(|_| takes_gzip(to));
    let mut response = answer(StatusCode::OK, full(packed.unwrap_or(asset.body)));
    if packed.is_some() {
        insert(&mut response, header::CONTENT_ENCODING, GZIP);
    }
    insert(&mut response, header::VARY, HeaderValue::from_static("accept-encoding"));
    insert(&mut response, header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    insert(&mut response, header::CACHE_CONTROL, forever);
    response
}

/// A failure, in the form that whoever asked can use: a page, a page in a frame, or JSON. What may be well another
/// time can be asked for `again`.
pub(super) fn failure(
    failure: &Failure,
    reference: ReferenceId,
    destination: Destination,
    again: Option<&Target>,
    site: &Site,
) -> Response<Body> {
    let problem = words::problem(failure, reference);
    let status = failure.status();
    let mut response = match destination {
        Destination::Page => page(status, ProblemPage::whole(problem, way_on(failure, site)).render(site)),
        Destination::Frame => {
            // Where nothing failed there is nothing to try again.
            let left =
                matches!(failure, Failure::PanelLeft | Failure::NotEntered | Failure::HandoffLost | Failure::Replaced);
            let mut framed = if left {
                ProblemPage::left(problem)
            } else if failure.step_up().is_some() {
                ProblemPage::stronger(problem)
            } else if matches!(failure, Failure::Denied(_)) {
                ProblemPage::denied(problem)
            } else {
                ProblemPage::framed(problem)
            };
            if let (Some(again), true) = (again, failure.may_pass()) {
                framed = framed.again_at(again.as_str());
            }
            if matches!(failure, Failure::SignedOut) {
                framed.announce = Some(Ask::SignIn);
            } else if matches!(failure, Failure::PanelLeft) {
                framed.announce = Some(Ask::Left);
            }
            page(status, framed.render(site))
        }
        Destination::Part | Destination::ServiceWorker => {
            let sign_in = matches!(failure, Failure::SignedOut).then(|| paths::SIGN_IN.to_owned());
            json(status, &Failed { problem, sign_in, step_up: failure.step_up() })
        }
    };
    if let Ok(reference) = HeaderValue::from_str(&reference.to_string()) {
        insert(&mut response, REFERENCE, reference);
    }
    insert(&mut response, PROBLEM, HeaderValue::from_static(failure.told_code()));
    if let Some(after) = failure.retry_after() {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        insert(&mut response, header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The button under a problem that takes the whole page.
fn way_on(failure: &Failure, site: &Site) -> Vec<Action> {
    let link =
        |label: &str, path: &str| Action { label: label.into(), step: Step::Link(format!("{}{path}", site.console)) };
    if let Some(step_up) = failure.step_up() {
        vec![link("Sign in again", &step_up), link("Go to the console", paths::HOME)]
    } else if matches!(failure, Failure::Login(LoginError::TooWeak(_))) {
        vec![link("Go to the console", paths::HOME)]
    } else if matches!(failure, Failure::Login(_) | Failure::SignedOut | Failure::CookiesBlocked) {
        vec![link("Sign in again", paths::SIGN_IN)]
    } else {
        vec![link("Go to the console", paths::HOME)]
    }
}

/// Adds the headers that every answer of our own has.
pub(super) fn own(mut response: Response<Body>, site: &Site) -> Response<Body> {
    rewrite::own_headers(response.headers_mut(), site.console.scheme);
    response
}

/// Adds `Set-Cookie` lines.
pub(super) fn with_cookies(
    mut response: Response<Body>,
    lines: impl IntoIterator<Item = Option<HeaderValue>>,
) -> Response<Body> {
    for line in lines.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    insert(&mut response, header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn insert(response: &mut Response<Body>, name: HeaderName, value: HeaderValue) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(name, value);
}
