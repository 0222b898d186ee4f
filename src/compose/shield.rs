//! What commands about the shield work with, and what the gateway measures of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;

use crate::compose::StartError;
use crate::compose::reload::Current;
use crate::compose::servers;
use crate::compose::size;
use crate::compose::state;
use crate::compose::vault;
use crate::config::Config;
use crate::fleet::Notes;
use crate::model::Clock;
use crate::model::Server;
use crate::model::Service;
use crate::model::SystemClock;
use crate::model::TokenRef;
use crate::panel;
use crate::panel::ApiCredential;
use crate::panel::WhmApi;
use crate::shield::History;
use crate::shield::Known;
use crate::shield::Verdict;
use crate::telemetry::Chain;
use crate::telemetry::Shielded;
use crate::upstream::Upstream;
use crate::upstream::UpstreamLimits;
use crate::vault::Binding;
use crate::vault::Vault;

/// The setting of Tweak Settings with which whm.…, cpanel.… and webmail.… of the server's domains lead to the panels
/// over ports 80 and 443 (cPanel docs, "Service and Proxy Subdomains").
const SERVICE_SUBDOMAINS: &str = "proxysubdomains";

/// The history of the shield, the notes for the audit log, and how servers are asked.
pub struct ShieldDesk {
    /// What was seen from outside.
    pub history: History,
    /// What is to be recorded.
    pub notes: Notes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    vault: Option<Arc<Vault>>,
    limits: UpstreamLimits,
    source: Option<IpAddr>,
    answer_limit: usize,
}

/// Opens the store for a command of `by`.
///
/// # Errors
/// When store or keys cannot be used.
pub async fn shield(config: &Config, by: &str) -> Result<ShieldDesk, StartError> {
    let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, key) = state(config, &*random).await?;
    let vault = vault::vault(config, &store, &clock, &random)?;
    let notes = Notes::new(store, key, Arc::clone(&clock), random, by).map_err(StartError::Notes)?;
    let answer_limit = size(config.limits.api_answer_kib * 1024);
    let (limits, source) = (servers::limits(config), config.upstream.source);
    Ok(ShieldDesk { history: notes.shield(), notes, clock, vault, limits, source, answer_limit })
}

impl ShieldDesk {
    /// Whether a server's web server passes people on to its panels, whatever the firewall says of their ports.
    ///
    /// # Errors
    /// When the token cannot be had, or the server does not tell: only one of root's that may everything can ask.
    pub async fn has_service_subdomains(&self, server: &Server) -> Result<bool, Box<dyn std::error::Error>> {
        let token = match (&server.api_token, &self.vault) {
            (TokenRef::Outside(reference), _) => crate::vault::read(reference)?,
            (TokenRef::Vault, Some(vault)) => vault.open(&Binding::of(server)).await?.contents.token,
            (TokenRef::Vault, None) => return Err(Box::new(StartError::VaultMissing)),
        };
        let credential = ApiCredential { account: server.api_account.clone(), token };
        let client = Upstream::new(server, self.limits)?.leaving_from(self.source).client(Service::Whostmgrd);
        let api = WhmApi { client: &client, credential: &credential, answer_limit: self.answer_limit };
        let value = panel::setting(&api, SERVICE_SUBDOMAINS).await?;
        Ok(!matches!(value.as_str(), "" | "0" | "false"))
    }
}

/// Measures what was last seen from outside of the servers that there are.
pub(super) async fn measure(current: &Current, history: &History) {
    let gateway = current.gateway();
    let known = match history.all().await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(cause = %Chain(&error), "what was seen of the servers from outside cannot be read");
            return;
        }
    };
    let of_server = |known: Known| {
        let last = known.last()?;
        let id = known.server.parse().ok()?;
        gateway.directory.servers.contains_key(&id).then(|| Shielded {
            server: known.server.clone(),
            answers: matches!(last.verdict, Verdict::Open | Verdict::Unclear),
            is_known: last.verdict != Verdict::Unknown,
            looked_at: last.until.secs(),
        })
    };
    gateway.metrics.shield(known.into_iter().filter_map(of_server));
}

impl fmt::Debug for ShieldDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShieldDesk").field("vault", &self.vault).finish_non_exhaustive()
    }
}
