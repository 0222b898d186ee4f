//! A running double, and what a test can do with it.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::faults::Faults;
use super::hostile::Hostile;
use super::hostile::Planted;
use super::observe::Observations;
use super::observe::RecordedRequest;
use super::random;
use super::service::Service;
use super::session::Hulk;
use super::session::LiveSession;
use super::session::SessionStore;
use super::settings::Settings;
use super::shared::Shared;
use super::switches::Switches;
use super::sync::lock;
use super::tokens::ApiToken;
use super::tokens::TokenBook;
use super::tools::Tools;
use super::transport::Listeners;
use super::transport::tls::Tls;
use crate::pki;
use crate::pki::Identity;

/// How long [`Cpsrvd::wait_for`] waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running double. Stops when dropped.
#[derive(Debug)]
pub struct Cpsrvd {
    shared: Arc<Shared>,
    listeners: Mutex<Option<Listeners>>,
}

impl Cpsrvd {
    /// Starts a double on all six ports of its address.
    ///
    /// # Errors
    /// When a port is taken or the identity does not fit.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let identity = match settings.identity {
            Some(identity) => identity,
            None => pki::self_signed(&[&settings.hostname])?,
        };
        let shared = Arc::new(Shared {
            tokens: TokenBook::new(&settings.accounts, settings.tokens),
            tls: Tls::new(&settings.hostname, identity),
            hostname: settings.hostname,
            ip: settings.ip,
            accounts: settings.accounts,
            accesshash: random::hex(32 * 29),
            sessions: SessionStore::default(),
            hulk: Hulk::default(),
            faults: Faults::default(),
            hostile: Hostile::default(),
            tools: Tools::default(),
            log: Observations::new(),
            handlers: Arc::new(AtomicUsize::new(0)),
            closes: Mutex::default(),
            connections: AtomicU64::new(1),
            moved: Arc::default(),
            stop: CancellationToken::new(),
            switches: Mutex::new(Arc::new(settings.switches)),
        });
        let listeners = Listeners::open(&shared).await.with_context(|| format!("cannot listen on {}", shared.ip))?;
        Ok(Self { shared, listeners: Mutex::new(Some(listeners)) })
    }

    /// The server's host name.
    pub fn hostname(&self) -> &str {
        &self.shared.hostname
    }

    /// The address it listens on.
    pub fn ip(&self) -> IpAddr {
        self.shared.ip
    }

    /// The address and TLS port of a service.
    pub fn address(&self, service: Service) -> SocketAddr {
        SocketAddr::new(self.shared.ip, service.port())
    }

    /// `host:port` of a service, as it stands in a `Host` header.
    pub fn authority(&self, service: Service) -> String {
        format!("{}:{}", self.shared.hostname, service.port())
    }

    /// The certificate and key in use.
    pub fn identity(&self) -> Identity {
        self.shared.tls.identity()
    }

    /// The pin of the key in use (see [`Identity::spki_sha256`]).
    pub fn spki_sha256(&self) -> String {
        self.identity().spki_sha256
    }

    /// From the next handshake on, shows another certificate.
    pub fn rotate_identity(&self, identity: Identity) {
        self.shared.tls.rotate(identity);
    }

    /// Changes how the double behaves, from the next request on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = lock(&self.shared.switches);
        change(Arc::make_mut(&mut switches));
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        (*self.shared.switches()).clone()
    }

    /// The secret of the first API token of an account; empty if it has none.
    pub fn token_for(&self, user: &str) -> String {
        self.shared.tokens.of(user).into_iter().next().map_or_else(String::new, |token| token.secret)
    }

    /// All API tokens of an account.
    pub fn tokens_of(&self, user: &str) -> Vec<ApiToken> {
        self.shared.tokens.of(user)
    }

    /// Adds an API token. Says whether its name was free.
    pub fn add_token(&self, token: ApiToken) -> bool {
        self.shared.tokens.add(token)
    }

    /// Revokes the API token of this name or secret. Says whether there was one.
    pub fn revoke_token(&self, user: &str, name_or_secret: &str) -> bool {
        self.shared.tokens.revoke(user, name_or_secret)
    }

    /// root's access hash, for `WHM root:HASH` while `allow_accesshash` is on.
    pub fn accesshash(&self) -> &str {
        &self.shared.accesshash
    }

    /// What goes wrong next.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// From now on, the signed-in user gets this at a path (without its security token).
    pub fn plant(&self, path: &str, planted: Planted) {
        self.shared.hostile.plant(path, planted);
    }

    /// From now on, what the signed-in user asks for below a path (without its security token) is passed on to a
    /// program of somebody else's, by HTTP.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn install_tool(&self, path: &str, address: SocketAddr) -> anyhow::Result<()> {
        self.shared.tools.install(path, address)
    }

    /// Closes the six ports, so that connecting is refused. Connections that exist live on.
    pub async fn refuse_connections(&self) {
        let listeners = lock(&self.listeners).take();
        if let Some(listeners) = listeners {
            listeners.close().await;
        }
    }

    /// Opens the ports again.
    ///
    /// # Errors
    /// When a port was taken meanwhile.
    pub async fn accept_connections(&self) -> anyhow::Result<()> {
        if lock(&self.listeners).is_none() {
            let listeners = Listeners::open(&self.shared).await?;
            *lock(&self.listeners) = Some(listeners);
        }
        Ok(())
    }

    /// Ends everything and waits until the ports are free.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.refuse_connections().await;
    }

    /// The requests as they were received, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.requests()
    }

    /// Lines of the access log.
    pub fn access_log(&self) -> Vec<String> {
        self.shared.log.access_log()
    }

    /// Lines of the session log.
    pub fn session_log(&self) -> Vec<String> {
        self.shared.log.session_log()
    }

    /// Lines of the error log.
    pub fn error_log(&self) -> Vec<String> {
        self.shared.log.error_log()
    }

    /// Forgets requests and log lines.
    pub fn forget(&self) {
        self.shared.log.clear();
    }

    /// The sessions whose login URL was used and that have not ended.
    pub fn sessions(&self) -> Vec<LiveSession> {
        self.shared.sessions.live()
    }

    /// Lets time pass for the sessions: those that were idle for too long are gone at the next request.
    pub fn let_pass(&self, time: Duration) {
        self.shared.sessions.let_pass(time);
    }

    /// Ends all sessions, as a restart or a long pause does. Gives their number.
    pub fn expire_sessions(&self) -> usize {
        self.shared.sessions.end_where(|_| true)
    }

    /// Ends the sessions of one user. Gives their number.
    pub fn drop_sessions_of(&self, user: &str) -> usize {
        self.shared.sessions.end_where(|session| session.user == user)
    }

    /// Forgets cPHulk's counters.
    pub fn clear_hulk(&self) {
        self.shared.hulk.clear();
    }

    /// Connections that are being served, each WebSocket included.
    pub fn open_connections(&self) -> usize {
        self.shared.handlers.load(Ordering::Acquire)
    }

    /// Bytes of bodies that it has read out of its sockets so far.
    pub fn bytes_read(&self) -> u64 {
        self.shared.moved.read.load(Ordering::Relaxed)
    }

    /// Bytes that it has written into its sockets so far.
    pub fn bytes_written(&self) -> u64 {
        self.shared.moved.written.load(Ordering::Relaxed)
    }

    /// The codes with which terminals were closed from the other side so far; 1005 stands for none.
    pub fn closes(&self) -> Vec<u16> {
        lock(&self.shared.closes).clone()
    }

    /// Waits until a request was recorded that matches, and gives it. Past ones count.
    ///
    /// # Errors
    /// When none came within ten seconds.
    pub async fn wait_for_request(
        &self,
        matches: impl Fn(&RecordedRequest) -> bool,
    ) -> anyhow::Result<RecordedRequest> {
        self.wait_for(|double| double.requests().into_iter().find(&matches)).await.context("no such request came")
    }

    /// Waits until `look` finds something. It looks again after every request, answer and log line.
    ///
    /// # Errors
    /// When it found nothing within ten seconds.
    pub async fn wait_for<T>(&self, look: impl Fn(&Self) -> Option<T>) -> anyhow::Result<T> {
        let mut changes = self.shared.log.watch();
        let wait = async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                // Connections come and go without a change that is watched.
                let tick = tokio::time::timeout(Duration::from_millis(20), changes.changed());
                drop(tick.await);
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.context("waited for too long")
    }
}

impl Drop for Cpsrvd {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
