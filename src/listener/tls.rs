//! Our own certificates, chosen by the name that the browser asks for (SNI, RFC 6066 section 3).

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
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

use crate::listener::remembered::Remembered;

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

/// Our certificates, read from pairs of files: chain and key.
pub struct Certificates {
    in_force: ArcSwap<Vec<Certificate>>,
}

impl Certificates {
    /// Reads them all.
    pub fn read<'p>(files: impl Iterator<Item = (&'p Path, &'p Path)>) -> Result<Self, TlsError> {
        let provider = default_provider();
        let in_force = files.map(|(chain, key)| Certificate::read(chain, key, &provider)).collect::<Result<_, _>>()?;
        Ok(Self { in_force: ArcSwap::from_pointee(in_force) })
    }

    /// Puts others in force, all at once. Connections that are open keep theirs.
    pub fn replace(&self, others: Self) {
        self.in_force.store(others.in_force.into_inner());
    }

    /// When each ends, in seconds since 1970, by its first name.
    pub fn ends(&self) -> Vec<(String, i64)> {
        let end = |certificate: &Certificate| Some((certificate.names.first()?.clone(), certificate.ends));
        self.in_force.load().iter().filter_map(end).collect()
    }

    /// What there is to know of each, in the order in which they are chosen from.
    pub fn held(&self) -> Vec<Held> {
        self.in_force.load().iter().map(Held::of).collect()
    }

    /// Whether others are the same certificates, in the same order.
    pub fn are(&self, others: &Self) -> bool {
        let (ours, theirs) = (self.in_force.load(), others.in_force.load());
        ours.iter().map(|one| &one.key.cert).eq(theirs.iter().map(|one| &one.key.cert))
    }
}

/// A certificate of ours, without its key.
#[derive(Clone, Debug)]
pub struct Held {
    /// The names that it is valid for.
    pub names: Vec<String>,
    /// From when, in seconds since 1970.
    pub begins: i64,
    /// Until when, in seconds since 1970.
    pub ends: i64,
    /// The certificate, and what was put after it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether somebody else signed it, and that one's certificate is not after it.
    pub lacks_issuer: bool,
}

impl Held {
    fn of(certificate: &Certificate) -> Self {
        let Certificate { names, begins, ends, lacks_issuer, key } = certificate;
        Self {
            names: names.clone(),
            begins: *begins,
            ends: *ends,
            chain: key.cert.clone(),
            lacks_issuer: *lacks_issuer,
        }
    }

    /// Whether it is valid for a name: one of its own, or one label below a wildcard.
    pub fn covers(&self, server_name: &str) -> bool {
        covers(&self.names, server_name)
    }
}

/// Which versions of HTTP are offered in the handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/2, and HTTP/1.1 for who cannot.
    Both,
    /// HTTP/1.1: one request at a time on a connection that many people share.
    Http1,
}

/// TLS 1.2 and 1.3 with these certificates.
pub fn server_config(certificates: Arc<Certificates>, offer: Offer) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Settings)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = match offer {
        Offer::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Offer::Http1 => vec![b"http/1.1".to_vec()],
    };
    config.session_storage = Arc::new(Remembered::new());
    // No early data: it can be replayed.
    config.max_early_data_size = 0;
    Ok(config)
}

struct Certificate {
    names: Vec<String>,
    /// In seconds since 1970.
    begins: i64,
    /// In seconds since 1970.
    ends: i64,
    lacks_issuer: bool,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    fn read(chain_path: &Path, key_path: &Path, provider: &rustls::crypto::CryptoProvider) -> Result<Self, TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(chain_path)?)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(chain_path.to_owned()))?;
        let about = chain.first().and_then(about).filter(|about| !about.names.is_empty());
        let about = about.ok_or_else(|| TlsError::NoCertificate(chain_path.to_owned()))?;
        let About { names, begins, ends, is_self_signed } = about;
        let lacks_issuer = chain.len() == 1 && !is_self_signed;
        let key = PrivateKeyDer::from_pem_slice(&read(key_path)?).map_err(|_| TlsError::NoKey(key_path.to_owned()))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|source| TlsError::Refused { path: chain_path.to_owned(), source })?;
        Ok(Self { names, begins, ends, lacks_issuer, key: Arc::new(key) })
    }

    fn covers(&self, server_name: &str) -> bool {
        covers(&self.names, server_name)
    }
}

fn covers(names: &[String], server_name: &str) -> bool {
    let parent = server_name.split_once('.').map(|(_, parent)| parent);
    names.iter().any(|name| match name.strip_prefix("*.") {
        Some(wild) => parent.is_some_and(|parent| parent.eq_ignore_ascii_case(wild)),
        None => name.eq_ignore_ascii_case(server_name),
    })
}

/// What a certificate says of itself.
struct About {
    names: Vec<String>,
    begins: i64,
    ends: i64,
    is_self_signed: bool,
}

fn about(certificate: &CertificateDer<'_>) -> Option<About> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let alternatives = parsed.subject_alternative_name().ok()??;
    let name = |general: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = general { Some((*name).to_owned()) } else { None }
    };
    let names = alternatives.value.general_names.iter().filter_map(name).collect();
    Some(About {
        names,
        begins: parsed.validity().not_before.timestamp(),
        ends: parsed.validity().not_after.timestamp(),
        is_self_signed: parsed.subject() == parsed.issuer(),
    })
}

impl ResolvesServerCert for Certificates {
    /// The certificate for the name asked for; without a name, or for one that none covers, no handshake.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let in_force = self.in_force.load();
        let certificate = in_force.iter().find(|certificate| certificate.covers(name))?;
        Some(Arc::clone(&certificate.key))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.in_force.load().iter().map(|certificate| &certificate.names)).finish()
    }
}
