//! Reading the configuration again while the gateway serves: all of it takes effect, or nothing.
//!
//! The files are looked at four times a second and not watched through the kernel: that works on every
//! file system, through renames and changed links, and costs a few system calls. What has changed is read
//! once it has been quiet for a moment, so that a file is not read half-written.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio::time::MissedTickBehavior;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::compose;
use crate::compose::StartError;
use crate::compose::front;
use crate::compose::servers;
use crate::config::Config;
use crate::config::Problems;
use crate::gateway::Addresses;
use crate::gateway::Gateway;
use crate::listener::Certificates;
use crate::model::ReferenceId;
use crate::policy::Policy;
use crate::telemetry::Chain;
use crate::telemetry::Check;
use crate::vault::Vault;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How long what has changed must have been quiet.
const QUIET: Duration = Duration::from_millis(100);

/// How often it is looked whether it is quiet. Files that never are, are read all the same.
const PATIENCE: u32 = 20;

/// How often open panels are judged again: rules begin and end at their hour, and what was being opened
/// while the directory changed is found. Together with the time that cutting takes, less than a second.
const REVIEW: Duration = Duration::from_millis(500);

/// What readiness says while the files hold a configuration that was refused.
const REFUSED: &str =
    "the configuration was refused, the one before it is in force: see the log or run panelgate check";

/// What readiness says while the files of our certificates cannot be used.
const CERTIFICATES_REFUSED: &str =
    "the certificates were refused, those before are in force: see the log or run panelgate check";

/// Reads and checks the whole configuration, but for our own certificates.
pub type Load = Arc<dyn Fn() -> Result<Config, Problems> + Send + Sync>;

/// The gateway that new requests meet.
#[derive(Clone)]
pub(super) struct Current(Arc<ArcSwap<Gateway>>);

impl Current {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(gateway)))
    }

    /// To be asked once per request, which so meets one version of everything.
    pub(super) fn gateway(&self) -> Arc<Gateway> {
        self.0.load_full()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.gateway()).finish()
    }
}

/// Judges open panels again and again.
pub(super) async fn review(current: Current) {
    let mut ticks = tokio::time::interval(REVIEW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        current.gateway().review().await;
    }
}

