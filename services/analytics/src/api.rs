//! Live views, reports, recounts.

use crate::{
    books::{self, Books, TOPICS},
    live,
    staffing::Staffing,
    wire,
};
use chassis::{Drain, Error, clock};
use eventlog::{ConfigView, Log};
use futures::Stream;
use proto::analytics::v1::*;
use stats::Book;
use std::{pin::Pin, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use types::{
    TenantId,
    config::{self, Kind},
};

pub struct Api {
    pub log: Log,
    pub view: Arc<ConfigView>,
    pub books: Arc<Books>,
    pub staffing: Arc<Staffing>,
    pub live_every: Duration,
    pub drain: Drain,
}

fn tenant(text: &str) -> Result<TenantId, Error> {
    text.parse().map_err(|_| Error::invalid("no tenant"))
}

#[tonic::async_trait]
impl analytics_server::Analytics for Api {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Live, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let tenant = tenant(&request.into_inner().tenant)?;
        // One view waits at most: a slow watcher gets the latest, not a backlog.
        let (views, out) = mpsc::channel(1);
        let watcher = Watcher {
            tenant,
            view: self.view.clone(),
            books: self.books.clone(),
            staffing: self.staffing.clone(),
        };
        let (every, drain) = (self.live_every, self.drain.clone());
        tokio::spawn(async move {
            drain.or(watcher.send(views, every)).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportReply>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let question = wire::question(&request, clock::now())?;
        let (rows, positions) = {
            let inner = self.books.lock();
            (question.answer(&inner.tenant(&tenant).book), inner.positions())
        };
        Ok(Response::new(wire::reply(rows, &positions, question.period.as_of)))
    }

    async fn recount(&self, request: Request<ReportRequest>) -> Result<Response<ReportReply>, Status> {
        let request = request.into_inner();
        let tenant = tenant(&request.tenant)?;
        let question = wire::question(&request, clock::now())?;
        let ends = match request.positions.is_empty() {
            true => self.log.ends(&TOPICS).await.map_err(Error::internal)?,
            false => self.known(wire::positions(&request.positions)?).await?,
        };
        let mut book = Book::new();
        let mut consumer = self.log.from_start(&TOPICS).map_err(Error::internal)?;
        let fold = |delivery: &eventlog::Delivery| {
            if delivery.record.tenant == tenant
                && delivery.position.lies_before(&ends)
                && let Some(fact) = books::read(delivery)
            {
                books::enter(&mut book, &fact);
            }
        };
        consumer.read_to(&ends, fold).await.map_err(Error::internal)?;
        Ok(Response::new(wire::reply(question.answer(&book), &ends, question.period.as_of)))
    }
}

impl Api {
    /// Positions that the log has reached: waiting for others would last for ever.
    async fn known(&self, positions: Vec<eventlog::Position>) -> Result<Vec<eventlog::Position>, Error> {
        let ends = self.log.ends(&TOPICS).await.map_err(Error::internal)?;
        let reached = |at: &eventlog::Position| {
            at.offset == 0 || ends.iter().any(|end| end.same_partition(at) && at.offset <= end.offset)
        };
        match positions.iter().all(reached) {
            true => Ok(positions),
            false => Err(Error::invalid("a position lies beyond the end of the log")),
        }
    }
}

struct Watcher {
    tenant: TenantId,
    view: Arc<ConfigView>,
    books: Arc<Books>,
    staffing: Arc<Staffing>,
}

impl Watcher {
    /// Sends the view whenever it changed, and once a second so that its age shows.
    async fn send(self, views: mpsc::Sender<Result<Live, Status>>, every: Duration) {
        const ALIVE: Duration = Duration::from_secs(1);
        let mut changes = self.books.changes();
        loop {
            changes.mark_unchanged();
            if views.send(Ok(self.now())).await.is_err() {
                return;
            }
            time::sleep(every).await;
            let _ = time::timeout(ALIVE.saturating_sub(every), changes.changed()).await;
        }
    }

    fn now(&self) -> Live {
        let company: Option<config::Tenant> = self.view.get(&self.tenant, Kind::Tenant, self.tenant.as_str());
        let now = clock::now();
        let inner = self.books.lock();
        let tenant = inner.tenant(&self.tenant);
        let staff = self.staffing.of(&self.tenant, &tenant.agents, now);
        live::view(tenant, &staff, now, live::midnight(company.as_ref(), now))
    }
}
