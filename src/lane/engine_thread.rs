//! The thread on which the combiner and the flush connections live.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::committed::Committed;
use super::crew::{Crew, Done, Report};
use super::mailbox::Mailbox;
use super::rest::{Rest, give_memory_back};
use super::tally::Tally;
use super::ticket::{Reply, deliver_all};
use super::{Courier, LaneReport, LanesConfig, Message, Shared};
use crate::cache::Commits;
use crate::domain::Verdict;
use crate::engine::{Action, Combiner, FlushId, LaneState, Policy};
use crate::limits::{FLUSH_ORDERS_MAX, SPARE_CONNECTIONS};
use crate::store::mysql::Address;
use crate::telemetry::metrics::ResolutionOutcome;

/// How often the combiner looks at deadlines and retries while anything waits.
const TICK: Duration = Duration::from_millis(50);
/// How often the gauges are set while nothing waits.
const REST: Duration = Duration::from_secs(1);
/// Messages read before flushes get their turn.
const MESSAGES_PER_TURN_MAX: usize = 8_192;

/// How often in a row a flush that is not full lets others run first. A busy machine is then used for fewer
/// and larger flushes; more turns were not found to give more.
const LINGER_TURNS_MAX: usize = 2;

/// Starts the thread. The receiver turns true, or closes, when the thread has ended.
pub(super) fn start(
    address: Address,
    config: LanesConfig,
    first_flush: FlushId,
    shared: Arc<Shared>,
    courier: Courier,
    told: Option<Commits>,
) -> std::io::Result<watch::Receiver<bool>> {
    let (ended, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("hotrow-engine".to_owned()).spawn(move || {
        let reader = Arc::clone(&shared);
        live(&runtime, &reader.mailbox, || {
            let policy = Policy {
                lane_depth_max: config.lane_depth_max,
                flush_orders_max: FLUSH_ORDERS_MAX,
                flights_max: config.connections,
                order_deadline_ms: millis(config.order_deadline),
            };
            Engine {
                combiner: Combiner::new(policy, first_flush),
                crew: Crew::start(
                    &address,
                    config.timing(),
                    config.connections + SPARE_CONNECTIONS,
                ),
                tally: Tally::new(shared.metrics.clone()),
                committed: Committed::new(told),
                shared,
                courier,
                started: Instant::now(),
                rest: Rest::default(),
                draining: false,
            }
            .run()
        });
        // Nobody may be left to hear it.
        let _heard = ended.send(true);
    })?;
    Ok(stopped)
}

/// Runs the engine to its end. Should it fail, whoever waits for it is told that the outcome is unknown.
fn live<F>(runtime: &Runtime, mailbox: &Mailbox, engine: impl FnOnce() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let work = std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            // As a task: whoever wakes the future of `block_on` has to write to the runtime's own eventfd, though
            // it runs on the same thread.
            if let Err(failed) = tokio::spawn(engine()).await {
                std::panic::resume_unwind(failed.into_panic());
            }
        });
    });
    if std::panic::catch_unwind(work).is_err() {
        error!(
            "the engine thread failed; callers whose orders were in flight are told that the \
             outcome is unknown, and the process ends: start it again"
        );
    }
    mailbox.close();
}

struct Engine {
    combiner: Combiner<Reply>,
    crew: Crew,
    tally: Tally,
    committed: Committed,
    shared: Arc<Shared>,
    courier: Courier,
    started: Instant,
    rest: Rest,
    draining: bool,
}

impl Engine {
    async fn run(mut self) {
        let mut ticked = Instant::now();
        let mut alarm = pin!(tokio::time::sleep_until((ticked + REST).into()));
        let mut lingered = 0;
        loop {
            let read = self.read_messages();
            while let Some(report) = self.crew.ready_report() {
                self.take_report(report);
            }
            if read > 0 && lingered < LINGER_TURNS_MAX && self.may_linger() {
                lingered += 1;
                // Whoever is ready to run may bring more orders; on an idle machine nobody is, and this
                // takes no time.
                std::thread::yield_now();
                tokio::task::yield_now().await;
                continue;
            }
            lingered = 0;
            let now = Instant::now();
            if now >= ticked + TICK {
                self.tick();
                ticked = now;
            }
            self.act();
            if self.draining && self.combiner.is_idle() && self.shared.mailbox.is_empty() {
                break;
            }
            if read == MESSAGES_PER_TURN_MAX {
                tokio::task::yield_now().await;
                continue;
            }
            let pause = if self.combiner.is_at_rest() { REST } else { TICK };
            let due = (ticked + pause).into();
            // Not put off, nor set anew each time: a timer that comes before all others makes the runtime wake itself.
            if alarm.is_elapsed() || due < alarm.deadline() {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                report = self.crew.report() => self.take_report(report),
                () = self.shared.mailbox.rung() => {}
                () = &mut alarm => {}
            }
        }
        // Orders that were refused while the last flushes ended are answered as well.
        self.act();
        info!("all lanes are empty; closing the flush connections");
        self.crew.close().await;
    }

    fn now_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    fn read_messages(&mut self) -> usize {
        let now_ms = self.now_ms();
        let mut read = 0;
        self.shared.mailbox.hush();
        while read < MESSAGES_PER_TURN_MAX {
            let Some(message) = self.shared.mailbox.next() else {
                // Every handle is gone: nothing can arrive, what is there runs on.
                self.draining |= self.shared.mailbox.is_orphaned();
                break;
            };
            read += 1;
            match message {
                Message::Submit(operation, reply) => self.combiner.submit(now_ms, operation, reply),
                Message::Report { top, answer } => {
                    let lanes = self.combiner.busiest(top).into_iter().map(report_of).collect();
                    // Whoever asked may have gone.
                    let _heard = answer.send(lanes);
                }
                Message::SetMergeModes(modes) => self.combiner.set_merge_modes(modes),
                Message::CountMerging { answer } => {
                    // Whoever asked may have gone.
                    let _heard = answer.send(self.combiner.merge_counts());
                }
                Message::Drain => {
                    info!(waiting = self.combiner.depth(), "draining");
                    self.draining = true;
                    self.combiner.drain();
                }
            }
        }
        read
    }

