//! TLS sessions that are remembered for resumption (RFC 8446 section 2.2), each for one connection.

use std::sync::Arc;

use rustls::server::ServerSessionMemoryCache;
use rustls::server::StoresServerSessions;

/// Parts of the memory. The library's goes through all that it holds when a session is taken out of it: with 4,096 in
/// one piece that was 6 % of what a resumed connection took.
const PARTS: usize = 64;

/// Sessions in a part, of a few hundred bytes each; the oldest are forgotten first.
const EACH: usize = 64;

/// The sessions, by the first byte of a key. Keys are random numbers of ours; what a client makes up leads to nothing.
#[derive(Debug)]
pub(super) struct Remembered(Vec<Arc<ServerSessionMemoryCache>>);

impl Remembered {
    /// Nothing yet, and room for 4,096.
    pub(super) fn new() -> Self {
        Self((0..PARTS).map(|_| ServerSessionMemoryCache::new(EACH)).collect())
    }

    fn part(&self, key: &[u8]) -> Option<&ServerSessionMemoryCache> {
        self.0.get(usize::from(*key.first()?) % PARTS).map(AsRef::as_ref)
    }
}

impl StoresServerSessions for Remembered {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.part(&key).is_some_and(|part| part.put(key, value))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.part(key)?.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.part(key)?.take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Vec<u8> {
        number.to_le_bytes().to_vec()
    }

    #[test]
    fn a_session_is_given_out_once() {
        let remembered = Remembered::new();
        assert!(remembered.put(key(7), vec![1]));
        assert_eq!(remembered.get(&key(7)), Some(vec![1]));
        assert_eq!(remembered.take(&key(7)), Some(vec![1]));
        assert_eq!((remembered.take(&key(7)), remembered.get(&[])), (None, None));
        assert!(!remembered.put(Vec::new(), vec![1]));
    }

    #[test]
    fn the_oldest_are_forgotten_first() {
        let remembered = Remembered::new();
        let all = 0..10_000;
        for number in all.clone() {
            remembered.put(key(number), vec![1]);
        }
        let known: Vec<_> = all.filter(|number| remembered.get(&key(*number)).is_some()).collect();
        assert_eq!(known.len(), PARTS * EACH);
        assert!(known.contains(&9999) && !known.contains(&0));
    }
}
