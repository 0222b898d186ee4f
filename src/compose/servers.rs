//! The servers of one version of the directory, with the ways there.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SecureRandom;
use foldhash::HashMap;

use crate::compose::StartError;
use crate::compose::size;
use crate::config::Config;
use crate::config::Egress;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::TokenRef;
use crate::model::Trust;
use crate::panel_session::Hosted;
use crate::panel_session::PanelLimits;
use crate::panel_session::PanelSessions;
use crate::panel_session::PlaceLimits;
use crate::panel_session::ServerIdentity;
use crate::session::Sessions;
use crate::upstream::TrustSettings;
use crate::upstream::Upstream;
use crate::upstream::UpstreamLimits;
use crate::vault::Binding;
use crate::vault::Token;
use crate::vault::Vault;

/// The servers of the directory, each with the way there.
pub(super) fn servers(config: &Config, vault: Option<&Arc<Vault>>) -> Result<HashMap<ServerId, Hosted>, StartError> {
    let times = limits(config);
    let (settings, mut servers) = (TrustSettings::default(), HashMap::default());
    for (id, server) in &config.directory.servers {
        let upstream = Upstream::one_of(server, times, &settings)
            .map_err(|source| StartError::Trust { server: id.to_string(), source })?;
        let upstream = upstream.leaving_from(config.upstream.source);
        let hosted = Hosted {
            identity: identity(server)?,
            upstream,
            api_account: server.api_account.clone(),
            api_token: token(server, vault)?,
        };
        servers.insert(id.clone(), hosted);
    }
    Ok(servers)
}

/// The panel sessions on the servers of the directory. Where all gateways leave from one address, they share them
/// through the store.
pub(super) fn panels(
    config: &Config,
    vault: Option<&Arc<Vault>>,
    random: &Arc<dyn SecureRandom + Send + Sync>,
    sessions: &Arc<Sessions>,
) -> Result<PanelSessions, StartError> {
    if let Some(ip) = config.upstream.source {
        TcpListener::bind((ip, 0)).map_err(|source| StartError::Source { ip, source })?;
    }
    let limits = &config.limits;
    let limits = PanelLimits {
        sessions: size(limits.panel_sessions),
        answer: size(limits.api_answer_kib * 1024),
        open: Duration::from_secs(limits.open_seconds),
        places: PlaceLimits {
            person: size(limits.requests_per_session),
            panel: size(limits.requests_per_panel_session),
            server: size(limits.requests_per_server),
            wait: Duration::from_secs(limits.request_wait_seconds),
        },
    };
    let panels = PanelSessions::new(servers(config, vault)?, Arc::clone(random), limits);
    Ok(match config.upstream.egress {
        Egress::Own => panels,
        Egress::Shared => panels.shared_through(Arc::clone(sessions)),
    })
}

/// How long things may take at servers, and how many connections wait there.
pub(super) fn limits(config: &Config) -> UpstreamLimits {
    UpstreamLimits {
        connect: Duration::from_secs(config.limits.upstream_connect_seconds),
        response: Duration::from_secs(config.limits.upstream_response_seconds),
        stall: Duration::from_secs(config.limits.body_idle_seconds),
        interim: u32::try_from(config.limits.interim_answers).unwrap_or(u32::MAX),
        // With fewer, requests that are allowed at once would pay for a new connection each.
        idle: size(config.limits.requests_per_panel_session),
    }
}

/// The way to a server's token.
pub(super) fn token(server: &Server, vault: Option<&Arc<Vault>>) -> Result<Token, StartError> {
    match (&server.api_token, vault) {
        (TokenRef::Outside(reference), _) => Ok(Token::Outside(reference.clone())),
        (TokenRef::Vault, Some(vault)) => Ok(Token::Sealed(Arc::clone(vault), Binding::of(server))),
        (TokenRef::Vault, None) => Err(StartError::NoVault(server.id.to_string())),
    }
}

/// A digest of everything that says which machine a server is, and what Panelgate is on it.
fn identity(server: &Server) -> Result<ServerIdentity, StartError> {
    let authorities = match &server.trust {
        Trust::CaFile(path) => fs::read(path).map_err(|source| StartError::File { path: path.clone(), source })?,
        Trust::PublicRoots | Trust::Pins(_) => Vec::new(),
    };
    let Server { host, address, trust, api_account, api_token, .. } = server;
    let mut digest = digest::Context::new(&digest::SHA256);
    digest.update(format!("{:?}", (host, address, trust, api_account, api_token)).as_bytes());
    digest.update(&authorities);
    let mut identity = [0; 32];
    identity.iter_mut().zip(digest.finish().as_ref()).for_each(|(slot, byte)| *slot = *byte);
    Ok(ServerIdentity(identity))
}
