//! The certificate that is shown and the TLS that is spoken.

use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;

use anyhow::Context as _;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::TlsAcceptor;

use crate::cpsrvd::switches::Alpn;
use crate::cpsrvd::switches::Certificate;
use crate::cpsrvd::switches::Switches;
use crate::cpsrvd::switches::TlsVersions;
use crate::cpsrvd::sync::lock;
use crate::pki::Identity;

type Choice = (Certificate, Alpn, TlsVersions);

/// The identity in use and the last configuration that was made of it.
#[derive(Debug)]
pub(crate) struct Tls {
    hostname: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    identity: Identity,
    made: Option<(Choice, Arc<ServerConfig>)>,
}

impl Tls {
    pub(crate) fn new(hostname: &str, identity: Identity) -> Self {
        Self { hostname: hostname.to_owned(), state: Mutex::new(State { identity, made: None }) }
    }

    pub(crate) fn identity(&self) -> Identity {
        lock(&self.state).identity.clone()
    }

    /// From the next handshake on, another certificate.
    pub(crate) fn rotate(&self, identity: Identity) {
        *lock(&self.state) = State { identity, made: None };
    }

    /// What the next handshake is answered with.
    pub(super) fn acceptor(&self, switches: &Switches) -> anyhow::Result<TlsAcceptor> {
        let choice = (switches.certificate, switches.alpn, switches.tls_versions);
        let mut state = lock(&self.state);
        if let Some((made_for, config)) = &state.made
            && *made_for == choice
        {
            return Ok(TlsAcceptor::from(config.clone()));
        }
        let config = Arc::new(self.config(&state.identity, choice)?);
        state.made = Some((choice, config.clone()));
        Ok(TlsAcceptor::from(config))
    }

    fn config(&self, identity: &Identity, (certificate, alpn, versions): Choice) -> anyhow::Result<ServerConfig> {
        let pem = match certificate {
            Certificate::Own => identity.certificate.clone(),
            Certificate::Expired => self.self_signed(&identity.key, &self.hostname, 2001..2002)?,
            Certificate::WrongName => self.self_signed(&identity.key, "wrong.invalid", 2001..2100)?,
        };
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let versions: &[&rustls::SupportedProtocolVersion] = match versions {
            TlsVersions::Both => &[&rustls::version::TLS12, &rustls::version::TLS13],
            TlsVersions::Only12 => &[&rustls::version::TLS12],
            TlsVersions::Only13 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("the double's certificate and key do not fit")?;
        if alpn == Alpn::Http11 {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    /// A certificate for an existing key, valid from the start of one year to the start of another. The
    /// subject is the host name's in any case: only the alternative name counts (RFC 9525 section 6.3).
    fn self_signed(&self, key: &str, name: &str, years: Range<i32>) -> anyhow::Result<String> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, &*self.hostname);
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        Ok(params.self_signed(&KeyPair::from_pem(key)?)?.pem())
    }
}
