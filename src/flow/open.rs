//! Questions that wait for an answer: a table that is bounded and lets go of what has waited too long.
//!
//! What a question is, and what makes an answer its own, is the caller's affair.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use foldhash::quality::RandomState;

/// How many questions of a protocol are remembered.
pub const MAX_OPEN: usize = 8 * 1024;

#[derive(Debug)]
struct Entry<V> {
    /// Tells this entry from an earlier one under the same key.
    serial: u64,
    since_ns: i64,
    value: V,
}

/// Open questions by what their answers will be recognised by.
#[derive(Debug)]
pub struct Open<K, V> {
    entries: HashMap<K, Entry<V>, RandomState>,
    /// Keys in the order they came; those that are gone are passed over.
    order: VecDeque<(u64, K)>,
    serial: u64,
    patience_ns: i64,
    now_ns: i64,
    /// How many were forgotten because there were too many.
    pub forgotten: u64,
}

impl<K: Clone + Eq + Hash, V> Open<K, V> {
    /// Nothing is open; what comes is waited for this long, in capture time.
    pub fn new(patience_ns: i64) -> Open<K, V> {
        Open {
            entries: HashMap::default(),
            order: VecDeque::new(),
            serial: 0,
            patience_ns,
            now_ns: 0,
            forgotten: 0,
        }
    }

    /// A question. One under the same key waits on from now.
    pub fn put(&mut self, key: K, since_ns: i64, value: V) {
        while self.entries.len() >= MAX_OPEN || self.order.len() >= 2 * MAX_OPEN {
            let Some((serial, key)) = self.order.pop_front() else { break };
            if self.entries.get(&key).is_some_and(|e| e.serial == serial) {
                self.entries.remove(&key);
                self.forgotten += 1;
            }
        }
        self.now_ns = self.now_ns.max(since_ns);
        self.serial += 1;
        self.order.push_back((self.serial, key.clone()));
        self.entries.insert(key, Entry { serial: self.serial, since_ns, value });
    }

    /// The question under a key, and since when it has been open.
    pub fn get(&self, key: &K) -> Option<(&V, i64)> {
        self.entries.get(key).map(|e| (&e.value, e.since_ns))
    }

    /// The same, to be noted on.
    pub fn get_mut(&mut self, key: &K) -> Option<(&mut V, i64)> {
        self.entries.get_mut(key).map(|e| (&mut e.value, e.since_ns))
    }

    /// The same; it is open no more.
    pub fn take(&mut self, key: &K) -> Option<(V, i64)> {
        self.entries.remove(key).map(|e| (e.value, e.since_ns))
    }

    /// Time has stepped far back: all wait anew.
    pub fn back_to(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        for entry in self.entries.values_mut() {
            entry.since_ns = entry.since_ns.min(now_ns);
        }
    }

    /// Hands out what has waited too long at this time, and for how long.
    pub fn expire(&mut self, now_ns: i64, told: &mut dyn FnMut(K, V, i64)) {
        self.now_ns = self.now_ns.max(now_ns);
        while let Some((serial, key)) = self.order.front() {
            match self.entries.get(key).filter(|e| e.serial == *serial) {
                Some(e) if e.since_ns.saturating_add(self.patience_ns) > self.now_ns => return,
                found => {
                    let is_due = found.is_some();
                    let Some((_, key)) = self.order.pop_front() else { return };
                    if is_due && let Some(e) = self.entries.remove(&key) {
                        told(key, e.value, self.now_ns.saturating_sub(e.since_ns));
                    }
                }
            }
        }
    }

    /// The capture has ended: hands out all that is open, and for how long it has been.
    pub fn finish(&mut self, told: &mut dyn FnMut(K, V, i64)) {
        while let Some((serial, key)) = self.order.pop_front() {
            if self.entries.get(&key).is_some_and(|e| e.serial == serial)
                && let Some(e) = self.entries.remove(&key)
            {
                told(key, e.value, self.now_ns.saturating_sub(e.since_ns));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_too_long_is_handed_out_once() {
        let mut open = Open::new(10);
        open.put('a', 0, 1);
        open.put('b', 5, 2);
        open.put('a', 8, 3);
        assert_eq!(open.take(&'b'), Some((2, 5)));
        let mut told = Vec::new();
        open.expire(17, &mut |k, v, waited| told.push((k, v, waited)));
        assert!(told.is_empty());
        open.expire(18, &mut |k, v, waited| told.push((k, v, waited)));
        open.finish(&mut |k, v, waited| told.push((k, v, waited)));
        assert_eq!(told, [('a', 3, 10)]);
    }

    #[test]
    fn it_is_bounded() {
        let mut open = Open::new(i64::MAX);
        for n in 0..3 * MAX_OPEN {
            open.put(n % (2 * MAX_OPEN), 0, ());
        }
        assert!(open.entries.len() <= MAX_OPEN && open.order.len() <= 2 * MAX_OPEN);
        assert!(open.forgotten > 0);
    }
}
