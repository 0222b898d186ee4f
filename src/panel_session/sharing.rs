//! Panel sessions that several gateways use together, where all of them leave from one address.
//!
//! Whoever opens or renews one puts it in its drawer in the store: the security token and the cookie jar. Any
//! other gateway takes it from there, and nobody asks the server again. What answers change in the jar is on the
//! drawer before the browser has the answer, with a version that the browser brings along with its next request
//! ([`PanelSessions::up_to_date`]), so that whichever gateway that one reaches knows whether it has to look.
//!
//! A session that another gateway has only just put there and that the server refuses here, twice in a row, means
//! that the gateways do not leave from one address. They are then left apart for that server for a while, each with
//! sessions of its own, and the log says so.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::model::ServerId;
use crate::panel::CookieJar;
use crate::panel_session::open::PanelSession;
use crate::panel_session::shared::Shared;
use crate::panel_session::shared::SharedRecord;
use crate::panel_session::slot::Key;
use crate::session::Drawer;
use crate::session::Found;
use crate::session::Session;
use crate::session::SessionError;
use crate::session::Sessions;

/// Between two looks whether another gateway is done with opening.
const LOOK: Duration = Duration::from_millis(50);

/// How often something is written again that another gateway has changed meanwhile.
const TRIES: u32 = 4;

/// How long a request, or its answer, waits for the drawer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long after a failure the next ones do not wait.
const PAUSE: Duration = Duration::from_secs(5);

/// A session that was in the drawer for less than this has not died of its idle time (cPanel: 15 minutes).
const YOUNG: Duration = Duration::from_mins(5);

/// After so many refusals in a row gateways are left apart for a server. One may be the server's restart.
const REFUSALS: u32 = 2;

/// How long gateways are left apart for a server.
const APART: Duration = Duration::from_mins(10);

/// The drawers of all panel sessions.
#[derive(Clone)]
pub(super) struct Sharing {
    sessions: Arc<Sessions>,
    refusals: Arc<DashMap<ServerId, Refusals>>,
}

/// What a server made of sessions that other gateways had opened.
struct Refusals {
    in_a_row: u32,
    since: Instant,
}

/// The store has not said in time what it was asked, which is in the log: this gateway goes on alone.
pub(super) struct Unheard;

/// The right to open a panel session, of all gateways. Given back when dropped.
pub(super) struct Reserved {
    sharing: Sharing,
    drawer: Drawer,
}

/// What came of asking for that right.
pub(super) enum Turn {
    /// It is ours; or nobody can say whose it is.
    Ours(Option<Reserved>),
    /// Somebody else has opened it meanwhile.
    Done(SharedRecord, Drawer),
}

