//! The time within a request that somebody else took.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// A request's stopwatch, which runs while it waits for a server or the provider. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<AtomicU64>);

impl Waits {
    /// Waits for `other`, with the stopwatch running.
    pub async fn on<F: Future>(&self, other: F) -> F::Output {
        let began = Instant::now();
        let output = other.await;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
        output
    }

    /// The sum so far.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_adds_up() {
        let waits = Waits::default();
        let other = waits.clone();
        for _ in 0..2 {
            other.on(tokio::time::sleep(Duration::from_millis(2))).await;
        }
        assert!(waits.total() >= Duration::from_millis(4));
    }
}
