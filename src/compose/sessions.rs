//! People's sessions, as the configuration has them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;

use crate::compose::StartError;
use crate::compose::bounded;
use crate::compose::state;
use crate::config::Config;
use crate::model::SystemClock;
use crate::session::Lifetimes;
use crate::session::Sessions;

/// The sessions in the store of a gateway, for a command beside it.
///
/// # Errors
/// When the store or the server key cannot be used.
pub async fn sessions(config: &Config) -> Result<Sessions, StartError> {
    let random: Arc<dyn SecureRandom + Send + Sync> = Arc::new(SystemRandom::new());
    let (store, key) = state(config, &*random).await?;
    let limit = bounded(config.limits.sessions);
    Sessions::new(store, key, Arc::new(SystemClock), random, lifetimes(config), limit).map_err(StartError::Sessions)
}

/// How long people's sessions last.
pub(super) fn lifetimes(config: &Config) -> Lifetimes {
    Lifetimes {
        idle: config.session.idle,
        absolute: config.session.absolute,
        refresh: config.session.refresh,
        grace: config.session.provider_grace,
        store_grace: Duration::from_secs(config.limits.store_grace_seconds),
    }
}
