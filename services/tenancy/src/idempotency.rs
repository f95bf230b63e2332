//! tenancy.v1 Idempotency: what came of a request, for whoever sends it again.
//! Answers may hold secrets, so they are kept sealed.

use crate::{Error, Result, documents::tenant, seal::MasterKey};
use prost::Message;
use proto::tenancy::v1::{self as wire, begin_reply::What, idempotency_server};
use sqlx::{FromRow, PgConnection};
use tenantdb::TenantDb;
use tonic::{Request, Response, Status};
use types::{Millis, Timestamp};

const KEPT_FOR: Millis = 24 * 3_600 * 1000;
/// A request that has not ended by then died with its process.
const RUNS_MAX: Millis = 60 * 1000;
const KEY_MAX: usize = 255;

pub struct Idempotency {
    db: TenantDb,
    master: MasterKey,
}

#[derive(FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    at_ms: i64,
    sealed_answer: Option<Vec<u8>>,
}

impl Idempotency {
    pub fn new(db: TenantDb, master: MasterKey) -> Idempotency {
        Idempotency { db, master }
    }

    async fn begin(&self, request: wire::BeginRequest, now: Timestamp) -> Result<What> {
        tenant(&request.tenant)?;
        if request.key.is_empty() || request.key.len() > KEY_MAX {
            return Err(Error::invalid("Idempotency-Key", "length", "is not 1 to 255 bytes"));
        }
        let mut tx = self.db.platform().await?;
        forget(&mut tx, now).await?;
        let what = match insert(&mut tx, &request, now).await? {
            true => What::Fresh(wire::Done {}),
            false => self.known(&mut tx, &request, now).await?,
        };
        tx.commit().await?;
        Ok(what)
    }

    async fn known(
        &self,
        conn: &mut PgConnection,
        request: &wire::BeginRequest,
        now: Timestamp,
    ) -> Result<What> {
        let row: Row = sqlx::query_as(
            "select fingerprint, at_ms, sealed_answer from idempotency
             where tenant = $1 and actor = $2 and key = $3 for update",
        )
        .bind(&request.tenant)
        .bind(&request.actor)
        .bind(&request.key)
        .fetch_one(&mut *conn)
        .await?;
        if row.fingerprint != request.fingerprint {
            return Ok(What::Other(wire::Done {}));
        }
        match row.sealed_answer {
            Some(sealed) => {
                let plain = self.master.unseal(&purpose(&request.tenant, &request.key), &sealed)?;
                Ok(What::Kept(wire::Kept::decode(&plain[..]).map_err(Error::internal)?))
            }
            None if row.at_ms + RUNS_MAX > now.millis() => Ok(What::Running(wire::Done {})),
            None => {
                sqlx::query(
                    "update idempotency set at_ms = $4 where tenant = $1 and actor = $2 and key = $3",
                )
                .bind(&request.tenant)
                .bind(&request.actor)
                .bind(&request.key)
                .bind(now.millis())
                .execute(conn)
                .await?;
                Ok(What::Fresh(wire::Done {}))
            }
        }
    }

    async fn finish(&self, request: wire::FinishRequest) -> Result<()> {
        let mut tx = self.db.platform().await?;
        let query = match &request.kept {
            None => sqlx::query("delete from idempotency where tenant = $1 and actor = $2 and key = $3"),
            Some(kept) => {
                let purpose = purpose(&request.tenant, &request.key);
                let sealed = self.master.seal(&purpose, &kept.encode_to_vec())?;
                sqlx::query(
                    "update idempotency set sealed_answer = $4 where tenant = $1 and actor = $2 and key = $3",
                )
                .bind(&request.tenant)
                .bind(&request.actor)
                .bind(&request.key)
                .bind(sealed)
                .execute(&mut *tx)
                .await?;
                return Ok(tx.commit().await?);
            }
        };
        query.bind(&request.tenant).bind(&request.actor).bind(&request.key).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

fn purpose(tenant: &str, key: &str) -> String {
    format!("answer to {tenant} {key}")
}

async fn forget(conn: &mut PgConnection, now: Timestamp) -> Result<()> {
    sqlx::query("delete from idempotency where at_ms < $1")
        .bind(now.millis() - KEPT_FOR)
        .execute(conn)
        .await?;
    Ok(())
}

/// False: the key is known.
async fn insert(conn: &mut PgConnection, request: &wire::BeginRequest, now: Timestamp) -> Result<bool> {
    let inserted = sqlx::query(
        "insert into idempotency (tenant, actor, key, fingerprint, at_ms) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(&request.tenant)
    .bind(&request.actor)
    .bind(&request.key)
    .bind(&request.fingerprint[..])
    .bind(now.millis())
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

#[tonic::async_trait]
impl idempotency_server::Idempotency for Idempotency {
    async fn begin(
        &self,
        request: Request<wire::BeginRequest>,
    ) -> Result<Response<wire::BeginReply>, Status> {
        let what = Idempotency::begin(self, request.into_inner(), chassis::clock::now()).await?;
        Ok(Response::new(wire::BeginReply { what: Some(what) }))
    }

    async fn finish(&self, request: Request<wire::FinishRequest>) -> Result<Response<wire::Done>, Status> {
        Idempotency::finish(self, request.into_inner()).await?;
        Ok(Response::new(wire::Done {}))
    }
}
