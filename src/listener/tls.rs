//! Our own certificates, chosen by the name that the browser asks for (SNI, RFC 6066 section 3).

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no certificate, or one that is damaged.
    #[error("{} holds no usable certificate", .0.display())]
    NoCertificate(PathBuf),
    /// The file holds no private key.
    #[error("{} holds no usable private key", .0.display())]
    NoKey(PathBuf),
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("the certificate {} and its key are refused", path.display())]
    Refused {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The TLS library refuses the settings.
    #[error("the TLS settings are refused")]
    Settings(#[source] rustls::Error),
}

/// TLS 1.2 and 1.3 with these certificates (pairs of files: chain and key), HTTP/2 preferred.
pub fn server_config<'p>(files: impl Iterator<Item = (&'p Path, &'p Path)>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(default_provider());
    let mut certificates = Vec::new();
    for (chain, key) in files {
        certificates.push(Certificate::read(chain, key, &provider)?);
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Settings)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(BySni { certificates }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // No early data: it can be replayed.
    config.max_early_data_size = 0;
    Ok(config)
}

struct Certificate {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    fn read(chain_path: &Path, key_path: &Path, provider: &rustls::crypto::CryptoProvider) -> Result<Self, TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(chain_path)?)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(chain_path.to_owned()))?;
        let names = chain.first().map(names).unwrap_or_default();
        if names.is_empty() {
            return Err(TlsError::NoCertificate(chain_path.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(key_path)?).map_err(|_| TlsError::NoKey(key_path.to_owned()))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|source| TlsError::Refused { path: chain_path.to_owned(), source })?;
        Ok(Self { names, key: Arc::new(key) })
    }

    fn covers(&self, server_name: &str) -> bool {
        let parent = server_name.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(wild) => parent.is_some_and(|parent| parent.eq_ignore_ascii_case(wild)),
            None => name.eq_ignore_ascii_case(server_name),
        })
    }
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(alternatives)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |general: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = general { Some((*name).to_owned()) } else { None }
    };
    alternatives.value.general_names.iter().filter_map(name).collect()
}

/// The certificate for the name asked for; without a name, or for one that none covers, no handshake.
struct BySni {
    certificates: Vec<Certificate>,
}

impl ResolvesServerCert for BySni {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let certificate = self.certificates.iter().find(|certificate| certificate.covers(name))?;
        Some(Arc::clone(&certificate.key))
    }
}

impl fmt::Debug for BySni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.certificates.iter().map(|certificate| &certificate.names)).finish()
    }
}
