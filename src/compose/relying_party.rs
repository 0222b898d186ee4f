//! The providers of a configuration as the relying party takes them, with their secrets read.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rand::SystemRandom;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::compose::StartError;
use crate::compose::size;
use crate::config;
use crate::config::Config;
use crate::config::KeyFile;
use crate::gateway::CALLBACK;
use crate::gateway::SIGNED_OUT;
use crate::identity::ClaimPointer;
use crate::identity::ClientCredential;
use crate::identity::ClientKey;
use crate::identity::GoogleDirectory;
use crate::identity::GroupsClaim;
use crate::identity::GroupsSource;
use crate::identity::Provider;
use crate::identity::ProviderSettings;
use crate::identity::Providers;
use crate::identity::ServiceAccount;
use crate::model::Clock;
use crate::model::ProviderId;
use crate::model::RsaPadding;
use crate::model::SystemClock;
use crate::vault;

/// All providers, none of them asked anything yet.
pub(super) fn providers(
    config: &Config,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn SecureRandom + Send + Sync>,
) -> Result<Providers, StartError> {
    let provider = |configured| {
        let settings = provider_settings(config, configured)?;
        Provider::new(settings, Arc::clone(clock), Arc::clone(random)).map_err(StartError::Provider)
    };
    let providers = config.providers.iter().map(provider).collect::<Result<_, _>>()?;
    Providers::new(providers).map_err(StartError::SameProvider)
}

/// One provider, for a sign-in without a gateway; nothing if there is none of this id.
///
/// # Errors
/// When its settings, or the secrets that they name, cannot be used.
pub fn provider(config: &Config, id: &ProviderId) -> Result<Option<Provider>, StartError> {
    let Some(configured) = config.providers.iter().find(|provider| provider.id == *id) else { return Ok(None) };
    let settings = provider_settings(config, configured)?;
    let provider = Provider::new(settings, Arc::new(SystemClock), Arc::new(SystemRandom::new()));
    provider.map(Some).map_err(StartError::Provider)
}

/// Where a provider sends people back to.
pub fn way_back(config: &Config, id: &ProviderId) -> String {
    format!("{}{CALLBACK}{id}", config.console)
}

/// A provider's settings as the relying party takes them, its secrets read.
pub fn provider_settings(config: &Config, configured: &config::Provider) -> Result<ProviderSettings, StartError> {
    let extra_roots = configured
        .ca_file
        .as_ref()
        .map(|path| fs::read_to_string(path).map_err(|source| StartError::File { path: path.clone(), source }));
    let own = |path: &str| Url::parse(&format!("{}{path}", config.console)).map_err(StartError::Address);
    Ok(ProviderSettings {
        id: configured.id.clone(),
        name: configured.name.clone(),
        issuer: configured.issuer.clone(),
        client_id: configured.client_id.clone(),
        credential: credential(&configured.credential)?,
        pushed_requests: configured.pushed_requests,
        id_token_alg: configured.id_token_alg,
        scopes: configured.scopes.clone(),
        groups: groups(&configured.groups)?,
        other_audiences: configured.other_audiences.clone(),
        required_claims: configured.required_claims.clone(),
        redirect_uri: own(&format!("{CALLBACK}{}", configured.id))?,
        post_logout_redirect_uri: own(SIGNED_OUT)?,
        lenient_logout_tokens: configured.lenient_logout_tokens,
        leeway: configured.leeway,
        timeout: Duration::from_secs(config.limits.provider_seconds),
        answer_limit: size(config.limits.provider_answer_kib * 1024),
        extra_roots: extra_roots.transpose()?,
    })
}

fn credential(configured: &config::ClientCredential) -> Result<ClientCredential, StartError> {
    match configured {
        config::ClientCredential::Basic(secret) => {
            vault::read(secret).map(ClientCredential::Basic).map_err(StartError::ClientSecret)
        }
        config::ClientCredential::Post(secret) => {
            vault::read(secret).map(ClientCredential::Post).map_err(StartError::ClientSecret)
        }
        config::ClientCredential::PrivateKey(file) => Ok(ClientCredential::PrivateKey(key(file)?, file.audience)),
    }
}

fn key(file: &KeyFile) -> Result<ClientKey, StartError> {
    let key = client_key(&file.file, &read(&file.file)?, file.rsa)?.known_as(file.id.clone());
    let Some(path) = &file.certificate else { return Ok(key) };
    let certificate = CertificateDer::from_pem_slice(&read(path)?);
    let certificate =
        certificate.map_err(|_| StartError::Content { path: path.clone(), what: "a certificate in PEM" })?;
    Ok(key.certified_by(&certificate))
}

fn client_key(path: &Path, pem: &[u8], padding: RsaPadding) -> Result<ClientKey, StartError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| StartError::Content {
        path: path.to_owned(),
        what: "a private key in PKCS #8 (BEGIN PRIVATE KEY)",
    })?;
    let key = ClientKey::from_pkcs8(der.secret_pkcs8_der(), padding);
    key.map_err(|source| StartError::ClientKey { path: path.to_owned(), source })
}

fn groups(configured: &config::GroupsSource) -> Result<GroupsSource, StartError> {
    Ok(match configured {
        config::GroupsSource::Claim { from, pointer, values } => GroupsSource::Claim(GroupsClaim {
            from: *from,
            pointer: pointer.parse::<ClaimPointer>().map_err(StartError::Groups)?,
            values: values.clone(),
        }),
        config::GroupsSource::Graph { endpoint } => GroupsSource::Graph(endpoint.clone()),
        config::GroupsSource::GoogleDirectory { endpoint, account } => {
            let account = account.as_ref().map(|(path, acting_as)| service_account(path, acting_as));
            GroupsSource::GoogleDirectory(GoogleDirectory { endpoint: endpoint.clone(), account: account.transpose()? })
        }
    })
}

/// The members of a service account's key file that we use.
#[derive(Deserialize)]
struct AccountFile {
    client_email: String,
    private_key: Zeroizing<String>,
    private_key_id: Option<String>,
    token_uri: Url,
}

fn service_account(path: &Path, acting_as: &str) -> Result<ServiceAccount, StartError> {
    let file: AccountFile = serde_json::from_slice(&read(path)?)
        .map_err(|_| StartError::Content { path: path.to_owned(), what: "the key file of a service account" })?;
    let key = client_key(path, file.private_key.as_bytes(), RsaPadding::Pkcs1)?;
    Ok(ServiceAccount {
        email: file.client_email,
        key: key.known_as(file.private_key_id),
        token_uri: file.token_uri,
        acting_as: acting_as.to_owned(),
    })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, StartError> {
    fs::read(path).map(Zeroizing::new).map_err(|source| StartError::File { path: path.to_owned(), source })
}
