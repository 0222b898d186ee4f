//! From a checked configuration to a running gateway: the one place that knows both.

mod audit;
mod fleet;
mod front;
mod keep;
mod keys;
mod pulse;
mod reload;
mod relying_party;
mod rotation;
mod rounds;
mod servers;
mod sessions;
mod shield;
mod sockets;
mod start_error;
mod traces;
mod vault;
mod watch;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;
use futures_util::FutureExt as _;
use futures_util::future;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::audit::AuditLog;
use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::compose::reload::Current;
use crate::compose::reload::Reloader;
use crate::compose::sockets::Sockets;
use crate::config::Config;
use crate::config::Limits;
use crate::config::PanelStyle as ConfiguredStyle;
use crate::config::Provider as ConfiguredProvider;
use crate::config::StoreAt;
use crate::console::FrameSource;
use crate::console::SignInChoice;
use crate::console::Site;
use crate::edge::Origins;
use crate::edge::PanelStyle;
use crate::fleet::Lookout;
use crate::fleet::Notes;
use crate::gateway::Addresses;
use crate::gateway::Gateway;
use crate::gateway::Notices;
use crate::gateway::References;
use crate::listener::Certificates;
use crate::listener::Listener;
use crate::listener::ListenerLimits;
use crate::model::Clock;
use crate::model::Origin;
use crate::model::ReferenceId;
use crate::model::Service;
use crate::model::SystemClock;
use crate::operations::Operations;
use crate::policy::Policy;
use crate::proxy::HeldBodies;
use crate::proxy::Pace;
use crate::session::PendingLogins;
use crate::session::Sessions;
use crate::store::ServerKey;
use crate::store::Store;
use crate::telemetry::Check;
use crate::telemetry::Health;
use crate::telemetry::Metrics;
use crate::telemetry::Open;
use crate::telemetry::Sending;
use crate::vault::read as read_secret;

pub use audit::audit_head;
pub use fleet::Desk;
pub use fleet::Looking;
pub use fleet::desk;
pub use fleet::looking;
pub use fleet::new_token;
pub use keys::forget_key;
pub use keys::rotate_key;
pub use reload::Load;
pub use relying_party::provider;
pub use relying_party::provider_settings;
pub use relying_party::way_back;
pub use rounds::Rounds;
pub use rounds::our_origins;
pub use sessions::sessions;
pub use shield::ShieldDesk;
pub use shield::shield;
pub use sockets::HandedOver;
pub use sockets::addresses;
pub use start_error::StartError;

/// Probes and collectors at once on the operations address; more wait.
const OPERATIONS_CONNECTIONS: usize = 32;

/// A gateway with its sockets bound, about to serve.
#[derive(Debug)]
pub struct Ready {
    current: Current,
    lookout: Lookout,
    config: Config,
    listener: Listener,
    certificates: Option<Arc<Certificates>>,
    sockets: Sockets,
    limits: ListenerLimits,
    drain: Duration,
    sending: Option<Sending>,
}

