//! Each answer on its own.

use hotrow::domain::{NotExecuted, OrderId, Refusal, Verdict};

use super::Oracle;
use super::done::Told;
use crate::rule::{Rule, Violation};
use crate::world::{Answer, Call};

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
            &Verdict::Done { at, replayed, status, expires_at } => {
                self.check_done(call, answer, Told { at, replayed, status, expires_at })
            }
            Verdict::Refused(refusal) => self.check_refusal(call, answer, refusal),
            Verdict::NotExecuted(reason) => self.check_not_executed(call, answer, *reason),
            Verdict::Unknown => self.check_unknown(call, answer),
        }
    }

    /// All calls with this id.
    pub(super) fn calls_of(&self, id: &OrderId) -> impl Iterator<Item = &Call> {
        self.calls.get(id).into_iter().flatten().copied()
    }

    fn check_refusal(
        &self,
        call: &Call,
        answer: &Answer,
        refusal: &Refusal,
    ) -> Result<(), Violation> {
        let fits = |moment| self.refuses(call, refusal, moment);
        if self.moments(call, answer).any(fits) {
            return Ok(());
        }
        Err(Violation::new(Rule::WrongRefusal, "it was not so at any moment"))
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
                let refused = (call.incarnation, call.wish.clone());
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
        let unanswered = (call.incarnation, call.wish.clone());
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
