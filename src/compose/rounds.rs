//! What a look at everything works with, beside a gateway that serves or where none runs yet: nothing is created
//! or changed by it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;

use crate::compose::StartError;
use crate::compose::bounded;
use crate::compose::origins;
use crate::compose::servers;
use crate::compose::size;
use crate::compose::vault;
use crate::config::Config;
use crate::config::StoreAt;
use crate::edge::Origins;
use crate::model::Clock;
use crate::model::Server;
use crate::model::SystemClock;
use crate::store::Seen;
use crate::store::Store;
use crate::upstream::TrustSettings;
use crate::upstream::Upstream;
use crate::upstream::UpstreamLimits;
use crate::vault::Token;
use crate::vault::Vault;
use crate::vault::read as read_secret;

/// All origins of a configuration.
pub fn our_origins(config: &Config) -> Origins {
    origins(config)
}

/// The store as it is, and the ways to the servers.
#[derive(Debug)]
pub struct Rounds {
    /// What the store shows; nothing if there is none yet.
    pub store: Result<Option<Seen>, StartError>,
    /// The vault: nothing if the configuration has none, or the store is none that it can be read from.
    vault: Result<Option<Arc<Vault>>, StartError>,
    limits: UpstreamLimits,
    source: Option<IpAddr>,
    settings: TrustSettings,
    /// Bytes of an API answer that are read at most.
    pub answer_limit: usize,
}

impl Rounds {
    /// Looks at the store and opens the vault.
    pub async fn begin(config: &Config, response: Duration) -> Self {
        let (store, opened) = match seen(config).await {
            Ok((seen, opened)) => (Ok(seen), opened),
            Err(error) => (Err(error), None),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
        let vault = match &opened {
            Some(store) => vault::vault(config, store, &clock, &random),
            None => Ok(None),
        };
        let limits = UpstreamLimits { response, ..servers::limits(config) };
        let settings = TrustSettings::default();
        let source = config.upstream.source;
        Self { store, vault, limits, source, settings, answer_limit: size(config.limits.api_answer_kib * 1024) }
    }

    /// The way to a server, and to its token.
    ///
    /// # Errors
    /// When the server cannot be verified as configured, or its token is in a vault that does not open.
    pub fn way_to(&self, server: &Server) -> Result<(Upstream, Result<Token, &StartError>), StartError> {
        let trust = |source| StartError::Trust { server: server.id.to_string(), source };
        let upstream = Upstream::one_of(server, self.limits, &self.settings).map_err(trust)?.leaving_from(self.source);
        let token = match &self.vault {
            Ok(vault) => Ok(servers::token(server, vault.as_ref())?),
            Err(error) => Err(error),
        };
        Ok((upstream, token))
    }

    /// How long connecting to a server may take.
    pub fn connect(&self) -> Duration {
        self.limits.connect
    }
}

/// What the store shows, and the store itself if it is in use by this version.
async fn seen(config: &Config) -> Result<(Option<Seen>, Option<Store>), StartError> {
    let looked = match &config.store {
        StoreAt::StateFolder => Store::look_at_file(&config.state_directory.join("panelgate.db")).await,
        StoreAt::Postgres { address, server_key, .. } => {
            let key = read_secret(server_key).map_err(StartError::Secret)?;
            crate::store::shared_key(&key).map(drop).map_err(StartError::Key)?;
            let address = read_secret(address).map_err(StartError::Secret)?;
            Store::look_at_database(&address, bounded(config.limits.store_connections)).await.map(Some)
        }
    };
    match looked.map_err(StartError::Store)? {
        None => Ok((None, None)),
        Some((seen, store)) => Ok((Some(seen), store)),
    }
}
