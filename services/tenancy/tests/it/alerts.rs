//! Thresholds that are crossed, and loans that end.

use crate::{mails::MailServer, *};
use proto::tenancy::v1::alerts_client::AlertsClient;
use serde_json::{Value, json};

impl World {
    async fn first(&self, tenant: &str, kind: &str) -> anyhow::Result<String> {
        Ok(self.documents(tenant, kind).await?.first().expect("one").id.clone())
    }

    async fn audited(&self, tenant: &str, action: &str) -> anyhow::Result<Vec<wire::audit_entries::Entry>> {
        let request = wire::AuditRequest {
            tenant: tenant.into(),
            action: action.into(),
            limit: 10,
            ..Default::default()
        };
        Ok(self.audit.clone().list(request).await?.into_inner().entries)
    }

    async fn lent(&self, tenant: &str, millis: i64) -> anyhow::Result<wire::Document> {
        let until_ms = chassis::clock::now().millis() + millis;
        let (agent, queue) = (self.first(tenant, "agent").await?, self.first(tenant, "queue").await?);
        let body = json!({ "agent": agent, "queue": queue, "until_ms": until_ms });
        Ok(self.put(tenant, "loan", "", &body.to_string()).await?)
    }
}

/// Raised once, told by mail once, looked after by one, ended for all.
#[tokio::test]
async fn an_alert_is_told_once_and_acknowledged_by_one() -> anyhow::Result<()> {
    let mut server = MailServer::start().await;
    let settings = format!("smtp_url = {:?}\npublic_url = 'https://portal.example/'", server.url);
    let world = World::start_with(testing::database().await, tempfile::tempdir()?, &settings).await?;
    let session = world.sign_up("acme").await?;
    server.next().await;
    let tenant = tenant(&session).to_owned();
    let queue = world.first(&tenant, "queue").await?;
    let threshold = json!({
        "name": "Too many", "queue": queue, "measure": "waiting", "at": 5, "emails": ["boss@acme.example"],
    });
    let threshold = world.put(&tenant, "threshold", "", &threshold.to_string()).await?;
    for wrong in [
        json!({ "at": 0 }),
        json!({ "emails": ["nobody"] }),
        json!({ "measure": "service_level", "at": 101 }),
    ] {
        let mut body: Value = serde_json::from_str(&threshold.body)?;
        body.as_object_mut().expect("fields").extend(wrong.as_object().expect("fields").clone());
        refused(world.put(&tenant, "threshold", "", &body.to_string()).await, Code::InvalidArgument);
    }

    let mut alerts = AlertsClient::new(world.channel.clone());
    let raise = wire::RaiseRequest { tenant: tenant.clone(), threshold: threshold.id.clone(), value: 7 };
    let raised = alerts.raise(raise.clone()).await?.into_inner();
    assert_eq!(alerts.raise(raise.clone()).await?.into_inner().id, raised.id, "one goes on");
    let mail = server.next().await;
    assert_eq!(mail.to, "boss@acme.example");
    assert!(mail.text.contains("Subject: Threshold crossed: Too many"), "{}", mail.text);
    assert!(mail.text.contains("Waiting: 7 (threshold 5)"), "{}", mail.text);

    let by = |name: &str| wire::AcknowledgeRequest {
        tenant: tenant.clone(),
        alert: raised.id.clone(),
        actor: format!("usr_{name}"),
        name: name.into(),
    };
    let mut other = alerts.clone();
    let (first, second) = tokio::join!(alerts.acknowledge(by("Ana")), other.acknowledge(by("Ben")));
    let (taken, refusal) = match (first, second) {
        (Ok(taken), Err(refusal)) | (Err(refusal), Ok(taken)) => (taken.into_inner(), refusal),
        both => panic!("one of two, not {both:?}"),
    };
    let taken: Value = serde_json::from_str(&taken.body)?;
    let name = taken["acknowledged"]["name"].as_str().expect("a name");
    assert!(refusal.message().contains(name), "{refusal}");
    assert_eq!(world.audited(&tenant, "alert.acknowledge").await?.len(), 1);

    alerts.end(wire::EndAlertRequest { tenant: tenant.clone(), alert: raised.id.clone() }).await?;
    alerts.end(wire::EndAlertRequest { tenant: tenant.clone(), alert: raised.id.clone() }).await?;
    assert!(world.documents(&tenant, "alert").await?.is_empty());
    let again = alerts.raise(raise).await?.into_inner();
    assert_ne!(again.id, raised.id, "the next time is another alert");
    assert_eq!(server.next().await.to, "boss@acme.example", "and another mail");
    Ok(())
}

/// By their time, and after a restart too.
#[tokio::test]
async fn a_loan_ends_by_itself_also_while_nobody_was_there() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session).to_owned();
    let loan = world.lent(&tenant, 1_500).await?;
    world.told(&tenant, Kind::Loan, &loan.id, Some(1)).await;
    world.told(&tenant, Kind::Loan, &loan.id, None).await;
    let next = world.lent(&tenant, 1_000).await?;
    let (database, folder) = world.stop().await?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let world = World::start_with(database, folder, "").await?;
    world.told(&tenant, Kind::Loan, &next.id, None).await;
    let mut lines = Vec::new();
    for _ in 0..400 {
        lines = world.audited(&tenant, "loan.return").await?;
        if lines.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(lines.len(), 2, "each return is told once: {lines:?}");
    assert!(lines.iter().all(|line| line.actor == "system" && line.subject.starts_with("agent/agt_")));
    Ok(())
}
