//! What is counted and measured, as text for collectors (`OpenMetrics` 1.0).
//!
//! Every label has a bounded set of values: words of closed lists, ids of servers that the directory names,
//! names in our own certificates. Nothing that a request or a person brings along becomes a label.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::telemetry::Check;
use crate::telemetry::Health;
use crate::telemetry::found::Found;
use crate::telemetry::servers::ServerState;
use crate::telemetry::servers::Servers;
use crate::telemetry::shielded::ShieldGauges;
use crate::telemetry::shielded::Shielded;

/// Bounds of the histograms, in seconds: from what the gateway itself takes to what a slow server takes.
const BUCKETS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

/// The kind of origin that a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestPlace {
    /// The console.
    Console,
    /// A panel of some server.
    Panel,
    /// None: it was refused before that was known.
    Nowhere,
}

impl RequestPlace {
    const ALL: [Self; 3] = [Self::Console, Self::Panel, Self::Nowhere];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Panel => "panel",
            Self::Nowhere => "nowhere",
        }
    }
}

/// What became of a panel session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PanelAct {
    /// It was opened.
    Opened,
    /// The server had dropped it, and it was opened again.
    Renewed,
    /// It could not be opened.
    Failed,
    /// Access was lost, or the server's entry changed, while it was open.
    Cut,
}

impl PanelAct {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Renewed => "renewed",
            Self::Failed => "failed",
            Self::Cut => "cut",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    place: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPlace {
    place: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByServer {
    server: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCheck {
    check: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByName {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByProvider {
    provider: String,
}

type Timings = Family<ByPlace, Histogram, fn() -> Histogram>;

/// Everything that is counted and measured. Made once, in `compose`, and handed to who has something to tell.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Answered, Counter>,
    own: Timings,
    waited: Timings,
    failures: Family<ByCode, Counter>,
    sign_ins: Family<ByOutcome, Counter>,
    denials: Family<ByReason, Counter>,
    panel_sessions: Family<ByServer, Counter>,
    reloads: Family<ByOutcome, Counter>,
    certificate_reloads: Family<ByOutcome, Counter>,
    shed: Counter,
    traces: Family<ByOutcome, Counter>,
    log_left_out: Counter,
    open_sessions: Gauge,
    open_panel_sessions: Gauge,
    open_streams: Gauge,
    open_websockets: Gauge,
    open_connections: Gauge,
    checks: Family<ByCheck, Gauge>,
    certificates: Family<ByName, Gauge>,
    provider_clocks: Family<ByProvider, Gauge>,
    shield: ShieldGauges,
    servers: Servers,
    /// What each request counts in, found once: a look into the families costs as much as ten of these.
    found: [Found; RequestPlace::ALL.len()],
}

impl Metrics {
    /// Nothing counted yet; `started` is when the process started, in seconds since 1970.
    pub fn new(started: u64) -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("panelgate")),
            requests: Family::default(),
            own: Family::new_with_constructor(timing),
            waited: Family::new_with_constructor(timing),
            failures: Family::default(),
            sign_ins: Family::default(),
            denials: Family::default(),
            panel_sessions: Family::default(),
            reloads: Family::default(),
            certificate_reloads: Family::default(),
            shed: Counter::default(),
            traces: Family::default(),
            log_left_out: Counter::default(),
            open_sessions: Gauge::default(),
            open_panel_sessions: Gauge::default(),
            open_streams: Gauge::default(),
            open_websockets: Gauge::default(),
            open_connections: Gauge::default(),
            checks: Family::default(),
            certificates: Family::default(),
            provider_clocks: Family::default(),
            shield: ShieldGauges::default(),
            servers: Servers::default(),
            found: Default::default(),
        };
        metrics.register(started);
        metrics
    }

    fn register(&self, started: u64) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let start: Gauge = Gauge::default();
        start.set(i64::try_from(started).unwrap_or(i64::MAX));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
        registry.register("start_time_seconds", "When the process started, since 1970", start);
        registry.register(
            "requests",
            "Requests by the kind of origin and the class of the answer",
            self.requests.clone(),
        );
        registry.register(
            "request_own_seconds",
            "Time from a request's head to the answer's head that the gateway itself took",
            self.own.clone(),
        );
        registry.register(
            "request_waited_seconds",
            "Time within a request that the gateway waited for a server or the provider",
            self.waited.clone(),
        );
        registry.register("failures", "Requests that were not answered with what was asked for", self.failures.clone());
        registry.register("sign_ins", "Sign-ins by outcome", self.sign_ins.clone());
        registry.register("denials", "Denials by reason", self.denials.clone());
        registry.register(
            "panel_sessions",
            "Panel sessions opened, renewed, failed and cut",
            self.panel_sessions.clone(),
        );
        self.shield.register(&mut registry);
        registry.register("reloads", "Configurations that were read again, by outcome", self.reloads.clone());
        registry.register(
            "certificate_reloads",
            "Changes of our certificates, by outcome",
            self.certificate_reloads.clone(),
        );
        registry.register("audit_shed", "Records of requests that found no room in the audit log", self.shed.clone());
        registry.register("traces", "Requests whose trace was sent, or dropped and why", self.traces.clone());
        registry.register(
            "log_left_out",
            "Lines of the log that found no room, because nobody took those before them",
            self.log_left_out.clone(),
        );
        registry.register("sessions_open", "People's sessions", self.open_sessions.clone());
        registry.register(
            "panel_sessions_open",
            "Panel sessions held by this process",
            self.open_panel_sessions.clone(),
        );
        registry.register(
            "streams_open",
            "Requests at the servers, bodies and WebSockets included",
            self.open_streams.clone(),
        );
        registry.register("websockets_open", "WebSockets", self.open_websockets.clone());
        registry.register("connections_open", "Connections from browsers", self.open_connections.clone());
        registry.register("check_ok", "Whether a part is well (1) or not (0)", self.checks.clone());
        registry.register(
            "certificate_expiry_seconds",
            "When a certificate of ours ends, since 1970, by its first name",
            self.certificates.clone(),
        );
        registry.register(
            "provider_clock_ahead_seconds",
            "How far a provider's clock was ahead of ours at the latest sign-in",
            self.provider_clocks.clone(),
        );
        self.servers.register(&mut registry);
    }

