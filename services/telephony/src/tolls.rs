//! The guard against toll fraud: how many calls to the outside a trunk carries at
//! once. Which numbers may be called is the trunk's list of prefixes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use types::TrunkId;

/// Calls to the outside that go on, by trunk.
#[derive(Debug, Default)]
pub struct Tolls(Mutex<HashMap<TrunkId, u32>>);

/// One call of a trunk. Dropping it makes room.
#[derive(Debug)]
pub struct Taken {
    tolls: Arc<Tolls>,
    trunk: TrunkId,
}

impl Tolls {
    /// Room for one more call; `None`: the trunk carries `max` already.
    pub fn take(self: &Arc<Self>, trunk: &TrunkId, max: u32) -> Option<Taken> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(trunk.clone()).or_default();
        if *calls >= max {
            metrics::counter!("telephony_tolls_refused_total").increment(1);
            return None;
        }
        *calls += 1;
        Some(Taken { tolls: self.clone(), trunk: trunk.clone() })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut all = self.tolls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = all.get_mut(&self.trunk) {
            *calls -= 1;
            if *calls == 0 {
                all.remove(&self.trunk);
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
        let trunk = TrunkId::new(types::Timestamp::from_millis(1), 1);
        let first = tolls.take(&trunk, 2).unwrap();
        let _second = tolls.take(&trunk, 2).unwrap();
        assert!(tolls.take(&trunk, 2).is_none());
        drop(first);
        assert!(tolls.take(&trunk, 2).is_some());
    }
}
