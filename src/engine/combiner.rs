//! The state machine that queues, merges, orders commits, retries, resolves and answers.

mod intake;
mod merging;
mod progress;
mod undoing;

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::merging::Merging;
use super::flight::{Flight, Stage};
use super::lane::{LaneIx, Lanes};
use super::merging::{MergeCount, MergeModes};
use super::plan::{FlushId, Mode, Plan};
use super::planner::{Draft, draft, draft_ahead};
use super::queue::{Arrival, Queue};
use super::ring::Ring;
use crate::domain::{MergeMode, Sku, Verdict};
use crate::limits::{ATTEMPTS_BEFORE_APART, LANE_REST_MS, OUTAGE_GRACE_MS, SPARE_CONNECTIONS};

/// The combiner's bounds.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Operations that may wait in one lane.
    pub lane_depth_max: usize,
    /// Operations merged into one flush, at most.
    pub flush_orders_max: usize,
    /// Flushes that may be in the air; up to [`SPARE_CONNECTIONS`] more while some are slow.
    pub flights_max: usize,
    /// How long an operation may take, in milliseconds.
    pub order_deadline_ms: u64,
}

/// What the combiner wants done. Each is reported back through the method of the same name.
#[derive(Debug)]
pub enum Action<T> {
    /// Execute the plan up to its commit; report by [`Combiner::executed`].
    Execute(Arc<Plan>),
    /// Do what needs no stock rows: write the ledger rows of a merged plan, read what is known of the ids of one
    /// to be decided; report by [`Combiner::prepared`].
    Prepare(Arc<Plan>),
    /// Execute the rest of what was prepared; report by [`Combiner::executed`].
    Finish(Arc<Plan>),
    /// Commit what was executed; report by [`Combiner::committed`].
    Commit(FlushId),
    /// Undo what was executed; report by [`Combiner::rolled_back`].
    RollBack(FlushId),
    /// Find out whether the database can be used again; report by [`Combiner::probed`].
    Probe,
    /// Tell the callers.
    Answer(Vec<(T, Verdict)>),
}

/// A lane as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    /// Whose lane.
    pub sku: Sku,
    /// Operations waiting.
    pub depth: usize,
    /// Flushes in the air.
    pub flights: usize,
    /// Orders flushed since the lane was last forgotten.
    pub flushed_orders: u64,
    /// Flushes since the lane was last forgotten.
    pub flushes: u64,
    /// What the newest flush left, where it is known.
    pub left: Option<i64>,
    /// Whether its operations may share a flush.
    pub mode: MergeMode,
    /// What could not, since the mode changed or the lane was last forgotten.
    pub alone: MergeCount,
}

/// Queues operations by SKU and says what to execute, commit, undo and answer.
///
/// `T` names a caller. Time is given with every event, in milliseconds of any steady clock.
#[derive(Debug)]
pub struct Combiner<T> {
    policy: Policy,
    lanes: Lanes,
    queue: Queue<T>,
    ring: Ring,
    modes: MergeModes,
    merging: Merging,
    /// Lanes that may have a full flush waiting behind one that executes.
    crowded: VecDeque<LaneIx>,
    flights: FxHashMap<FlushId, Flight<T>>,
    /// Places of flights that are slow, which others may take.
    spare: usize,
    apart_flights: usize,
    next_flush: FlushId,
    next_arrival: Arrival,
    next_sweep_ms: u64,
    /// Until then settlements are decided by what is there, whatever they were made from.
    doubts_until_ms: u64,
    draining: bool,
    outage: Option<Outage>,
    probing: bool,
    actions: Vec<Action<T>>,
    answers: Vec<(T, Verdict)>,
}

/// The database could not be used lately.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since_ms: u64,
    probe_at_ms: u64,
}