impl Ready {
    /// Builds everything that the configuration asks for and binds the sockets.
    pub async fn build(config: &Config, handed: HandedOver) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
        let limits = &config.limits;
        let (metrics, health) = (Arc::new(Metrics::new(clock.now().0 / 1000)), Arc::new(Health::default()));
        health.unwell(Check::Lifecycle, "the gateway is starting");
        let certificates = front::certificates(config, &metrics)?;
        let providers = relying_party::providers(config, &clock, &random)?;
        let (store, key) = state(config, &*random).await?;
        let notes = Notes::new(store.clone(), key.clone(), Arc::clone(&clock), Arc::clone(&random), "the gateway");
        let notes = notes.map_err(StartError::Notes)?;
        let vault = vault::vault(config, &store, &clock, &random)?;
        vault::check(config, vault.as_ref()).await?;
        let lookout = fleet::lookout(config, (&store, &key), vault.clone(), &notes, (&clock, &random))?;
        let audit = AuditLog::open(audit::settings(config), &clock).map_err(StartError::Audit)?;
        let pending_lifetime = Duration::from_mins(limits.pending_login_minutes);
        let lifetimes = sessions::lifetimes(config);
        let origins = origins(config);
        let site = site(config, &origins);
        let (ours, known) = (Arc::clone(&clock), Arc::clone(&random));
        let sessions =
            Sessions::new(store.clone(), key.clone(), ours, known, lifetimes, bounded(limits.sessions)).map(Arc::new);
        let sessions = sessions.map_err(StartError::Sessions)?;
        let panels = servers::panels(config, vault.as_ref(), &random, &sessions)?;
        let (traces, sending) = traces::traces(config, &metrics)?.unzip();
        let gateway = Gateway {
            pending: Arc::new(PendingLogins::new(
                store,
                key,
                Arc::clone(&clock),
                pending_lifetime,
                (bounded(limits.pending_logins), bounded(limits.pending_logins_per_address)),
            )),
            sessions,
            policy: Arc::new(Policy::new(Arc::clone(&config.directory))),
            addresses: Arc::new(Addresses::of(&config.directory)),
            directory: Arc::clone(&config.directory),
            pace: Pace {
                idle: Duration::from_secs(limits.body_idle_seconds),
                grace: Duration::from_secs(limits.request_grace_seconds),
                rate: bounded(limits.request_bytes_per_second),
            },
            websocket_idle: Duration::from_mins(limits.websocket_idle_minutes),
            notices: Arc::new(Notices::new(size(limits.notice_streams))),
            tunnels: TaskTracker::new(),
            draining: CancellationToken::new(),
            origins: Arc::new(origins),
            forwarding: front::forwarding(config),
            providers: Arc::new(providers),
            panels,
            held: HeldBodies::new(size(limits.replay_body_kib * 1024), size(limits.replay_bodies_kib * 1024)),
            audit,
            metrics,
            traces,
            health,
            records_requests: config.audit.requests,
            recorded_form: size(limits.audit_form_kib * 1024),
            site: Arc::new(site),
            clock,
            references: Arc::new(References::new(&*random)),
            random,
        };
        let front = front::front(config);
        let tls = certificates.clone().map(|certificates| front::tls(&front, certificates)).transpose()?;
        let drain = Duration::from_secs(limits.drain_seconds);
        let limits = listener_limits(limits);
        Ok(Self {
            current: Current::new(gateway),
            lookout,
            config: config.clone(),
            listener: Listener::new(tls, front, limits),
            certificates,
            sockets: Sockets::open(config, handed)?,
            limits,
            drain,
            sending,
        })
    }

    /// The console's origin.
    pub fn console(&self) -> &Origin {
        &self.config.console
    }

    /// Serves until `stop` is cancelled, then lets open requests end. Meanwhile the configuration is read
    /// again with `load` when its files change, and when `again` is told to.
    pub async fn serve(self, load: Load, again: Arc<Notify>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { current, lookout, config, listener, certificates, sockets, limits, drain, sending } = self;
        let front = front::front(&config);
        let leave = config.balancer.as_ref().map(|balancer| balancer.leave).unwrap_or_default();
        let Sockets { people, redirect, operations } = sockets;
        let gateway = current.gateway();
        let (vault, notes) = (lookout.vault.clone(), lookout.notes.clone());
        let operations = operations.map(|socket| tokio::spawn(operate(&gateway, &listener, socket, limits)));
        record(&gateway, Kind::GatewayStarted).await?;
        tracing::info!(console = %gateway.origins.console(), directory = %gateway.policy.version(), "serving");
        gateway.sessions.listen().await.map_err(StartError::Sessions)?;
        gateway.catch_up().await;
        let freshening = tokio::spawn(keep::fresh(current.clone(), stop.clone()));
        let mut keepers = JoinSet::new();
        keepers.spawn(keep::listen(current.clone()));
        fleet::look_after(&mut keepers, &current, &config, lookout);
        keepers.spawn(keep::notes(current.clone(), notes));
        keepers.spawn(traces::send(sending));
        keepers.spawn(pulse::run(current.clone()));
        keepers.spawn(reload::review(current.clone()));
        keepers.spawn(Reloader::new(current.clone(), vault, config, certificates, load).run(again));
        gateway.health.well(Check::Lifecycle);
        let accepting = people.into_iter().map(|socket| {
            let current = current.clone();
            listener.accept(socket, move |request, accepted| current.gateway().serve(request, accepted)).boxed()
        });
        // With limits of its own: whoever is sent on needs no more than a moment, and nobody waits for it.
        let plain = Listener::new(None, front, limits);
        let sending_on = redirect.into_iter().map(|socket| {
            let current = current.clone();
            let send_on = move |request, _| future::ready(current.gateway().send_on(&request));
            plain.accept(socket, send_on).boxed()
        });
        let accepting: Vec<BoxFuture<'_, ()>> = accepting.chain(sending_on).collect();
        tell(&[NotifyState::Ready]);
        let leaving = async {
            stop.cancelled().await;
            tell(&[NotifyState::Stopping]);
            tracing::info!("stopping");
            gateway.health.unwell(Check::Lifecycle, "the gateway is stopping");
            // Balancers go on sending people here until they have seen it.
            tokio::time::sleep(leave).await;
            listener.stop();
            plain.stop();
        };
        tokio::join!(join_all(accepting), leaving);
        gateway.draining.cancel();
        gateway.tunnels.close();
        listener.drain(drain).await;
        gateway.tunnels.wait().await;
        gateway.panels.finish().await;
        traces::flush(&gateway).await;
        keepers.abort_all();
        drop(freshening.await);
        let recorded = record(&gateway, Kind::GatewayStopped).await;
        if let Some(operations) = operations {
            operations.abort();
        }
        recorded
    }
}

