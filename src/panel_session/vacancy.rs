//! The right to open a panel session at a place that is empty.

use std::fmt;
use std::sync::Arc;
use std::sync::Weak;

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::panel_session::open::OpenError;
use crate::panel_session::open::Owner;
use crate::panel_session::open::PanelSession;
use crate::panel_session::places::Running;
use crate::panel_session::registry::PanelSessions;
use crate::panel_session::rest::Cause;
use crate::panel_session::sharing::Reserved;
use crate::panel_session::slot::Key;
use crate::panel_session::ways::Ways;
use crate::policy::Grant;
use crate::session::Drawer;
use crate::session::SecretDigits;

/// The right to open a panel session. Whoever else asks for the same one waits until this is gone.
#[must_use = "others wait while this is held"]
pub struct Vacancy<'r> {
    pub(super) sessions: &'r PanelSessions,
    pub(super) key: Key,
    pub(super) slot: OwnedMutexGuard<Option<Arc<PanelSession>>>,
    pub(super) ended: CancellationToken,
    pub(super) running: Weak<Running>,
    pub(super) before: Before,
    /// Where other gateways find what is opened here.
    pub(super) drawer: Option<Drawer>,
    /// The right to open it, of all gateways.
    pub(super) reserved: Option<Reserved>,
}

/// The security tokens under which pages may still be open, the latest last.
pub(super) type Before = Vec<SecretDigits>;

impl Vacancy<'_> {
    /// Connects to the server, which is asked for nothing yet. The grant must be the one that the place was asked for
    /// with.
    ///
    /// # Errors
    /// For [`fill`](Self::fill) to make known.
    pub async fn approach(&self, grant: &Grant) -> Result<Ways, OpenError> {
        self.sessions.ways(grant).await
    }

    /// Opens the panel session, if there is a way to the server. The grant must be the one that the place was asked
    /// for with.
    ///
    /// # Errors
    /// Shared with everybody who waited for this.
    pub async fn fill(
        mut self,
        grant: &Grant,
        ways: Result<Ways, OpenError>,
    ) -> Result<Arc<PanelSession>, Arc<OpenError>> {
        let owner = self.owner();
        let opened = match ways {
            Ok(ways) => Box::pin(self.sessions.fresh(grant, ways, &self.before, owner)).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(fresh) => {
                if let Some(drawer) = self.drawer.take() {
                    Box::pin(self.sessions.put(drawer, &fresh)).await;
                }
                *self.slot = Some(Arc::clone(&fresh));
                Ok(fresh)
            }
            Err(error) => {
                let error = Arc::new(error);
                self.sessions.rests.begin(&self.key, Cause::Gone, &error);
                Err(error)
            }
        }
    }

    /// Whose what is opened here is.
    pub(super) fn owner(&self) -> Owner {
        let places = self.sessions.places.for_panel(self.key.0, &self.key.1.server, Weak::clone(&self.running));
        Owner { session: self.key.0, ended: self.ended.clone(), places }
    }
}

impl Drop for Vacancy<'_> {
    /// A place that stays empty is given up, so that it does not count as a panel session; unless somebody
    /// waits for it, or something runs on that was begun under the panel session of before: that goes on to its own
    /// end, and has to be found by whoever cuts.
    fn drop(&mut self) {
        if self.slot.is_none() {
            self.sessions.give_up(&self.key, OwnedMutexGuard::mutex(&self.slot), &self.ended);
        }
    }
}

impl fmt::Debug for Vacancy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vacancy")
    }
}