/// Why what was found is not used.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the configuration has problems")]
    Problems(#[source] Problems),
    #[error("the servers cannot be used")]
    Servers(#[source] StartError),
    #[error("reading the configuration broke off")]
    BrokeOff(#[source] JoinError),
}

/// Keeps the gateway as its files say.
pub(super) struct Reloader {
    current: Current,
    vault: Option<Arc<Vault>>,
    running: Config,
    certificates: Option<Arc<Certificates>>,
    load: Load,
    sources: BTreeSet<PathBuf>,
    seen: Stamp,
}

impl Reloader {
    /// For a gateway that runs with this configuration.
    pub(super) fn new(
        current: Current,
        vault: Option<Arc<Vault>>,
        running: Config,
        certificates: Option<Arc<Certificates>>,
        load: Load,
    ) -> Self {
        let sources = running.sources.clone();
        // Nothing has been seen: what changed since the start is found at the first look.
        Self { current, vault, running, certificates, load, sources, seen: Stamp::default() }
    }

    /// Looks at the files and reads them when they have changed or `again` says so, for good.
    pub(super) async fn run(mut self, again: Arc<Notify>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = again.notified() => true,
                _ = ticks.tick() => false,
            };
            let found = self.look().await;
            if asked || found != self.seen {
                self.seen = self.settled(found).await;
                self.reload(asked).await;
            }
        }
    }

    async fn look(&self) -> Stamp {
        let sources = self.sources.clone();
        tokio::task::spawn_blocking(move || Stamp::of(&sources)).await.unwrap_or_default()
    }

    /// What the files are like once they are quiet.
    async fn settled(&self, mut found: Stamp) -> Stamp {
        for _ in 0..PATIENCE {
            tokio::time::sleep(QUIET).await;
            let next = self.look().await;
            if next == found {
                break;
            }
            found = next;
        }
        found
    }

    async fn reload(&mut self, asked: bool) {
        let load = Arc::clone(&self.load);
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let result = match loaded {
            Ok(Ok(config)) => self.apply(config, asked).await,
            Ok(Err(problems)) => Err(Refused::Problems(problems)),
            Err(error) => Err(Refused::BrokeOff(error)),
        };
        if let Err(refused) = result {
            // A mistake elsewhere must not let our certificates run out.
            self.renew_certificates(&self.running);
            self.refuse(refused).await;
        }
    }

    /// Puts what was read in force.
    async fn apply(&mut self, config: Config, asked: bool) -> Result<(), Refused> {
        let old = self.current.gateway();
        let restart = self.running.needs_restart(&config);
        if !restart.is_empty() {
            let sections = restart.join("], [");
            tracing::warn!("changes in [{sections}] take effect with the next start of the gateway");
        }
        self.renew_certificates(&config);
        // Limits and addresses stay those of the start.
        let effective = Config {
            directory: config.directory,
            certificates: config.certificates,
            access_tests: config.access_tests,
            sources: config.sources,
            ..self.running.clone()
        };
        let servers = servers::servers(&effective, self.vault.as_ref()).map_err(Refused::Servers)?;
        let panels = old.panels.with_servers(servers);
        let version = effective.directory.version.clone();
        let is_same = version == self.running.directory.version;
        let gateway = Gateway {
            policy: Arc::new(Policy::new(Arc::clone(&effective.directory))),
            addresses: Arc::new(Addresses::of(&effective.directory)),
            directory: Arc::clone(&effective.directory),
            origins: Arc::new(compose::origins(&effective)),
            panels,
            ..old.as_ref().clone()
        };
        self.replace_sources(effective.sources.clone()).await;
        self.running = effective;
        self.current.0.store(Arc::new(gateway));
        let gateway = self.current.gateway();
        gateway.health.well(Check::Directory);
        gateway.review().await;
        if is_same {
            if asked {
                tracing::info!(directory = %version, "the directory was read again and is the same");
            }
            return Ok(());
        }
        gateway.notices.list_changed();
        if !config.warnings.list().is_empty() {
            tracing::warn!("the configuration has warnings:\n{}", config.warnings);
        }
        tracing::info!(directory = %version, before = %old.policy.version(), "the directory was read again");
        gateway.metrics.reloaded("succeeded");
        let event = self.event(Outcome::Succeeded).directory(&version);
        record(&gateway, &event.detail(&format!("before: {}", old.policy.version()))).await;
        Ok(())
    }

    /// Puts our certificates in force as their files are now. If one of them cannot be used, all of those
    /// before stay: new connections get them, whatever else was read takes effect, and it is said loudly.
    fn renew_certificates(&self, config: &Config) {
        let Some(certificates) = &self.certificates else { return };
        let gateway = self.current.gateway();
        match front::read(config) {
            Ok(read) if certificates.are(&read) => gateway.health.well(Check::Certificates),
            Ok(read) => {
                gateway.metrics.certificates(read.ends());
                gateway.metrics.renewed_certificates("succeeded");
                certificates.replace(read);
                gateway.health.well(Check::Certificates);
                tracing::info!("the certificates were read again");
            }
            Err(error) => {
                tracing::error!(cause = %Chain(&error), "the certificates were refused; the old ones stay in force");
                gateway.metrics.renewed_certificates("failed");
                gateway.health.unwell(Check::Certificates, CERTIFICATES_REFUSED);
            }
        }
    }

    /// Leaves everything as it is, and says so.
    async fn refuse(&mut self, refused: Refused) {
        let gateway = self.current.gateway();
        gateway.health.unwell(Check::Directory, REFUSED);
        let in_force = gateway.policy.version();
        let detail = match &refused {
            Refused::Problems(problems) => {
                tracing::error!(%in_force, "the configuration was refused; the old one stays in force:\n{problems}");
                let sources = problems.sources().union(&self.sources).cloned().collect();
                self.replace_sources(sources).await;
                problems.brief()
            }
            Refused::Servers(error) => Chain(error).to_string(),
            Refused::BrokeOff(error) => error.to_string(),
        };
        if !matches!(refused, Refused::Problems(_)) {
            let cause = Chain(&refused);
            tracing::error!(%in_force, %cause, "the configuration was refused; the old one stays in force");
        }
        gateway.metrics.reloaded("failed");
        let event = self.event(Outcome::Failed).directory(in_force).reason("config_refused").detail(&detail);
        record(&gateway, &event).await;
    }

    /// Other files are looked at from now on; that they are others is no change.
    async fn replace_sources(&mut self, sources: BTreeSet<PathBuf>) {
        if sources != self.sources {
            self.sources = sources;
            self.seen = self.look().await;
        }
    }

    fn event(&self, outcome: Outcome) -> Event {
        let now = self.current.gateway().clock.now();
        Event::new(Kind::ConfigReload, outcome, ReferenceId::from_bits(0), now)
    }
}

async fn record(gateway: &Gateway, event: &Event) {
    if let Err(error) = gateway.audit.record(event).await {
        tracing::error!(cause = %Chain(&error), "a reload is not on record");
    }
}

/// What files are like from outside. Two that are alike were not changed in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stamp(Vec<Option<[i64; 7]>>);

impl Stamp {
    fn of(sources: &BTreeSet<PathBuf>) -> Self {
        Self(sources.iter().map(|path| one(path)).collect())
    }
}

/// Links are followed, so that another file behind the same name is another.
fn one(path: &Path) -> Option<[i64; 7]> {
    let found = fs::metadata(path).ok()?;
    let whole = |number: u64| i64::from_ne_bytes(number.to_ne_bytes());
    Some([
        whole(found.dev()),
        whole(found.ino()),
        whole(found.size()),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ])
}