impl<T> Combiner<T> {
    /// A combiner whose flushes are named `first_flush` and upwards.
    #[must_use]
    pub fn new(policy: Policy, first_flush: FlushId) -> Self {
        Self {
            policy,
            lanes: Lanes::new(),
            queue: Queue::new(),
            ring: Ring::default(),
            modes: MergeModes::default(),
            merging: Merging::default(),
            crowded: VecDeque::new(),
            flights: FxHashMap::default(),
            spare: 0,
            apart_flights: 0,
            next_flush: first_flush,
            next_arrival: Arrival(0),
            next_sweep_ms: 0,
            doubts_until_ms: 0,
            draining: false,
            outage: None,
            probing: false,
            actions: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Time has passed: answers what has waited too long. Returns how many flushes were given up
    /// without knowing their outcome.
    pub fn tick(&mut self, now_ms: u64) -> usize {
        self.expire(now_ms);
        let given_up: Vec<FlushId> = self
            .flights
            .iter()
            .filter(|(_, flight)| {
                matches!(flight.stage, Stage::Unresolved { .. }) && flight.give_up_at_ms() <= now_ms
            })
            .map(|(&id, _)| id)
            .collect();
        for &id in &given_up {
            self.finish(id, |_| Verdict::Unknown);
        }
        self.queue.shrink();
        if self.queue.len() == 0 {
            self.merging.whole.end_flush();
        }
        if now_ms >= self.next_sweep_ms {
            self.next_sweep_ms = now_ms + LANE_REST_MS;
            self.lanes.sweep();
            self.ring.shrink();
            if self.crowded.is_empty() {
                self.crowded = VecDeque::new();
            }
        }
        given_up.len()
    }

    /// From now on nothing is accepted; what was accepted runs on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// True when nothing waits and nothing is in the air.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.flights.is_empty()
    }

    /// True when time changes nothing: nothing is left to do, to forget or to find out.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.is_idle() && self.lanes.len() == 0 && self.outage.is_none()
    }

    /// Operations that wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Lanes with traffic now or a moment ago.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// True when the database has been gone for longer than a hiccup.
    #[must_use]
    pub fn is_down(&self, now_ms: u64) -> bool {
        self.outage.is_some_and(|outage| now_ms >= outage.since_ms + OUTAGE_GRACE_MS)
    }

    /// The busiest lanes, deepest first, at most `top`.
    #[must_use]
    pub fn busiest(&self, top: usize) -> Vec<LaneState> {
        let mut lanes: Vec<_> = self.lanes.iter().map(|(_, lane)| lane).collect();
        let by_depth =
            |lane: &&super::lane::Lane| std::cmp::Reverse((lane.queue.len(), lane.flushed_orders));
        if lanes.len() > top && top > 0 {
            lanes.select_nth_unstable_by_key(top - 1, by_depth);
        }
        lanes.truncate(top);
        lanes.sort_by_key(by_depth);
        lanes
            .into_iter()
            .map(|lane| LaneState {
                sku: lane.sku.clone(),
                depth: lane.queue.len(),
                flights: lane.flights.len(),
                flushed_orders: lane.flushed_orders,
                flushes: lane.flushes,
                left: lane.left,
                mode: lane.mode,
                alone: lane.alone.count,
            })
            .collect()
    }

    /// Starts what can be started and returns everything that is to be done now.
    #[must_use = "actions that are not carried out leave callers without an answer"]
    pub fn actions(&mut self, now_ms: u64) -> Vec<Action<T>> {
        let slow = self.flights.values().filter(|flight| flight.is_slow(now_ms)).count();
        self.spare = slow.min(SPARE_CONNECTIONS);
        self.start_resolving(now_ms);
        self.start_probing(now_ms);
        while let Some(draft) = self.next_draft() {
            self.launch(now_ms, draft);
        }
        while let Some(draft) = self.next_draft_ahead() {
            self.launch(now_ms, draft);
        }
        self.due_actions()
    }

    /// What is to be done now whether or not anything new is started.
    #[must_use = "actions that are not carried out leave callers without an answer"]
    pub fn due_actions(&mut self) -> Vec<Action<T>> {
        if !self.answers.is_empty() {
            self.actions.push(Action::Answer(std::mem::take(&mut self.answers)));
        }
        std::mem::take(&mut self.actions)
    }

    fn start_resolving(&mut self, now_ms: u64) {
        for flight in self.flights.values_mut() {
            if let Stage::Unresolved { retry_at_ms } = flight.stage
                && retry_at_ms <= now_ms
            {
                flight.stage = Stage::Executing;
                self.actions.push(Action::Execute(Arc::clone(&flight.plan)));
            }
        }
    }

