//! The driver of the combiners: carries their actions to the store and the reports back.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotrow::domain::{Operation, Sku};
use hotrow::engine::{
    Action, Combiner, CommitOutcome, Execution, Failure, FlushId, MergeModes, Mode, Plan,
};
use hotrow::limits::SPARE_CONNECTIONS;

use super::{Event, Flight, Incarnation, Stage, World};
use crate::hits::Hit;
use crate::ledger::Wish;
use crate::plant::Plant;
use crate::rule::{Rule, Violation};

/// A flush id has the number of its engine's life above these bits.
const FLUSH_BITS: u32 = 40;
/// Between two ticks of an engine that has nothing to do but forget its lanes, in milliseconds.
const CLOSING_TICK_MS: u64 = 200;
/// The engine's life that named a flush.
pub(crate) fn incarnation_of(flush: FlushId) -> usize {
    usize::try_from(flush.0 >> FLUSH_BITS).expect("few incarnations") - 1
}

impl World {
    pub(super) fn start_engine(&mut self, engine: usize) {
        let incarnation = self.incarnations.len();
        let first = FlushId((incarnation as u64 + 1) << FLUSH_BITS);
        self.incarnations.push(Incarnation {
            combiner: Some(Combiner::new(self.setting.policy, first)),
            flights: BTreeMap::new(),
            draining: false,
            pump_due: false,
            waiting: BTreeMap::new(),
            modes: MergeModes::default(),
            alone: 0,
        });
        self.learn_modes(incarnation);
        self.engines[engine] = Some(incarnation);
        self.say(|_| format!("engine {engine} starts life {incarnation}"));
        self.soon(self.setting.tick_ms, Event::Tick { incarnation });
    }

    /// Asks the combiner for its actions, now or a little later: what comes in between is merged.
    pub(super) fn nudge(&mut self, incarnation: usize) {
        if !self.incarnations[incarnation].pump_due {
            self.incarnations[incarnation].pump_due = true;
            self.soon(1, Event::Pump { incarnation });
        }
    }

    pub(super) fn tick(&mut self, incarnation: usize) -> Result<(), Violation> {
        let now_ms = self.now_ms;
        let Some(combiner) = &mut self.incarnations[incarnation].combiner else { return Ok(()) };
        combiner.tick(now_ms);
        let pause_ms = if self.closing { CLOSING_TICK_MS } else { self.setting.tick_ms };
        self.at(now_ms + pause_ms, Event::Tick { incarnation });
        self.pump(incarnation)
    }

    pub(super) fn pump(&mut self, incarnation: usize) -> Result<(), Violation> {
        let engine = &mut self.incarnations[incarnation];
        engine.pump_due = false;
        let Some(combiner) = &mut engine.combiner else { return Ok(()) };
        let actions = combiner.actions(self.now_ms);
        for action in actions {
            self.carry_out(incarnation, action)?;
        }
        self.check_merge_count(incarnation)?;
        self.retire_if_drained(incarnation)
    }

    fn carry_out(&mut self, incarnation: usize, action: Action<usize>) -> Result<(), Violation> {
        match action {
            Action::Execute(plan) => self.launch(incarnation, plan, Stage::Executing)?,
            Action::Prepare(plan) => self.launch(incarnation, plan, Stage::Preparing)?,
            Action::Finish(plan) => {
                let flush = plan.id;
                self.say(|_| format!("flush {}: goes on to its stock rows", name(flush)));
                self.advance_flight(incarnation, flush, &[Stage::Prepared], Stage::Executing)?;
                self.count_merged_before(incarnation, &plan, Hit::FinishedMergedAfterUnmerged);
                self.over_network(Event::Finish { incarnation, flush });
            }
            Action::Commit(flush) => {
                self.say(|_| format!("flush {}: COMMIT is sent", name(flush)));
                self.advance_flight(incarnation, flush, &[Stage::Ready], Stage::Committing)?;
                if self.plant == Some(Plant::AnswerBeforeCommit) {
                    let outcome = CommitOutcome::Committed;
                    self.at(self.now_ms, Event::Committed { incarnation, flush, outcome });
                }
                self.over_network(Event::Commit { incarnation, flush });
            }
            Action::RollBack(flush) => {
                self.say(|_| format!("flush {}: ROLLBACK is sent", name(flush)));
                let from = [Stage::Prepared, Stage::Ready];
                self.advance_flight(incarnation, flush, &from, Stage::RollingBack)?;
                self.over_network(Event::RollBack { incarnation, flush });
            }
            Action::Probe => {
                self.hits.count(Hit::Probed);
                let usable = self.server_up && self.writable;
                self.over_network(Event::Probed { incarnation, usable });
            }
            Action::Answer(answers) => {
                for (call, verdict) in answers {
                    self.answered(call, verdict)?;
                }
            }
        }
        Ok(())
    }