    fn take_report(&mut self, report: Report) {
        let now_ms = self.now_ms();
        self.tally.reported(&report.done);
        if self.crew.has_lost_a_session() {
            self.shared.recent_holds.forget_all();
            self.combiner.session_ended(now_ms);
        }
        self.committed.reported(&report.done);
        match report.done {
            Done::Prepared(flush, outcome) => self.combiner.prepared(now_ms, flush, outcome),
            Done::Executed(flush, execution) => self.combiner.executed(now_ms, flush, execution),
            Done::Committed(flush, outcome) => self.combiner.committed(now_ms, flush, outcome),
            Done::RolledBack(flush) => self.combiner.rolled_back(now_ms, flush),
            Done::Probed { usable } => self.combiner.probed(now_ms, usable),
            Done::SessionEnded => {}
        }
        let due = self.combiner.due_actions();
        self.carry_out(due);
    }

    /// True while what waits would make a flush that is not full.
    fn may_linger(&self) -> bool {
        (1..FLUSH_ORDERS_MAX).contains(&self.combiner.depth())
    }

    fn tick(&mut self) {
        let now_ms = self.now_ms();
        for _ in 0..self.combiner.tick(now_ms) {
            self.shared.metrics.resolution(ResolutionOutcome::GaveUp);
        }
        let down = self.combiner.is_down(now_ms);
        if down != self.shared.database_down.swap(down, Ordering::AcqRel) {
            if down {
                warn!("the database cannot be used; orders are refused until it can");
            } else {
                info!("the database can be used again");
            }
        }
        let metrics = &self.shared.metrics;
        metrics.process_depth(self.shared.admitted.load(Ordering::Acquire));
        metrics.lanes_active(self.combiner.lanes());
        metrics.connections(self.crew.open());
        self.tally.unmerged(self.combiner.merge_total());
        if self.rest.look(now_ms, self.combiner.is_at_rest()) {
            give_memory_back();
        }
    }

    fn act(&mut self) {
        let actions = self.combiner.actions(self.now_ms());
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action<Reply>>) {
        for action in actions {
            match action {
                Action::Execute(plan) => {
                    self.tally.started(&plan);
                    self.committed.started(&plan);
                    self.crew.execute(plan);
                }
                Action::Prepare(plan) => {
                    self.tally.started(&plan);
                    self.committed.started(&plan);
                    self.crew.prepare(plan);
                }
                Action::Finish(plan) => {
                    self.tally.goes_on(plan.id);
                    self.crew.finish(plan);
                }
                Action::Commit(flush) => {
                    self.tally.goes_on(flush);
                    self.crew.commit(flush);
                }
                Action::RollBack(flush) => self.crew.roll_back(flush),
                Action::Probe => self.crew.probe(),
                Action::Answer(answers) => self.answer(answers),
            }
        }
    }

    fn answer(&self, mut answers: Vec<(Reply, Verdict)>) {
        self.tally.answered(&answers);
        self.shared.recent_holds.note(
            answers
                .iter_mut()
                .filter_map(|(reply, verdict)| Some((reply.take_hold()?, verdict.clone()))),
        );
        self.shared.admitted.fetch_sub(answers.len(), Ordering::AcqRel);
        if let Err(undelivered) = self.courier.send(answers) {
            // The callers' runtime is gone, and with it the courier; the tickets may not be.
            deliver_all(undelivered.0);
        }
    }
}

fn report_of(lane: LaneState) -> LaneReport {
    LaneReport {
        sku: lane.sku,
        depth: lane.depth,
        in_flight: lane.flights,
        merged_per_flush: if lane.flushes == 0 {
            0.0
        } else {
            lane.flushed_orders as f64 / lane.flushes as f64
        },
        last_available: lane.left,
        mode: lane.mode,
        would_be_per_flush: lane.alone.would_be_per_flush(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::domain::{Line, Operation, Order, OrderId, Quantity, Sku};
    use crate::lane::ticket::{Ticket, ticket};

    fn waiting(mailbox: &Mailbox, id: &str) -> Ticket {
        let line = Line { sku: Sku::new("a").unwrap(), quantity: Quantity::new(1).unwrap() };
        let order = Order::new(OrderId::new("order_id", id).unwrap(), vec![line]).unwrap();
        let (ticket, reply) = ticket();
        let posted = mailbox.post(std::iter::once(Message::Submit(Operation::Take(order), reply)));
        assert!(posted.is_ok());
        ticket
    }

    #[test]
    fn nobody_waits_for_an_engine_that_failed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let (read, unread) = (waiting(&mailbox, "o-1"), waiting(&mailbox, "o-2"));
        let engine = Arc::clone(&mailbox);
        live(&runtime, &mailbox, || async move {
            let _read = engine.next().expect("the first");
            panic!("an engine fails");
        });
        for ticket in [read, unread] {
            assert_eq!(ticket.now_or_never(), Some(Verdict::Unknown));
        }
        assert!(mailbox.post(std::iter::once(Message::Drain)).is_err(), "nobody reads any more");
    }
}