    /// Orders do not find out whether the database is back: each would wait for its own time-out.
    fn start_probing(&mut self, now_ms: u64) {
        let due = self.outage.is_some_and(|outage| now_ms >= outage.probe_at_ms);
        if due && !self.probing && self.flights.len() < self.places() {
            self.probing = true;
            self.actions.push(Action::Probe);
        }
    }

    fn places(&self) -> usize {
        self.policy.flights_max + self.spare
    }

    fn may_launch(&self) -> bool {
        let busy = self.flights.len() + usize::from(self.probing);
        self.outage.is_none() && busy < self.places()
    }

    fn next_draft(&mut self) -> Option<Draft<T>> {
        if !self.may_launch() || self.ring.is_empty() {
            return None;
        }
        // Orders that have to be flushed apart may wait long for a row; leave room for the others.
        let apart_allowed = self.apart_flights < self.places().div_ceil(2);
        let orders_max = self.policy.flush_orders_max;
        draft(&mut self.ring, &mut self.lanes, &mut self.queue, orders_max, apart_allowed)
    }

    /// A full flush of one lane, to be prepared while the one before it executes.
    fn next_draft_ahead(&mut self) -> Option<Draft<T>> {
        while self.may_launch() {
            let ix = self.crowded.pop_front()?;
            self.lanes.get_mut(ix).in_crowd = false;
            let lane = self.lanes.get(ix);
            if !lane.is_crowded(self.policy.flush_orders_max) {
                continue;
            }
            let before: Vec<&Flight<T>> = lane
                .flights
                .iter()
                .map(|id| &self.flights[id])
                .filter(|flight| !flight.is_executed())
                .collect();
            let Some(newest) = before.last() else { continue };
            let mode = newest.plan.mode;
            let follows =
                |flight: &&Flight<T>| flight.can_be_followed() && flight.plan.mode == mode;
            if before.iter().all(follows) {
                let members = before.iter().flat_map(|flight| &flight.members);
                let orders_max = self.policy.flush_orders_max;
                let draft =
                    draft_ahead(ix, mode, members, &mut self.lanes, &mut self.queue, orders_max);
                if draft.is_some() {
                    return draft;
                }
            }
        }
        None
    }

    fn launch(&mut self, now_ms: u64, draft: Draft<T>) {
        let id = self.next_flush;
        self.next_flush.0 += 1;
        let Draft { mode, operations, members, lanes, merging } = draft;
        let mut before = Vec::new();
        let mut distinct = Vec::with_capacity(lanes.len());
        for ix in lanes {
            let lane = self.lanes.get_mut(ix);
            if lane.flights.last() == Some(&id) {
                continue;
            }
            lane.closed_by.get_or_insert(id);
            for &flight in &lane.flights {
                if !before.contains(&flight) {
                    before.push(flight);
                }
            }
            lane.flights.push(id);
            distinct.push(ix);
        }
        if !merging.merges() {
            self.count_alone(merging, &distinct);
        }
        let newest_orders = members.len().div_ceil(distinct.len());
        for &ix in &distinct {
            self.lanes.get_mut(ix).newest_orders = newest_orders;
            self.crowd(ix);
        }
        let apart = members.first().is_some_and(|first| first.attempts >= ATTEMPTS_BEFORE_APART);
        self.apart_flights += usize::from(apart);
        let skus = distinct.len();
        let alone = matches!(operations.as_slice(), [only] if only.is_plain_take());
        let mode = match mode {
            Mode::Merged if alone && before.is_empty() => Mode::AtOnce,
            other @ (Mode::AtOnce | Mode::Merged | Mode::Deciding) => other,
        };
        let plan = Arc::new(Plan { id, mode, resolving: false, skus, operations });
        let stage = if before.iter().all(|other| self.flights[other].is_executed()) {
            self.actions.push(Action::Execute(Arc::clone(&plan)));
            Stage::Executing
        } else {
            self.actions.push(Action::Prepare(Arc::clone(&plan)));
            Stage::Preparing
        };
        let flight = Flight {
            since_ms: now_ms,
            plan,
            members,
            lanes: distinct,
            before,
            apart,
            unanswered: None,
            stage,
        };
        self.flights.insert(id, flight);
    }
}
