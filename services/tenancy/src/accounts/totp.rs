//! A second factor by time (RFC 6238): HMAC-SHA-1, 6 digits, steps of 30 s, as
//! every authenticator app has it.

use super::Accounts;
use crate::{
    Error, Result,
    audit::{self, Deed},
    documents::tenant,
    error::told,
    secret::fingerprint,
};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use proto::tenancy::v1 as wire;
use sha1::Sha1;
use sqlx::{FromRow, PgConnection};
use types::Timestamp;

const STEP_MS: i64 = 30_000;
const DIGITS: u32 = 6;
/// Steps that a device's clock may be off, either way.
const DRIFT: i64 = 1;
/// As RFC 4226 recommends: 160 bits.
const SECRET: usize = 20;
const RECOVERY_CODES: usize = 10;

#[derive(FromRow)]
struct Row {
    email: String,
    sealed_totp: Option<Vec<u8>>,
    sealed_totp_offered: Option<Vec<u8>>,
    totp_step: i64,
}

/// The code of a step (RFC 4226, 5.3).
fn code(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0x0f);
    let bits = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", bits % 10_u32.pow(DIGITS))
}

/// The step whose code this is; none after `last` counts twice.
fn step_of(secret: &[u8], now: Timestamp, last: i64, given: &str) -> Option<i64> {
    let at = now.millis() / STEP_MS;
    (at - DRIFT..=at + DRIFT).find(|step| *step > last && code(secret, *step) == given)
}

fn purpose(user: &str) -> String {
    format!("authenticator of {user}")
}

fn wrong_code() -> Error {
    Error::Denied(told("wrong_code", "the code is wrong or was used already"))
}

impl Accounts {
    pub(super) async fn offer_totp(&self, request: wire::UserRequest) -> Result<wire::TotpOffer> {
        let mut tx = self.db.platform().await?;
        let row = row(&mut tx, &request.tenant, &request.id).await?;
        let secret = &chassis::random::key()[..SECRET];
        sqlx::query("update users set sealed_totp_offered = $2 where id = $1")
            .bind(&request.id)
            .bind(self.master.seal(&purpose(&request.id), secret)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        let secret = BASE32_NOPAD.encode(secret);
        let uri = format!("otpauth://totp/Trunkline:{}?secret={secret}&issuer=Trunkline", row.email);
        Ok(wire::TotpOffer { secret, uri })
    }

    /// From now on a code is asked for; the recovery codes are shown this once.
    pub(super) async fn confirm_totp(&self, request: wire::TotpRequest) -> Result<wire::RecoveryCodes> {
        let now = chassis::clock::now();
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        let row = row(&mut tx, tenant.as_str(), &request.user).await?;
        let Some(sealed) = row.sealed_totp_offered else {
            return Err(Error::Conflict(told("no_offer", "no authenticator is being set up")));
        };
        let secret = self.master.unseal(&purpose(&request.user), &sealed)?;
        let step = step_of(&secret, now, 0, request.code.trim()).ok_or_else(wrong_code)?;
        sqlx::query(
            "update users set sealed_totp = sealed_totp_offered, sealed_totp_offered = null, totp_step = $2
             where id = $1",
        )
        .bind(&request.user)
        .bind(step)
        .execute(&mut *tx)
        .await?;
        let codes = recovery_codes(&mut tx, &request.user).await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        audit::note(&mut tx, now, deed(&request.user, "user.totp_on")).await?;
        tx.commit().await?;
        Ok(wire::RecoveryCodes { codes })
    }

    pub(super) async fn drop_totp(&self, request: wire::TotpRequest) -> Result<()> {
        let tenant = tenant(&request.tenant)?;
        let mut tx = self.db.platform().await?;
        self.second_factor(&mut tx, tenant.as_str(), &request.user, &request.code).await?;
        sqlx::query("update users set sealed_totp = null where id = $1")
            .bind(&request.user)
            .execute(&mut *tx)
            .await?;
        sqlx::query("delete from recovery_codes where user_id = $1")
            .bind(&request.user)
            .execute(&mut *tx)
            .await?;
        let mut tx = tx.into_tenant(&tenant).await?;
        audit::note(&mut tx, chassis::clock::now(), deed(&request.user, "user.totp_off")).await?;
        Ok(tx.commit().await?)
    }

    /// Refuses unless the code fits, where the user has an authenticator at all.
    pub(super) async fn second_factor(
        &self,
        conn: &mut PgConnection,
        tenant: &str,
        user: &str,
        given: &str,
    ) -> Result<()> {
        let row = row(conn, tenant, user).await?;
        let Some(sealed) = row.sealed_totp else { return Ok(()) };
        let given = given.trim();
        if given.is_empty() {
            return Err(Error::Denied(told("code_needed", "a code of the authenticator is needed")));
        }
        let secret = self.master.unseal(&purpose(user), &sealed)?;
        if let Some(step) = step_of(&secret, chassis::clock::now(), row.totp_step, given) {
            sqlx::query("update users set totp_step = $2 where id = $1")
                .bind(user)
                .bind(step)
                .execute(conn)
                .await?;
            return Ok(());
        }
        let spent = sqlx::query("delete from recovery_codes where user_id = $1 and code_hash = $2")
            .bind(user)
            .bind(fingerprint(&given.to_lowercase()))
            .execute(conn)
            .await?;
        if spent.rows_affected() == 1 { Ok(()) } else { Err(wrong_code()) }
    }
}

fn deed<'a>(user: &'a str, action: &'a str) -> Deed<'a> {
    Deed { actor: user, action, subject: format!("user/{user}"), detail: serde_json::json!({}) }
}

/// Locked, so that one code is not taken twice at the same time.
async fn row(conn: &mut PgConnection, tenant: &str, user: &str) -> Result<Row> {
    let found: Option<Row> = sqlx::query_as(
        "select email, sealed_totp, sealed_totp_offered, totp_step from users
         where id = $1 and tenant = $2 for update",
    )
    .bind(user)
    .bind(tenant)
    .fetch_optional(conn)
    .await?;
    found.ok_or_else(|| Error::NotFound(told("not_found", format!("no user {user}"))))
}

async fn recovery_codes(conn: &mut PgConnection, user: &str) -> Result<Vec<String>> {
    sqlx::query("delete from recovery_codes where user_id = $1").bind(user).execute(&mut *conn).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let text = BASE32_NOPAD.encode(&chassis::random::key()[..10]).to_lowercase();
        let code = format!("{}-{}", &text[..8], &text[8..]);
        sqlx::query("insert into recovery_codes (user_id, code_hash) values ($1, $2)")
            .bind(user)
            .bind(fingerprint(&code))
            .execute(&mut *conn)
            .await?;
        codes.push(code);
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, shortened to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, told) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, seconds * 1000 / STEP_MS), told, "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_once_and_a_clock_may_be_a_step_off() {
        let (secret, now) = (b"12345678901234567890", Timestamp::from_millis(59_000));
        assert_eq!(step_of(secret, now, 0, "287082"), Some(1));
        assert_eq!(step_of(secret, now, 1, "287082"), None);
        assert_eq!(step_of(secret, now + STEP_MS, 0, "287082"), Some(1));
        assert_eq!(step_of(secret, now + 2 * STEP_MS, 0, "287082"), None);
    }
}