    fn launch(
        &mut self,
        incarnation: usize,
        plan: Arc<Plan>,
        stage: Stage,
    ) -> Result<(), Violation> {
        self.say(|_| {
            let ids: Vec<&str> = plan.operations.iter().map(|op| op.id().as_str()).collect();
            let resolving = if plan.resolving { ", resolving" } else { "" };
            format!("flush {} executes {ids:?}, {:?}{resolving}", name(plan.id), plan.mode)
        });
        let flights = &self.incarnations[incarnation].flights;
        let allowed = match flights.get(&plan.id) {
            None => !plan.resolving,
            Some(flight) => plan.resolving && flight.stage == Stage::Unanswered,
        };
        let busy = |f: &&Flight| !matches!(f.stage, Stage::Unanswered | Stage::Over);
        let executing = flights.values().filter(busy).count();
        let connections = self.setting.policy.flights_max + SPARE_CONNECTIONS;
        if stage == Stage::Preparing
            && let Some(other) = flights.values().find(|flight| wait_for_each_other(flight, &plan))
        {
            let (ours, theirs) = (name(plan.id), name(other.plan.id));
            let detail = format!("flush {ours} is prepared with an id of flush {theirs} before it");
            return Err(Violation::new(Rule::Protocol, detail));
        }
        if !allowed || plan.operations.is_empty() || executing >= connections {
            let detail = format!("flush {} was started out of turn", name(plan.id));
            return Err(Violation::new(Rule::Protocol, detail));
        }
        self.check_merge_mode(incarnation, &plan)?;
        self.count_plan(incarnation, &plan);
        let ahead = stage == Stage::Preparing;
        if ahead {
            self.hits.count(Hit::PreparedAhead);
        }
        let flight = Flight { plan: Arc::clone(&plan), session: None, stage };
        self.incarnations[incarnation].flights.insert(plan.id, flight);
        self.over_network(Event::Begin { incarnation, plan, ahead });
        Ok(())
    }

    fn count_plan(&mut self, incarnation: usize, plan: &Plan) {
        let skus = |plan: &Plan| -> Vec<Sku> {
            plan.totals().into_iter().map(|total| total.sku).collect()
        };
        let mine = skus(plan);
        if plan.mode == Mode::Merged && mine.len() > 1 && plan.operations.len() > 1 {
            self.hits.count(Hit::MergedSeveralLanes);
        }
        let mut wishes: Vec<Wish> = plan.operations.iter().map(Wish::of).collect();
        wishes.sort();
        if wishes.windows(2).any(|pair| pair[0] == pair[1]) {
            self.hits.count(Hit::SameIdInOneFlush);
        }
        let overlaps = |flight: &Flight| {
            matches!(flight.stage, Stage::Ready | Stage::Committing)
                && skus(&flight.plan).iter().any(|sku| mine.contains(sku))
        };
        if self.incarnations[incarnation].flights.values().any(overlaps) {
            self.hits.count(Hit::TwoFlushesOfALane);
        }
    }

