//! The order of the stations, our own endpoints, and what people see when something fails.
//!
//! `serve` is the whole path of a request, to be read like a table. `console` and `panel` say what the
//! two kinds of origin answer; `sign_in`, `callback`, `step_up`, `sign_out`, `open` and `handoff` are the acts behind them.
//! `failure` gives every failure its status, words, log level and audit reason, without a catch-all.

mod access;
mod addresses;
mod answer;
mod callback;
mod console;
mod cookie;
mod cut;
mod end;
mod exchange;
mod failure;
mod handoff;
mod hop;
mod logout;
mod meant;
mod note;
mod notices;
mod open;
mod page;
mod panel;
mod redirect;
mod reference;
mod renew;
mod serve;
mod sessions;
mod sign_in;
mod sign_out;
mod status;
mod step_up;
mod words;

pub use addresses::Addresses;
pub use console::CALLBACK;
pub use console::SIGNED_OUT;
pub use notices::Notices;
pub use reference::References;
pub use sign_in::PROVIDER_AWAY;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::AuditLog;
use crate::console::Site;
use crate::edge::Forwarding;
use crate::edge::Origins;
use crate::identity::Providers;
use crate::model::Clock;
use crate::model::Directory;
use crate::panel_session::PanelSessions;
use crate::policy::Policy;
use crate::proxy::HeldBodies;
use crate::proxy::Pace;
use crate::session::PendingLogins;
use crate::session::Sessions;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Traces;

/// What readiness says while the store does not answer.
pub const STORE_AWAY: &str = "the store does not answer: nobody can sign in or open a panel";

/// Everything that a request can meet. Made by `compose`.
///
/// A gateway knows one version of the directory. For a new version there is a new gateway, which shares all
/// else with the old one: a request meets one version from its first station to its last.
#[derive(Clone)]
pub struct Gateway {
    /// The origins that exist.
    pub origins: Arc<Origins>,
    /// What balancers in front are believed about each request, if they say it in requests.
    pub forwarding: Option<Arc<Forwarding>>,
    /// The relying party, once for each provider.
    pub providers: Arc<Providers>,
    /// Sign-ins under way.
    pub pending: Arc<PendingLogins>,
    /// People's sessions.
    pub sessions: Arc<Sessions>,
    /// Who may what.
    pub policy: Arc<Policy>,
    /// What the policy was made of, for names to show.
    pub directory: Arc<Directory>,
    /// Where its servers are, on their side and on ours.
    pub addresses: Arc<Addresses>,
    /// Signed-in cpsrvd sessions.
    pub panels: PanelSessions,
    /// Request bodies that may have to be sent again.
    pub held: HeldBodies,
    /// The record.
    pub audit: AuditLog,
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// Where traces go, if they go anywhere.
    pub traces: Option<Traces>,
    /// What is wrong.
    pub health: Arc<Health>,
    /// Whether requests to panels are recorded.
    pub records_requests: bool,
    /// Bytes of a form that are looked at to tell what it does.
    pub recorded_form: usize,
    /// What the pages say about this installation.
    pub site: Arc<Site>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What requests are called.
    pub references: Arc<References>,
    /// Random numbers.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// How request bodies have to move.
    pub pace: Pace,
    /// Time without a byte on a WebSocket, in either direction.
    pub websocket_idle: Duration,
    /// What consoles are told about what happens behind their frames.
    pub notices: Arc<Notices>,
    /// Open WebSockets.
    pub tunnels: TaskTracker,
    /// Cancelled when the gateway stops: WebSockets do not end by themselves.
    pub draining: CancellationToken,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("console", self.origins.console()).finish_non_exhaustive()
    }
}
