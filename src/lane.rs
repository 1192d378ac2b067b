//! The lanes: where operations wait, are merged, flushed and answered.
//!
//! One engine thread runs the [`Combiner`](crate::engine::Combiner) and the flush connections side by
//! side, so that a plan, its execution and its commit cost no change of thread. Callers put operations
//! into one bounded queue and are answered through tickets, a flush at a time.

mod committed;
mod crew;
mod engine_thread;
mod mailbox;
mod recent_holds;
mod rest;
mod tally;
mod ticket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub use ticket::{BatchTicket, Ticket};

use crate::cache::Commits;
use crate::domain::{
    LimitKind, MergeMode, NotExecuted, Operation, OrderId, Sku, TakenOrder, Timestamp, Verdict,
};
use crate::engine::{MergeCounts, MergeModes};
use crate::limits;
use crate::store::mysql::{Address, FlushTiming, MigrateError, instance_of, register_instance};
use crate::telemetry::metrics::{Metrics, VerdictKind};
use mailbox::Mailbox;
use recent_holds::RecentHolds;
use tally::tell_merge_modes;
use ticket::{Reply, batch_ticket, deliver_all, ticket};

/// The bounds of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanesConfig {
    /// Operations that may wait in one lane.
    pub lane_depth_max: usize,
    /// Operations that may be accepted and not yet answered, over all lanes.
    pub process_depth_max: usize,
    /// Flushes side by side, each on a connection of its own. While some are slow there are up to
    /// [`SPARE_CONNECTIONS`](limits::SPARE_CONNECTIONS) more of them.
    pub connections: usize,
    /// How long an operation may take before it is answered, known or not.
    pub order_deadline: Duration,
}

impl Default for LanesConfig {
    fn default() -> Self {
        Self {
            lane_depth_max: limits::LANE_DEPTH_MAX,
            process_depth_max: limits::PROCESS_DEPTH_MAX,
            connections: default_connections(),
            order_deadline: Duration::from_millis(limits::ORDER_DEADLINE_MS),
        }
    }
}

/// As many as there are processors, within [`FLUSH_CONNECTIONS_DEFAULT`](limits::FLUSH_CONNECTIONS_DEFAULT).
#[must_use]
pub fn default_connections() -> usize {
    let (least, most) = limits::FLUSH_CONNECTIONS_DEFAULT.into_inner();
    std::thread::available_parallelism().map_or(least, |count| count.get().clamp(least, most))
}

impl LanesConfig {
    /// Half of an order's time for one step of a flush: what is silent for longer is tried again.
    fn timing(&self) -> FlushTiming {
        let step = self.order_deadline / 2;
        FlushTiming { connect: step, execute: step, commit: step }
    }
}

/// The lanes could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database refuses the registration of this process.
    #[error(transparent)]
    Database(#[from] MigrateError),
    /// The system gives no thread.
    #[error("cannot start the engine thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The handle through which operations are submitted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes {
    callers: Arc<Callers>,
    stopped: watch::Receiver<bool>,
}

/// All clones of a handle together: when the last is dropped, nothing can arrive any more.
#[derive(Debug)]
struct Callers(Arc<Shared>);

impl Drop for Callers {
    fn drop(&mut self) {
        self.0.mailbox.orphan();
    }
}

/// What callers and the engine thread both see.
#[derive(Debug)]
struct Shared {
    mailbox: Mailbox,
    recent_holds: RecentHolds,
    /// The number of this process in the database.
    instance: u64,
    /// Operations accepted and not yet answered.
    admitted: AtomicUsize,
    process_depth_max: usize,
    draining: AtomicBool,
    database_down: AtomicBool,
    /// True when nobody reads the queue and every operation is answered on the spot.
    without_engine: bool,
    metrics: Metrics,
}

/// What the engine thread is told.
#[derive(Debug)]
enum Message {
    Submit(Operation, Reply),
    Report { top: usize, answer: oneshot::Sender<Vec<LaneReport>> },
    SetMergeModes(MergeModes),
    CountMerging { answer: oneshot::Sender<MergeCounts> },
    Drain,
}

