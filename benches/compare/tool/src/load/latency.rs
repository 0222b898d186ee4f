//! Latencies of one run.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

/// Latencies, in the order in which they were seen.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds those of another connection.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The result of a run: the count, how long it took, and percentiles in microseconds.
    pub(crate) fn result(mut self, took: Duration) -> Value {
        self.0.sort_unstable();
        let at = |share: usize| {
            let index = (self.0.len() * share / 1000).min(self.0.len().saturating_sub(1));
            self.0.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        json!({
            "n": self.0.len(), "secs": took.as_secs_f64(),
            "p50_us": at(500), "p90_us": at(900), "p99_us": at(990), "p999_us": at(999),
        })
    }
}
