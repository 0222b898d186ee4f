//! What the files refer to: secrets, certificates and keys. Looked at to be checked, never kept.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::config::field::Field;
use crate::config::settings::CertificateFiles;
use crate::config::source::read_at_most;
use crate::config::words::quoted;
use crate::model::SecretRef;
use crate::model::TokenRef;

/// The trust store of a whole system has less than 1 MiB.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// What a look at a secret found. The secret itself does not come here.
#[derive(Debug)]
pub enum SecretCheck {
    /// It can be read.
    Readable,
    /// It can be read, and by every user of the machine too.
    ReadableByOthers,
    /// It cannot be read.
    Unreadable(Box<dyn Error + Send + Sync>),
}

/// Looks at a secret without telling it.
pub(super) type CheckSecret<'c> = &'c dyn Fn(&SecretRef) -> SecretCheck;

/// Whether what the directory refers to is looked at.
#[derive(Clone, Copy)]
pub(super) enum Outside<'c> {
    /// It is: secrets in this way.
    Checked(CheckSecret<'c>),
    /// It is not: the files are read for what they say about access, perhaps on another machine.
    Ignored,
}

/// Whether our own certificates have to be usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnCertificates {
    /// They have: the gateway is to start with them.
    Usable,
    /// Only their places matter: a gateway that runs goes on with those that it has, and says so.
    Named,
}

impl Outside<'_> {
    /// The reference that a key holds.
    pub(super) fn secret(self, field: &Field<'_>) -> Option<SecretRef> {
        match self {
            Self::Checked(check) => secret(field, check),
            Self::Ignored => reference(field),
        }
    }

    /// Where the API token of a server is.
    pub(super) fn token(self, field: &Field<'_>, server: Option<&str>, has_vault: bool) -> Option<TokenRef> {
        let text = field.text().unwrap_or_default();
        let Some(name) = text.strip_prefix("vault:") else { return self.secret(field).map(TokenRef::Outside) };
        if server.is_some_and(|server| server != name) {
            field.problem(
                "a token in the vault belongs to one server, and stands there under its id",
                format!("write \"vault:{}\"", server.unwrap_or_default()),
            );
            return None;
        }
        if !has_vault {
            field.problem(
                "the token is to be in the vault, and there is no vault",
                "add a section `[vault]` with master_key to the main file",
            );
            return None;
        }
        Some(TokenRef::Vault)
    }

    /// The path of a PEM file with certificates.
    pub(super) fn ca_file(self, field: &Field<'_>) -> Option<PathBuf> {
        match self {
            Self::Checked(_) => ca_file(field),
            Self::Ignored => path(field),
        }
    }
}

/// The reference that a key holds; the secret behind it has been looked at.
pub(super) fn secret(field: &Field<'_>, check: CheckSecret<'_>) -> Option<SecretRef> {
    let reference = reference(field)?;
    match check(&reference) {
        SecretCheck::Readable => {}
        SecretCheck::ReadableByOthers => warn_about_readers(field, &quoted(&reference.to_string())),
        SecretCheck::Unreadable(error) => {
            let help = match &reference {
                SecretRef::Env(name) => format!("set {name} in the environment of panelgate"),
                SecretRef::File(path) => {
                    // Once it is there, the configuration is worth another look.
                    field.found().source(path);
                    "write the secret alone into the first line of that file".to_owned()
                }
                SecretRef::Credential(name) => {
                    format!("add LoadCredential={name}:PATH to the unit of panelgate")
                }
            };
            field.problem(format!("{}: {}", quoted(&reference.to_string()), chain(&*error)), help);
        }
    }
    Some(reference)
}

fn warn_about_readers(field: &Field<'_>, what: &str) {
    field.warning(
        format!("every user of this machine can read {what}"),
        "let only the user who runs panelgate read it: chmod 600",
    );
}

