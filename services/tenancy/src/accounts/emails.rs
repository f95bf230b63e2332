//! Proof of an address, and the way back for who forgot the password.

use super::{Accounts, DAY, Form, normal_email, store};
use crate::{Error, Result, error::told, mail::Letter, secret::fingerprint};
use proto::tenancy::v1 as wire;
use sqlx::PgConnection;
use types::{Millis, Timestamp};

const HOUR: Millis = 3_600 * 1000;

fn purpose(letter: Letter) -> (&'static str, Millis) {
    match letter {
        Letter::Reset => ("reset", HOUR),
        Letter::Verify | Letter::Invite | Letter::WebhookOff | Letter::Alert => ("verify", 7 * DAY),
    }
}

impl Accounts {
    /// The token of a letter to a user; what is kept is its hash.
    pub(super) async fn email_token(
        &self,
        conn: &mut PgConnection,
        user: &str,
        letter: Letter,
        now: Timestamp,
    ) -> Result<String> {
        let (purpose, lifetime) = purpose(letter);
        let token = chassis::random::token();
        sqlx::query("delete from email_tokens where expires_at_ms < $1")
            .bind(now.millis())
            .execute(&mut *conn)
            .await?;
        sqlx::query(
            "insert into email_tokens (token_hash, user_id, purpose, expires_at_ms) values ($1, $2, $3, $4)",
        )
        .bind(fingerprint(&token))
        .bind(user)
        .bind(purpose)
        .bind((now + lifetime).millis())
        .execute(conn)
        .await?;
        Ok(token)
    }

    pub(super) async fn verify_email(&self, token: &str) -> Result<()> {
        let mut tx = self.db.platform().await?;
        let user = spend(&mut tx, token, "verify").await?;
        sqlx::query("update users set email_verified = true where id = $1")
            .bind(user)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Says the same whether the address is known or not.
    pub(super) async fn request_reset(&self, request: wire::RequestResetRequest) -> Result<()> {
        let email = normal_email(&request.email);
        let now = chassis::clock::now();
        if !self.resets.take(now, &email) {
            return Ok(());
        }
        let mut tx = self.db.platform().await?;
        if let Some(user) = store::by_email(&mut tx, &email).await? {
            let token = self.email_token(&mut tx, &user.id, Letter::Reset, now).await?;
            tx.commit().await?;
            self.post.send(Letter::Reset, &email, &user.language, &token);
        }
        Ok(())
    }

    /// A new password ends every session: whoever had the old one is out.
    pub(super) async fn reset(&self, request: wire::ResetRequest) -> Result<()> {
        let mut form = Form::default();
        form.password("password", &request.password);
        form.done()?;
        let hash = self.passwords.hash(request.password).await?;
        let mut tx = self.db.platform().await?;
        let user = spend(&mut tx, &request.token, "reset").await?;
        sqlx::query("update users set password_hash = $2, email_verified = true where id = $1")
            .bind(&user)
            .bind(hash)
            .execute(&mut *tx)
            .await?;
        for statement in
            ["delete from sessions where user_id = $1", "delete from email_tokens where user_id = $1"]
        {
            sqlx::query(statement).bind(&user).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Takes the token away and returns whose it was.
async fn spend(conn: &mut PgConnection, token: &str, purpose: &str) -> Result<String> {
    let user: Option<String> = sqlx::query_scalar(
        "delete from email_tokens where token_hash = $1 and purpose = $2 and expires_at_ms > $3
         returning user_id",
    )
    .bind(fingerprint(token))
    .bind(purpose)
    .bind(chassis::clock::now().millis())
    .fetch_optional(conn)
    .await?;
    user.ok_or_else(|| Error::NotFound(told("link_spent", "the link has been used or has expired")))
}
