//! The registry among the registries of other gateways: whose turn it is to open, and what they have opened.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::panel_session::open::PanelSession;
use crate::panel_session::registry::PanelSessions;
use crate::panel_session::registry::Place;
use crate::panel_session::shared::SharedRecord;
use crate::panel_session::sharing::Turn;
use crate::panel_session::sharing::Unheard;
use crate::panel_session::slot::Held;
use crate::panel_session::slot::Key;
use crate::panel_session::slot::Slot;
use crate::panel_session::vacancy::Vacancy;
use crate::policy::Grant;
use crate::session::Drawer;
use crate::session::Session;

impl PanelSessions {
    /// Has what an answer changed in the panel session's cookies there for other gateways, before the browser
    /// gets the answer. `works` says whether the server took the panel session.
    pub async fn keep(&self, panel: &PanelSession, works: bool) {
        let Some(sharing) = &self.sharing else { return };
        if works {
            sharing.taken(panel);
        }
        sharing.keep(panel).await;
    }

    /// The panel session as other gateways know it by now: `seen` is the version that the browser brings along.
    pub async fn up_to_date(
        &self,
        grant: &Grant,
        session: &Arc<Session>,
        panel: Arc<PanelSession>,
        seen: u64,
    ) -> Arc<PanelSession> {
        let Some(sharing) = &self.sharing else { return panel };
        let Some(found) = sharing.newer(&panel, seen).await else { return panel };
        // Another one has taken its place. If it cannot be had, the server will say so.
        let Ok(mut vacancy) = self.lock(grant, session, panel.all_digits()).await else { return panel };
        if vacancy.slot.as_ref().is_some_and(|held| Arc::ptr_eq(held, &panel))
            && let Some(drawer) = vacancy.drawer.clone()
        {
            self.take_over(&mut vacancy, &found, drawer).await;
        }
        vacancy.slot.clone().unwrap_or(panel)
    }

    /// Notes that another gateway has put something else in a drawer.
    pub fn changed_elsewhere(&self, key: &[u8; 32]) {
        if self.sharing.is_none() {
            return;
        }
        for slot in self.slots.iter() {
            // What is just being opened is written after this.
            let held = slot.held.try_lock().ok().and_then(|held| held.clone());
            if let Some(panel) = held
                && let Some(shared) = panel.shared()
            {
                shared.changed_elsewhere(key);
            }
        }
    }

    /// Puts into an empty place what another gateway has opened there, unless it is `stale`.
    pub(super) async fn adopt(&self, vacancy: &mut Vacancy<'_>, stale: Option<&PanelSession>) {
        if self.sharing.is_some() {
            Box::pin(self.find(vacancy, stale)).await;
        }
    }

    async fn find(&self, vacancy: &mut Vacancy<'_>, stale: Option<&PanelSession>) {
        let (Some(sharing), Some(drawer)) = (&self.sharing, vacancy.drawer.clone()) else { return };
        match sharing.find(&drawer, &vacancy.key.1.server, stale).await {
            Ok(Some(found)) => self.take_over(vacancy, &found, drawer).await,
            Ok(None) => {}
            // The store is not waited for a second time.
            Err(Unheard) => vacancy.drawer = None,
        }
    }

    /// The place once it is this gateway's turn to fill it, of all gateways.
    pub(super) async fn in_turn<'r>(&self, mut vacancy: Vacancy<'r>, stale: Option<&PanelSession>) -> Place<'r> {
        let (Some(sharing), Some(drawer)) = (&self.sharing, vacancy.drawer.clone()) else {
            return Place::Vacant(Box::new(vacancy));
        };
        match sharing.turn(&drawer, &vacancy.key.1.server, stale, self.limits.open).await {
            Turn::Ours(reserved) => vacancy.reserved = reserved,
            Turn::Done(found, drawer) => self.take_over(&mut vacancy, &found, drawer).await,
        }
        match vacancy.slot.clone() {
            Some(panel) => Place::Open(panel),
            None => Place::Vacant(Box::new(vacancy)),
        }
    }

    /// Puts a panel session that was just opened where other gateways find it.
    pub(super) async fn put(&self, drawer: Drawer, panel: &PanelSession) {
        let mut opening = [0; 16];
        if let Some(sharing) = &self.sharing
            && self.random.fill(&mut opening).is_ok()
        {
            sharing.put(drawer, panel, opening).await;
        }
    }

    /// Notes that the server has refused a panel session here.
    pub(super) fn note_refusal(&self, panel: &PanelSession) {
        if let Some(sharing) = &self.sharing {
            sharing.refused(panel);
        }
    }

    /// Gives up a place that stayed empty, unless somebody waits for it or something still runs under it. One of the
    /// two references is the vacancy's, the other the registry's.
    pub(super) fn give_up(&self, key: &Key, own: &Held, ended: &CancellationToken) {
        let unwanted =
            |slot: &Slot| Arc::ptr_eq(&slot.held, own) && Arc::strong_count(&slot.held) <= 2 && !slot.is_busy();
        if self.slots.remove_if(key, |_, slot| unwanted(slot)).is_some() {
            ended.cancel();
        }
    }

    async fn take_over(&self, vacancy: &mut Vacancy<'_>, found: &SharedRecord, drawer: Drawer) {
        let Some(hosted) = self.servers.get(&vacancy.key.1.server) else { return };
        let adopted = PanelSession::adopt(&hosted.upstream, &vacancy.key.1, found, drawer, vacancy.owner());
        let Some(adopted) = adopted else { return };
        // Another gateway's word counts for no longer than our own: whoever is to prove something does so here.
        if adopted.proven().is_some() && self.prove_again(&adopted).await.is_err() {
            return;
        }
        *vacancy.slot = Some(Arc::new(adopted));
    }
}
