//! How many calls there may be at once: to the outside by a trunk, as a guard
//! against toll fraud, and of one company, so that it leaves room for the others.
//! Which numbers may be called is the trunk's list of prefixes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Calls that go on, by whose they are.
#[derive(Debug)]
pub struct Tolls<K: Hash + Eq>(Mutex<HashMap<K, u32>>);

/// One call. Dropping it makes room.
#[derive(Debug)]
pub struct Taken<K: Hash + Eq> {
    tolls: Arc<Tolls<K>>,
    of: K,
}

impl<K: Hash + Eq> Default for Tolls<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Tolls<K> {
    /// Room for one more call; `None`: there are `max` already.
    pub fn take(self: &Arc<Self>, of: &K, max: u32) -> Option<Taken<K>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(of.clone()).or_default();
        if *calls >= max {
            return None;
        }
        *calls += 1;
        Some(Taken { tolls: self.clone(), of: of.clone() })
    }

    /// Counted, whatever there is: a call for help in need.
    pub fn take_anyway(self: &Arc<Self>, of: &K) -> Taken<K> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(of.clone()).or_default() += 1;
        Taken { tolls: self.clone(), of: of.clone() }
    }
}

impl<K: Hash + Eq> Taken<K> {
    /// Whose it is.
    pub fn of(&self) -> &K {
        &self.of
    }
}

impl<K: Hash + Eq> Drop for Taken<K> {
    fn drop(&mut self) {
        let mut all = self.tolls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = all.get_mut(&self.of) {
            *calls -= 1;
            if *calls == 0 {
                all.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_carries_so_many_calls_and_no_more() {
        let tolls = Arc::new(Tolls::default());
        let trunk = types::TrunkId::new(types::Timestamp::from_millis(1), 1);
        let first = tolls.take(&trunk, 2).unwrap();
        let _second = tolls.take(&trunk, 2).unwrap();
        assert!(tolls.take(&trunk, 2).is_none());
        drop(first);
        let _third = tolls.take_anyway(&trunk);
        assert!(tolls.take(&trunk, 2).is_none());
        assert!(tolls.take(&trunk, 3).is_some());
    }
}