    /// A request was answered after `took`, of which it had waited for others for `waited`.
    pub fn answered(&self, place: RequestPlace, status: u16, took: Duration, waited: Duration) {
        let number = RequestPlace::ALL.iter().position(|other| *other == place);
        let Some(found) = number.and_then(|number| self.found.get(number)) else { return };
        let place = place.as_str();
        found.count(status, |status| self.requests.get_or_create(&Answered { place, status }).clone());
        let timing = |timings: &Timings| timings.get_or_create(&ByPlace { place }).clone();
        found.own(|| timing(&self.own)).observe(took.saturating_sub(waited).as_secs_f64());
        if !waited.is_zero() {
            found.waited(|| timing(&self.waited)).observe(waited.as_secs_f64());
        }
    }

    /// A request failed with this code of the closed list of failures.
    pub fn failed(&self, code: &'static str) {
        self.failures.get_or_create(&ByCode { code }).inc();
    }

    /// A sign-in ended: `succeeded`, or with the code of its failure.
    pub fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// How far the clock of a provider that is configured is ahead of ours, in seconds.
    pub fn provider_clock(&self, provider: &str, ahead: i64) {
        self.provider_clocks.get_or_create(&ByProvider { provider: provider.to_owned() }).set(ahead);
    }

    /// Policy said no for this reason of its closed list.
    pub fn denied(&self, reason: &'static str) {
        self.denials.get_or_create(&ByReason { reason }).inc();
    }

    /// A panel session on a server that the directory names.
    pub fn panel_session(&self, server: &str, act: PanelAct) {
        self.panel_sessions.get_or_create(&ByServer { server: server.to_owned(), outcome: act.as_str() }).inc();
    }