fn reference(field: &Field<'_>) -> Option<SecretRef> {
    let text = field.text().or_else(|| {
        field.mask();
        None
    })?;
    let is_name = |name: &str| {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    // The names that systemd allows, in short: no way to another folder.
    let is_credential = |name: &str| {
        !name.starts_with('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() && is_name(name) => Some(SecretRef::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Some(SecretRef::File(field.file().path(path))),
        Some(("credential", name)) if !name.is_empty() && is_credential(name) => {
            Some(SecretRef::Credential(name.to_owned()))
        }
        _ => {
            // Whatever stands there instead may be the secret.
            field.mask();
            field.problem(
                format!("`{}` must say where the secret is, and not what it is", field.key()),
                "write \"file:PATH\" for the first line of a file, or \"env:NAME\" for an environment variable",
            );
            None
        }
    }
}

/// Those of the names for which the certificate at the head of a chain is not valid.
pub(super) fn not_covered(files: &CertificateFiles, names: Vec<String>) -> Vec<String> {
    let Ok(Some(bytes)) = read_at_most(&files.chain, MAX_PEM_BYTES) else { return names };
    let Ok(certificate) = CertificateDer::from_pem_slice(&bytes) else { return names };
    let Ok(parsed) = ParsedCertificate::try_from(&certificate) else { return names };
    let is_valid = |name: &str| ServerName::try_from(name).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok());
    names.into_iter().filter(|name| !is_valid(name)).collect()
}

/// The path of a PEM file with at least one certificate in it.
pub(super) fn ca_file(field: &Field<'_>) -> Option<PathBuf> {
    let path = path(field)?;
    field.found().source(&path);
    certificates(field, &path)?;
    Some(path)
}

/// The path of a PEM file with a private key.
pub(super) fn key_file(field: &Field<'_>) -> Option<PathBuf> {
    let path = path(field)?;
    private_key(field, &path)?;
    Some(path)
}

/// The path of the JSON key file of a Google service account.
pub(super) fn service_account(field: &Field<'_>) -> Option<PathBuf> {
    let path = path(field)?;
    let bytes = Zeroizing::new(read_pem(field, &path)?);
    let read: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let has = |name: &str| read.as_ref().and_then(|value| value.get(name)).is_some_and(serde_json::Value::is_string);
    if !["client_email", "private_key", "token_uri"].into_iter().all(has) {
        let file = quoted(&path.display().to_string());
        field.problem(
            format!("the file {file} is no key file of a service account"),
            "name the JSON file that Google made: it has client_email, private_key and token_uri",
        );
        return None;
    }
    if fs::metadata(&path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0) {
        warn_about_readers(field, &quoted(&path.display().to_string()));
    }
    Some(path)
}

/// The path of a certificate chain and of the key that belongs to it.
pub(super) fn certificate(chain: &Field<'_>, key: &Field<'_>, own: OwnCertificates) -> Option<CertificateFiles> {
    let files = path(chain).zip(path(key));
    let (chain_path, key_path) = files?;
    chain.found().source(&chain_path);
    key.found().source(&key_path);
    if own == OwnCertificates::Named {
        return Some(CertificateFiles { chain: chain_path, key: key_path });
    }
    let both = certificates(chain, &chain_path).zip(private_key(key, &key_path));
    let (certificates, private_key) = both?;
    if let Err(error) = CertifiedKey::from_der(certificates, private_key, &default_provider()) {
        let certificate = quoted(&chain_path.display().to_string());
        let message = if matches!(error, rustls::Error::InconsistentKeys(_)) {
            format!("this key does not belong to the certificate in {certificate}")
        } else {
            format!("this key and the certificate in {certificate} cannot be used: {error}")
        };
        key.problem(message, "name the key for which the certificate was issued");
        return None;
    }
    Some(CertificateFiles { chain: chain_path, key: key_path })
}

/// A path, relative to the file that it stands in.
pub(super) fn path(field: &Field<'_>) -> Option<PathBuf> {
    let text = field.text()?;
    if text.is_empty() || text.contains('\0') {
        field.problem(format!("`{}` is no path", field.key()), "write the path of a file or folder");
        return None;
    }
    Some(field.file().path(text))
}

fn certificates(field: &Field<'_>, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let bytes = read_pem(field, path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => return Some(found),
        Ok(_) => not_pem(field, path, "no certificate", "BEGIN CERTIFICATE"),
        Err(_) => not_pem(field, path, "a broken certificate", "BEGIN CERTIFICATE"),
    }
    None
}

fn private_key(field: &Field<'_>, path: &Path) -> Option<PrivateKeyDer<'static>> {
    let bytes = Zeroizing::new(read_pem(field, path)?);
    let key = PrivateKeyDer::from_pem_slice(&bytes).ok();
    if key.is_none() {
        not_pem(field, path, "no private key that can be read without a password", "BEGIN PRIVATE KEY");
    } else if fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0) {
        warn_about_readers(field, &quoted(&path.display().to_string()));
    }
    key
}

fn not_pem(field: &Field<'_>, path: &Path, holds: &str, wanted: &str) {
    let file = quoted(&path.display().to_string());
    field.problem(
        format!("the file {file} holds {holds}"),
        format!("name a PEM file: it has a line -----{wanted}-----"),
    );
}

fn read_pem(field: &Field<'_>, path: &Path) -> Option<Vec<u8>> {
    let file = quoted(&path.display().to_string());
    match read_at_most(path, MAX_PEM_BYTES) {
        Ok(Some(bytes)) => return Some(bytes),
        Ok(None) => field.problem(format!("the file {file} is larger than 4 MiB"), "name a PEM file"),
        Err(error) => field.problem(
            format!("cannot read the file {file}: {error}"),
            "name an existing file that the user who runs panelgate can read",
        ),
    }
    None
}

/// An error with its causes, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
