//! What a panel session has in common with the same one at other gateways: its record, the version, the jar.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;

use crate::model::Timestamp;
use crate::panel::CookieJar;
use crate::panel::JarRecord;
use crate::panel_session::open::PanelSession;
use crate::session::Drawer;
use crate::session::SecretDigits;

/// A panel session in its drawer.
#[derive(Serialize, Deserialize)]
pub(super) struct SharedRecord {
    /// Random: tells one opening from the next under the same security token.
    pub(super) opening: [u8; 16],
    pub(super) version: u64,
    pub(super) written_at: Timestamp,
    /// The security token, after those of before.
    pub(super) digits: Vec<SecretDigits>,
    pub(super) landing: String,
    pub(super) jar: JarRecord,
}

/// What a panel session has in common with the other gateways.
pub(super) struct Shared {
    pub(super) opening: [u8; 16],
    pub(super) drawer: Drawer,
    /// Another gateway has opened it, this lately, and nothing has come of it here yet.
    pub(super) untried: AtomicBool,
    pub(super) written_at: Timestamp,
    /// Something else is in the drawer by now.
    pub(super) outdated: AtomicBool,
    /// The jar here is another one than in the drawer.
    pub(super) dirty: AtomicBool,
    pub(super) synced: Mutex<Synced>,
    pub(super) writing: tokio::sync::Mutex<()>,
}

pub(super) struct Synced {
    pub(super) version: u64,
    pub(super) jar: CookieJar,
    pub(super) pause_until: Option<Instant>,
}

impl Shared {
    /// Of what is in the drawer; `adopted` if another gateway has opened it.
    pub(super) fn new(record: &SharedRecord, drawer: Drawer, adopted: bool) -> Self {
        let synced = Synced { version: record.version, jar: CookieJar::restore(&record.jar), pause_until: None };
        Self {
            opening: record.opening,
            drawer,
            untried: AtomicBool::new(adopted),
            written_at: record.written_at,
            outdated: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            synced: Mutex::new(synced),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// The version in the drawer, as far as it is known here.
    pub(super) fn version(&self) -> u64 {
        self.synced().version
    }

    /// Notes that an answer has changed the jar.
    pub(super) fn changed(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// Notes that another gateway has put something in this drawer.
    pub(super) fn changed_elsewhere(&self, key: &[u8; 32]) {
        if self.drawer.key() == *key {
            self.outdated.store(true, Ordering::Release);
        }
    }

    /// Goes on with what is in the drawer, and with what has changed here since the jar was like `then`.
    pub(super) fn took_over(&self, panel: &PanelSession, laid: CookieJar, then: &CookieJar, version: u64) {
        let mut synced = self.synced();
        let go_on = |now: &CookieJar| {
            let jar = laid.with_changes(then, now);
            let differs = jar != laid;
            (jar, differs)
        };
        if panel.replace_jar(go_on) {
            self.dirty.store(true, Ordering::Release);
        }
        *synced = Synced { version, jar: laid, pause_until: None };
    }

    /// Leaves the drawer alone for a while.
    pub(super) fn pause(&self, lasts: Duration) {
        self.synced().pause_until = Some(Instant::now() + lasts);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.synced().pause_until.is_some_and(|until| until > Instant::now())
    }

    pub(super) fn synced(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
