//! A person's place for a panel session. What runs under it ends with it.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::panel_session::hosted::ServerIdentity;
use crate::panel_session::open::PanelSession;
use crate::panel_session::places::Running;
use crate::session::EntryPlace;
use crate::session::Session;
use crate::session::SessionId;

/// Whose place it is, and what for.
pub(super) type Key = (SessionId, EntryPlace, ServerIdentity);

/// What is at a place, behind a lock.
pub(super) type Held = Arc<Mutex<Option<Arc<PanelSession>>>>;

/// A person's place.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) held: Held,
    pub(super) session: Arc<Session>,
    /// A child of the session's, so that it can end alone.
    pub(super) ended: CancellationToken,
    /// Held here, and by everything that runs under the place.
    pub(super) running: Arc<Running>,
}

impl Slot {
    /// An empty one.
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self {
            held: Held::default(),
            session: Arc::clone(session),
            ended: session.ended().child_token(),
            running: Arc::default(),
        }
    }

    /// Ends the session, and what runs under the place with it: whoever sees the one end, and asks why, finds the
    /// other ended.
    pub(super) fn end_session(&self) {
        self.session.ended().cancel();
    }

    /// Whether requests or sockets run under the place, be it under a panel session that is no more.
    pub(super) fn is_busy(&self) -> bool {
        Arc::strong_count(&self.running) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_its_session_finds_it_ended() {
        let session = Session::for_test();
        let (slot, other) = (Slot::new(&session), Slot::new(&session));
        slot.ended.cancel();
        assert!(!session.ended().is_cancelled() && !other.ended.is_cancelled(), "one place ends alone");
        other.end_session();
        assert!(session.ended().is_cancelled() && other.ended.is_cancelled());
    }

    #[test]
    fn a_place_is_busy_while_something_runs_under_it() {
        let slot = Slot::new(&Session::for_test());
        let running = Arc::downgrade(&slot.running);
        assert!(!slot.is_busy());
        let request = running.upgrade();
        assert!(slot.is_busy());
        drop(request);
        assert!(!slot.is_busy());
    }
}
