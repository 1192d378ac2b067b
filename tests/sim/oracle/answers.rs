//! Each answer on its own.

use hotrow::domain::{NotExecuted, OrderStatus, Refusal, Timestamp, Verdict};

use super::Oracle;
use crate::ledger::{Entry, Key, Step, changes_of};
use crate::rule::{Rule, Violation};
use crate::world::{Answer, Call, incarnation_of};

/// With all faults gone, and the sessions of lost clients too, an unanswered commit is found out
/// within this time, in milliseconds.
const RESOLVED_WITHIN_MS: u64 = 1_000;

impl Oracle<'_> {
    pub(super) fn check_answer(&self, call: &Call) -> Result<(), Violation> {
        let Some(answer) = &call.answer else {
            return Err(Violation::new(Rule::Stuck, "it has no answer"));
        };
        let Some(verdict) = &answer.verdict else { return Ok(()) };
        match verdict {
            Verdict::Done { at, replayed, status } => {
                self.check_done(call, answer, *at, *replayed)?;
                self.check_status(call, answer, *status)
            }
            Verdict::Refused(refusal) => self.check_refusal(call, answer, refusal),
            Verdict::NotExecuted(reason) => self.check_not_executed(call, answer, *reason),
            Verdict::Unknown => self.check_unknown(call, answer),
        }
    }

    /// Whether this call can be the one that wrote the entry at `place`, by what it was told.
    pub(super) fn may_have_written(&self, call: &Call, place: usize) -> bool {
        let Entry::Written { flush, .. } = &self.world.store.log[place] else { return false };
        let Some(answer) = &call.answer else { return false };
        if call.called_at > place || incarnation_of(*flush) != call.incarnation {
            return false;
        }
        match &answer.verdict {
            // The engine crashed or could not find out; the commit may even come later.
            None | Some(Verdict::Unknown) => true,
            Some(Verdict::Done { replayed, .. }) => !replayed,
            Some(Verdict::Refused(_) | Verdict::NotExecuted(_)) => false,
        }
    }

    fn check_done(
        &self,
        call: &Call,
        answer: &Answer,
        told_at: Timestamp,
        replayed: bool,
    ) -> Result<(), Violation> {
        let place = self.places.get(&call.key).copied().filter(|&place| place < answer.at);
        let Some(place) = place else {
            return Err(Violation::new(Rule::LostOrder, "it is not in the ledger"));
        };
        let Entry::Written { changes, at, .. } = &self.world.store.log[place] else {
            unreachable!("keys are in written entries only")
        };
        if *changes != changes_of(&call.operation) {
            return Err(Violation::new(Rule::Content, "the ledger has other content"));
        }
        if *at != told_at {
            return Err(Violation::new(Rule::RecordedAt, format!("the ledger says {at:?}")));
        }
        let others: Vec<&Call> =
            self.callers(&call.key, changes).filter(|other| !std::ptr::eq(*other, call)).collect();
        let other_wrote = others.iter().any(|other| self.may_have_written(other, place));
        if replayed && !other_wrote {
            return Err(Violation::new(Rule::Replayed, "nobody else did it"));
        }
        if !replayed && !self.may_have_written(call, place) {
            return Err(Violation::new(Rule::Replayed, "somebody else did it"));
        }
        let told_fresh = |other: &Call| {
            let verdict = other.answer.as_ref().and_then(|answer| answer.verdict.as_ref());
            matches!(verdict, Some(Verdict::Done { replayed: false, .. }))
        };
        if !replayed && others.iter().any(|other| told_fresh(other)) {
            return Err(Violation::new(Rule::Replayed, "two callers were told that they did it"));
        }
        Ok(())
    }

    fn check_status(
        &self,
        call: &Call,
        answer: &Answer,
        status: OrderStatus,
    ) -> Result<(), Violation> {
        let settle = Key { id: call.key.id.clone(), step: Step::Settle };
        let settled = self.places.get(&settle).copied();
        let right = match (call.key.step, status) {
            (Step::Take, OrderStatus::Deducted) => {
                settled.is_none_or(|place| place >= call.called_at)
            }
            (Step::Take, OrderStatus::Cancelled) => settled.is_some_and(|place| place < answer.at),
            (Step::Settle, OrderStatus::Cancelled) | (Step::Adjust, OrderStatus::Deducted) => true,
            (Step::Settle, OrderStatus::Deducted) | (Step::Adjust, OrderStatus::Cancelled) => false,
        };
        if right {
            return Ok(());
        }
        Err(Violation::new(Rule::Status, format!("it was settled at {settled:?}")))
    }

    fn check_refusal(
        &self,
        call: &Call,
        answer: &Answer,
        refusal: &Refusal,
    ) -> Result<(), Violation> {
        let place = self.places.get(&call.key).copied();
        let changes = changes_of(&call.operation);
        let right = match refusal {
            Refusal::UnknownSku(sku) => {
                !self.world.setting.opening.contains_key(sku)
                    && changes.iter().any(|(changed, _)| changed == sku)
            }
            Refusal::InsufficientStock(_) | Refusal::StockCeiling { .. } => {
                // What was done before the call has to be repeated, not refused.
                let done_before = place.is_some_and(|place| place < call.called_at);
                !done_before
                    && (call.called_at..=answer.at)
                        .any(|moment| self.fits_refusal(call, refusal, moment))
            }
            Refusal::Mismatch => place
                .filter(|&place| place < answer.at)
                .is_some_and(|place| self.world.store.log[place].changes() != changes.as_slice()),
            // Only orders that the ledger has are cancelled.
            Refusal::UnknownOrder => false,
        };
        if right {
            return Ok(());
        }
        Err(Violation::new(Rule::WrongRefusal, "it fitted at every moment"))
    }

    fn check_not_executed(
        &self,
        call: &Call,
        answer: &Answer,
        reason: NotExecuted,
    ) -> Result<(), Violation> {
        let policy = &self.world.setting.policy;
        let right = match reason {
            NotExecuted::Overloaded { limit_value, .. } => {
                limit_value == policy.lane_depth_max && call.crowd >= limit_value
            }
            NotExecuted::Draining => call.draining,
            NotExecuted::DatabaseUnavailable => {
                let refused = (call.incarnation, call.key.clone());
                call.down
                    || answer.at_ms >= call.called_ms + policy.order_deadline_ms
                    || self.world.refused_statements.contains(&refused)
            }
        };
        if right {
            return Ok(());
        }
        Err(Violation::new(Rule::WrongNotExecuted, "there was no such reason"))
    }

    fn check_unknown(&self, call: &Call, answer: &Answer) -> Result<(), Violation> {
        let unanswered = (call.incarnation, call.key.clone());
        if !self.world.unanswered_commits.contains(&unanswered) {
            return Err(Violation::new(Rule::WrongUnknown, "all its commits were answered"));
        }
        if answer.at_ms < call.called_ms + self.world.setting.policy.order_deadline_ms {
            return Err(Violation::new(Rule::WrongUnknown, "its deadline was not over"));
        }
        let setting = &self.world.setting;
        let in_the_way_ms = setting.linger_ms + 3 * setting.lock_wait_ms;
        if answer.at_ms > setting.peace_at_ms + in_the_way_ms + RESOLVED_WITHIN_MS {
            return Err(Violation::new(Rule::WrongUnknown, "it could have been found out"));
        }
        Ok(())
    }
}