    /// The configuration was read again: `succeeded` or `failed`.
    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// Our certificates were changed: `succeeded` or `failed`.
    pub fn renewed_certificates(&self, outcome: &'static str) {
        self.certificate_reloads.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// How many records of requests found no room since the start.
    pub fn shed(&self, total: u64) {
        self.shed.inc_by(total.saturating_sub(self.shed.get()));
    }

    /// The traces of so many requests were sent.
    pub fn traced(&self, requests: u64) {
        self.traces.get_or_create(&ByOutcome { outcome: "sent" }).inc_by(requests);
    }

    /// The traces of so many requests were dropped, for this reason.
    pub fn untraced(&self, outcome: &'static str, requests: u64) {
        self.traces.get_or_create(&ByOutcome { outcome }).inc_by(requests);
    }

    /// How many lines of the log found no room since the start.
    pub fn log_left_out(&self, total: u64) {
        self.log_left_out.inc_by(total.saturating_sub(self.log_left_out.get()));
    }

    /// The number of people's sessions.
    pub fn sessions(&self, open: u64) {
        self.open_sessions.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// What is open right now.
    pub fn open(&self, now: Open) {
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.open_panel_sessions, now.panel_sessions);
        set(&self.open_streams, now.streams);
        set(&self.open_websockets, now.websockets);
        set(&self.open_connections, now.connections);
    }

    /// Our certificates: first name and end, in seconds since 1970. Replaces what was said before.
    pub fn certificates(&self, ends: impl IntoIterator<Item = (String, i64)>) {
        self.certificates.clear();
        for (name, end) in ends {
            self.certificates.get_or_create(&ByName { name }).set(end);
        }
    }

    /// What was last seen of the servers from outside. Replaces what was said before.
    pub fn shield(&self, servers: impl Iterator<Item = Shielded>) {
        self.shield.set(servers);
    }

    /// The servers as they were last seen, by their ids. Replaces what was said before.
    pub fn servers_are(&self, states: &HashMap<String, ServerState>) {
        self.servers.are(states);
    }

    /// All of it as `OpenMetrics` text.
    pub fn render(&self, health: &Health) -> Result<String, fmt::Error> {
        for check in Check::ALL {
            let well = i64::from(health.is_well(check));
            self.checks.get_or_create(&ByCheck { check: check.as_str() }).set(well);
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What is open at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Panel sessions.
    pub panel_sessions: usize,
    /// Requests at the servers, bodies and WebSockets included.
    pub streams: usize,
    /// WebSockets.
    pub websockets: usize,
    /// Connections from browsers.
    pub connections: usize,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn timing() -> Histogram {
    Histogram::new(BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_took_is_told_apart_from_what_it_waited_for() {
        let metrics = Metrics::new(7);
        metrics.answered(RequestPlace::Panel, 200, Duration::from_millis(1010), Duration::from_secs(1));
        metrics.answered(RequestPlace::Console, 503, Duration::from_millis(2), Duration::ZERO);
        let text = metrics.render(&Health::default()).unwrap();
        for line in [
            "panelgate_start_time_seconds 7",
            "panelgate_requests_total{place=\"panel\",status=\"2xx\"} 1",
            "panelgate_requests_total{place=\"console\",status=\"5xx\"} 1",
            "panelgate_request_own_seconds_bucket{le=\"0.025\",place=\"panel\"} 1",
            "panelgate_request_own_seconds_bucket{le=\"0.005\",place=\"panel\"} 0",
            "panelgate_request_waited_seconds_bucket{le=\"1.0\",place=\"panel\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("waited_seconds_count{place=\"console\"}"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn of_servers_the_last_look_is_told_and_nothing_more() {
        let metrics = Metrics::new(0);
        let says = |line: &str| metrics.render(&Health::default()).unwrap().contains(line);
        let state = |troubles: &[&'static str], load| ServerState {
            troubles: troubles.to_vec(),
            load,
            ..ServerState::default()
        };
        let are = |states: &[(&str, ServerState)]| {
            metrics.servers_are(&states.iter().map(|(id, state)| ((*id).to_owned(), state.clone())).collect());
        };
        are(&[("web1", state(&["unreachable", "vulnerable"], Some(0.5))), ("web2", state(&[], None))]);
        assert!(says("panelgate_server_trouble{server=\"web1\",trouble=\"unreachable\"} 1"));
        assert!(says("panelgate_server_load{server=\"web1\"} 0.5") && says("server_seen_seconds{server=\"web2\"} 0"));
        are(&[("web1", state(&["vulnerable"], None))]);
        assert!(says("panelgate_server_trouble{server=\"web1\",trouble=\"vulnerable\"} 1"));
        assert!(!says("unreachable") && !says("server_load{") && !says("web2"));
    }

    #[test]
    fn a_certificate_that_was_replaced_is_gone() {
        let metrics = Metrics::new(0);
        metrics.certificates([("old.example".to_owned(), 1)]);
        metrics.certificates([("new.example".to_owned(), 2)]);
        let text = metrics.render(&Health::default()).unwrap();
        assert!(text.contains("certificate_expiry_seconds{name=\"new.example\"} 2"), "{text}");
        assert!(!text.contains("old.example"));
    }
}
