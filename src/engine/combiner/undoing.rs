//! What becomes of flushes of which nothing stays, and of those that started after them.

use std::sync::Arc;

use super::{Action, Combiner};
use crate::domain::{NotExecuted, Verdict};
use crate::engine::flight::Stage;
use crate::engine::plan::FlushId;
use crate::engine::queue::Waiting;

impl<T> Combiner<T> {
    /// Nothing of the flight is in the database: puts every member back where it waited, or answers it
    /// if it has waited long enough, and lets go of the flight.
    pub(super) fn wait_again(&mut self, now_ms: u64, id: FlushId) {
        let (flight, after) = self.land(id);
        let operations = match Arc::try_unwrap(flight.plan) {
            Ok(plan) => plan.operations,
            Err(shared) => shared.operations.clone(),
        };
        for (operation, member) in operations.into_iter().zip(flight.members) {
            if member.deadline_ms <= now_ms {
                let verdict = Verdict::NotExecuted(NotExecuted::DatabaseUnavailable);
                self.answers.push((member.ticket, verdict));
            } else {
                self.enqueue(Waiting { operation, member });
            }
        }
        for ix in flight.lanes {
            self.ready(ix);
        }
        self.let_proceed(&after);
    }

    /// Everything that started after this flush in its lanes has to wait again behind it.
    pub(super) fn doom_what_follows(&mut self, now_ms: u64, id: FlushId) {
        let mut doomed = vec![id];
        let mut next = 0;
        while next < doomed.len() {
            let cause = doomed[next];
            next += 1;
            for (&other, flight) in &self.flights {
                if flight.before.contains(&cause) && !doomed.contains(&other) {
                    doomed.push(other);
                }
            }
        }
        // The newest first, so that none of them proceeds when the one before it is gone.
        doomed[1..].sort_unstable();
        for &other in doomed[1..].iter().rev() {
            let flight = self.flights.get_mut(&other).expect("found in the air");
            // Its operations come back to the heads of their lanes: nothing may start before them.
            for &ix in &flight.lanes {
                self.lanes.get_mut(ix).closed_by.get_or_insert(other);
            }
            match std::mem::replace(&mut flight.stage, Stage::ExecutingDoomed) {
                Stage::Executing | Stage::ExecutingDoomed => {}
                Stage::Preparing | Stage::PreparingDoomed => {
                    self.flights.get_mut(&other).expect("found in the air").stage =
                        Stage::PreparingDoomed;
                }
                Stage::Prepared => self.undo(now_ms, other, true),
                Stage::Holding(outcome) => self.undo(now_ms, other, outcome.commits),
                Stage::RollingBack => flight.stage = Stage::RollingBack,
                Stage::Committing(_) | Stage::Unresolved { .. } => {
                    panic!("flush {} went ahead of flush {}", other.0, id.0)
                }
            }
        }
    }

    /// Undoes an executed flush; its operations wait again.
    pub(super) fn undo(&mut self, now_ms: u64, id: FlushId, written: bool) {
        if written {
            let flight = self.flights.get_mut(&id).expect("a doomed flush is in the air");
            flight.stage = Stage::RollingBack;
            self.actions.push(Action::RollBack(id));
        } else {
            self.wait_again(now_ms, id);
        }
    }
}
