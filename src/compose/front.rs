//! What people meet first: balancers in front, our certificates, and the way from plain HTTP.

use std::sync::Arc;

use crate::compose::StartError;
use crate::config::Config;
use crate::edge::Forwarding;
use crate::edge::ForwardingHeader;
use crate::listener;
use crate::listener::Certificates;
use crate::listener::Front;
use crate::listener::Offer;
use crate::model::ClientFrom;
use crate::model::Scheme;
use crate::telemetry::Metrics;

/// Who may connect, and whose connections they are.
pub(super) fn front(config: &Config) -> Front {
    let Some(balancer) = &config.balancer else { return Front::Nobody };
    match balancer.client {
        ClientFrom::ProxyProtocol => Front::Proxying(balancer.addresses.clone()),
        ClientFrom::XForwardedFor | ClientFrom::Forwarded => Front::Forwarding(balancer.addresses.clone()),
    }
}

/// What balancers are believed about each request.
pub(super) fn forwarding(config: &Config) -> Option<Arc<Forwarding>> {
    let balancer = config.balancer.as_ref()?;
    let header = match balancer.client {
        ClientFrom::ProxyProtocol => return None,
        ClientFrom::XForwardedFor => ForwardingHeader::XForwardedFor,
        ClientFrom::Forwarded => ForwardingHeader::Forwarded,
    };
    Some(Arc::new(Forwarding::new(balancer.addresses.clone(), header, balancer.ends_tls)))
}

/// Our certificates: nothing on localhost, and where TLS ends at a balancer.
pub(super) fn certificates(config: &Config, metrics: &Metrics) -> Result<Option<Arc<Certificates>>, StartError> {
    let elsewhere = config.balancer.as_ref().is_some_and(|balancer| balancer.ends_tls);
    if config.console.scheme == Scheme::Http || elsewhere {
        return Ok(None);
    }
    let certificates = read(config)?;
    metrics.certificates(certificates.ends());
    Ok(Some(Arc::new(certificates)))
}

/// The certificates as the files are now.
pub(super) fn read(config: &Config) -> Result<Certificates, StartError> {
    let files = config.certificates.iter().map(|files| (files.chain.as_path(), files.key.as_path()));
    Certificates::read(files).map_err(StartError::Tls)
}

/// TLS with these certificates.
pub(super) fn tls(front: &Front, certificates: Arc<Certificates>) -> Result<rustls::ServerConfig, StartError> {
    let offer = match front {
        Front::Nobody | Front::Proxying(_) => Offer::Both,
        Front::Forwarding(_) => Offer::Http1,
    };
    listener::server_config(certificates, offer).map_err(StartError::Tls)
}