    fn advance_flight(
        &mut self,
        incarnation: usize,
        flush: FlushId,
        from: &[Stage],
        to: Stage,
    ) -> Result<(), Violation> {
        let flight = self.incarnations[incarnation].flights.get_mut(&flush);
        match flight {
            Some(flight) if from.contains(&flight.stage) => {
                flight.stage = to;
                Ok(())
            }
            Some(_) | None => {
                let detail = format!("flush {} is to be {to:?} out of turn", name(flush));
                Err(Violation::new(Rule::Protocol, detail))
            }
        }
    }

    pub(super) fn prepared(
        &mut self,
        incarnation: usize,
        flush: FlushId,
        outcome: Result<(), Failure>,
    ) {
        let now_ms = self.now_ms;
        self.say(|_| format!("flush {} is prepared: {outcome:?}", name(flush)));
        let engine = &mut self.incarnations[incarnation];
        let Some(combiner) = &mut engine.combiner else { return };
        let flight = engine.flights.get_mut(&flush).expect("it was launched");
        flight.stage = if outcome.is_ok() { Stage::Prepared } else { Stage::Over };
        combiner.prepared(now_ms, flush, outcome);
        if outcome.is_err() {
            self.hits.count(Hit::FailedPreparation);
        }
        self.nudge(incarnation);
    }

    pub(super) fn executed(&mut self, incarnation: usize, flush: FlushId, execution: Execution) {
        let now_ms = self.now_ms;
        self.say(|_| format!("flush {} reports {execution:?}", name(flush)));
        let engine = &mut self.incarnations[incarnation];
        let Some(combiner) = &mut engine.combiner else { return };
        let flight = engine.flights.get_mut(&flush).expect("it was launched");
        let plan = Arc::clone(&flight.plan);
        flight.stage = match &execution {
            Execution::Ready { .. } => Stage::Ready,
            Execution::Failed(_) if plan.resolving => Stage::Unanswered,
            Execution::CommitUnknown => Stage::Unanswered,
            Execution::NothingToWrite { .. }
            | Execution::Committed { .. }
            | Execution::Landed { .. }
            | Execution::Failed(_) => Stage::Over,
        };
        if execution == Execution::Failed(Failure::Statement)
            && let [alone] = plan.operations.as_slice()
        {
            self.refused_statements.insert((incarnation, Wish::of(alone)));
        }
        if execution == Execution::CommitUnknown {
            let wishes = plan.operations.iter().map(Wish::of);
            self.unanswered_commits.extend(wishes.map(|wish| (incarnation, wish)));
        }
        let hit = hit_of(&execution, &plan);
        combiner.executed(now_ms, flush, execution);
        for hit in hit {
            self.hits.count(hit);
        }
        self.nudge(incarnation);
    }

    pub(super) fn committed(&mut self, incarnation: usize, flush: FlushId, outcome: CommitOutcome) {
        let now_ms = self.now_ms;
        self.say(|_| format!("flush {} reports {outcome:?}", name(flush)));
        let engine = &mut self.incarnations[incarnation];
        let Some(combiner) = &mut engine.combiner else { return };
        let flight = engine.flights.get_mut(&flush).expect("it was launched");
        flight.stage = match outcome {
            CommitOutcome::Committed => Stage::Over,
            CommitOutcome::NotCommitted => Stage::Over,
            CommitOutcome::Unknown => Stage::Unanswered,
        };
        if outcome == CommitOutcome::Unknown {
            let wishes = flight.plan.operations.iter().map(Wish::of);
            self.unanswered_commits.extend(wishes.map(|wish| (incarnation, wish)));
        }
        combiner.committed(now_ms, flush, outcome);
        match outcome {
            CommitOutcome::Committed => self.hits.count(Hit::Committed),
            CommitOutcome::NotCommitted => self.hits.count(Hit::NotCommitted),
            CommitOutcome::Unknown => {}
        }
        self.nudge(incarnation);
    }

