//! Traces of requests, for a collector that speaks OTLP over HTTP.
//!
//! A request leaves what it was and what took its time in a bounded queue, and waits for nobody; a task sends it
//! on. What finds no room, and what the collector does not take, is dropped and counted. The libraries' own
//! tracer is not used: it costs something at every step even of requests that nobody traces, and its queue does
//! not say what it drops. What a browser says about traces (`traceparent`) is not read: it would let strangers
//! choose what is traced, and join what does not belong together.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use opentelemetry::InstrumentationScope;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;
use opentelemetry::trace::SpanId;
use opentelemetry::trace::SpanKind;
use opentelemetry::trace::Status;
use opentelemetry::trace::TraceFlags;
use opentelemetry::trace::TraceState;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_otlp::WithHttpConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::IdGenerator as _;
use opentelemetry_sdk::trace::RandomIdGenerator;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sdk::trace::SpanEvents;
use opentelemetry_sdk::trace::SpanExporter as _;
use opentelemetry_sdk::trace::SpanLinks;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::telemetry::Metrics;
use crate::telemetry::RequestPlace;
use crate::telemetry::Waits;
use crate::telemetry::waits::Taken;

/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// Requests that are sent together.
const BATCH: usize = 256;

/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_millis(500);

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The HTTP client cannot be made.
    #[error("cannot set up TLS towards the collector of traces")]
    Client(#[source] reqwest::Error),
    /// The address of the collector cannot be used.
    #[error("traces cannot be sent to this address")]
    Exporter(#[source] ExporterBuildError),
}

/// Where traces go, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector's base address, without `/v1/traces` and without a slash at the end.
    pub endpoint: String,
    /// How many of a hundred requests are traced. Those that fail for a reason on our side or the servers' all are.
    pub percent: u8,
    /// Requests that may wait to be sent.
    pub queue: usize,
    /// Our name: the console's host.
    pub host: String,
}

/// A request that was answered.
#[derive(Debug)]
pub struct Traced {
    /// The reference that people see.
    pub reference: String,
    /// The kind of origin.
    pub place: RequestPlace,
    /// The method.
    pub method: String,
    /// The host that it was for.
    pub host: String,
    /// The path, without security tokens.
    pub path: String,
    /// The far end.
    pub client: String,
    /// The answer's status.
    pub status: u16,
    /// When it began.
    pub began: Instant,
    /// How long it took to the answer's head.
    pub took: Duration,
    /// What took time within.
    pub waits: Waits,
}

/// Takes what requests leave.
#[derive(Clone, Debug)]
pub struct Traces {
    queue: mpsc::Sender<Job>,
    percent: u8,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum Job {
    Request(Box<Traced>),
    Flush(oneshot::Sender<()>),
}

impl Traces {
    /// Makes the queue, and what empties it.
    pub fn new(settings: TraceSettings, metrics: Arc<Metrics>) -> Result<(Self, Sending), TraceError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // The environment is not our configuration.
            .no_proxy()
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .user_agent(concat!("panelgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(TraceError::Client)?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", settings.endpoint))
            .with_timeout(PATIENCE)
            .build()
            .map_err(TraceError::Exporter)?;
        let about = [
            KeyValue::new("service.name", "panelgate"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", settings.host),
        ];
        exporter.set_resource(&Resource::builder_empty().with_attributes(about).build());
        let (queue, jobs) = mpsc::channel(settings.queue.max(1));
        let traces = Self { queue, percent: settings.percent, metrics: Arc::clone(&metrics) };
        Ok((traces, Sending { jobs, exporter, metrics, is_refused: false }))
    }

    /// Takes a request, if it is one of those that are traced. `lot` is a random number.
    pub fn answered(&self, lot: u8, status: u16, request: impl FnOnce() -> Traced) {
        let is_drawn = u32::from(lot) * 100 < u32::from(self.percent) * 256;
        if (is_drawn || status >= 500) && self.queue.try_send(Job::Request(Box::new(request()))).is_err() {
            self.metrics.untraced("queue_full", 1);
        }
    }

