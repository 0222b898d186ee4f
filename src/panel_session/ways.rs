//! The ways to a server on which a panel session is to be opened.

use std::fmt;

use futures_util::TryFutureExt as _;
use futures_util::future;
use tokio::time::Instant;

use crate::panel::ApiCredential;
use crate::panel::ApiError;
use crate::panel::LoginError;
use crate::panel_session::hosted::Hosted;
use crate::panel_session::open::OpenError;
use crate::panel_session::registry::PanelSessions;
use crate::policy::Grant;
use crate::upstream::Client;

/// Connections that wait at a server which was asked for nothing yet, and what it is to be asked with.
///
/// They are made while it is put on record that it will be asked: a handshake takes about as long as that, and with a
/// server that is far away much longer.
pub struct Ways {
    /// To its API.
    pub(super) api: Client,
    /// What the API is called with.
    pub(super) credential: ApiCredential,
    /// To the service's sign-in.
    pub(super) door: Client,
    /// By when the panel session has to be open.
    pub(super) deadline: Instant,
}

impl PanelSessions {
    /// Connects to the server that a grant leads to.
    pub(super) async fn ways(&self, grant: &Grant) -> Result<Ways, OpenError> {
        let hosted = self.servers.get(grant.server()).ok_or(OpenError::UnknownServer)?;
        let deadline = Instant::now() + self.limits.open;
        let connected = tokio::time::timeout_at(deadline, connect(hosted, grant)).await;
        let (api, credential, door) = connected.unwrap_or(Err(OpenError::TimedOut(self.limits.open)))?;
        Ok(Ways { api, credential, door, deadline })
    }
}

/// Both at once: two handshakes with a server that is far away take the time of one.
async fn connect(hosted: &Hosted, grant: &Grant) -> Result<(Client, ApiCredential, Client), OpenError> {
    let (api, credential) = hosted.api().await.map_err(OpenError::Vault)?;
    let door = hosted.upstream.client(grant.service());
    let to_api = api.prepare().map_err(|error| OpenError::Api(ApiError::Send(error)));
    // That of the API is told first.
    let (to_api, to_door) = future::join(to_api, door.prepare()).await;
    to_api?;
    to_door.map_err(|error| OpenError::Login(LoginError::Send(error)))?;
    Ok((api, credential, door))
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ways").field("api", &self.api).finish_non_exhaustive()
    }
}
