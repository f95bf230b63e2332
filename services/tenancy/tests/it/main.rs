//! The service over gRPC, on a real database.

mod accounts;
mod alerts;
mod documents;
mod keys;
mod mails;
mod webhooks;

use chassis::{Credentials, Deps, Drain, grpc::Channel};
use eventlog::{ConfigView, Log};
use proto::tenancy::v1::{
    self as wire, accounts_client::AccountsClient, api_keys_client::ApiKeysClient, audit_client::AuditClient,
    config_client::ConfigClient, webhooks_client::WebhooksClient,
};
use std::{net::TcpListener, sync::Arc, time::Duration};
use tenantdb::testing::{self, TestDatabase};
use tonic::{Code, Status};
use types::{TenantId, config::Kind};

const START_MAX: Duration = Duration::from_secs(10);

/// The running service and everything it stands on.
struct World {
    accounts: AccountsClient<Channel>,
    keys: ApiKeysClient<Channel>,
    config: ConfigClient<Channel>,
    audit: AuditClient<Channel>,
    webhooks: WebhooksClient<Channel>,
    channel: Channel,
    log: Log,
    view: Arc<ConfigView>,
    drain: Drain,
    server: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    folder: tempfile::TempDir,
    database: TestDatabase,
}

impl World {
    async fn start() -> anyhow::Result<World> {
        World::start_on(testing::database().await, tempfile::tempdir()?).await
    }

    async fn start_on(database: TestDatabase, folder: tempfile::TempDir) -> anyhow::Result<World> {
        World::start_with(database, folder, "").await
    }

    async fn start_with(
        database: TestDatabase,
        folder: tempfile::TempDir,
        settings: &str,
    ) -> anyhow::Result<World> {
        chassis::telemetry::start();
        // A new log each time: the last one's readers may still hold theirs.
        let log = Log::open(&folder.path().join(chassis::random::token()))?;
        let view = ConfigView::follow(&log)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let credentials = Credentials::alone();
        let channel = chassis::grpc::channel(&credentials, &address)?;
        let deps = Deps {
            log: log.clone(),
            listener,
            peers: chassis::Peers::default(),
            credentials,
            folder: folder.path().to_owned(),
        };
        let overrides =
            format!("database_url = {:?}\nhashes_at_once = 1\n{settings}", database.url()).parse()?;
        let config = chassis::config::read("tenancy", include_str!("../../default.toml"), overrides)?;
        let drain = Drain::new();
        let server = tokio::spawn(tenancy::run(config, deps, drain.clone()));
        let world = World {
            accounts: AccountsClient::new(channel.clone()),
            keys: ApiKeysClient::new(channel.clone()),
            config: ConfigClient::new(channel.clone()),
            audit: AuditClient::new(channel.clone()),
            webhooks: WebhooksClient::new(channel.clone()),
            channel,
            log,
            view,
            drain,
            server: Some(server),
            folder,
            database,
        };
        tokio::time::timeout(START_MAX, chassis::grpc::healthy(&address)).await??;
        Ok(world)
    }

    /// Stops the service; what it stood on can be stood on again.
    async fn stop(mut self) -> anyhow::Result<(TestDatabase, tempfile::TempDir)> {
        self.drain.start();
        if let Some(server) = self.server.take() {
            server.await??;
        }
        let World { log, view, folder, database, .. } = self;
        drop((log, view));
        Ok((database, folder))
    }

    async fn sign_up(&self, company: &str) -> anyhow::Result<wire::Session> {
        Ok(self.accounts.clone().sign_up(form(company)).await?.into_inner())
    }

    async fn documents(&self, tenant: &str, kind: &str) -> anyhow::Result<Vec<wire::Document>> {
        let request = wire::ListRequest { tenant: tenant.into(), kind: kind.into() };
        Ok(self.config.clone().list(request).await?.into_inner().documents)
    }

    async fn put(&self, tenant: &str, kind: &str, id: &str, body: &str) -> Result<wire::Document, Status> {
        let request = wire::PutRequest {
            tenant: tenant.into(),
            actor: "usr_test".into(),
            kind: kind.into(),
            id: id.into(),
            body: body.into(),
            expected_version: 0,
        };
        Ok(self.config.clone().put(request).await?.into_inner())
    }

    async fn delete(&self, tenant: &str, kind: &str, id: &str) -> Result<(), Status> {
        let request = wire::DeleteRequest {
            tenant: tenant.into(),
            actor: "usr_test".into(),
            kind: kind.into(),
            id: id.into(),
        };
        self.config.clone().delete(request).await.map(drop)
    }

    /// Waits until the view that the services follow has the document at this version.
    async fn told(&self, tenant: &str, kind: Kind, id: &str, version: Option<u32>) {
        let tenant: TenantId = tenant.parse().expect("a tenant's id");
        for _ in 0..1_000 {
            if self.view.doc(&tenant, kind, id).map(|doc| doc.version) == version {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{kind:?} {id} was never told at {version:?}");
    }
}

fn form(company: &str) -> wire::SignUpRequest {
    wire::SignUpRequest {
        company: company.into(),
        name: "Ana Pop".into(),
        email: format!("Ana@{company}.example"),
        password: "correct horse battery".into(),
        time_zone: "Europe/Bucharest".into(),
        language: "en".into(),
        country_code: "40".into(),
        ..Default::default()
    }
}

fn tenant(session: &wire::Session) -> &str {
    &session.identity.as_ref().expect("an identity").tenant
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code) -> String {
    let status = result.expect_err("a refusal");
    assert_eq!(status.code(), code, "{status}");
    status.message().to_owned()
}
