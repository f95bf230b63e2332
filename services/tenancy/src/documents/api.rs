//! tenancy.v1 Config.

use super::{Change, Documents, check, not_found, store, store::Stored};
use crate::{Error, Result, error::told};
use proto::tenancy::v1::{self as wire, config_server::Config};
use tonic::{Request, Response, Status};
use types::{TenantId, config::Kind};

fn kind(text: &str) -> Result<Kind> {
    Kind::parse(text)
        .ok_or_else(|| Error::invalid("kind", "unknown_kind", format!("{text:?} is not a kind of document")))
}

pub(crate) fn tenant(text: &str) -> Result<TenantId> {
    text.parse().map_err(|_| Error::NotFound(told("not_found", "no such tenant")))
}

impl From<Stored> for wire::Document {
    fn from(document: Stored) -> wire::Document {
        wire::Document {
            kind: document.kind.0.as_str().to_owned(),
            id: document.id,
            version: document.version,
            body: document.body.to_string(),
            actor: document.actor,
            at_ms: document.at_ms,
        }
    }
}

fn all_to_wire(documents: Vec<Stored>) -> Response<wire::Documents> {
    Response::new(wire::Documents { documents: documents.into_iter().map(wire::Document::from).collect() })
}

#[tonic::async_trait]
impl Config for Documents {
    async fn put(&self, request: Request<wire::PutRequest>) -> Result<Response<wire::Document>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let draft = check(kind(&request.kind)?, &request.body)?;
        let change = Change {
            tenant: &tenant,
            actor: &request.actor,
            now: chassis::clock::now(),
            expected_version: request.expected_version,
        };
        let stored = match request.id.as_str() {
            "" => self.create(&change, draft).await?,
            id => self.replace(&change, id, draft).await?,
        };
        Ok(Response::new(stored.into()))
    }

    async fn get(&self, request: Request<wire::DocumentRequest>) -> Result<Response<wire::Document>, Status> {
        let request = request.into_inner();
        let kind = kind(&request.kind)?;
        let mut tx = self.db.begin(&tenant(&request.tenant)?).await.map_err(Error::from)?;
        let found = store::get(&mut tx, kind, &request.id).await?;
        Ok(Response::new(found.ok_or_else(|| not_found(kind, &request.id))?.into()))
    }

    async fn list(&self, request: Request<wire::ListRequest>) -> Result<Response<wire::Documents>, Status> {
        let request = request.into_inner();
        let mut tx = self.db.begin(&tenant(&request.tenant)?).await.map_err(Error::from)?;
        Ok(all_to_wire(store::list(&mut tx, kind(&request.kind)?).await?))
    }

    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Result<Response<wire::Done>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let (actor, now) = (request.actor.as_str(), chassis::clock::now());
        let change = Change { tenant: &tenant, actor, now, expected_version: 0 };
        Documents::delete(self, &change, kind(&request.kind)?, &request.id).await?;
        Ok(Response::new(wire::Done {}))
    }

    async fn history(
        &self,
        request: Request<wire::DocumentRequest>,
    ) -> Result<Response<wire::Documents>, Status> {
        let request = request.into_inner();
        let kind = kind(&request.kind)?;
        let mut tx = self.db.begin(&tenant(&request.tenant)?).await.map_err(Error::from)?;
        match store::history(&mut tx, kind, &request.id).await? {
            versions if versions.is_empty() => Err(not_found(kind, &request.id).into()),
            versions => Ok(all_to_wire(versions)),
        }
    }
}