/// One lane as `/v1/lanes` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneReport {
    /// Whose lane.
    pub sku: Sku,
    /// Orders waiting.
    pub depth: usize,
    /// Flushes in the air.
    pub in_flight: usize,
    /// Mean orders per flush since the lane last began to have traffic.
    pub merged_per_flush: f64,
    /// Stock after the newest flush whose outcome told it, in units.
    pub last_available: Option<i64>,
    /// Whether its orders share transactions.
    pub mode: MergeMode,
    /// Mean orders per flush, had those of a dry run been merged; `None` when there was none.
    pub would_be_per_flush: Option<f64>,
}

/// How full the lanes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Operations accepted and not yet answered.
    pub depth: usize,
    /// True once draining began.
    pub draining: bool,
    /// True while the database cannot be reached.
    pub database_down: bool,
}

impl Lanes {
    /// Registers this process with the database and starts the engine thread. Verdicts are delivered
    /// on the runtime that this is called on.
    ///
    /// The schema has to be current: see [`migrate`](crate::store::mysql::migrate).
    ///
    /// # Errors
    /// [`StartError`] when the database cannot be written or no thread can be had.
    pub async fn start(
        address: Address,
        config: LanesConfig,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        Self::start_telling(address, config, metrics, None).await
    }

    /// The same, telling a cache what was committed.
    ///
    /// # Errors
    /// [`StartError`] when the database cannot be written or no thread can be had.
    pub async fn start_telling(
        address: Address,
        config: LanesConfig,
        metrics: Metrics,
        told: Option<Commits>,
    ) -> Result<Self, StartError> {
        let first_flush = register_instance(&address).await?;
        let shared = Arc::new(Shared {
            mailbox: Mailbox::default(),
            recent_holds: RecentHolds::default(),
            instance: instance_of(first_flush),
            admitted: AtomicUsize::new(0),
            process_depth_max: config.process_depth_max,
            draining: AtomicBool::new(false),
            database_down: AtomicBool::new(false),
            without_engine: false,
            metrics,
        });
        let courier = start_courier();
        let stopped =
            engine_thread::start(address, config, first_flush, Arc::clone(&shared), courier, told)?;
        Ok(Self { callers: Arc::new(Callers(shared)), stopped })
    }

    /// Lanes with nothing behind them: every operation is answered as done, at once, and nothing is
    /// written. For measuring what stands before the lanes.
    #[must_use]
    pub fn without_engine(metrics: Metrics) -> Self {
        let shared = Arc::new(Shared {
            mailbox: Mailbox::default(),
            recent_holds: RecentHolds::default(),
            instance: 0,
            admitted: AtomicUsize::new(0),
            process_depth_max: 0,
            draining: AtomicBool::new(false),
            database_down: AtomicBool::new(false),
            without_engine: true,
            metrics,
        });
        let (_ended, stopped) = watch::channel(true);
        Self { callers: Arc::new(Callers(shared)), stopped }
    }

    /// Submits one operation. Never waits: at a limit the ticket already holds the refusal. Once
    /// accepted it runs on, whatever becomes of the ticket.
    #[must_use = "the verdict arrives through the ticket"]
    pub fn submit(&self, operation: Operation) -> Ticket {
        let (ticket, reply) = ticket();
        self.shared().accept(std::iter::once((operation, reply)));
        ticket
    }

    /// Submits operations together; each stands alone and gets its own verdict, in the order given.
    #[must_use = "the verdicts arrive through the ticket"]
    pub fn submit_all(&self, operations: Vec<Operation>) -> BatchTicket {
        let (ticket, replies) = batch_ticket(operations.len());
        self.shared().accept(operations.into_iter().zip(replies));
        ticket
    }

    /// The order as it was taken, if it is a hold that this process took lately; it may be settled by now.
    /// It is told once: whoever wants to know more than how to settle it looks it up in the ledger.
    #[must_use]
    pub fn recent_hold(&self, id: &OrderId) -> Option<TakenOrder> {
        self.shared().recent_holds.take(id)
    }

    fn shared(&self) -> &Shared {
        &self.callers.0
    }

    /// The busiest lanes, deepest first, at most `top`. Empty when the engine has stopped.
    pub async fn busiest(&self, top: usize) -> Vec<LaneReport> {
        let (answer, report) = oneshot::channel();
        if self.shared().mailbox.post(std::iter::once(Message::Report { top, answer })).is_err() {
            return Vec::new();
        }
        report.await.unwrap_or_default()
    }

