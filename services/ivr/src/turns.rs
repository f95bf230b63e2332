//! Companies take turns, so that one that is slow or busy holds up no other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;
use types::TenantId;

pub struct Turns {
    each: usize,
    all: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Turns {
    /// `each`: of one company at a time.
    pub fn new(each: usize) -> Turns {
        Turns { each: each.max(1), all: Mutex::default() }
    }

    pub fn of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut all = self.all.lock().expect("no panic while the lock is held");
        all.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}
