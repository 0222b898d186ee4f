//! Leaving a server alone for a while that refuses to open a panel session, or opens one that is of no use.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::panel_session::open::OpenError;
use crate::panel_session::slot::Key;

/// The first pause after a failure; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_mins(1);

/// The pause after a new session has brought the same answer as the old one, where that answer may mean
/// something else than a lost session.
const DOUBT: Duration = Duration::from_mins(5);

/// A failure this long ago counts for nothing.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// Pauses that are remembered at once.
const MOST: usize = 10_000;

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// There is no panel session, or it is surely gone.
    Gone,
    /// It may be gone: an answer that can mean something else too.
    Doubt,
}

/// No attempt is made at the moment.
#[derive(Clone, Debug)]
pub struct Resting {
    /// How the last attempt ended.
    pub error: Arc<OpenError>,
    /// When the next one may be made, from now.
    pub left: Duration,
}

struct Rest {
    since: Instant,
    lasts: Duration,
    error: Arc<OpenError>,
}

/// The pauses of all panel sessions.
#[derive(Default)]
pub(super) struct Rests(DashMap<(Key, Cause), Rest>);

impl Rests {
    /// Begins a pause, longer than the last one.
    pub(super) fn begin(&self, key: &Key, cause: Cause, error: &Arc<OpenError>) {
        let place = (key.clone(), cause);
        // Hops name accounts freely: somebody who tries many must not fill the memory with pauses.
        if self.0.len() >= MOST && !self.0.contains_key(&place) {
            return;
        }
        let before = self.0.get(&place).filter(|rest| rest.since.elapsed() < FORGOTTEN).map(|rest| rest.lasts);
        let lasts = match (cause, before) {
            (Cause::Doubt, _) => DOUBT,
            (Cause::Gone, None) => FIRST,
            (Cause::Gone, Some(before)) => (before * 2).min(LONGEST),
        };
        self.0.insert(place, Rest { since: Instant::now(), lasts, error: Arc::clone(error) });
    }

    /// The pause that is on.
    pub(super) fn now(&self, key: &Key, cause: Cause) -> Option<Resting> {
        let rest = self.0.get(&(key.clone(), cause))?;
        let left = rest.lasts.checked_sub(rest.since.elapsed()).filter(|left| !left.is_zero())?;
        Some(Resting { error: Arc::clone(&rest.error), left })
    }

    /// An attempt that has failed since then: whoever waited for it shares its result.
    pub(super) fn failed_since(&self, key: &Key, then: Instant) -> Option<Resting> {
        let rest = self.0.get(&(key.clone(), Cause::Gone)).filter(|rest| rest.since >= then)?;
        Some(Resting { error: Arc::clone(&rest.error), left: rest.lasts.saturating_sub(rest.since.elapsed()) })
    }

    /// Forgets those that count for nothing any more, and those of others than `kept`.
    pub(super) fn sweep(&self, kept: impl Fn(&Key) -> bool) {
        self.0.retain(|(key, _), rest| kept(key) && rest.since.elapsed() < FORGOTTEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Service;
    use crate::panel_session::ServerIdentity;
    use crate::session::EntryPlace;
    use crate::session::SessionId;

    fn key() -> Key {
        let place = EntryPlace {
            server: "web1".parse().unwrap(),
            service: Service::Whostmgrd,
            account: "root".parse().unwrap(),
            through: None,
        };
        (serde_json::from_value::<SessionId>(serde_json::json!(vec![1; 32])).unwrap(), place, ServerIdentity([0; 32]))
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_are_forgotten() {
        let (rests, key, error) = (Rests::default(), key(), Arc::new(OpenError::Random));
        let begun = Instant::now();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(rests.now(&key, Cause::Gone).is_none());
            rests.begin(&key, Cause::Gone, &error);
            assert_eq!(rests.now(&key, Cause::Gone).unwrap().left.as_secs(), expected);
            assert!(rests.now(&key, Cause::Doubt).is_none());
            assert!(rests.failed_since(&key, begun).is_some());
            tokio::time::advance(Duration::from_secs(expected)).await;
        }
        assert!(rests.failed_since(&key, Instant::now()).is_none());
        tokio::time::advance(FORGOTTEN).await;
        rests.begin(&key, Cause::Gone, &error);
        assert_eq!(rests.now(&key, Cause::Gone).unwrap().left, FIRST);
        rests.sweep(|_| false);
        assert!(rests.now(&key, Cause::Gone).is_none());
    }
}
