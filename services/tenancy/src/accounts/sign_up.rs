//! From a form to a contact centre that takes its first call.

use super::{
    Accounts, Form, address_taken, normal_email,
    store::{self, NewUser},
};
use crate::{
    Error, Result,
    documents::{self, Newcomer, store::Stored},
    error::told,
    mail::Letter,
};
use proto::tenancy::v1 as wire;
use tenantdb::{PlatformTx, TenantTx};
use types::{AgentId, TenantId, Timestamp, UserId};

impl Accounts {
    pub(super) async fn sign_up(&self, request: wire::SignUpRequest) -> Result<wire::Session> {
        let email = normal_email(&request.email);
        check(&request, &email)?;
        if !self.sign_ins.take(chassis::clock::now(), &email) {
            return Err(Error::Exhausted(told(
                "too_many_attempts",
                "too many attempts for this address, try again later",
            )));
        }
        let password_hash = self.passwords.hash(request.password.clone()).await?;
        let now = chassis::clock::now();
        let random = chassis::random::u128;
        let tenant = TenantId::new(now, random());
        let (user, agent) = (UserId::new(now, random()), AgentId::new(now, random()));
        let who = Newcomer {
            tenant: &tenant,
            user: &user,
            agent: &agent,
            company: request.company.trim(),
            name: request.name.trim(),
            time_zone: &request.time_zone,
            language: &request.language,
            country_code: Some(request.country_code.as_str()).filter(|code| !code.is_empty()),
        };
        let mut tx = self.db.platform().await?;
        let taken = store::by_email(&mut tx, &email).await?.is_some();
        tx.rollback().await?;
        if taken {
            return Err(Error::Conflict(address_taken()));
        }
        // Before the account: a schema without one is empty and does no harm.
        self.db.provision(&tenant).await?;
        let mut tx = self.db.platform().await?;
        insert_tenant(&mut tx, &who, now).await?;
        let account = NewUser {
            id: &user,
            tenant: &tenant,
            agent: &agent,
            email: &email,
            name: who.name,
            password_hash: &password_hash,
            role: "owner",
            language: who.language,
            email_verified: false,
        };
        let inserted = store::insert_user(&mut tx, &account, now).await;
        inserted.map_err(|error| error.or_taken(address_taken()))?;
        let opened =
            store::open_session(&mut tx, user.as_str(), now, self.session_lifetime, request.device.clone())
                .await?;
        let letter = self.email_token(&mut tx, user.as_str(), Letter::Verify, now).await?;
        plant(tx, &who, now).await?.commit().await?;
        self.post.send(Letter::Verify, &email, who.language, &letter);
        self.session(opened).await
    }
}

/// Company, name, time zone, language and country are judged with the documents made of them.
fn check(request: &wire::SignUpRequest, email: &str) -> Result<()> {
    let mut form = Form::default();
    form.text("company", &request.company);
    form.text("name", &request.name);
    form.email("email", email);
    form.password("password", &request.password);
    let settings = serde_json::json!({
        "name": "-", "time_zone": request.time_zone, "language": request.language,
        "country_code": Some(&request.country_code).filter(|code| !code.is_empty()),
    });
    match documents::check(types::config::Kind::Tenant, &settings.to_string()) {
        Err(Error::Invalid(problems)) => form.0.extend(problems),
        other => drop(other?),
    }
    form.done()
}

async fn insert_tenant(tx: &mut PlatformTx, who: &Newcomer<'_>, now: Timestamp) -> Result<()> {
    sqlx::query("insert into tenants (id, name, created_at_ms) values ($1, $2, $3)")
        .bind(who.tenant.as_str())
        .bind(who.company)
        .bind(now.millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The seeds: what they claim of the platform first, then the documents.
async fn plant(mut tx: PlatformTx, who: &Newcomer<'_>, now: Timestamp) -> Result<TenantTx> {
    let seeds = documents::seeds(who, now, chassis::random::u128)?;
    for (id, draft) in &seeds {
        documents::take_claims(&mut tx, who.tenant, draft, id).await?;
    }
    let mut tx = tx.into_tenant(who.tenant).await?;
    let change = documents::Change { tenant: who.tenant, actor: who.user.as_str(), now, expected_version: 0 };
    for (id, draft) in seeds {
        documents::store::insert(&mut tx, &Stored::first(&draft, id, &change)).await?;
    }
    Ok(tx)
}
