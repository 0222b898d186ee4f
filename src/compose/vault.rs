//! The vault of a configuration, and whether it gives out what the directory wants.

use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use secrecy::SecretString;

use crate::compose::StartError;
use crate::config::Config;
use crate::model::Clock;
use crate::model::TokenRef;
use crate::store::Store;
use crate::vault;
use crate::vault::Binding;
use crate::vault::MasterKey;
use crate::vault::MasterKeys;
use crate::vault::Vault;

/// The vault, if the configuration has one.
pub(super) fn vault(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn SecureRandom + Send + Sync>,
) -> Result<Option<Arc<Vault>>, StartError> {
    let Some(keys) = &config.vault else { return Ok(None) };
    let key = |text: SecretString| MasterKey::parse(&text).map_err(StartError::InvalidMasterKey);
    let read = |reference| vault::read(reference).map_err(StartError::MasterKey).and_then(key);
    let former = keys.former_keys.iter().map(read).collect::<Result<_, _>>()?;
    let keys = MasterKeys::new(read(&keys.master_key)?, former);
    Ok(Some(Arc::new(Vault::new(store.clone(), keys, Arc::clone(clock), Arc::clone(random)))))
}

/// Opens every token that the directory wants from the vault, and forgets it.
pub(super) async fn check(config: &Config, vault: Option<&Arc<Vault>>) -> Result<(), StartError> {
    let Some(vault) = vault else { return Ok(()) };
    let mut closed = Vec::new();
    for server in config.directory.servers.values().filter(|server| server.api_token == TokenRef::Vault) {
        closed.extend(vault.open(&Binding::of(server)).await.err());
    }
    if closed.is_empty() { Ok(()) } else { Err(StartError::Closed(closed)) }
}
