//! cPHulk: failed password logins are counted per address and per account. API tokens are exempt.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::cpsrvd::switches::Switches;
use crate::cpsrvd::sync::lock;

/// Addresses, and accounts, beyond this number are not counted.
const KEPT: usize = 10_000;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Hulk(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    addresses: HashMap<IpAddr, u32>,
    accounts: HashMap<String, u32>,
}

impl Hulk {
    /// Whether a login is refused whatever its password.
    pub(crate) fn blocks(&self, address: IpAddr, user: &str, switches: &Switches) -> bool {
        let failures = lock(&self.0);
        let reached = |count: Option<&u32>, limit| count.is_some_and(|count| *count >= limit);
        switches.hulk
            && (reached(failures.addresses.get(&address), switches.hulk_per_address)
                || reached(failures.accounts.get(user), switches.hulk_per_account))
    }

    /// Counts a failure.
    pub(crate) fn count(&self, address: IpAddr, user: &str) {
        let mut failures = lock(&self.0);
        if failures.addresses.len().max(failures.accounts.len()) < KEPT {
            *failures.addresses.entry(address).or_default() += 1;
            *failures.accounts.entry(user.to_owned()).or_default() += 1;
        }
    }

    /// Forgets all failures, as an administrator does.
    pub(crate) fn clear(&self) {
        *lock(&self.0) = Failures::default();
    }
}
