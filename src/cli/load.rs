//! The configuration, with its secrets looked at where they lie.

use std::path::Path;

use crate::config::Config;
use crate::config::Problems;
use crate::config::SecretCheck;
use crate::model::SecretRef;
use crate::vault;

/// Reads and checks a configuration.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path) -> Result<Config, Problems> {
    Config::load(path, &look)
}

/// Reads a secret and forgets it.
fn look(secret: &SecretRef) -> SecretCheck {
    match vault::read(secret) {
        Err(error) => SecretCheck::Unreadable(error.into()),
        Ok(_) if vault::is_readable_by_others(secret) => SecretCheck::ReadableByOthers,
        Ok(_) => SecretCheck::Readable,
    }
}
