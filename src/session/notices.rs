//! What other processes that share the store did with sessions.

use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::model::ServerId;
use crate::session::drawer::LAID;
use crate::session::orders::ORDERED;
use crate::session::person::SessionId;
use crate::session::renewal::RENEWED;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store::Key;
use crate::store::Notice;

/// The topic of the notice that a session was ended.
pub(super) const ENDED: &str = "session-ended";

/// The topic of the notice that the entries to a server were ended.
pub(super) const SERVER_CLOSED: &str = "server-closed";

/// What happened to a session, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has ended; nothing runs under it here any more.
    Ended(SessionId),
    /// What is known of its person was read again.
    Renewed(SessionId),
    /// The entries to this server have ended.
    ServerClosed(ServerId),
    /// Something else lies in this drawer.
    Laid(Key),
    /// The command line has left an order, under this ticket.
    Ordered(Key),
}

impl Sessions {
    /// Begins to listen: what happened before is in the records already.
    pub async fn listen(&self) -> Result<(), SessionError> {
        let newest = self.store.newest_notice().await.map_err(SessionError::Store)?;
        self.heard.store(newest, Ordering::Relaxed);
        self.heard_at.store(self.clock.now().0, Ordering::Relaxed);
        Ok(())
    }

    /// Changes when it is worth to [`hear`](Self::hear) at once.
    pub fn bell(&self) -> watch::Receiver<()> {
        self.store.bell()
    }

    /// Takes over what has happened since the last call, and tells it.
    pub async fn hear(&self) -> Result<Vec<Heard>, SessionError> {
        let notices =
            self.store.notices_after(self.heard.load(Ordering::Relaxed)).await.map_err(SessionError::Store)?;
        self.heard_at.store(self.clock.now().0, Ordering::Relaxed);
        let mut heard = Vec::new();
        for notice in notices {
            heard.extend(self.take_over(&notice).await?);
            self.heard.store(notice.id, Ordering::Relaxed);
        }
        Ok(heard)
    }

    async fn take_over(&self, notice: &Notice) -> Result<Option<Heard>, SessionError> {
        if notice.topic == SERVER_CLOSED {
            let server = std::str::from_utf8(&notice.body).ok().and_then(|id| id.parse().ok());
            if let Some(server) = &server {
                self.forget_entries(server);
            }
            return Ok(server.map(Heard::ServerClosed));
        }
        let Ok(id) = <[u8; 32]>::try_from(notice.body.as_slice()) else { return Ok(None) };
        let session = self.cached(&id);
        match (notice.topic.as_str(), session) {
            (ENDED, session) => {
                if let Some(session) = session {
                    self.forget(&session);
                }
                Ok(Some(Heard::Ended(SessionId(id))))
            }
            (RENEWED, Some(session)) => {
                self.forget_cookies(session.id());
                self.reload(&session).await.map(|_| Some(Heard::Renewed(SessionId(id))))
            }
            (LAID, _) => Ok(Some(Heard::Laid(id))),
            (ORDERED, _) => Ok(Some(Heard::Ordered(id))),
            // Not in use here, or of a newer version that shares the store.
            _ => Ok(None),
        }
    }
}
