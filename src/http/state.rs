//! What every request of one server shares, and the way of a request to its handler.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Version};
use tokio::sync::Semaphore;

use super::access::Access;
use super::answer::{self, Answer, Failure, Outcome};
use super::body::{self, Upload};
use super::changes::Feed;
use super::problem::Problem;
use super::route::{AdminRoute, OrdersRoute};
use super::{admin, batch, changes, orders, stock};
use crate::cache::StockReads;
use crate::domain::Goal;
use crate::lane::Lanes;
use crate::limits::BATCH_REQUESTS_MAX;
use crate::store::StoreError;
use crate::store::mysql::Desk;
use crate::telemetry::metrics::Metrics;

const IDEMPOTENCY_LIFETIME: HeaderName = HeaderName::from_static("idempotency-lifetime");

/// What every request of one server shares.
pub(super) struct State {
    pub(super) lanes: Lanes,
    pub(super) desk: Desk,
    pub(super) stock: StockReads,
    pub(super) metrics: Metrics,
    pub(super) access: Access,
    pub(super) feed: Feed,
    /// For how many seconds an order id is known.
    lifetime: HeaderValue,
    /// A permit for each batch in memory.
    pub(super) batches: Semaphore,
    draining: AtomicBool,
}

/// The body did not arrive in time; whoever gets this closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
pub(super) struct BodyTooSlow;

impl State {
    pub(super) fn new(
        lanes: Lanes,
        desk: Desk,
        stock: StockReads,
        metrics: Metrics,
        access: Access,
        idempotency_days: u32,
    ) -> Self {
        Self {
            lanes,
            feed: Feed::new(desk.clone()),
            desk,
            stock,
            metrics,
            access,
            lifetime: HeaderValue::from(u64::from(idempotency_days) * 86_400),
            batches: Semaphore::new(BATCH_REQUESTS_MAX),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on every request of the orders listener is refused, and its streams end.
    pub(super) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
        self.feed.end();
    }

    pub(super) fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The problem for a store that did nothing; the reason goes to the log, not to the caller.
    pub(super) fn database_unavailable(&self, doing: &str, error: &StoreError) -> Problem {
        // An outage meets every request; the lanes log it once.
        tracing::debug!(%error, "{doing} failed; answered database-unavailable");
        Problem::DatabaseUnavailable
    }

    /// Answers one request of the orders listener.
    pub(super) fn answer_orders(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Answer, BodyTooSlow>> + Send + 'static {
        // Before the block, which would otherwise have the request as it came, too.
        let (head, mut body) = request.into_parts();
        async move {
            let version = head.version;
            // Who asked whether to send the body has not sent it.
            let sends_body = !head.headers.contains_key(EXPECT);
            let outcome = self.dispatch_orders(head, &mut body).await;
            if sends_body && matches!(outcome, Err(Failure::Problem(_))) {
                body::discard(&mut body).await;
            }
            self.finish(version, outcome)
        }
    }

    /// Answers one request of the admin listener.
    pub(super) async fn answer_admin(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Answer, BodyTooSlow> {
        let version = request.version();
        let outcome = self.dispatch_admin(&request).await;
        self.finish(version, outcome)
    }

    async fn dispatch_orders(&self, head: Parts, body: &mut Incoming) -> Outcome {
        if self.draining() {
            return Err(Problem::Draining.into());
        }
        let route = OrdersRoute::of(&head.method, head.uri.path())?;
        let caller = self.access.admit(&head.headers, route.role())?;
        let query = head.uri.query();
        let upload = Upload { headers: &head.headers, body };
        match route {
            OrdersRoute::Take => {
                let order = orders::read(self, caller, upload).await?;
                // Thousands wait for the same COMMIT, each without the memory of its request.
                drop(head);
                self.remembered(orders::take(self, order).await)
            }
            OrdersRoute::TakeBatch => self.remembered(batch::take(self, caller, upload).await),
            OrdersRoute::ReadOrder(id) => orders::read_one(self, id).await,
            OrdersRoute::Confirm(id) => {
                orders::settle(self, caller, id, Goal::Confirm, upload).await
            }
            OrdersRoute::Cancel(id) => orders::settle(self, caller, id, Goal::Cancel, upload).await,
            OrdersRoute::ListStock => stock::list(self, query).await,
            OrdersRoute::ReadStock(sku) => stock::read_one(self, sku, query).await,
            OrdersRoute::OpenStock(sku) => stock::open(self, sku, upload).await,
            OrdersRoute::Adjust(sku) => self.remembered(stock::adjust(self, sku, upload).await),
            OrdersRoute::ReadChanges => changes::read(self, query, &head.headers).await,
        }
    }

    /// The answer to something that is executed once, with how long its id is known.
    fn remembered(&self, outcome: Outcome) -> Outcome {
        let mut answer = outcome?;
        answer.headers_mut().insert(IDEMPOTENCY_LIFETIME, self.lifetime.clone());
        Ok(answer)
    }

    async fn dispatch_admin(&self, request: &Request<Incoming>) -> Outcome {
        let route = AdminRoute::of(request.method(), request.uri().path())?;
        if let Some(role) = route.role() {
            self.access.admit(request.headers(), role)?;
        }
        match route {
            AdminRoute::LivePage => Ok(admin::live_page()),
            AdminRoute::Health => Ok(admin::health()),
            AdminRoute::Readiness => admin::readiness(self).await,
            AdminRoute::Metrics => Ok(admin::metrics(self)),
            AdminRoute::Lanes => admin::lanes(self, request.uri().query()).await,
            AdminRoute::Document => Ok(admin::document()),
        }
    }

    fn finish(&self, version: Version, outcome: Outcome) -> Result<Answer, BodyTooSlow> {
        let mut answer = match outcome {
            Ok(answer) => answer,
            Err(Failure::Problem(problem)) => answer::problem(&problem),
            Err(Failure::BodyTooSlow) => return Err(BodyTooSlow),
        };
        self.metrics.http_answer(answer.status().as_u16());
        if self.draining() && version < Version::HTTP_2 {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }
}
