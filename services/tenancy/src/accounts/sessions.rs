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
        let mut tx = self.db.platform().await?;
        self.second_factor(&mut tx, &user.tenant, &user.id, &request.code).await?;
        tx.commit().await?;
        self.sign_ins.forgive(&email);
        self.open(&user.id, request.device).await
    }

    /// A new session of a user who has proved who they are.
    pub(super) async fn open(&self, user: &str, device: Option<wire::Device>) -> Result<wire::Session> {
        let now = chassis::clock::now();
        let mut tx = self.db.platform().await?;
        let opened = store::open_session(&mut tx, user, now, self.session_lifetime, device).await?;
        tx.commit().await?;
        self.session(opened).await
    }

    pub(super) async fn session(&self, opened: Opened) -> Result<wire::Session> {
        let identity = self.resume(&opened.token).await?;
        Ok(wire::Session {
            token: opened.token,
            expires_at_ms: opened.expires_at.millis(),
            identity: Some(identity),
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
        let ended = || Error::Denied(told("session_ended", "the session has ended"));
        let (user, session) = found.ok_or_else(ended)?;
        self.identity(user, session).await
    }

    async fn identity(&self, user: store::User, session: store::Session) -> Result<wire::Identity> {
        let tenant = documents::tenant(&user.tenant)?;
        let mut tx = self.db.begin(&tenant).await?;
        let company = documents::store::get(&mut tx, Kind::Tenant, tenant.as_str()).await?;
        let permissions = super::people::permissions_of(&mut tx, &user.role).await?;
        tx.commit().await?;
        let zone = company.and_then(|c| c.body["time_zone"].as_str().map(str::to_owned));
        Ok(store::identity(user, session, zone.unwrap_or_else(|| "UTC".into()), permissions))
    }
}
