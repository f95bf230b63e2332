use crate::*;
use serde_json::{Value, json};

#[tokio::test]
async fn a_newcomer_finds_all_that_a_first_call_needs() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let mut bodies = std::collections::HashMap::new();
    for (kind, count) in [
        ("tenant", 1),
        ("skill", 1),
        ("agent", 1),
        ("queue", 1),
        ("flow", 1),
        ("disposition", 3),
        ("trunk", 1),
        ("did", 1),
        ("prompt", 0),
    ] {
        let documents = world.documents(tenant, kind).await?;
        assert_eq!(documents.len(), count, "{kind}");
        for document in documents {
            let kind_parsed = Kind::parse(kind).expect("a kind");
            world.told(tenant, kind_parsed, &document.id, Some(1)).await;
            bodies.insert(kind, (document.id, serde_json::from_str::<Value>(&document.body)?));
        }
    }
    assert_eq!(bodies["did"].1["flow"], bodies["flow"].0.as_str());
    let number = bodies["did"].1["number"].as_str().expect("a number");
    assert!(number.starts_with("+999") && number.len() == 12, "{number}");
    assert_eq!(bodies["trunk"].1["auth"]["type"], "digest");
    assert_eq!(bodies["flow"].1["nodes"]["support"]["queue"], bodies["queue"].0.as_str());
    Ok(())
}

