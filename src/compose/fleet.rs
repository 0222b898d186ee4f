//! What commands about the fleet work with, beside a gateway that serves.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;
use tokio::task::JoinSet;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::compose::StartError;
use crate::compose::reload::Current;
use crate::compose::rotation;
use crate::compose::rotation::Rotation;
use crate::compose::servers;
use crate::compose::size;
use crate::compose::state;
use crate::compose::vault;
use crate::compose::watch;
use crate::config::Config;
use crate::config::Fleet;
use crate::fleet::Act;
use crate::fleet::Advisories;
use crate::fleet::Conditions;
use crate::fleet::Lookout;
use crate::fleet::NewToken;
use crate::fleet::Note;
use crate::fleet::NoteError;
use crate::fleet::Notes;
use crate::fleet::Rotator;
use crate::gateway::Gateway;
use crate::model::Clock;
use crate::model::ReferenceId;
use crate::model::Server;
use crate::model::SystemClock;
use crate::store::ServerKey;
use crate::store::Store;
use crate::telemetry::Chain;
use crate::upstream::TrustError;
use crate::upstream::Upstream;
use crate::upstream::UpstreamLimits;
use crate::vault::Vault;

/// Between two looks at a server, where the watch is off.
const SELDOM: Duration = Duration::from_hours(24);

/// The vault of a configuration, and the notes for its gateway.
pub struct Desk {
    /// The vault.
    pub vault: Arc<Vault>,
    /// What is to be recorded.
    pub notes: Notes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// How long things may take at servers.
    pub limits: UpstreamLimits,
    /// The address that connections to servers come from, if one is named.
    pub source: Option<IpAddr>,
    /// Bytes of an API answer that are read at most.
    pub answer_limit: usize,
}

impl Desk {
    /// What changes tokens.
    pub fn rotator(&self) -> Rotator {
        rotator(&self.vault, &self.notes, &self.clock, &self.random, self.answer_limit)
    }
}

/// Begins what the gateway does for the fleet by itself: changing tokens, and watching the servers.
pub(super) fn look_after(keepers: &mut JoinSet<()>, current: &Current, config: &Config, lookout: Lookout) {
    if let Some(vault) = &lookout.vault {
        let rotator = rotator(vault, &lookout.notes, &lookout.clock, &lookout.random, lookout.answer_limit);
        let rotation = Rotation { rotator, fleet: config.fleet.clone(), wanted: new_token(config) };
        keepers.spawn(rotation::run(current.clone(), rotation));
    }
    if config.fleet.watch.is_some() {
        keepers.spawn(watch::run(current.clone(), lookout));
    }
}

/// What looks at servers.
pub(super) fn lookout(
    config: &Config,
    (store, key): (&Store, &ServerKey),
    vault: Option<Arc<Vault>>,
    notes: &Notes,
    (clock, random): (&Arc<dyn Clock>, &Arc<dyn SecureRandom + Send + Sync>),
) -> Result<Lookout, StartError> {
    let Fleet { watch, advisories, addresses, .. } = &config.fleet;
    let advisories = Advisories::read(advisories.as_deref()).map_err(StartError::Advisories)?;
    Ok(Lookout {
        conditions: Conditions::new(store.clone(), key.clone(), Arc::clone(clock), Arc::clone(random)),
        notes: notes.clone(),
        vault,
        advisories: Arc::new(advisories),
        addresses: addresses.clone(),
        // Where nothing looks again, what is found by hand is true until it is looked at by hand.
        interval: watch.unwrap_or(SELDOM),
        clock: Arc::clone(clock),
        random: Arc::clone(random),
        answer_limit: size(config.limits.api_answer_kib * 1024),
        longest: Duration::from_secs(config.limits.look_seconds),
    })
}

/// What commands about the condition of servers work with.
#[derive(Debug)]
pub struct Looking {
    /// What looks.
    pub lookout: Lookout,
    limits: UpstreamLimits,
    source: Option<IpAddr>,
}

impl Looking {
    /// The way to a server.
    ///
    /// # Errors
    /// When its certificate cannot be verified as the directory says.
    pub fn upstream(&self, server: &Server) -> Result<Upstream, TrustError> {
        Ok(Upstream::new(server, self.limits)?.leaving_from(self.source))
    }
}

