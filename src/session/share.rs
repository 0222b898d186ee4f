//! How many sign-ins one address may begin, so that nobody can take the places of all without signing in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::model::ClientAddr;
use crate::model::Timestamp;

/// Addresses that are remembered before those without a recent sign-in are looked for and forgotten.
const REMEMBERED: usize = 10_000;

/// The sign-ins that each address has begun lately.
#[derive(Debug)]
pub(super) struct Shares {
    begun: Mutex<HashMap<IpAddr, Share>>,
    most: u32,
    within: Duration,
}

/// Counts within a span of time that begins with the first.
#[derive(Clone, Copy, Debug)]
struct Share {
    until: Timestamp,
    count: u32,
}

impl Shares {
    pub(super) fn new(most: u32, within: Duration) -> Self {
        Self { begun: Mutex::default(), most, within }
    }

    /// Whether this address may begin one more. It counts if so.
    pub(super) fn take(&self, client: ClientAddr, now: Timestamp) -> bool {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= REMEMBERED {
            begun.retain(|_, share| share.until > now);
        }
        let fresh = Share { until: now.plus(self.within), count: 0 };
        let share = begun.entry(client.holder()).or_insert(fresh);
        if share.until <= now {
            *share = fresh;
        }
        let room = share.count < self.most;
        share.count += u32::from(room);
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_has_had_its_share_waits_and_others_do_not() {
        let shares = Shares::new(2, Duration::from_secs(10));
        let take = |address: &str, at: u64| shares.take(ClientAddr(address.parse().unwrap()), Timestamp(at));
        assert!(take("192.0.2.1:1", 0) && take("192.0.2.1:2", 9_000));
        assert!(!take("192.0.2.1:3", 9_999));
        assert!(take("192.0.2.2:1", 9_999));
        assert!(take("192.0.2.1:4", 10_000));
    }
}
