//! Questions that flows ask over HTTP, with what they may ask and how much.

mod reach;
#[cfg(test)]
mod tests;

use crate::{Config, turns::Turns};
use anyhow::{Context, bail, ensure};
use flow::{Method, Request};
use ipnet::IpNet;
use reach::Reach;
use reqwest::{Client, Url, redirect};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time;
use types::TenantId;

/// Clients kept, one for each set of networks that may be asked.
const CLIENTS_MAX: usize = 1_000;
/// With the values of a call.
const ADDRESS_MAX: usize = 8_000;

pub struct Dips {
    private_networks: Vec<IpNet>,
    answer_max: usize,
    clients: Mutex<HashMap<Reach, Client>>,
    turns: Turns,
}

impl Dips {
    /// # Errors
    /// The configuration names something that is no network.
    pub fn new(config: &Config) -> anyhow::Result<Dips> {
        let network = |text: &String| text.parse().with_context(|| format!("private_networks: {text:?}"));
        Ok(Dips {
            private_networks: config.private_networks.iter().map(network).collect::<anyhow::Result<_>>()?,
            answer_max: config.answer_max,
            clients: Mutex::default(),
            turns: Turns::new(config.dips_max),
        })
    }

    /// The answer as JSON; `None` when there was none in time or it was none.
    /// `networks`: private ones that the company's flows may ask.
    pub async fn ask(&self, tenant: &TenantId, networks: &[IpNet], request: &Request) -> Option<Value> {
        let within = Duration::from_millis(request.timeout.max(0) as u64);
        let turns = self.turns.of(tenant);
        let asking = async {
            let _turn = turns.acquire().await?;
            self.send(networks, request).await
        };
        let (outcome, answer) = match time::timeout(within, asking).await {
            Ok(Ok(answer)) => ("answered", Some(answer)),
            Ok(Err(error)) => {
                tracing::warn!(%tenant, host = host(request), error = format!("{error:#}"), "a data dip failed");
                ("failed", None)
            }
            Err(_) => {
                tracing::warn!(%tenant, host = host(request), "a data dip was not answered in time");
                ("late", None)
            }
        };
        metrics::counter!("ivr_data_dips_total", "outcome" => outcome).increment(1);
        answer
    }

    async fn send(&self, networks: &[IpNet], request: &Request) -> anyhow::Result<Value> {
        ensure!(request.url.len() <= ADDRESS_MAX, "the address is longer than {ADDRESS_MAX} bytes");
        let url: Url = request.url.parse().context("no address of HTTP")?;
        let reach = Reach::new(&self.private_networks, networks);
        // Names are looked at when they are resolved, an address only here.
        let host = url.host_str().context("no host")?.trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            ensure!(reach.allows(address), "{address} is not public, and not among the networks to be asked");
        }
        let client = self.client(reach)?;
        let mut asked = match request.method {
            Method::Get => client.get(url),
            Method::Post => client.post(url),
        };
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        if let Some(body) = &request.body {
            asked = asked.header("content-type", "application/json").body(body.clone());
        }
        let mut reply =
            asked.header("accept", "application/json").send().await.map_err(reqwest::Error::without_url)?;
        ensure!(reply.status().is_success(), "status {}", reply.status());
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > self.answer_max {
                bail!("the answer is longer than {} bytes", self.answer_max);
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).context("the answer is not JSON")
    }

    fn client(&self, reach: Reach) -> anyhow::Result<Client> {
        let mut clients = self.clients.lock().expect("no panic while the lock is held");
        if let Some(client) = clients.get(&reach) {
            return Ok(client.clone());
        }
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        // A redirection could lead anywhere, a proxy would look names up itself.
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("trunkline")
            .dns_resolver(Arc::new(reach.clone()))
            .build()?;
        clients.insert(reach, client.clone());
        Ok(client)
    }
}

/// For the log: paths and parameters hold callers' values.
fn host(request: &Request) -> String {
    request.url.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}
