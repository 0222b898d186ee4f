//! Reading one secret by its reference.

use std::env;
use std::env::VarError;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::model::SecretRef;

/// No token or client secret comes near this; a larger file is some other file.
const MAX_BYTES: usize = 64 * 1024;

/// Why a secret cannot be had. Says where it was looked for, and nothing of what was found.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The environment has no such variable.
    #[error("the environment variable is not set")]
    NotSet,
    /// The process was not started by systemd with credentials.
    #[error("systemd has handed over no credentials (CREDENTIALS_DIRECTORY is not set)")]
    NoCredentials,
    /// The file cannot be opened or read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// It is larger than 64 KiB.
    #[error("it is larger than 64 KiB")]
    TooLarge,
    /// It is not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The first line is empty.
    #[error("it is empty")]
    Empty,
}

/// Reads a secret: the first line, without its line ending.
pub fn read(secret: &SecretRef) -> Result<SecretString, VaultError> {
    let text = match secret {
        SecretRef::Env(name) => from_environment(name)?,
        SecretRef::File(path) => from_file(path)?,
        SecretRef::Credential(name) => from_file(&credential(name)?)?,
    };
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(VaultError::Empty);
    }
    Ok(SecretString::from(line))
}

/// Whether users other than the owner and the group of a secret's file can read it.
///
/// False where there is no file, or it cannot be seen: then [`read`] says what is wrong.
pub fn is_readable_by_others(secret: &SecretRef) -> bool {
    match secret {
        SecretRef::Env(_) | SecretRef::Credential(_) => false,
        SecretRef::File(path) => fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0),
    }
}

fn from_environment(name: &str) -> Result<Zeroizing<String>, VaultError> {
    let text = env::var(name).map(Zeroizing::new).map_err(|error| match error {
        VarError::NotPresent => VaultError::NotSet,
        VarError::NotUnicode(_) => VaultError::NotText,
    })?;
    if text.len() > MAX_BYTES { Err(VaultError::TooLarge) } else { Ok(text) }
}

/// Where systemd puts a credential (systemd.exec(5)).
fn credential(name: &str) -> Result<PathBuf, VaultError> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or(VaultError::NoCredentials)?;
    Ok(Path::new(&folder).join(name))
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let file = File::open(path).map_err(VaultError::Read)?;
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    // Room for all of it at once, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(limit).read_to_end(&mut bytes).map_err(VaultError::Read)?;
    if bytes.len() > MAX_BYTES {
        return Err(VaultError::TooLarge);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn file(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> SecretRef {
        let path = folder.path().join("secret");
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).unwrap();
        io::Write::write_all(&mut file, content).unwrap();
        SecretRef::File(path)
    }

    #[test]
    fn the_first_line_is_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["s3cret", "s3cret\n", "s3cret\r\n", "s3cret\na note\n"] {
            let secret = read(&file(&folder, content.as_bytes(), 0o600)).unwrap();
            assert_eq!(secret.expose_secret(), "s3cret", "{content:?}");
        }
        // Blanks may be part of a secret.
        assert_eq!(read(&file(&folder, b" a b \n", 0o600)).unwrap().expose_secret(), " a b ");
        assert_eq!(read(&file(&folder, &vec![b'x'; MAX_BYTES], 0o600)).unwrap().expose_secret().len(), MAX_BYTES);
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(&file(&folder, b"", 0o600)), Err(VaultError::Empty)));
        assert!(matches!(read(&file(&folder, b"\nsecond line", 0o600)), Err(VaultError::Empty)));
        assert!(matches!(read(&file(&folder, b"\xff\xfe", 0o600)), Err(VaultError::NotText)));
        assert!(matches!(read(&file(&folder, &vec![b'x'; MAX_BYTES + 1], 0o600)), Err(VaultError::TooLarge)));
        assert!(matches!(read(&SecretRef::File(folder.path().join("none"))), Err(VaultError::Read(_))));
        assert!(matches!(read(&SecretRef::File(folder.path().to_owned())), Err(VaultError::Read(_))));
        assert!(matches!(read(&SecretRef::Env("PANELGATE_TEST_NEVER_SET".into())), Err(VaultError::NotSet)));
    }

    #[test]
    fn the_environment_holds_secrets_too() {
        // Set by Cargo for every test.
        let secret = read(&SecretRef::Env("CARGO_MANIFEST_DIR".into())).unwrap();
        assert_eq!(secret.expose_secret(), env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_readable_by_others(&file(&folder, b"x", 0o644)));
        assert!(!is_readable_by_others(&file(&folder, b"x", 0o640)));
        assert!(!is_readable_by_others(&SecretRef::File(PathBuf::from("/nonexistent"))));
        assert!(!is_readable_by_others(&SecretRef::Env("HOME".into())));
    }
}
