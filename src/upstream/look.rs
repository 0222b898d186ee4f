//! A look at the certificate that a server shows, before anybody has decided to trust it.
//!
//! The handshake is always broken off once the certificate was seen: nothing is ever sent to the server.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::server::ParsedCertificate;
use rustls_platform_verifier::Verifier;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::model::Host;
use crate::model::Origin;
use crate::model::Service;
use crate::model::SpkiPin;
use crate::model::Timestamp;
use crate::upstream::connect::ConnectError;
use crate::upstream::connect::Connector;
use crate::upstream::trust::TrustError;

/// Names of a certificate that are shown.
const NAMES: usize = 20;

/// A certificate that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The pin of its key.
    pub pin: SpkiPin,
    /// SHA-256 of the certificate, as tools show it.
    pub fingerprint: [u8; 32],
    /// Whom it says that it is for.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// The names that it is valid for.
    pub names: Vec<String>,
    /// Until when.
    pub not_after: Timestamp,
    /// Whether the system's authorities vouch for it, under the name that was asked for.
    pub is_public: bool,
    /// Whether it is valid for the name that was asked for, whoever vouches for it.
    pub is_for_name: bool,
}

/// Why no certificate was seen.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no connection.
    #[error("cannot connect to the server")]
    Connect(#[source] ConnectError),
    /// The TLS library refuses the settings.
    #[error("the TLS settings are refused")]
    Tls(#[source] TrustError),
    /// What it showed is no certificate.
    #[error("the server shows a certificate that cannot be read")]
    Unreadable,
}

/// Looks at the certificate that WHM shows on a host, from an address of this machine if one is named.
pub async fn look(
    host: &Host,
    address: Option<IpAddr>,
    source: Option<IpAddr>,
    timeout: Duration,
) -> Result<Presented, LookError> {
    Looker::new().map_err(LookError::Tls)?.leaving_from(source).look(host, address, timeout).await
}

/// Looks at the certificates of many hosts; the system's authorities are read once.
#[derive(Clone, Debug)]
pub struct Looker {
    public: Arc<Verifier>,
    provider: Arc<CryptoProvider>,
    source: Option<IpAddr>,
}

impl Looker {
    /// Reads the system's authorities.
    pub fn new() -> Result<Self, TrustError> {
        let provider = Arc::new(default_provider());
        let public = Verifier::new(Arc::clone(&provider)).map_err(TrustError::Tls)?;
        Ok(Self { public: Arc::new(public), provider, source: None })
    }

    /// The same, with connections that come from this address of the machine.
    #[must_use]
    pub fn leaving_from(self, source: Option<IpAddr>) -> Self {
        Self { source, ..self }
    }

    /// Looks at the certificate that WHM shows on a host.
    pub async fn look(&self, host: &Host, address: Option<IpAddr>, timeout: Duration) -> Result<Presented, LookError> {
        let port = Service::Whostmgrd.port();
        look_with(self, Place { host, address, port }, timeout).await
    }

    /// Looks at the certificate that people are shown at an origin of ours.
    pub async fn look_at_origin(&self, origin: &Origin, timeout: Duration) -> Result<Presented, LookError> {
        look_with(self, Place { host: &origin.host, address: None, port: origin.port }, timeout).await
    }

    /// Whether the system's authorities vouch for a certificate and the intermediates after it, under this name.
    pub fn vouches_for(&self, chain: &[CertificateDer<'_>], name: &Host, now: Timestamp) -> bool {
        let Some((end_entity, intermediates)) = chain.split_first() else { return false };
        let Ok(name) = ServerName::try_from(name.to_string()) else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
        self.public.verify_server_cert(end_entity, intermediates, &name, &[], now).is_ok()
    }
}

/// Where a certificate is shown.
#[derive(Clone, Copy)]
struct Place<'p> {
    host: &'p Host,
    address: Option<IpAddr>,
    port: u16,
}

async fn look_with(looker: &Looker, place: Place<'_>, timeout: Duration) -> Result<Presented, LookError> {
    let Place { host, address, port } = place;
    let source = looker.source;
    let (public, provider) = (Arc::clone(&looker.public), Arc::clone(&looker.provider));
    let tls = |error| LookError::Tls(TrustError::Tls(error));
    let looking = Arc::new(Looking { seen: Mutex::new(None), public, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&looking) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let ended = CancellationToken::new();
    let connector = Connector {
        host: host.clone(),
        address,
        source,
        port,
        tls: Arc::new(config),
        timeout,
        stall: timeout,
        interim: 0,
        ended,
    };
    let broken_off = connector.connect().await;
    let seen = looking.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, broken_off) {
        (Some((der, Verdict { is_public, is_for_name })), _) => {
            let read = read(&der, is_public).ok_or(LookError::Unreadable)?;
            Ok(Presented { is_for_name, ..read })
        }
        (None, Err(error)) => Err(LookError::Connect(error)),
        (None, Ok(_)) => Err(LookError::Unreadable),
    }
}

/// What is said of a certificate that was shown under a name.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    is_public: bool,
    is_for_name: bool,
}

/// What a certificate says of itself; of the name that it was shown under nothing is said.
pub(super) fn read(der: &[u8], is_public: bool) -> Option<Presented> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let hash = |bytes: &[u8]| -> Option<[u8; 32]> { digest::digest(&digest::SHA256, bytes).as_ref().try_into().ok() };
    let names = certificate.subject_alternative_name().ok().flatten().map(|names| {
        let names = names
            .value
            .general_names
            .iter()
            .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(plain(name)) } else { None });
        names.take(NAMES).collect()
    });
    Some(Presented {
        pin: SpkiPin(hash(certificate.public_key().raw)?),
        fingerprint: hash(der)?,
        subject: plain(&certificate.subject().to_string()),
        issuer: plain(&certificate.issuer().to_string()),
        names: names.unwrap_or_default(),
        not_after: Timestamp::from_secs(
            u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default(),
        ),
        is_public,
        is_for_name: false,
    })
}

/// A text of a stranger's, to be shown on a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Sees the certificate, and accepts none.
#[derive(Debug)]
struct Looking {
    seen: Mutex<Option<(Vec<u8>, Verdict)>>,
    public: Arc<Verifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_public = self.public.verify_server_cert(end_entity, intermediates, name, ocsp, now).is_ok();
        let parsed = ParsedCertificate::try_from(end_entity);
        let is_for_name = parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok());
        let verdict = Verdict { is_public, is_for_name };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((end_entity.to_vec(), verdict));
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
