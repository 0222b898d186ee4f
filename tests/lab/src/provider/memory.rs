//! A table that forgets its oldest entry when it is full.

use std::collections::VecDeque;

/// Entries kept. A demonstration and a test stay far below it.
const CAPACITY: usize = 1000;

/// Values by key, bounded.
#[derive(Debug)]
pub(super) struct Memory<V>(VecDeque<(String, V)>);

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<V: Clone> Memory<V> {
    pub(super) fn put(&mut self, key: String, value: V) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back((key, value));
    }

    pub(super) fn get(&self, key: &str) -> Option<V> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    }

    pub(super) fn newest(&self, fits: impl Fn(&V) -> bool) -> Option<V> {
        self.0.iter().rev().find(|(_, value)| fits(value)).map(|(_, value)| value.clone())
    }

    pub(super) fn change(&mut self, change: impl Fn(&mut V)) {
        self.0.iter_mut().for_each(|(_, value)| change(value));
    }

    pub(super) fn take(&mut self, key: &str) -> Option<V> {
        let place = self.0.iter().position(|(k, _)| k == key)?;
        self.0.remove(place).map(|(_, value)| value)
    }
}
