use crate::*;

fn log_in(email: &str, password: &str) -> wire::LogInRequest {
    wire::LogInRequest { email: email.into(), password: password.into(), ..Default::default() }
}

fn token(token: &str) -> wire::Token {
    wire::Token { token: token.into() }
}

#[tokio::test]
async fn who_signs_up_can_leave_and_come_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut accounts = world.accounts.clone();
    let session = world.sign_up("acme").await?;
    let who = session.identity.clone().expect("an identity");
    assert_eq!((who.role.as_str(), who.tenant_name.as_str()), ("owner", "acme"));
    assert_eq!((who.email.as_str(), who.email_verified), ("ana@acme.example", false));
    assert_eq!(who.time_zone, "Europe/Bucharest");

    let resumed = accounts.resume(token(&session.token)).await?.into_inner();
    assert_eq!(resumed.user, who.user);
    assert_eq!(resumed.csrf, who.csrf);
    accounts.log_out(token(&session.token)).await?;
    refused(accounts.resume(token(&session.token)).await, Code::PermissionDenied);

    let again = accounts.log_in(log_in(" ANA@acme.example", "correct horse battery")).await?.into_inner();
    assert_eq!(again.identity.expect("an identity").user, who.user);
    assert_ne!(again.token, session.token);
    Ok(())
}

#[tokio::test]
async fn the_database_holds_no_token_and_no_password() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let db = world.database.connect().await;
    let mut tx = db.platform().await?;
    let hashes: Vec<Vec<u8>> =
        sqlx::query_scalar("select token_hash from sessions").fetch_all(&mut *tx).await?;
    assert_eq!(hashes.len(), 1);
    assert_ne!(hashes[0], session.token.as_bytes());
    let password: String = sqlx::query_scalar("select password_hash from users").fetch_one(&mut *tx).await?;
    assert!(password.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{password}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.sign_up("acme").await?;
    let mut accounts = world.accounts.clone();
    let wrong = refused(accounts.log_in(log_in("ana@acme.example", "x")).await, Code::PermissionDenied);
    let unknown = refused(accounts.log_in(log_in("ben@acme.example", "x")).await, Code::PermissionDenied);
    assert_eq!(wrong, unknown);
    Ok(())
}

#[tokio::test]
async fn guessing_at_one_address_ends_and_leaves_others_alone() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.sign_up("acme").await?;
    world.sign_up("bolt").await?;
    let mut accounts = world.accounts.clone();
    let mut last = Code::Ok;
    for _ in 0..15 {
        last = accounts.log_in(log_in("ana@acme.example", "guess")).await.expect_err("wrong").code();
    }
    assert_eq!(last, Code::ResourceExhausted);
    accounts.log_in(log_in("ana@bolt.example", "correct horse battery")).await?;
    Ok(())
}

#[tokio::test]
async fn a_form_is_refused_with_every_field_that_is_wrong() -> anyhow::Result<()> {
    let world = World::start().await?;
    let request = wire::SignUpRequest {
        company: " ".into(),
        name: "A".into(),
        email: "not an address".into(),
        password: "short".into(),
        time_zone: "Mars/Olympus".into(),
        language: "xx".into(),
        country_code: "0".into(),
        ..Default::default()
    };
    let status = world.accounts.clone().sign_up(request).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    let details: chassis::Details = serde_json::from_slice(status.details())?;
    let mut places: Vec<&str> = details.faults.iter().map(|fault| fault.place.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["company", "country_code", "email", "language", "password", "time_zone"]);
    Ok(())
}

#[tokio::test]
async fn an_address_signs_up_once_even_when_two_try_at_the_same_time() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (mut one, mut two) = (world.accounts.clone(), world.accounts.clone());
    let both = tokio::join!(one.sign_up(form("acme")), two.sign_up(form("acme")));
    let codes =
        [both.0.map_or_else(|s| s.code(), |_| Code::Ok), both.1.map_or_else(|s| s.code(), |_| Code::Ok)];
    assert!(codes.contains(&Code::Ok) && codes.contains(&Code::AlreadyExists), "{codes:?}");
    Ok(())
}

/// The token of a mail is in no table: the test takes the service's place as its writer.
async fn mailed(world: &World, purpose: &str) -> anyhow::Result<String> {
    use sha2::Digest;
    let token = chassis::random::token();
    let db = world.database.connect().await;
    let mut tx = db.platform().await?;
    sqlx::query("update email_tokens set token_hash = $1 where purpose = $2")
        .bind(sha2::Sha256::digest(token.as_bytes()).to_vec())
        .bind(purpose)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(token)
}

#[tokio::test]
async fn a_new_password_by_mail_ends_every_session() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let mut accounts = world.accounts.clone();
    for email in ["ana@acme.example", "nobody@acme.example"] {
        accounts.request_reset(wire::RequestResetRequest { email: email.into() }).await?;
    }
    let mail = mailed(&world, "reset").await?;
    let reset =
        |token: &str, password: &str| wire::ResetRequest { token: token.into(), password: password.into() };
    refused(accounts.reset(reset(&mail, "short")).await, Code::InvalidArgument);
    accounts.reset(reset(&mail, "another long password")).await?;
    refused(accounts.reset(reset(&mail, "yet another password")).await, Code::NotFound);
    refused(accounts.resume(token(&session.token)).await, Code::PermissionDenied);
    refused(
        accounts.log_in(log_in("ana@acme.example", "correct horse battery")).await,
        Code::PermissionDenied,
    );
    accounts.log_in(log_in("ana@acme.example", "another long password")).await?;
    Ok(())
}

#[tokio::test]
async fn an_address_is_proved_by_its_link_once() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let mut accounts = world.accounts.clone();
    let mail = mailed(&world, "verify").await?;
    accounts.verify_email(token(&mail)).await?;
    refused(accounts.verify_email(token(&mail)).await, Code::NotFound);
    assert!(accounts.resume(token(&session.token)).await?.into_inner().email_verified);
    Ok(())
}

#[tokio::test]
async fn a_colleague_joins_by_a_link_and_becomes_an_agent() -> anyhow::Result<()> {
    let world = World::start().await?;
    let session = world.sign_up("acme").await?;
    let owner = session.identity.clone().expect("an identity");
    let mut accounts = world.accounts.clone();
    let invite = |role: &str| wire::InviteRequest {
        tenant: owner.tenant.clone(),
        actor: owner.user.clone(),
        email: "ben@acme.example".into(),
        name: "Ben".into(),
        role: role.into(),
    };
    refused(accounts.invite(invite("owner")).await, Code::InvalidArgument);
    let link = accounts.invite(invite("agent")).await?.into_inner().token;
    let view = accounts.get_invite(token(&link)).await?.into_inner();
    assert_eq!((view.company.as_str(), view.email.as_str()), ("acme", "ben@acme.example"));

    let accept = wire::AcceptInviteRequest {
        token: link.clone(),
        name: "Ben B".into(),
        password: "correct horse battery".into(),
        ..Default::default()
    };
    let joined = accounts.accept_invite(accept.clone()).await?.into_inner().identity.expect("an identity");
    assert_eq!((joined.role.as_str(), &joined.tenant), ("agent", &owner.tenant));
    refused(accounts.accept_invite(accept).await, Code::NotFound);
    world.told(&owner.tenant, Kind::Agent, &joined.agent, Some(1)).await;

    let users = accounts.list_users(wire::TenantRequest { tenant: owner.tenant.clone() }).await?.into_inner();
    assert_eq!(users.users.len(), 2);
    assert!(users.invites.is_empty());
    Ok(())
}
