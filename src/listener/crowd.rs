//! How many connections one address may have, so that one far end cannot take the places of all. Where a
//! balancer's connections are shared by many, it is requests under way that take the places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::model::ClientAddr;

/// The connections of each address that has any.
#[derive(Clone, Debug)]
pub struct Crowd {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

/// A connection's place. Given back when dropped.
#[derive(Debug)]
pub struct Counted {
    crowd: Crowd,
    of: IpAddr,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self { counts: Arc::default(), most }
    }

    /// A place for one more connection, if the address has not got too many.
    pub fn enter(&self, client: ClientAddr) -> Option<Counted> {
        let of = client.holder();
        let mut counts = self.lock();
        let count = counts.entry(of).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { crowd: self.clone(), of })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.crowd.lock();
        if let Some(count) = counts.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_places_of_its_own_and_gives_them_back() {
        let crowd = Crowd::new(2);
        let enter = |address: &str| crowd.enter(ClientAddr(std::net::SocketAddr::new(address.parse().unwrap(), 1)));
        let (one, two) = (enter("192.0.2.1"), enter("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some() && enter("192.0.2.1").is_none());
        let other = enter("192.0.2.2");
        assert!(other.is_some());
        drop(one);
        assert!(enter("192.0.2.1").is_some());
        let (three, four) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(three.is_some() && four.is_some() && enter("2001:db8::3").is_none());
        drop((two, three, four, other));
        assert!(crowd.lock().is_empty());
    }
}
