use crate::*;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use tenancy::{Claims, ISSUER};

async fn jwks(world: &World) -> anyhow::Result<JwkSet> {
    let told = || world.view.get(&TenantId::installation(), Kind::Jwks, "jwks");
    for _ in 0..400 {
        if let Some(keys) = told() {
            return Ok(keys);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    anyhow::bail!("no keys were told")
}

#[tokio::test]
async fn a_token_is_proved_by_the_published_keys_and_the_next_key_is_known_ahead() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let request = wire::Token { token: session.token.clone() };
    let jwt = world.accounts.clone().issue_token(request).await?.into_inner().jwt;
    let keys = jwks(&world).await?;
    assert_eq!(keys.keys.len(), 2);
    let kid = decode_header(&jwt)?.kid.expect("a key id");
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[ISSUER]);
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("published"))?;
    let claims = decode::<Claims>(&jwt, &key, &rules)?.claims;
    assert_eq!((claims.tenant.as_str(), claims.role.as_str()), (tenant(&session), "owner"));
    assert_eq!(claims.exp - claims.iat, 300);
    let json = serde_json::to_value(&keys)?;
    assert!(json["keys"][0].get("d").is_none(), "a private key is never published");
    Ok(())
}

#[tokio::test]
async fn after_a_restart_the_same_keys_sign_and_the_sessions_hold() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let before = jwks(&world).await?;
    let (database, folder) = world.stop().await?;
    let world = World::start_on(database, folder).await?;
    assert_eq!(jwks(&world).await?, before);
    let request = wire::Token { token: session.token.clone() };
    world.accounts.clone().issue_token(request).await?;
    Ok(())
}

#[tokio::test]
async fn an_api_key_opens_until_it_is_revoked_by_its_own_tenant() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (ours, theirs) = (world.sign_up("acme").await?, world.sign_up("bolt").await?);
    let mut keys = world.keys.clone();
    let request = wire::CreateKeyRequest {
        tenant: tenant(&ours).into(),
        actor: "usr_test".into(),
        name: "CI".into(),
        scopes: vec!["config:read".into()],
    };
    let created = keys.create(request).await?.into_inner();
    let secret = wire::Token { token: created.secret.clone() };
    let holder = keys.check(secret.clone()).await?.into_inner();
    assert_eq!((holder.tenant.as_str(), holder.user.as_str()), (tenant(&ours), created.id.as_str()));
    assert_eq!(holder.scopes, ["config:read"]);

    let listed = keys.list(wire::TenantRequest { tenant: tenant(&ours).into() }).await?.into_inner();
    assert_eq!(listed.keys.len(), 1);
    assert!(listed.keys[0].last_used_at_ms > 0);

    let revoke = |tenant: &str| wire::RevokeKeyRequest {
        tenant: tenant.into(),
        actor: "usr_test".into(),
        id: created.id.clone(),
    };
    refused(keys.revoke(revoke(tenant(&theirs))).await, Code::NotFound);
    keys.check(secret.clone()).await?;
    keys.revoke(revoke(tenant(&ours))).await?;
    refused(keys.check(secret).await, Code::PermissionDenied);
    Ok(())
}
