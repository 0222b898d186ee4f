//! The three addresses.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use tokio::net::TcpListener;

use crate::listener::Front;
use crate::listener::Listener;
use crate::listener::ListenerLimits;
use crate::operations::ready::Readiness;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Open;
use crate::upstream::Body;
use crate::upstream::full;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the operations address answers from.
#[derive(Clone)]
pub struct Operations {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    open: Arc<dyn Fn() -> Open + Send + Sync>,
}

impl Operations {
    /// `open` counts what is open when somebody asks for the metrics.
    pub fn new(metrics: Arc<Metrics>, health: Arc<Health>, open: Arc<dyn Fn() -> Open + Send + Sync>) -> Self {
        Self { metrics, health, open }
    }

    /// Answers on this socket for as long as the process lives: while it drains, probes still want to know.
    pub async fn serve(self, socket: TcpListener, limits: ListenerLimits) {
        let listener = Listener::new(None, Front::Nobody, limits);
        let answer = move |request, _| {
            let answer = self.answer(&request);
            async move { answer }
        };
        listener.accept(socket, answer).await;
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return said(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered here\n".into());
        }
        match request.uri().path() {
            "/healthz" => said(StatusCode::OK, TEXT, "alive\n".into()),
            "/readyz" => self.ready(request),
            "/metrics" => self.metrics(),
            _ => said(StatusCode::NOT_FOUND, TEXT, "there are /healthz, /readyz and /metrics\n".into()),
        }
    }

    fn ready<B>(&self, request: &Request<B>) -> Response<Body> {
        let readiness = Readiness::of(&self.health);
        let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let wanted = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let json = wanted.is_some_and(|accept| accept.contains(JSON)).then(|| serde_json::to_string(&readiness));
        match json {
            Some(Ok(json)) => said(status, JSON, json),
            Some(Err(_)) | None => said(status, TEXT, readiness.text()),
        }
    }

    fn metrics(&self) -> Response<Body> {
        self.metrics.open((self.open)());
        match self.metrics.render(&self.health) {
            Ok(text) => said(StatusCode::OK, OPEN_METRICS, text),
            Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the metrics cannot be written\n".into()),
        }
    }
}

fn said(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("health", &self.health).finish_non_exhaustive()
    }
}
