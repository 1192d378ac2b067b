//! How flushes go on: in what order they commit, and what becomes of those that fail.

use std::sync::Arc;

use super::{Action, Combiner, Outage};
use crate::domain::{NotExecuted, Verdict};
use crate::engine::flight::{Flight, Outcome, Stage};
use crate::engine::lane::LaneIx;
use crate::engine::outcome::{CommitOutcome, Execution, Failure, Left, Verdicts};
use crate::engine::plan::{FlushId, Mode, Plan};
use crate::limits::{ATTEMPTS_BEFORE_ALONE, RECONNECT_PAUSE_MS};

impl<T> Combiner<T> {
    /// A connection has written the ledger rows of a plan, or failed to.
    ///
    /// # Panics
    /// When no flush of that name is being prepared.
    pub fn prepared(&mut self, now_ms: u64, id: FlushId, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.note_failure(now_ms, failure);
            return self.failed(now_ms, id, failure);
        }
        let flight = self.flights.get_mut(&id).expect("a prepared flush is in the air");
        match flight.stage {
            Stage::Preparing => {
                flight.stage = Stage::Prepared;
                self.proceed(id);
            }
            Stage::PreparingDoomed => self.undo(now_ms, id, true),
            Stage::Prepared
            | Stage::Executing
            | Stage::ExecutingDoomed
            | Stage::Holding(_)
            | Stage::Committing(_)
            | Stage::RollingBack
            | Stage::Unresolved { .. } => panic!("flush {} was not being prepared", id.0),
        }
    }

    /// A connection has executed a plan, or failed to.
    ///
    /// # Panics
    /// When no flush of that name executes.
    pub fn executed(&mut self, now_ms: u64, id: FlushId, execution: Execution) {
        self.note_reachability(now_ms, &execution);
        let flight = self.flights.get_mut(&id).expect("an executed flush is in the air");
        let doomed = match flight.stage {
            Stage::Executing => false,
            Stage::ExecutingDoomed => true,
            Stage::Preparing
            | Stage::PreparingDoomed
            | Stage::Prepared
            | Stage::Holding(_)
            | Stage::Committing(_)
            | Stage::RollingBack
            | Stage::Unresolved { .. } => panic!("flush {} was not executing", id.0),
        };
        let outcome = match execution {
            Execution::Ready { verdicts, left } => Outcome { verdicts, left, commits: true },
            Execution::NothingToWrite { verdicts, left } => {
                Outcome { verdicts, left, commits: false }
            }
            Execution::Committed { verdicts, left } => Outcome { verdicts, left, commits: false },
            Execution::CommitUnknown => return self.committed(now_ms, id, CommitOutcome::Unknown),
            Execution::Landed { at } => match flight.unanswered.take() {
                Some(outcome) => Outcome { commits: false, ..outcome },
                // Committed at once, so it was all or nothing.
                None => {
                    Outcome { verdicts: Verdicts::AllDone(at), left: Vec::new(), commits: false }
                }
            },
            Execution::Failed(failure) => return self.failed(now_ms, id, failure),
        };
        if doomed {
            return self.undo(now_ms, id, outcome.commits);
        }
        flight.stage = Stage::Holding(outcome);
        let followers = if flight.plan.resolving { Vec::new() } else { self.open_lanes(id) };
        self.proceed(id);
        self.let_proceed(&followers);
    }

    /// The database could be used, or not.
    ///
    /// # Panics
    /// When nothing was asked.
    pub fn probed(&mut self, now_ms: u64, usable: bool) {
        assert!(self.probing, "nobody asked whether the database can be used");
        self.probing = false;
        if usable {
            self.outage = None;
        } else {
            self.note_outage(now_ms);
        }
    }

    fn note_outage(&mut self, now_ms: u64) {
        let since_ms = self.outage.map_or(now_ms, |outage| outage.since_ms);
        self.outage = Some(Outage { since_ms, probe_at_ms: now_ms + RECONNECT_PAUSE_MS });
    }

    fn note_reachability(&mut self, now_ms: u64, execution: &Execution) {
        match execution {
            Execution::Failed(failure) => self.note_failure(now_ms, *failure),
            Execution::Ready { .. }
            | Execution::NothingToWrite { .. }
            | Execution::Committed { .. }
            | Execution::Landed { .. } => self.outage = None,
            Execution::CommitUnknown => {}
        }
    }

    fn note_failure(&mut self, now_ms: u64, failure: Failure) {
        match failure {
            Failure::Lost | Failure::NotWritable => self.note_outage(now_ms),
            // The server answered, but not with a finished plan: no news.
            Failure::Duplicate
            | Failure::Guard
            | Failure::LockWait
            | Failure::Conflict
            | Failure::Statement => {}
        }
    }

    fn failed(&mut self, now_ms: u64, id: FlushId, failure: Failure) {
        let flight = self.flights.get_mut(&id).expect("a failed flush is in the air");
        if flight.plan.resolving {
            let retry_at_ms = now_ms + RECONNECT_PAUSE_MS;
            flight.stage = Stage::Unresolved { retry_at_ms };
            return;
        }
        self.doom_what_follows(now_ms, id);
        let flight = self.flights.get_mut(&id).expect("a failed flush is in the air");
        let attempted = !matches!(failure, Failure::NotWritable);
        let was_alone =
            flight.members.len() == 1 && flight.members[0].attempts >= ATTEMPTS_BEFORE_ALONE;
        if failure == Failure::Statement && was_alone {
            return self.finish(id, |_| Verdict::NotExecuted(NotExecuted::DatabaseUnavailable));
        }
        for member in &mut flight.members {
            member.attempts += u32::from(attempted);
        }
        self.wait_again(now_ms, id);
    }

    /// The commit of a flush was answered, or was not.
    ///
    /// # Panics
    /// When no flush of that name commits.
    pub fn committed(&mut self, now_ms: u64, id: FlushId, outcome: CommitOutcome) {
        match outcome {
            CommitOutcome::Committed => self.answer(id),
            CommitOutcome::NotCommitted => {
                self.doom_what_follows(now_ms, id);
                let flight = self.flights.get_mut(&id).expect("a committing flush is in the air");
                for member in &mut flight.members {
                    member.attempts += 1;
                }
                self.wait_again(now_ms, id);
            }
            CommitOutcome::Unknown => {
                self.doom_what_follows(now_ms, id);
                let flight = self.flights.get_mut(&id).expect("a committing flush is in the air");
                let mut plan = Plan::clone(&flight.plan);
                plan.mode = Mode::Deciding;
                plan.resolving = true;
                flight.plan = Arc::new(plan);
                let unresolved = Stage::Unresolved { retry_at_ms: now_ms };
                if let Stage::Committing(outcome) = std::mem::replace(&mut flight.stage, unresolved)
                {
                    flight.unanswered = Some(outcome);
                }
                for &ix in &flight.lanes {
                    self.lanes.get_mut(ix).closed_by = Some(id);
                }
            }
        }
    }

    /// A flush was undone.
    ///
    /// # Panics
    /// When no flush of that name was being undone.
    pub fn rolled_back(&mut self, now_ms: u64, id: FlushId) {
        self.wait_again(now_ms, id);
    }

    /// Lets the next flush of these lanes start. Returns those that were prepared for it.
    fn open_lanes(&mut self, id: FlushId) -> Vec<FlushId> {
        let lanes = std::mem::take(&mut self.flights.get_mut(&id).expect("in the air").lanes);
        let mut followers = Vec::new();
        for &ix in &lanes {
            self.reopen(ix, id);
            let lane = self.lanes.get(ix);
            followers.extend(lane.closed_by.filter(|other| !followers.contains(other)));
            self.ready(ix);
        }
        self.flights.get_mut(&id).expect("in the air").lanes = lanes;
        followers
    }

    /// What this flush kept closed is closed by the next one that has to, or open.
    fn reopen(&mut self, ix: LaneIx, id: FlushId) {
        let lane = self.lanes.get_mut(ix);
        if lane.closed_by == Some(id) {
            let closes = |other: &&FlushId| self.flights[other].keeps_lanes_closed();
            lane.closed_by =
                lane.flights.iter().filter(|other| **other != id).find(closes).copied();
        }
    }

    /// Takes a flush to its next step, if those before it let it.
    pub(super) fn proceed(&mut self, id: FlushId) {
        let flight = &self.flights[&id];
        if matches!(flight.stage, Stage::Prepared) {
            if flight.before.iter().all(|other| self.flights[other].is_executed()) {
                let flight = self.flights.get_mut(&id).expect("seen just now");
                flight.stage = Stage::Executing;
                self.actions.push(Action::Finish(Arc::clone(&flight.plan)));
            }
            return;
        }
        let flight = self.flights.get_mut(&id).expect("a held flush is in the air");
        if !flight.before.is_empty() {
            return;
        }
        match std::mem::replace(&mut flight.stage, Stage::Executing) {
            Stage::Holding(outcome) if outcome.commits => {
                flight.stage = Stage::Committing(outcome);
                self.actions.push(Action::Commit(id));
            }
            Stage::Holding(outcome) => {
                flight.stage = Stage::Committing(outcome);
                self.answer(id);
            }
            other @ (Stage::Preparing
            | Stage::PreparingDoomed
            | Stage::Prepared
            | Stage::Executing
            | Stage::ExecutingDoomed
            | Stage::Committing(_)
            | Stage::RollingBack
            | Stage::Unresolved { .. }) => flight.stage = other,
        }
    }

    /// Answers the members of a flush whose outcome is certain.
    fn answer(&mut self, id: FlushId) {
        let flight = self.flights.get_mut(&id).expect("a committed flush is in the air");
        let Stage::Committing(outcome) = std::mem::replace(&mut flight.stage, Stage::Executing)
        else {
            panic!("flush {} was not committing", id.0)
        };
        let plan = Arc::clone(&flight.plan);
        self.remember_left(outcome.left);
        match outcome.verdicts {
            Verdicts::AllDone(at) => {
                self.finish(id, |index| {
                    let operation = &plan.operations[index];
                    let status = operation.status_when_done();
                    let expires_at = operation.expires_at(at);
                    Verdict::Done { at, replayed: false, status, expires_at }
                });
            }
            Verdicts::Each(verdicts) => {
                let mut verdicts = verdicts.into_iter();
                self.finish(id, |_| verdicts.next().expect("one verdict for each operation"));
            }
        }
    }

    fn remember_left(&mut self, left: Left) {
        for left in left {
            if let Some(ix) = self.lanes.find(&left.sku) {
                self.lanes.get_mut(ix).note_left(&left);
            }
        }
    }

    /// Answers every member and lets go of the flight.
    pub(super) fn finish(&mut self, id: FlushId, mut verdict: impl FnMut(usize) -> Verdict) {
        let (flight, after) = self.land(id);
        for (index, member) in flight.members.into_iter().enumerate() {
            for &ix in member.lanes.as_slice() {
                self.lanes.get_mut(ix).flushed_orders += 1;
            }
            self.answers.push((member.ticket, verdict(index)));
        }
        for ix in flight.lanes {
            self.lanes.get_mut(ix).flushes += 1;
            self.ready(ix);
        }
        self.let_proceed(&after);
    }

    /// Takes the flight out of its lanes. Returns it, and the flights that follow it in them: they may
    /// proceed once the lanes are done with it.
    pub(super) fn land(&mut self, id: FlushId) -> (Flight<T>, Vec<FlushId>) {
        let flight = self.flights.remove(&id).expect("a landing flush is in the air");
        self.apart_flights -= usize::from(flight.apart);
        let mut after = Vec::new();
        for &ix in &flight.lanes {
            let lane = self.lanes.get_mut(ix);
            lane.flights.retain(|&other| other != id);
            self.reopen(ix, id);
            let lane = self.lanes.get(ix);
            for &other in &lane.flights {
                if !after.contains(&other) {
                    after.push(other);
                }
            }
        }
        for other in &after {
            let follower = self.flights.get_mut(other).expect("what flies in a lane is in the air");
            follower.before.retain(|&flight| flight != id);
        }
        (flight, after)
    }

    pub(super) fn let_proceed(&mut self, flights: &[FlushId]) {
        for &id in flights {
            // The one before it may have taken it along.
            if self.flights.contains_key(&id) {
                self.proceed(id);
            }
        }
    }
}