impl Sharing {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions, refusals: Arc::default() }
    }

    pub(super) fn drawer(&self, session: &Session, (_, place, identity): &Key) -> Drawer {
        let (account, through) = (place.account.to_string(), place.through.as_ref().map(ToString::to_string));
        let through = through.unwrap_or_default();
        let service = place.service.to_string();
        let names =
            [place.server.as_str().as_bytes(), service.as_bytes(), account.as_bytes(), through.as_bytes(), &identity.0];
        self.sessions.drawer(session, &names)
    }

    /// What another gateway has opened, unless it is `stale`.
    ///
    /// # Errors
    /// When the store does not say it in time: then nobody else is to be waited for either.
    pub(super) async fn find(
        &self,
        drawer: &Drawer,
        server: &ServerId,
        stale: Option<&PanelSession>,
    ) -> Result<Option<SharedRecord>, Unheard> {
        if self.are_apart(server) {
            return Ok(None);
        }
        let found = heard(self.sessions.in_drawer::<SharedRecord>(drawer)).await?;
        Ok(found.map(|found| found.value).filter(|found| is_other(found, stale)))
    }

    /// Waits for the right to open, for `most` at most, or until another gateway has opened.
    pub(super) async fn turn(
        &self,
        drawer: &Drawer,
        server: &ServerId,
        stale: Option<&PanelSession>,
        most: Duration,
    ) -> Turn {
        let until = Instant::now() + most;
        while !self.are_apart(server) {
            let Ok(ours) = heard(self.sessions.reserve(drawer, most * 2)).await else { break };
            let reserved = ours.then(|| Reserved { sharing: self.clone(), drawer: drawer.clone() });
            match self.find(drawer, server, stale).await {
                Ok(Some(found)) => return Turn::Done(found, drawer.clone()),
                Ok(None) if reserved.is_none() && Instant::now() < until => {}
                Ok(None) | Err(Unheard) => return Turn::Ours(reserved),
            }
            tokio::time::sleep(LOOK).await;
        }
        Turn::Ours(None)
    }

    /// Puts a panel session that was just opened in its drawer. One that cannot be put there is good all the same.
    pub(super) async fn put(&self, drawer: Drawer, panel: &PanelSession, opening: [u8; 16]) {
        if self.are_apart(&panel.place().server) {
            return;
        }
        match self.put_over(&drawer, panel, opening).await {
            Ok(Some(record)) => panel.share(Shared::new(&record, drawer, false)),
            Ok(None) => tracing::debug!("other gateways were faster with a panel session"),
            Err(error) => tracing::debug!(%error, "a panel session is not there for other gateways"),
        }
    }

    async fn put_over(
        &self,
        drawer: &Drawer,
        panel: &PanelSession,
        opening: [u8; 16],
    ) -> Result<Option<SharedRecord>, SessionError> {
        for _ in 0..TRIES {
            let found: Option<Found<SharedRecord>> = self.sessions.in_drawer(drawer).await?;
            if found.is_none() {
                // What cannot be read any more is in the way.
                self.sessions.clear(drawer).await?;
            }
            let record = SharedRecord {
                opening,
                version: found.as_ref().map_or(0, |found| found.value.version) + 1,
                written_at: self.sessions.now(),
                digits: panel.all_digits(),
                landing: panel.landing().to_string(),
                jar: panel.jar().record(),
            };
            if self.sessions.lay_in(drawer, &record, found.as_ref()).await? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Has what an answer changed in the jar in the drawer before anybody goes on, as far as that goes quickly.
    pub(super) async fn keep(&self, panel: &PanelSession) {
        let Some(shared) = panel.shared().filter(|shared| shared.dirty.load(Ordering::Acquire)) else { return };
        let _alone = shared.writing.lock().await;
        if shared.is_paused() || !shared.dirty.swap(false, Ordering::AcqRel) {
            return;
        }
        if heard(Box::pin(self.write(shared, panel))).await.is_err() {
            shared.dirty.store(true, Ordering::Release);
            shared.pause(PAUSE);
        }
    }

    async fn write(&self, shared: &Shared, panel: &PanelSession) -> Result<(), SessionError> {
        for _ in 0..TRIES {
            let found: Option<Found<SharedRecord>> = self.sessions.in_drawer(&shared.drawer).await?;
            let Some(found) = found.filter(|found| found.value.opening == shared.opening) else {
                // Another one has taken its place, or the session has ended.
                shared.outdated.store(true, Ordering::Release);
                return Ok(());
            };
            let (mine, before) = (panel.jar(), shared.synced().jar.clone());
            let merged = CookieJar::restore(&found.value.jar).with_changes(&before, &mine);
            let record = SharedRecord {
                version: found.value.version + 1,
                written_at: self.sessions.now(),
                digits: found.value.digits.clone(),
                landing: found.value.landing.clone(),
                jar: merged.record(),
                opening: shared.opening,
            };
            if self.sessions.lay_in(&shared.drawer, &record, Some(&found)).await? {
                shared.took_over(panel, merged, &mine, record.version);
                return Ok(());
            }
        }
        shared.dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// What is in the drawer by now, where that may be something else than what is known here.
    pub(super) async fn newer(&self, panel: &PanelSession, seen: u64) -> Option<SharedRecord> {
        let shared = panel.shared()?;
        let behind = seen > shared.synced().version;
        if !behind && !shared.outdated.load(Ordering::Acquire) {
            return None;
        }
        let _alone = shared.writing.lock().await;
        if shared.is_paused() {
            return None;
        }
        let Ok(found) = heard(self.sessions.in_drawer::<SharedRecord>(&shared.drawer)).await else {
            shared.pause(PAUSE);
            return None;
        };
        shared.outdated.store(false, Ordering::Release);
        let found = found?.value;
        if found.opening != shared.opening {
            return Some(found);
        }
        if found.version > shared.synced().version {
            let before = shared.synced().jar.clone();
            shared.took_over(panel, CookieJar::restore(&found.jar), &before, found.version);
        }
        None
    }

    /// Notes that the server has refused a panel session. If another gateway has only just opened it, and nothing
    /// has come of it here, the gateways do not leave from one address.
    pub(super) fn refused(&self, panel: &PanelSession) {
        let Some(shared) = panel.shared().filter(|shared| shared.untried.load(Ordering::Acquire)) else { return };
        if self.sessions.now().since(shared.written_at) < YOUNG {
            let server = &panel.place().server;
            let mut refusals =
                self.refusals.entry(server.clone()).or_insert(Refusals { in_a_row: 0, since: Instant::now() });
            refusals.in_a_row = refusals.in_a_row.saturating_add(1);
            refusals.since = Instant::now();
            if refusals.in_a_row == REFUSALS {
                tracing::warn!(%server, "panel sessions that other gateways opened are refused here: do all gateways leave from one address, as egress = \"shared\" says?");
            }
        }
    }

    /// Notes that the server has taken a panel session.
    pub(super) fn taken(&self, panel: &PanelSession) {
        if panel.shared().is_some_and(|shared| shared.untried.swap(false, Ordering::AcqRel)) {
            self.refusals.remove(&panel.place().server);
        }
    }

    fn are_apart(&self, server: &ServerId) -> bool {
        let found = self.refusals.get(server);
        found.is_some_and(|found| found.in_a_row >= REFUSALS && found.since.elapsed() < APART)
    }

    /// Clears the drawer of a panel session that was let go.
    pub(super) fn clearing(&self, drawer: Drawer) -> impl Future<Output = ()> + Send + use<> {
        let sessions = Arc::clone(&self.sessions);
        async move {
            if let Err(error) = sessions.clear(&drawer).await {
                tracing::debug!(%error, "a panel session that was let go is still there for other gateways");
            }
        }
    }
}

/// What the store says to something about a drawer, if it says it in time.
async fn heard<T>(asked: impl Future<Output = Result<T, SessionError>>) -> Result<T, Unheard> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(said)) => return Ok(said),
        Ok(Err(error)) => tracing::debug!(%error, "a panel session cannot be shared with other gateways"),
        Err(_) => tracing::debug!("a panel session cannot be shared with other gateways: the store takes too long"),
    }
    Err(Unheard)
}

fn is_other(found: &SharedRecord, stale: Option<&PanelSession>) -> bool {
    stale.and_then(PanelSession::shared).is_none_or(|shared| shared.opening != found.opening)
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let (sharing, drawer) = (self.sharing.clone(), self.drawer.clone());
        tokio::spawn(async move {
            if let Err(error) = sharing.sessions.give_up(&drawer).await {
                tracing::debug!(%error, "other gateways wait until the right to open has run out");
            }
        });
    }
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sharing")
    }
}