/// Opens the store, and the vault if there is one, for a command of `by`.
///
/// # Errors
/// When store or keys cannot be used.
pub async fn looking(config: &Config, by: &str) -> Result<Looking, StartError> {
    let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, key) = state(config, &*random).await?;
    let vault = vault::vault(config, &store, &clock, &random)?;
    let notes = Notes::new(store.clone(), key.clone(), Arc::clone(&clock), Arc::clone(&random), by);
    let notes = notes.map_err(StartError::Notes)?;
    let lookout = lookout(config, (&store, &key), vault, &notes, (&clock, &random))?;
    Ok(Looking { lookout, limits: servers::limits(config), source: config.upstream.source })
}

/// What changes tokens.
pub(super) fn rotator(
    vault: &Arc<Vault>,
    notes: &Notes,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn SecureRandom + Send + Sync>,
    answer_limit: usize,
) -> Rotator {
    let (vault, clock, random) = (Arc::clone(vault), Arc::clone(clock), Arc::clone(random));
    Rotator { vault, notes: notes.clone(), clock, random, answer_limit }
}

/// What a new token is to be, as the configuration says.
pub fn new_token(config: &Config) -> NewToken {
    let Fleet { token_lifetime, addresses, .. } = &config.fleet;
    NewToken {
        lifetime: *token_lifetime,
        addresses: addresses.iter().map(ToString::to_string).collect(),
        privileges: None,
    }
}

/// Opens store and vault for a command of `by`.
///
/// # Errors
/// When the configuration has no vault, or store or keys cannot be used.
pub async fn desk(config: &Config, by: &str) -> Result<Desk, StartError> {
    let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, key) = state(config, &*random).await?;
    let vault = vault::vault(config, &store, &clock, &random)?.ok_or(StartError::VaultMissing)?;
    let notes = Notes::new(store, key, Arc::clone(&clock), Arc::clone(&random), by).map_err(StartError::Notes)?;
    let answer_limit = size(config.limits.api_answer_kib * 1024);
    let (limits, source) = (servers::limits(config), config.upstream.source);
    Ok(Desk { vault, notes, clock, random, limits, source, answer_limit })
}

/// Writes the notes that wait into the audit log. What could not be recorded stays.
pub(super) async fn record_notes(current: &Current, notes: &Notes) {
    if let Err(error) = record_waiting(&current.gateway(), notes).await {
        tracing::error!(cause = %Chain(&error), "notes about tokens and servers wait to be recorded");
    }
}

async fn record_waiting(gateway: &Gateway, notes: &Notes) -> Result<(), NoteError> {
    for noted in notes.waiting().await? {
        if let Err(error) = gateway.audit.record(&event(&noted.note)).await {
            tracing::error!(cause = %Chain(&error), "a note about a token or server is not on record yet");
            return Ok(());
        }
        notes.recorded(noted).await?;
    }
    Ok(())
}

fn event(note: &Note) -> Event {
    let (kind, outcome) = match note.act {
        Act::Enrolled => (Kind::ServerEnrolled, Outcome::Begun),
        Act::Stored | Act::Removed | Act::Rebound | Act::Creating => (Kind::TokenChanged, Outcome::Begun),
        Act::Switched | Act::Revoked | Act::RolledBack => (Kind::TokenChanged, Outcome::Succeeded),
        Act::RotationFailed => (Kind::TokenChanged, Outcome::Failed),
        Act::ShieldOpened => (Kind::ShieldChanged, Outcome::Failed),
        Act::ShieldClosed => (Kind::ShieldChanged, Outcome::Succeeded),
        Act::Troubled => (Kind::ServerCondition, Outcome::Failed),
        Act::Well => (Kind::ServerCondition, Outcome::Succeeded),
        Act::Accepted | Act::Probed => (Kind::ServerCondition, Outcome::Begun),
        Act::Rekeyed | Act::Exported | Act::Imported | Act::ServerKeyRotated | Act::ServerKeyForgotten => {
            (Kind::VaultChanged, Outcome::Begun)
        }
    };
    let mut event =
        Event::new(kind, outcome, ReferenceId::from_bits(0), note.at).by(&note.by).reason(note.act.as_str());
    if let Some(server) = note.server.as_deref().and_then(|id| id.parse().ok()) {
        event = event.server(&server);
    }
    if let Some(account) = note.account.as_deref().and_then(|name| name.parse().ok()) {
        event = event.account(&account);
    }
    if note.detail.is_empty() { event } else { event.detail(&note.detail) }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("vault", &self.vault).finish_non_exhaustive()
    }
}