    pub(super) fn probed(&mut self, incarnation: usize, usable: bool) {
        let now_ms = self.now_ms;
        self.say(|_| format!("life {incarnation} probes the database: {usable}"));
        let Some(combiner) = &mut self.incarnations[incarnation].combiner else { return };
        combiner.probed(now_ms, usable);
        self.nudge(incarnation);
    }

    pub(super) fn rolled_back(&mut self, incarnation: usize, flush: FlushId) {
        let now_ms = self.now_ms;
        self.say(|_| format!("flush {} is rolled back", name(flush)));
        let engine = &mut self.incarnations[incarnation];
        let Some(combiner) = &mut engine.combiner else { return };
        engine.flights.get_mut(&flush).expect("it was launched").stage = Stage::Over;
        combiner.rolled_back(now_ms, flush);
        self.hits.count(Hit::RolledBack);
        self.nudge(incarnation);
    }

    /// A drained engine ends when it is idle. The last time, it has to forget its lanes first.
    fn retire_if_drained(&mut self, incarnation: usize) -> Result<(), Violation> {
        let life = &self.incarnations[incarnation];
        let Some(combiner) = &life.combiner else { return Ok(()) };
        let waits_for_lanes = self.closing && combiner.lanes() > 0;
        if !life.draining || !combiner.is_idle() || waits_for_lanes {
            return Ok(());
        }
        let mine = self.calls.iter().filter(|call| call.incarnation == incarnation);
        let open = mine.filter(|call| call.answer.is_none()).count();
        if open > 0 || combiner.depth() > 0 {
            let depth = combiner.depth();
            let detail =
                format!("life {incarnation} is idle with {open} open calls, depth {depth}");
            return Err(Violation::new(Rule::Leak, detail));
        }
        self.say(|_| format!("engine life {incarnation} is drained and ends"));
        self.incarnations[incarnation].combiner = None;
        for engine in 0..self.engines.len() {
            if self.engines[engine] == Some(incarnation) {
                self.engines[engine] = None;
                self.soon(100, Event::EngineUp { engine });
            }
        }
        Ok(())
    }
}

/// True when the later plan could hold a ledger row that this flight still wants, and waits for it.
fn wait_for_each_other(flight: &Flight, later: &Plan) -> bool {
    let unwritten = matches!(flight.stage, Stage::Preparing | Stage::Executing);
    let ids = || flight.plan.operations.iter().map(Operation::id);
    let skus = |plan: &Plan| plan.totals().into_iter().map(|total| total.sku);
    unwritten
        && later.operations.iter().any(|operation| ids().any(|id| id == operation.id()))
        && skus(&flight.plan).any(|sku| skus(later).any(|other| other == sku))
}

/// A flush id a person can read: life and number.
pub(super) fn name(flush: FlushId) -> String {
    format!("{}/{}", flush.0 >> FLUSH_BITS, flush.0 & ((1 << FLUSH_BITS) - 1))
}

fn hit_of(execution: &Execution, plan: &Plan) -> Vec<Hit> {
    let mut hits = vec![match execution {
        Execution::Ready { .. } => match plan.mode {
            Mode::AtOnce | Mode::Merged => Hit::MergedReady,
            Mode::Deciding => Hit::DecidingReady,
        },
        Execution::NothingToWrite { .. } => Hit::NothingToWrite,
        Execution::Committed { .. } => Hit::CommittedAtOnce,
        Execution::CommitUnknown => Hit::CommitAtOnceUnknown,
        Execution::Landed { .. } => Hit::ResolvedAsLanded,
        Execution::Failed(failure) => match failure {
            Failure::Duplicate => Hit::FailedDuplicate,
            Failure::Guard => Hit::FailedGuard,
            Failure::LockWait => Hit::FailedLockWait,
            Failure::Conflict => Hit::FailedConflict,
            Failure::Lost => Hit::FailedLost,
            Failure::NotWritable => Hit::FailedNotWritable,
            Failure::Statement => Hit::FailedStatement,
        },
    }];
    if plan.resolving && matches!(execution, Execution::Ready { .. }) {
        hits.push(Hit::ResolvedByExecuting);
    }
    hits
}
