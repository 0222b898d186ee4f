//! References: what a person reads out, and what the log has beside it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use aws_lc_rs::rand::SecureRandom;

use crate::model::ReferenceId;

/// Between two numbers: 2^64 divided by the golden ratio, made odd, so that none comes twice.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where references come from. They open nothing, so a random beginning is enough; a random number for each request
/// would cost more than all that the policy does.
#[derive(Debug)]
pub struct References(AtomicU64);

impl References {
    /// Begins at a random place. Without random numbers it begins at zero: an answer must be possible all the same.
    pub fn new(random: &dyn SecureRandom) -> Self {
        let mut bits = [0; 8];
        if random.fill(&mut bits).is_err() {
            tracing::error!("no random numbers");
        }
        Self(AtomicU64::new(u64::from_be_bytes(bits)))
    }

    /// A new one.
    pub(super) fn next(&self) -> ReferenceId {
        ReferenceId::from_bits(mixed(self.0.fetch_add(STEP, Ordering::Relaxed)))
    }
}

/// Spreads what differs over all bits, reversibly (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn references_differ_from_one_another_and_from_those_of_another_start() {
        let starts = [References::new(&SystemRandom::new()), References::new(&SystemRandom::new())];
        let all: HashSet<ReferenceId> =
            starts.iter().flat_map(|references| (0..10_000).map(|_| references.next())).collect();
        assert_eq!(all.len(), 20_000);
    }
}
