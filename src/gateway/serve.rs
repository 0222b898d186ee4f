//! The path of a request, station by station.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::Uri;
use http::header::HOST;
use hyper::body::Incoming;

use crate::console::paths;
use crate::edge;
use crate::edge::Destination;
use crate::edge::EdgeError;
use crate::edge::Place;
use crate::edge::RESERVED;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::failure::Failure;
use crate::gateway::redirect;
use crate::listener::Accepted;
use crate::model::ClientAddr;
use crate::model::ReferenceId;
use crate::model::Target;
use crate::telemetry::Chain;
use crate::telemetry::Check;
use crate::telemetry::RedactedPath;
use crate::telemetry::RequestLine;
use crate::telemetry::RequestPlace;
use crate::telemetry::Traced;
use crate::telemetry::Waits;
use crate::upstream::Body;

/// What readiness says while no event can be written.
const AUDIT_AWAY: &str = "the audit log cannot be written: nothing that has to be on record happens";

impl Gateway {
    /// Answers a request, whatever becomes of it.
    pub async fn serve(self: Arc<Self>, request: Request<Incoming>, accepted: Accepted) -> Response<Body> {
        let began = Instant::now();
        let reference = self.references.next();
        let far = accepted.client;
        let accepted = match &self.forwarding {
            Some(forwarding) => forwarding.resolve(accepted, request.headers()),
            None => Ok(accepted),
        };
        let line = Line::of(&request, reference, accepted.as_ref().map_or(far, |accepted| accepted.client));
        let waits = self.traces.as_ref().map_or_else(Waits::default, |_| Waits::with_steps());
        let answer = AssertUnwindSafe(self.answer(request, accepted, reference, &waits)).catch_unwind().await;
        let (place, response) = answer.unwrap_or_else(|_| {
            (RequestPlace::Nowhere, self.failed(&Failure::Panicked, reference, Destination::Part, None))
        });
        let (took, waited) = (began.elapsed(), waits.total());
        let status = response.status().as_u16();
        line.write(&response, took, waited);
        self.metrics.answered(place, status, took, waited);
        if let Some(traces) = &self.traces {
            let lot = self.lot();
            traces.answered(lot, status, || line.traced(place, status, (began, took), waits));
        }
        response
    }

    /// listener → **edge** → session → policy → audit → panel session → proxy → rewrite
    async fn answer(
        &self,
        request: Request<Incoming>,
        accepted: Result<Accepted, EdgeError>,
        reference: ReferenceId,
        waits: &Waits,
    ) -> (RequestPlace, Response<Body>) {
        // Scripts are told in JSON even when the edge refuses them.
        let destination = Destination::read(request.headers());
        let checked = accepted.and_then(|accepted| {
            // The place of its address is kept until the request is answered.
            let checked = edge::check(request, destination, &accepted, reference, &self.origins, waits)?;
            Ok((checked, accepted.place))
        });
        let ((mut request, body), _place) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                return (RequestPlace::Nowhere, self.failed(&Failure::Edge(error), reference, destination, None));
            }
        };
        let place = request.place.clone();
        // A page that failed can be asked for again at its address, where no form was sent to it.
        let is_page = request.method == Method::GET && destination == Destination::Frame;
        let is_panels = matches!(place, Place::Panel(_)) && !request.target.path().starts_with(RESERVED);
        let again = is_page && is_panels;
        // Boxed once: the two futures are large, and seldom the same size. The larger is made where it stays.
        let (counted, answering): (_, BoxFuture<'_, _>) = match &place {
            Place::Console => (RequestPlace::Console, Box::pin(self.console(&request, body))),
            Place::Panel(origin) => {
                let panel = Box::write(Box::new_uninit(), self.panel(&mut request, body, origin));
                (RequestPlace::Panel, Box::into_pin(panel))
            }
        };
        let answer = answering.await;
        let again = again.then_some(&request.target);
        let answer = answer.unwrap_or_else(|failure| self.failed(&failure, reference, destination, again));
        (counted, answer)
    }

    /// Answers a request that came without TLS, on the port that is there for it.
    pub fn send_on(&self, request: &Request<Incoming>) -> Response<Body> {
        redirect::to_https(&self.origins, request)
    }

    /// The answer to a failure, which is logged under the same reference.
    fn failed(
        &self,
        failure: &Failure,
        reference: ReferenceId,
        destination: Destination,
        again: Option<&Target>,
    ) -> Response<Body> {
        report(failure, reference);
        self.metrics.failed(failure.code());
        if matches!(failure, Failure::Audit(_)) {
            self.health.unwell(Check::Audit, AUDIT_AWAY);
        }
        answer::own(answer::failure(failure, reference, destination, again, &self.site), &self.site)
    }

    /// A random number that decides whether a request is traced. Without random numbers it is.
    fn lot(&self) -> u8 {
        let mut lot = [0];
        if self.random.fill(&mut lot).is_ok() { u8::from_ne_bytes(lot) } else { 0 }
    }
}

/// Logs a failure with all its causes, as loudly as it deserves.
fn report(failure: &Failure, reference: ReferenceId) {
    let (code, cause) = (failure.code(), Chain(failure));
    match failure.level() {
        tracing::Level::ERROR => tracing::error!(%reference, code, %cause, "request failed"),
        tracing::Level::WARN => tracing::warn!(%reference, code, %cause, "request failed"),
        tracing::Level::INFO => tracing::info!(%reference, code, %cause, "request refused"),
        _ => tracing::debug!(%reference, code, %cause, "request refused"),
    }
}

/// What the log says of a request.
struct Line {
    reference: ReferenceId,
    client: ClientAddr,
    method: Method,
    host: Option<HeaderValue>,
    uri: Uri,
}

impl Line {
    fn of(request: &Request<Incoming>, reference: ReferenceId, client: ClientAddr) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self { reference, client, method, host: request.headers().get(HOST).cloned(), uri }
    }

    fn traced(self, place: RequestPlace, status: u16, (began, took): (Instant, Duration), waits: Waits) -> Traced {
        let (host, path) = (self.host().to_owned(), RedactedPath(self.uri.path()).to_string());
        let (reference, method, client) =
            (self.reference.to_string(), self.method.to_string(), self.client.to_string());
        Traced { reference, place, method, host, path, client, status, began, took, waits }
    }

    fn host(&self) -> &str {
        let host = self.host.as_ref().and_then(|host| host.to_str().ok());
        host.or_else(|| self.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("-")
    }

    fn write(&self, response: &Response<Body>, took: Duration, waited: Duration) {
        let line = RequestLine {
            reference: self.reference,
            client: self.client,
            method: self.method.as_str(),
            host: self.host(),
            path: RedactedPath(self.uri.path()),
            status: response.status().as_u16(),
            took,
            waited,
        };
        line.say();
    }
}

/// A path of ours that is no other; for return addresses.
pub(super) fn is_console_page(target: &Target) -> bool {
    matches!(target.path(), paths::HOME | paths::ACCESS | paths::SESSIONS) || target.path().starts_with("/s/")
}
