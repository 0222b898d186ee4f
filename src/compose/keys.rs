//! The server keys of a configuration, and changing the one of a single gateway.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;

use crate::compose::StartError;
use crate::compose::state;
use crate::config::Config;
use crate::config::StoreAt;
use crate::fleet::Act;
use crate::fleet::Notes;
use crate::model::SecretRef;
use crate::model::SystemClock;
use crate::store;
use crate::store::ServerKey;
use crate::vault::read as read_secret;

/// The key of a single gateway, in a file of its state folder, with the one of before if that is still kept.
pub(super) fn own(config: &Config, random: &dyn SecureRandom) -> Result<ServerKey, StartError> {
    let path = file(config);
    let key = store::read_or_create(&path, random).map_err(StartError::Key)?;
    let former = store::former(&path).map_err(StartError::Key)?;
    Ok(key.with_others(former.as_slice()))
}

/// The key that several gateways share, with those that open what others of them seal.
pub(super) fn shared(key: &SecretRef, others: &[SecretRef]) -> Result<ServerKey, StartError> {
    let read = |reference| {
        let text = read_secret(reference).map_err(StartError::Secret)?;
        store::shared_key(&text).map_err(StartError::Key)
    };
    let others = others.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(read(key)?.with_others(&others))
}

/// Puts a new key in the place of a single gateway's. It takes effect when the gateway starts again.
///
/// # Errors
/// Where gateways share their key, or the one of before is still kept.
pub async fn rotate_key(config: &Config, by: &str) -> Result<(), StartError> {
    let random = note(config, by, Act::ServerKeyRotated).await?;
    store::rotate(&file(config), &*random).map_err(StartError::Key)
}

/// Removes the key of before of a single gateway; says whether there was one.
///
/// # Errors
/// Where gateways share their key.
pub async fn forget_key(config: &Config, by: &str) -> Result<bool, StartError> {
    note(config, by, Act::ServerKeyForgotten).await?;
    store::forget_former(&file(config)).map_err(StartError::Key)
}

/// Has on record what is about to be done, sealed with the key that a gateway which runs has.
async fn note(config: &Config, by: &str, act: Act) -> Result<Arc<SystemRandom>, StartError> {
    if config.store != StoreAt::StateFolder {
        return Err(StartError::SharedKey);
    }
    let random = Arc::new(SystemRandom::new());
    let (store, key) = state(config, &*random).await?;
    let notes = Notes::new(store, key, Arc::new(SystemClock), random.clone(), by).map_err(StartError::Notes)?;
    notes.write(act, "", "", "").await.map_err(StartError::Notes)?;
    Ok(random)
}

fn file(config: &Config) -> PathBuf {
    config.state_directory.join("server.key")
}
