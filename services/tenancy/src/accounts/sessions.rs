//! Signing in and out.

use super::{
    Accounts, normal_email,
    store::{self, Opened},
};
use crate::{Error, Result, documents, error::told, secret::fingerprint};
use proto::tenancy::v1 as wire;
use types::config::Kind;

impl Accounts {
    pub(super) async fn log_in(&self, request: wire::LogInRequest) -> Result<wire::Session> {
        let email = normal_email(&request.email);
        if !self.sign_ins.take(chassis::clock::now(), &email) {
            return Err(Error::Exhausted(told(
                "too_many_attempts",
                "too many attempts for this address, try again later",
            )));
        }
        let mut tx = self.db.platform().await?;
        let user = store::by_email(&mut tx, &email).await?;
        // Not held while the password is hashed.
        tx.commit().await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let fits = self.passwords.verify(request.password, hash).await?;
        let Some(user) = user.filter(|_| fits) else {
            return Err(Error::Denied(told("wrong_password", "the e-mail address or the password is wrong")));
        };
        self.sign_ins.forgive(&email);
        self.open(&user.id).await
    }

    /// A new session of a user who has proved who they are.
    pub(super) async fn open(&self, user: &str) -> Result<wire::Session> {
        let mut tx = self.db.platform().await?;
        let opened = store::open_session(&mut tx, user, chassis::clock::now(), self.session_lifetime).await?;
        tx.commit().await?;
        self.session(user, opened).await
    }

    pub(super) async fn session(&self, user: &str, opened: Opened) -> Result<wire::Session> {
        let mut tx = self.db.platform().await?;
        let user = store::by_id(&mut tx, user).await?;
        tx.commit().await?;
        let user = user.ok_or_else(|| Error::NotFound(told("account_gone", "the account is gone")))?;
        Ok(wire::Session {
            token: opened.token,
            expires_at_ms: opened.expires_at.millis(),
            identity: Some(self.identity(user, opened.csrf).await?),
        })
    }

    pub(super) async fn log_out(&self, token: &str) -> Result<()> {
        let mut tx = self.db.platform().await?;
        sqlx::query("delete from sessions where token_hash = $1")
            .bind(fingerprint(token))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn resume(&self, token: &str) -> Result<wire::Identity> {
        let mut tx = self.db.platform().await?;
        let found = store::resume(&mut tx, token, chassis::clock::now()).await?;
        tx.commit().await?;
        let (user, csrf) =
            found.ok_or_else(|| Error::Denied(told("session_ended", "the session has ended")))?;
        self.identity(user, csrf).await
    }

    async fn identity(&self, user: store::User, csrf: String) -> Result<wire::Identity> {
        let tenant = documents::tenant(&user.tenant)?;
        let mut tx = self.db.begin(&tenant).await?;
        let company = documents::store::get(&mut tx, Kind::Tenant, tenant.as_str()).await?;
        tx.commit().await?;
        let zone = company.and_then(|c| c.body["time_zone"].as_str().map(str::to_owned));
        Ok(store::identity(user, csrf, zone.unwrap_or_else(|| "UTC".into())))
    }
}
