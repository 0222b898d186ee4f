//! The figures that every request adds to, found once: a look into the families costs ten times as much as counting.

use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// The classes of answers.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The place of a status among them.
fn class(status: u16) -> usize {
    match status {
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=499 => 3,
        _ => 4,
    }
}

/// The figures of one kind of origin. What never happened is not there.
#[derive(Default)]
pub(super) struct Found {
    requests: [OnceLock<Counter>; CLASSES.len()],
    own: OnceLock<Histogram>,
    waited: OnceLock<Histogram>,
}

impl Found {
    /// Counts an answer in its class.
    pub(super) fn count(&self, status: u16, find: impl FnOnce(&'static str) -> Counter) {
        let class = class(status);
        if let (Some(counter), Some(name)) = (self.requests.get(class), CLASSES.get(class)) {
            counter.get_or_init(|| find(name)).inc();
        }
    }

    /// The time that the gateway itself took.
    pub(super) fn own(&self, find: impl FnOnce() -> Histogram) -> &Histogram {
        self.own.get_or_init(find)
    }

    /// The time that it waited for others.
    pub(super) fn waited(&self, find: impl FnOnce() -> Histogram) -> &Histogram {
        self.waited.get_or_init(find)
    }
}
