//! The tenants' keys, each sealed under the master key in the object store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use object_store::{ObjectStore, ObjectStoreExt, PutMode, path::Path};
use types::TenantId;

use crate::{error::Result, seal::Key};

/// Opened keys kept in memory at most.
const OPEN_MAX: usize = 10_000;

/// Opens and makes tenants' keys.
pub struct Keyring {
    objects: Arc<dyn ObjectStore>,
    master: Key,
    open: Mutex<HashMap<TenantId, Key>>,
}

impl Keyring {
    pub fn new(objects: Arc<dyn ObjectStore>, master: Key) -> Self {
        Self { objects, master, open: Mutex::default() }
    }

    /// The tenant's key; made at the first use.
    pub async fn tenant(&self, tenant: &TenantId) -> Result<Key> {
        if let Some(key) = self.open.lock().expect("no panic while holding it").get(tenant) {
            return Ok(key.clone());
        }
        let sealed = match self.read(tenant).await {
            Err(object_store::Error::NotFound { .. }) => self.make(tenant).await?,
            sealed => sealed?,
        };
        let key = self.master.open_key(&purpose(tenant), &sealed)?;
        let mut open = self.open.lock().expect("no panic while holding it");
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(tenant.clone(), key.clone());
        Ok(key)
    }

    async fn read(&self, tenant: &TenantId) -> object_store::Result<Vec<u8>> {
        Ok(self.objects.get(&path(tenant)).await?.bytes().await?.to_vec())
    }

    /// Of two that make it at a time, one wins and both use its key.
    async fn make(&self, tenant: &TenantId) -> Result<Vec<u8>> {
        let sealed = self.master.seal(&purpose(tenant), &chassis::random::key())?;
        match self.objects.put_opts(&path(tenant), sealed.into(), PutMode::Create.into()).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(self.read(tenant).await?),
            Err(error) => Err(error.into()),
        }
    }
}

fn path(tenant: &TenantId) -> Path {
    Path::from(format!("keys/{tenant}.sealed"))
}

fn purpose(tenant: &TenantId) -> String {
    format!("key of {tenant}")
}