#[tokio::test]
async fn every_version_is_kept_and_told() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let tenant = tenant(&session);
    let made = world.put(tenant, "disposition", "", r#"{"name": "Sold"}"#).await?;
    assert_eq!(made.version, 1);
    let changed = world.put(tenant, "disposition", &made.id, r#"{"name": "Sold!"}"#).await?;
    assert_eq!(changed.version, 2);
    world.told(tenant, Kind::Disposition, &made.id, Some(2)).await;
    world.delete(tenant, "disposition", &made.id).await?;
    world.told(tenant, Kind::Disposition, &made.id, None).await;

    let request =
        wire::DocumentRequest { tenant: tenant.into(), kind: "disposition".into(), id: made.id.clone() };
    refused(world.config.clone().get(request.clone()).await, Code::NotFound);
    let history = world.config.clone().history(request).await?.into_inner().documents;
    let versions: Vec<u32> = history.iter().map(|d| d.version).collect();
    assert_eq!(versions, [3, 2, 1]);
    refused(world.put(tenant, "disposition", &made.id, r#"{"name": "x"}"#).await, Code::NotFound);
    Ok(())
}

#[tokio::test]
async fn of_two_who_change_the_same_version_one_is_told_so() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let made = world.put(tenant(&session), "disposition", "", r#"{"name": "Sold"}"#).await?;
    let change = |name: &str| wire::PutRequest {
        tenant: tenant(&session).into(),
        actor: "usr_test".into(),
        kind: "disposition".into(),
        id: made.id.clone(),
        body: json!({ "name": name }).to_string(),
        expected_version: 1,
    };
    let (mut one, mut two) = (world.config.clone(), world.config.clone());
    let both = tokio::join!(one.put(change("a")), two.put(change("b")));
    let codes =
        [both.0.map_or_else(|s| s.code(), |_| Code::Ok), both.1.map_or_else(|s| s.code(), |_| Code::Ok)];
    assert!(codes.contains(&Code::Ok) && codes.contains(&Code::Aborted), "{codes:?}");
    Ok(())
}

#[tokio::test]
async fn a_number_belongs_to_one_tenant_until_it_is_given_up() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    let did = async |session: &wire::Session| {
        let flow = world.documents(tenant(session), "flow").await?.remove(0).id;
        anyhow::Ok(json!({ "number": "+40211234567", "label": "Main", "flow": flow }).to_string())
    };
    let made = world.put(tenant(&ours), "did", "", &did(&ours).await?).await?;
    let refusal =
        refused(world.put(tenant(&theirs), "did", "", &did(&theirs).await?).await, Code::AlreadyExists);
    assert!(refusal.contains("+40211234567"), "{refusal}");
    // Saving it again is no conflict with itself.
    world.put(tenant(&ours), "did", &made.id, &did(&ours).await?).await?;
    world.delete(tenant(&ours), "did", &made.id).await?;
    world.put(tenant(&theirs), "did", "", &did(&theirs).await?).await?;
    Ok(())
}

#[tokio::test]
async fn one_number_of_a_company_goes_by_a_name() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    let did = async |session: &wire::Session, number: &str, name: &str| {
        let flow = world.documents(tenant(session), "flow").await?.remove(0).id;
        let body = json!({ "number": number, "label": "Main", "flow": flow, "sip_name": name });
        anyhow::Ok(body.to_string())
    };
    let first = did(&ours, "+40211234501", "support").await?;
    let made = world.put(tenant(&ours), "did", "", &first).await?;
    world.put(tenant(&ours), "did", &made.id, &first).await?;
    let second = did(&ours, "+40211234502", "Support").await?;
    let refusal = refused(world.put(tenant(&ours), "did", "", &second).await, Code::AlreadyExists);
    assert!(refusal.contains("support"), "{refusal}");
    world.put(tenant(&theirs), "did", "", &did(&theirs, "+40211234503", "support").await?).await?;
    Ok(())
}

#[tokio::test]
async fn addresses_of_trunks_do_not_overlap_between_tenants() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    let trunk = |addresses: Value| {
        json!({ "name": "Carrier", "auth": { "type": "ip", "addresses": addresses } }).to_string()
    };
    let made = world.put(tenant(&ours), "trunk", "", &trunk(json!(["192.0.2.0/28", "2001:db8::1"]))).await?;
    for inside in ["192.0.2.7", "192.0.2.0/24", "2001:db8::/64"] {
        refused(world.put(tenant(&theirs), "trunk", "", &trunk(json!([inside]))).await, Code::AlreadyExists);
    }
    world.put(tenant(&theirs), "trunk", "", &trunk(json!(["192.0.2.16"]))).await?;
    for wrong in ["192.0.2.0/33", "carrier.example", "10.0.0.0/8", ""] {
        refused(world.put(tenant(&ours), "trunk", "", &trunk(json!([wrong]))).await, Code::InvalidArgument);
    }
    world.delete(tenant(&ours), "trunk", &made.id).await?;
    world.put(tenant(&theirs), "trunk", "", &trunk(json!(["192.0.2.7"]))).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_named_must_exist_and_cannot_go_while_it_is_named() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    let foreign_flow = world.documents(tenant(&theirs), "flow").await?.remove(0).id;
    let did = json!({ "number": "+40211234567", "label": "Main", "flow": foreign_flow }).to_string();
    let refusal = refused(world.put(tenant(&ours), "did", "", &did).await, Code::InvalidArgument);
    assert!(refusal.starts_with("flow: there is no flow"), "{refusal}");
    let queue = json!({ "name": "Sales", "skills": [{ "name": "dance", "level": 1 }] }).to_string();
    let refusal = refused(world.put(tenant(&ours), "queue", "", &queue).await, Code::InvalidArgument);
    assert!(refusal.starts_with("skills[0].name: there is no skill"), "{refusal}");
    for (kind, told) in [
        ("flow", "flow Welcome is used by number +999"),
        ("queue", "queue Support is used by flow Welcome"),
        ("skill", "skill general is used by "),
    ] {
        let id = world.documents(tenant(&ours), kind).await?.remove(0).id;
        let status = world.delete(tenant(&ours), kind, &id).await.expect_err("it is in use");
        assert!(status.message().starts_with(told), "{status}");
        let details: chassis::Details = serde_json::from_slice(status.details())?;
        assert_eq!((details.code.as_str(), details.params["kind"].as_str()), ("in_use", kind));
    }
    let skill = world.documents(tenant(&ours), "skill").await?.remove(0).id;
    refused(world.put(tenant(&ours), "skill", &skill, r#"{"name": "other"}"#).await, Code::AlreadyExists);
    refused(world.put(tenant(&ours), "skill", "", r#"{"name": "General"}"#).await, Code::AlreadyExists);
    Ok(())
}

#[tokio::test]
async fn a_flow_with_a_missing_exit_is_refused_with_the_place_named() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let flow = json!({
        "name": "Broken", "language": "en", "start": "a",
        "nodes": { "a": { "type": "play", "label": "A", "say": [{ "text": "hm" }], "next": "gone" } },
    });
    let status = world.put(tenant(&session), "flow", "", &flow.to_string()).await.expect_err("refused");
    let details: chassis::Details = serde_json::from_slice(status.details())?;
    assert_eq!(details.faults[0].place, "nodes.a.next");
    for (kind, body) in [("flow", "{"), ("trunk", "[]"), ("did", r#"{"number": 7}"#), ("bell", "{}")] {
        refused(world.put(tenant(&session), kind, "", body).await, Code::InvalidArgument);
    }
    Ok(())
}

#[tokio::test]
async fn the_ids_of_one_tenant_mean_nothing_to_another() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    for kind in ["skill", "agent", "queue", "flow", "disposition", "trunk", "did"] {
        let document = world.documents(tenant(&ours), kind).await?.remove(0);
        let id = document.id.as_str();
        let request =
            wire::DocumentRequest { tenant: tenant(&theirs).into(), kind: kind.into(), id: id.into() };
        refused(world.config.clone().get(request.clone()).await, Code::NotFound);
        refused(world.config.clone().history(request).await, Code::NotFound);
        refused(world.delete(tenant(&theirs), kind, id).await, Code::NotFound);
        refused(world.put(tenant(&theirs), kind, id, &document.body).await, Code::NotFound);
    }
    Ok(())
}

#[tokio::test]
async fn a_new_log_is_told_what_the_database_knows() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let flow = world.documents(tenant(&session), "flow").await?.remove(0).id;
    world.told(tenant(&session), Kind::Flow, &flow, Some(1)).await;
    let (database, folder) = world.stop().await?;
    let world = World::start_on(database, folder).await?;
    world.told(tenant(&session), Kind::Flow, &flow, Some(1)).await;
    Ok(())
}
