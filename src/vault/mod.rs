//! Secrets where they lie: environment variables and files, read when they are needed and kept nowhere.

mod read;

pub use read::VaultError;
pub use read::is_readable_by_others;
pub use read::read;