    /// From now on these merge modes hold, for whatever is submitted after this. What is in the air goes on as it is.
    pub fn set_merge_modes(&self, modes: MergeModes) {
        let shared = self.shared();
        if !shared.without_engine {
            tell_merge_modes(&shared.metrics, &modes);
            // Without a reader there is nothing left to merge.
            let _read = shared.mailbox.post(std::iter::once(Message::SetMergeModes(modes)));
        }
    }

    /// What was not merged, and what merging would have made of it. `None` when the engine has stopped.
    pub async fn merge_counts(&self) -> Option<MergeCounts> {
        let (answer, counts) = oneshot::channel();
        self.shared().mailbox.post(std::iter::once(Message::CountMerging { answer })).ok()?;
        counts.await.ok()
    }

    /// The number of this process in the table `instance`; 0 without an engine.
    #[must_use]
    pub fn instance(&self) -> u64 {
        self.shared().instance
    }

    /// How full the lanes are now.
    #[must_use]
    pub fn load(&self) -> Load {
        let shared = self.shared();
        Load {
            depth: shared.admitted.load(Ordering::Acquire),
            draining: shared.draining.load(Ordering::Acquire),
            database_down: shared.database_down.load(Ordering::Acquire),
        }
    }

    /// Stops accepting, flushes what waits, and returns when everything accepted is answered.
    pub async fn drain(&self) {
        self.shared().draining.store(true, Ordering::Release);
        // Without a reader there is nothing left to drain.
        let _read = self.shared().mailbox.post(std::iter::once(Message::Drain));
        self.stopped().await;
    }

    /// Returns when the engine thread has ended: after a drain, or because it failed.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        // An error means that the thread is gone, which is what is waited for.
        let _gone = stopped.wait_for(|stopped| *stopped).await;
    }
}

impl Shared {
    /// Takes in as many of these as there is room for, in their order, and refuses the others.
    fn accept(&self, mut incoming: impl ExactSizeIterator<Item = (Operation, Reply)>) {
        if self.draining.load(Ordering::Acquire) {
            return incoming.for_each(|(_, reply)| self.refuse(reply, NotExecuted::Draining));
        }
        if self.without_engine {
            return incoming.for_each(|(operation, reply)| {
                let (at, status) = (Timestamp::from_micros(0), operation.status_when_done());
                let expires_at = operation.expires_at(at);
                reply.deliver(Verdict::Done { at, replayed: false, status, expires_at });
            });
        }
        let admitted = self.admit(incoming.len());
        let messages = incoming.by_ref().take(admitted);
        let messages = messages.map(|(operation, reply)| {
            let reply = reply.knowing(&operation);
            Message::Submit(operation, reply)
        });
        if let Err(unread) = self.mailbox.post(messages) {
            self.admitted.fetch_sub(admitted, Ordering::AcqRel);
            for message in unread {
                if let Message::Submit(_, reply) = message {
                    self.refuse(reply, NotExecuted::Draining);
                }
            }
        }
        let (limit, limit_value) = (LimitKind::Process, self.process_depth_max);
        incoming.for_each(|(_, reply)| {
            self.refuse(reply, NotExecuted::Overloaded { limit, limit_value });
        });
    }

    /// Counts so many operations in, or as many as there is room for. Returns how many.
    fn admit(&self, operations: usize) -> usize {
        let room = |depth: usize| self.process_depth_max.saturating_sub(depth).min(operations);
        let depth = self
            .admitted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |depth| Some(depth + room(depth)));
        depth.map_or(0, room)
    }

    fn refuse(&self, reply: Reply, reason: NotExecuted) {
        let verdict = Verdict::NotExecuted(reason);
        self.metrics.verdicts(VerdictKind::from(&verdict), 1);
        reply.deliver(verdict);
    }
}

/// Verdicts on their way to the callers. As many as were admitted, so bounded by `process_depth_max`.
type Courier = tokio::sync::mpsc::UnboundedSender<Vec<(Reply, Verdict)>>;

fn start_courier() -> Courier {
    let (courier, mut bags) = tokio::sync::mpsc::unbounded_channel::<Vec<(Reply, Verdict)>>();
    tokio::spawn(async move {
        while let Some(bag) = bags.recv().await {
            deliver_all(bag);
        }
    });
    courier
}
