//! How a server's certificate is verified: public roots, a CA file, or pinned keys. Never "any".

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest;
use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::verify_tls12_signature;
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::model::SpkiPin;
use crate::model::Trust;

/// Why no verifier could be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The CA file cannot be read.
    #[error("cannot read the CA file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA file holds no certificate that can be a root.
    #[error("the CA file {} holds no usable certificate", .0.display())]
    NoRoots(PathBuf),
    /// The TLS library refuses the settings.
    #[error("the TLS settings are refused")]
    Tls(#[source] rustls::Error),
}

/// TLS settings for many servers. Those with public roots share theirs: reading all the system's authorities
/// takes some milliseconds.
#[derive(Debug, Default)]
pub struct TrustSettings {
    public: OnceLock<Arc<ClientConfig>>,
}

impl TrustSettings {
    /// The TLS settings for a server.
    pub(super) fn of(&self, trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
        if *trust != Trust::PublicRoots {
            return client_config(trust).map(Arc::new);
        }
        if let Some(shared) = self.public.get() {
            return Ok(Arc::clone(shared));
        }
        let made = Arc::new(client_config(trust)?);
        Ok(Arc::clone(self.public.get_or_init(|| made)))
    }
}

/// The TLS settings for one server.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?;
    let mut config = match trust {
        Trust::PublicRoots => builder.with_platform_verifier().map_err(TrustError::Tls)?.with_no_client_auth(),
        Trust::CaFile(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
        Trust::Pins(pins) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PinVerifier { pins: pins.clone(), provider }))
            .with_no_client_auth(),
    };
    // cpsrvd speaks HTTP/1.1 only; offering it by name keeps a server from choosing something else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(path: &PathBuf) -> Result<RootCertStore, TrustError> {
    let pem = fs::read(path).map_err(|source| TrustError::Read { path: path.clone(), source })?;
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if added == 0 { Err(TrustError::NoRoots(path.clone())) } else { Ok(store) }
}

/// Accepts exactly the pinned keys; the peer still proves that it holds the key by its signature.
#[derive(Debug)]
struct PinVerifier {
    pins: Vec<SpkiPin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (_, certificate) = X509Certificate::from_der(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let presented = digest::digest(&digest::SHA256, certificate.public_key().raw);
        let pinned = |pin: &SpkiPin| constant_time::verify_slices_are_equal(&pin.0, presented.as_ref()).is_ok();
        if self.pins.iter().any(pinned) {
            Ok(ServerCertVerified::assertion())
        } else {
            // The one refusal that says "another key", and so is shown to people as a changed pin.
            Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
