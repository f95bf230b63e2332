//! The command line as a client of a running platform's API.

use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// Asks the API at `url` with an API key.
pub struct Api {
    http: Client,
    url: String,
    key: String,
}

impl Api {
    /// `trust_any`: accept the certificate that a fresh installation made itself.
    pub fn new(url: &str, key: &str, trust_any: bool) -> anyhow::Result<Api> {
        let http = Client::builder().tls_danger_accept_invalid_certs(trust_any).build()?;
        Ok(Api { http, url: url.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// GET with these query parameters.
    pub async fn find(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path).query(query)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let reply = request.send().await.with_context(|| format!("{} cannot be reached", self.url))?;
        let status = reply.status();
        let body: Value = reply.json().await.unwrap_or_default();
        if !status.is_success() {
            let detail = body["detail"].as_str().or(body["title"].as_str()).unwrap_or("no reason given");
            bail!("{status}: {detail}");
        }
        Ok(body)
    }
}
