//! The HTTP contract: an orders listener and an admin listener, in HTTP/1.1 and HTTP/2 with prior
//! knowledge.
//!
//! A request's way: `listener` accepts and counts, `connection` speaks the protocol and ends those
//! who are silent, `state` finds the route and checks the caller, `orders`, `batch`, `stock`, `changes`
//! and `admin` do the work, `verdict` and `problem` say what came of it, `wire` spells it in JSON,
//! `openapi` tells all of it to programs, `outbox` sends it.
//! A client that hangs up drops its handler and nothing else: what was submitted runs on.

mod access;
mod admin;
mod answer;
mod batch;
mod body;
mod changes;
mod connection;
mod events;
mod listener;
mod openapi;
mod orders;
mod outbox;
mod problem;
mod query;
mod route;
mod state;
mod stock;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::access::{Access, AccessConfig, AccessError, Role, TokenConfig};
use self::connection::Patience;
use self::listener::{Listener, Stops};
use self::state::State;
use crate::cache::StockReads;
use crate::lane::Lanes;
use crate::limits::{
    ADMIN_CONNECTIONS_MAX, CONNECTIONS_MAX, DRAIN_MS, HEAD_TIME_MS, IDEMPOTENCY_DAYS, IDLE_TIME_MS,
};
use crate::store::mysql::{ChangeFeed, Desk};
use crate::telemetry::metrics::{ListenerName, Metrics};

/// Where to listen, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address of the orders listener; port 0 takes any free port.
    pub orders: SocketAddr,
    /// Address of the admin listener; port 0 takes any free port.
    pub admin: SocketAddr,
    /// Connections of the orders listener; more wait to be accepted.
    pub connections_max: usize,
    /// For how many days an order id is known; told in answers.
    pub idempotency_days: u32,
    /// How long shutdown waits for orders to be answered, and then again for connections to end, in
    /// milliseconds.
    pub drain_ms: u64,
}

impl HttpConfig {
    /// The default bounds at these addresses.
    #[must_use]
    pub fn new(orders: SocketAddr, admin: SocketAddr) -> Self {
        Self {
            orders,
            admin,
            connections_max: CONNECTIONS_MAX,
            idempotency_days: IDEMPOTENCY_DAYS,
            drain_ms: DRAIN_MS,
        }
    }
}

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} for {setting}: {source}")]
pub struct BindError {
    /// What the address is for: `orders` or `admin`.
    pub setting: &'static str,
    /// The address.
    pub addr: SocketAddr,
    /// Why.
    pub source: std::io::Error,
}

/// Both listeners, bound and not yet served.
pub struct Http {
    state: Arc<State>,
    orders: Listener,
    admin: Listener,
    orders_addr: SocketAddr,
    admin_addr: SocketAddr,
    drain: Duration,
}

impl Http {
    /// Binds both ports; nobody is answered before [`Http::run`].
    ///
    /// # Errors
    /// [`BindError`] for the first port that cannot be had.
    pub async fn bind(
        config: &HttpConfig,
        lanes: Lanes,
        desk: Desk,
        stock: StockReads,
        metrics: Metrics,
        access: Access,
    ) -> Result<Self, BindError> {
        let (orders, orders_addr) =
            listen(ListenerName::Orders, config.orders, config.connections_max)?;
        let (admin, admin_addr) = listen(ListenerName::Admin, config.admin, ADMIN_CONNECTIONS_MAX)?;
        Ok(Self {
            state: Arc::new(State::new(
                lanes,
                desk,
                stock,
                metrics,
                access,
                config.idempotency_days,
            )),
            orders,
            admin,
            orders_addr,
            admin_addr,
            drain: Duration::from_millis(config.drain_ms),
        })
    }

    /// The address of the orders listener, with the port that it got.
    #[must_use]
    pub fn orders_addr(&self) -> SocketAddr {
        self.orders_addr
    }

    /// The address of the admin listener, with the port that it got.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// The change feed that its readers share; whoever else reads it in this process shares it, too.
    #[must_use]
    pub fn change_feed(&self) -> Arc<ChangeFeed> {
        self.state.feed.changes()
    }

    /// Serves until `shutdown` completes, then drains: refuses new orders, accepts no connections,
    /// waits for the lanes to answer everything, lets the connections finish. The admin listener
    /// goes last, so that probes see it. Each wait is bounded by `drain_ms`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { state, orders, admin, drain, .. } = self;
        let ends = Ends::default();
        let (mut orders_task, mut admin_task) = (JoinSet::new(), JoinSet::new());
        {
            let (handled, metrics) = (Arc::clone(&state), state.metrics.clone());
            let handler = move |request| Arc::clone(&handled).answer_orders(request);
            let stops =
                Stops { accepting: ends.accepting.subscribe(), serving: ends.orders.subscribe() };
            orders_task.spawn(orders.serve(handler, metrics, stops));
        }
        {
            let (handled, metrics) = (Arc::clone(&state), state.metrics.clone());
            let handler = move |request| Arc::clone(&handled).answer_admin(request);
            let stops =
                Stops { accepting: ends.admin.subscribe(), serving: ends.admin.subscribe() };
            admin_task.spawn(admin.serve(handler, metrics, stops));
        }

        shutdown.await;
        tracing::info!(depth = state.lanes.load().depth, "draining: no new orders");
        state.start_draining();
        ends.accepting.send_replace(true);
        if tokio::time::timeout(drain, state.lanes.drain()).await.is_err() {
            let depth = state.lanes.load().depth;
            tracing::error!(depth, "orders are still unanswered; their outcome is in the ledger");
        }
        ends.orders.send_replace(true);
        finish(ListenerName::Orders, orders_task, drain).await;
        ends.admin.send_replace(true);
        finish(ListenerName::Admin, admin_task, drain).await;
    }
}

/// The switches that end the listeners, step by step.
#[derive(Default)]
struct Ends {
    accepting: watch::Sender<bool>,
    orders: watch::Sender<bool>,
    admin: watch::Sender<bool>,
}

fn listen(
    name: ListenerName,
    addr: SocketAddr,
    connections_max: usize,
) -> Result<(Listener, SocketAddr), BindError> {
    let refuse = |source| BindError { setting: name.name(), addr, source };
    let socket = listener::bind(addr).map_err(refuse)?;
    let bound = socket.local_addr().map_err(refuse)?;
    let patience = Patience {
        head: Duration::from_millis(HEAD_TIME_MS),
        idle: Duration::from_millis(IDLE_TIME_MS),
    };
    Ok((Listener { name, socket, connections_max, patience }, bound))
}

/// Waits for the listener's last connection, and closes what is left when that takes too long.
async fn finish(name: ListenerName, mut task: JoinSet<()>, limit: Duration) {
    if tokio::time::timeout(limit, task.join_next()).await.is_err() {
        tracing::warn!(listener = name.name(), "connections that did not finish were closed");
    }
}