async fn record(gateway: &Gateway, kind: Kind) -> Result<(), StartError> {
    let event = Event::new(kind, Outcome::Succeeded, ReferenceId::from_bits(0), gateway.clock.now());
    gateway.audit.record(&event).await.map_err(StartError::Audit)
}

/// Tells the service manager, where one waits to hear it (`sd_notify(3)`).
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Answers on the operations address.
fn operate(
    gateway: &Arc<Gateway>,
    listener: &Listener,
    socket: TcpListener,
    limits: ListenerLimits,
) -> impl Future<Output = ()> + use<> {
    let (metrics, health) = (Arc::clone(&gateway.metrics), Arc::clone(&gateway.health));
    let (gateway, listener) = (Arc::clone(gateway), listener.clone());
    let open = move || {
        let (panel_sessions, streams) = gateway.panels.open();
        Open { panel_sessions, streams, websockets: gateway.tunnels.len(), connections: listener.open() }
    };
    let limits = ListenerLimits { connections: OPERATIONS_CONNECTIONS, ..limits };
    Operations::new(metrics, health, Arc::new(open)).serve(socket, limits)
}

/// The store and the server key, in the state folder.
async fn state(config: &Config, random: &dyn SecureRandom) -> Result<(Store, ServerKey), StartError> {
    let directory: &Path = &config.state_directory;
    fs::create_dir_all(directory).map_err(|source| StartError::File { path: directory.to_owned(), source })?;
    match &config.store {
        StoreAt::StateFolder => {
            let key = keys::own(config, random)?;
            let store = Store::open(&directory.join("panelgate.db")).await.map_err(StartError::Store)?;
            Ok((store, key))
        }
        StoreAt::Postgres { address, server_key, other_server_keys } => {
            let key = keys::shared(server_key, other_server_keys)?;
            let address = read_secret(address).map_err(StartError::Secret)?;
            let store = Store::connect(&address, bounded(config.limits.store_connections)).await;
            Ok((store.map_err(StartError::Store)?, key))
        }
    }
}

fn origins(config: &Config) -> Origins {
    let style = match config.panels {
        ConfiguredStyle::Ports => PanelStyle::Ports,
        ConfiguredStyle::Hosts => PanelStyle::Hosts,
    };
    Origins::new(config.console.clone(), style, config.directory.servers.keys())
}

fn site(config: &Config, origins: &Origins) -> Site {
    let console = &config.console;
    let below = |port| FrameSource::Below { scheme: console.scheme, host: console.host.clone(), port };
    // The hand-off leads the frame through the console itself.
    let mut panels = vec![FrameSource::Exact(console.clone())];
    match config.panels {
        ConfiguredStyle::Ports => panels.extend(Service::ALL.into_iter().map(|service| below(service.port()))),
        ConfiguredStyle::Hosts => panels.push(below(console.port)),
    }
    let choice = |provider: &ConfiguredProvider| SignInChoice { id: provider.id.clone(), name: provider.name.clone() };
    let origin = |provider: &ConfiguredProvider| {
        Url::parse(&provider.issuer).ok().and_then(|url| url.origin().ascii_serialization().parse().ok())
    };
    Site {
        console: origins.console().clone(),
        providers: config.providers.iter().map(choice).collect(),
        provider_origins: config.providers.iter().filter_map(origin).collect(),
        panels,
    }
}

fn listener_limits(limits: &Limits) -> ListenerLimits {
    ListenerLimits {
        connections: size(limits.connections),
        connections_per_address: size(limits.connections_per_address),
        http2_resets: size(limits.http2_resets),
        tls_handshake: Duration::from_secs(limits.tls_handshake_seconds),
        request_head: Duration::from_secs(limits.request_head_seconds),
        request_head_bytes: size(limits.request_head_kib * 1024),
        request_headers: size(limits.request_headers),
        http2_streams: bounded(limits.http2_streams),
        keep_alive: Duration::from_secs(limits.keep_alive_seconds),
    }
}

/// A limit as a number of things in memory. The table's bounds are far below what does not fit.
fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn bounded(limit: u64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
