//! One live session.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use serde::Deserialize;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::identity::Principal;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::store::Key;

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Without a request.
    pub idle: Duration,
    /// Whatever happens.
    pub absolute: Duration,
    /// The longest time between two questions to the provider who the person is, where it gives refresh tokens.
    pub refresh: Duration,
    /// How long after that a provider that does not answer is waited for.
    pub grace: Duration,
    /// How long sessions go on without a word from the store.
    pub store_grace: Duration,
}

/// A session's id: the SHA-256 of its key. It gives no access.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub(super) Key);

impl SessionId {
    /// The mark of the session in logs and audit events.
    pub fn tag(self) -> SessionTag {
        let mut out = [0; 4];
        for (slot, byte) in out.iter_mut().zip(digest::digest(&digest::SHA256, &self.0).as_ref()) {
            *slot = *byte;
        }
        SessionTag(out)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.tag())
    }
}

/// Eight hexadecimal digits that stand for a session and open nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTag([u8; 4]);

impl fmt::Display for SessionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A live session. Shared by the requests under it.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    tag: SessionTag,
    /// Opens its record. It lies in the records of its entries, which only their cookies open.
    key: Token256,
    /// What it shares with other sessions of the person in this browser.
    pub(super) thread: Option<Key>,
    principal: ArcSwap<Principal>,
    created_at: Timestamp,
    seen_at: AtomicU64,
    written_until: AtomicU64,
    ended: CancellationToken,
    /// When the provider last said who the person is, and when it is to be asked again; zero for never.
    read_at: AtomicU64,
    due_at: AtomicU64,
    /// Locked while the provider is asked.
    pub(super) renewing: Arc<Mutex<()>>,
}

impl Session {
    /// A session for unit tests of the rooms above.
    #[cfg(test)]
    pub(crate) fn for_test() -> Arc<Self> {
        let principal = Principal::for_test("ada", &[]);
        let key = Token256::random(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        Arc::new(Self::new(key, None, principal, Timestamp(0), Timestamp(0)))
    }

    pub(super) fn new(
        key: Token256,
        thread: Option<Key>,
        principal: Principal,
        created_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let id = SessionId(key.digest());
        Self {
            id,
            tag: id.tag(),
            key,
            thread,
            principal: ArcSwap::from_pointee(principal),
            created_at,
            seen_at: AtomicU64::new(now.0),
            written_until: AtomicU64::new(0),
            ended: CancellationToken::new(),
            read_at: AtomicU64::new(0),
            due_at: AtomicU64::new(0),
            renewing: Arc::default(),
        }
    }

    /// Takes over what the provider said.
    pub(super) fn learn(&self, principal: Option<Principal>, read_at: Timestamp, due_at: Timestamp) {
        if let Some(principal) = principal {
            self.principal.store(Arc::new(principal));
        }
        self.read_at.store(read_at.0, Ordering::Release);
        self.due_at.store(due_at.0, Ordering::Release);
    }

    /// When the provider is to be asked again; nothing if there is nothing to ask with.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        Some(Timestamp(self.due_at.load(Ordering::Acquire))).filter(|due| due.0 != 0)
    }

    /// When the provider last said who the person is.
    pub(super) fn read_at(&self) -> Timestamp {
        Timestamp(self.read_at.load(Ordering::Acquire))
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Its mark in logs and audit events.
    pub fn tag(&self) -> SessionTag {
        self.tag
    }

    /// Who it belongs to, as the provider last said it. A request takes it once.
    pub fn principal(&self) -> Arc<Principal> {
        self.principal.load_full()
    }

    /// When it began.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Cancelled when the session ends, for whatever reason.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// What opens its record.
    pub(super) fn key(&self) -> &Token256 {
        &self.key
    }

    /// Whether it may still be used.
    pub(super) fn is_live(&self, now: Timestamp, lifetimes: Lifetimes) -> bool {
        !self.ended.is_cancelled() && now < self.expires_at(lifetimes)
    }

    /// Its end if nothing more is done in it.
    pub(super) fn expires_at(&self, lifetimes: Lifetimes) -> Timestamp {
        let idle = Timestamp(self.seen_at.load(Ordering::Relaxed)).plus(lifetimes.idle);
        idle.min(self.created_at.plus(lifetimes.absolute))
    }

    /// Whether it has ended for good: nobody's use of it, here or elsewhere, makes it go on.
    pub(super) fn is_past(&self, now: Timestamp, lifetimes: Lifetimes) -> bool {
        self.ended.is_cancelled() || now >= self.created_at.plus(lifetimes.absolute)
    }

    /// Takes over the end that the store knows, which use of it at another gateway has put off.
    pub(super) fn goes_on_until(&self, end: Timestamp, lifetimes: Lifetimes) {
        self.seen_at.fetch_max(end.minus(lifetimes.idle).0, Ordering::Relaxed);
        self.written_until.fetch_max(end.0, Ordering::Relaxed);
    }

    /// Notes that it is in use. Gives the new end if the store should learn of it: about ten times per
    /// idle lifetime, so that a restart finds the session and the store is left alone otherwise.
    pub(super) fn touch(&self, now: Timestamp, lifetimes: Lifetimes) -> Option<Timestamp> {
        self.seen_at.fetch_max(now.0, Ordering::Relaxed);
        let until = self.expires_at(lifetimes);
        let written = Timestamp(self.written_until.load(Ordering::Relaxed));
        let due = until.since(written) > lifetimes.idle / 10;
        due.then(|| {
            self.written_until.store(until.0, Ordering::Relaxed);
            until
        })
    }
}