    /// Waits until what was taken so far was sent or dropped, but not for ever.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.queue.send(Job::Flush(done)).await.is_ok() {
                // Who empties the queue may have ended, and nothing is to be waited for then.
                drop(flushed.await);
            }
        };
        if tokio::time::timeout(PATIENCE, flush).await.is_err() {
            tracing::warn!("the last traces were not sent in time");
        }
    }
}

/// Sends what is in the queue.
#[derive(Debug)]
pub struct Sending {
    jobs: mpsc::Receiver<Job>,
    exporter: SpanExporter,
    metrics: Arc<Metrics>,
    /// Whether the collector did not take the latest batch.
    is_refused: bool,
}

impl Sending {
    /// Sends, until nobody can leave anything any more.
    pub async fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH);
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            let full = gather(&mut self.jobs, &mut jobs);
            // What arrives within the moment goes along; running out of it is no failure.
            drop(tokio::time::timeout(GATHER, full).await);
            self.send(jobs.drain(..)).await;
        }
    }

    async fn send(&mut self, jobs: impl Iterator<Item = Job>) {
        let (mut spans, mut requests, mut waiting) = (Vec::new(), 0, Vec::new());
        for job in jobs {
            match job {
                Job::Request(traced) => {
                    requests += 1;
                    spans.extend(spans_of(&traced));
                }
                Job::Flush(done) => waiting.push(done),
            }
        }
        if requests > 0 {
            let sent = tokio::time::timeout(PATIENCE, self.exporter.export(spans)).await;
            let error = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            match &error {
                None => self.metrics.traced(requests),
                Some(_) => self.metrics.untraced("collector", requests),
            }
            // Once, and not with every batch.
            match (&error, self.is_refused) {
                (Some(cause), false) => tracing::warn!(%cause, "the collector does not take traces: they are dropped"),
                (None, true) => tracing::info!("the collector takes traces again"),
                (Some(_), true) | (None, false) => {}
            }
            self.is_refused = error.is_some();
        }
        for done in waiting {
            if done.send(()).is_err() {
                tracing::debug!("nobody waits for the last traces any more");
            }
        }
    }
}

/// Fills a batch, unless somebody waits for what is in it.
async fn gather(queue: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>) {
    while jobs.len() < BATCH && !jobs.iter().any(|job| matches!(job, Job::Flush(_))) {
        let room = BATCH - jobs.len();
        if queue.recv_many(jobs, room).await == 0 {
            return;
        }
    }
}

/// The span of a request, and one for each step.
fn spans_of(traced: &Traced) -> Vec<SpanData> {
    let ids = RandomIdGenerator::default();
    let trace = ids.new_trace_id();
    let now = SystemTime::now();
    let at = |moment: Instant| now.checked_sub(moment.elapsed()).unwrap_or(now);
    let context = |id| SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE);
    let root = ids.new_span_id();
    let step = |taken: &Taken| SpanData {
        parent_span_id: root,
        span_kind: if taken.step.is_elsewhere() { SpanKind::Client } else { SpanKind::Internal },
        name: taken.step.as_str().into(),
        start_time: at(taken.began),
        end_time: at(taken.began) + taken.took,
        ..span(context(ids.new_span_id()), now)
    };
    let steps: Vec<SpanData> = traced.waits.steps().iter().map(step).collect();
    let Traced { reference, method, host, path, client, status, .. } = traced;
    let attributes = vec![
        KeyValue::new("panelgate.reference", reference.clone()),
        KeyValue::new("http.request.method", method.clone()),
        KeyValue::new("http.response.status_code", i64::from(*status)),
        KeyValue::new("server.address", host.clone()),
        KeyValue::new("url.path", path.clone()),
        KeyValue::new("client.address", client.clone()),
    ];
    let request = SpanData {
        span_kind: SpanKind::Server,
        name: traced.place.as_str().into(),
        start_time: at(traced.began),
        end_time: at(traced.began) + traced.took,
        attributes,
        status: if *status >= 500 { Status::error("") } else { Status::Unset },
        ..span(context(root), now)
    };
    [request].into_iter().chain(steps).collect()
}

/// A span without anything in it.
fn span(context: SpanContext, now: SystemTime) -> SpanData {
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "".into(),
        start_time: now,
        end_time: now,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("panelgate").build(),
    }
}
