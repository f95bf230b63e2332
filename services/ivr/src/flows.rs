//! Flows by version: a running call stays on the one that it began with.

use eventlog::ConfigView;
use flow::{Flow, Node, Say};
use ipnet::IpNet;
use routing::QueueConfig;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};
use tokio::sync::watch;
use types::{config::Kind, *};

/// Versions kept in memory; beyond that all are read again when next used.
const VERSIONS_MAX: usize = 10_000;

pub struct Flows {
    view: Arc<ConfigView>,
    used: Mutex<HashMap<(TenantId, FlowId, u32), Arc<Flow>>>,
}

impl Flows {
    pub fn new(view: Arc<ConfigView>) -> Flows {
        Flows { view, used: Mutex::default() }
    }

    /// The latest version.
    pub fn latest(&self, tenant: &TenantId, id: &FlowId) -> Option<(u32, Arc<Flow>)> {
        let doc = self.view.doc(tenant, Kind::Flow, id.as_str())?;
        let key = (tenant.clone(), id.clone(), doc.version);
        let mut used = self.used.lock().expect("no panic while the lock is held");
        if let Some(flow) = used.get(&key) {
            return Some((doc.version, flow.clone()));
        }
        let flow: Arc<Flow> = Arc::new(doc.read()?);
        if used.len() >= VERSIONS_MAX {
            used.clear();
        }
        used.insert(key, flow.clone());
        Some((doc.version, flow))
    }

    /// The version that a call is on; the latest if this replica never saw it.
    pub fn at(&self, tenant: &TenantId, id: &FlowId, version: u32) -> Option<(u32, Arc<Flow>)> {
        let key = (tenant.clone(), id.clone(), version);
        let known = self.used.lock().expect("no panic while the lock is held").get(&key).cloned();
        known.map(|flow| (version, flow)).or_else(|| self.latest(tenant, id))
    }

    pub fn queue(&self, tenant: &TenantId, id: &QueueId) -> Option<QueueConfig> {
        self.view.get(tenant, Kind::Queue, id.as_str())
    }

    /// The file that a prompt stands for.
    pub fn prompt(&self, tenant: &TenantId, id: &PromptId) -> Option<String> {
        self.view.get::<config::Prompt>(tenant, Kind::Prompt, id.as_str()).map(|prompt| prompt.hash)
    }

    pub fn language(&self, tenant: &TenantId) -> String {
        let found = self.view.get::<config::Tenant>(tenant, Kind::Tenant, tenant.as_str());
        found.map_or_else(|| "en".into(), |tenant| tenant.language)
    }

    /// Digits of the country code that completes national numbers.
    pub fn country(&self, tenant: &TenantId) -> Option<String> {
        let found = self.view.get::<config::Tenant>(tenant, Kind::Tenant, tenant.as_str());
        found.and_then(|tenant| tenant.country_code)
    }

    /// Private networks that the company's flows may ask.
    pub fn networks(&self, tenant: &TenantId) -> Vec<IpNet> {
        let found = self.view.get::<config::Tenant>(tenant, Kind::Tenant, tenant.as_str());
        let named = found.map(|tenant| tenant.flow_networks).unwrap_or_default();
        named.iter().filter_map(|network| network.parse().ok()).collect()
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.view.changes()
    }

    /// Every text of every flow, with its language.
    pub fn texts(&self) -> BTreeSet<(String, String)> {
        let mut texts = BTreeSet::new();
        for tenant in self.view.tenants(Kind::Flow) {
            for doc in self.view.docs(&tenant, Kind::Flow) {
                let Some(flow) = doc.read::<Flow>() else { continue };
                for (_, say) in flow.nodes.values().flat_map(Node::said) {
                    if let Say::Text(text) = say
                        && say.is_fixed()
                    {
                        texts.insert((flow.language.clone(), text.clone()));
                    }
                }
            }
        }
        texts
    }
}
