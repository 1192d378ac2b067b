//! What it takes to be answered as done.

use hotrow::domain::{Operation, OrderStatus, Standing, Timestamp, Verdict};

use super::Oracle;
use super::law::Ruling;
use super::way;
use crate::ledger::lines_of;
use crate::rule::{Rule, Violation};
use crate::world::{Answer, Call};

/// What a caller was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) replayed: bool,
    pub(super) status: OrderStatus,
    pub(super) expires_at: Option<Timestamp>,
}

impl Oracle<'_> {
    pub(super) fn check_done(
        &self,
        call: &Call,
        answer: &Answer,
        told: Told,
    ) -> Result<(), Violation> {
        let place = self.place_of(&call.operation, told).filter(|&place| place < answer.at);
        let Some(place) = place else {
            return Err(Violation::new(Rule::LostOrder, "it is not in the ledger"));
        };
        let written = self.world.store.log[place].written().expect("found by its key");
        if written.lines != lines_of(&call.operation) {
            return Err(Violation::new(Rule::Content, "the ledger has other content"));
        }
        if written.at != told.at {
            let detail = format!("the ledger says {:?}", written.at);
            return Err(Violation::new(Rule::RecordedAt, detail));
        }
        let life = self.history.lives.get(call.operation.id());
        let is_order = !matches!(call.operation, Operation::Adjust(_));
        let expires_at = life.filter(|_| is_order).and_then(|life| life.expires_at);
        if told.expires_at != expires_at {
            let detail = format!("its hold is over at {expires_at:?}");
            return Err(Violation::new(Rule::ExpiresAt, detail));
        }
        self.check_replayed(call, place, told.replayed)?;
        if told.replayed { self.check_repeat(call, answer, told) } else { check_fresh(call, told) }
    }

    /// The place in the log of what the operation is done by.
    pub(super) fn place_of(&self, operation: &Operation, told: Told) -> Option<usize> {
        let life = match operation {
            Operation::Adjust(adjustment) => {
                return self.history.adjusted.get(&adjustment.id).map(|adjusted| adjusted.place);
            }
            Operation::Take(order) => {
                let take = self.history.lives.get(order.id())?.passages.first()?;
                return Some(take.place);
            }
            Operation::Settle(settlement) => self.history.lives.get(settlement.order().id())?,
        };
        let leads = |to: Standing| {
            let sold_at_once = told.replayed && to == Standing::Deducted;
            way::status(to) == told.status && (to != Standing::Deducted || sold_at_once)
        };
        let passage = life.passages.iter().find(|passage| leads(passage.to))?;
        Some(passage.place)
    }

    fn check_replayed(&self, call: &Call, place: usize, replayed: bool) -> Result<(), Violation> {
        let others: Vec<&Call> =
            self.callers(place).filter(|other| !std::ptr::eq(*other, call)).collect();
        let other_wrote = others.iter().any(|other| self.may_have_written(other, place));
        if replayed && !other_wrote {
            return Err(Violation::new(Rule::Replayed, "nobody else did it"));
        }
        if !replayed && !self.may_have_written(call, place) {
            return Err(Violation::new(Rule::Replayed, "somebody else did it"));
        }
        let told_fresh = |other: &Call| {
            let verdict = other.answer.as_ref().and_then(|answer| answer.verdict.as_ref());
            other.wish == call.wish
                && matches!(verdict, Some(Verdict::Done { replayed: false, .. }))
        };
        if !replayed && others.iter().any(|other| told_fresh(other)) {
            return Err(Violation::new(Rule::Replayed, "two callers were told that they did it"));
        }
        Ok(())
    }

    /// A repeat is told what has become of the order since.
    fn check_repeat(&self, call: &Call, answer: &Answer, told: Told) -> Result<(), Violation> {
        let Told { at, replayed: _, status, expires_at } = told;
        let wanted = Ruling::Repeat { at, status, expires_at };
        let fits = |moment| self.ruling(&call.operation, moment) == wanted;
        if self.moments(call, answer).any(fits) {
            return Ok(());
        }
        let life = self.history.lives.get(call.operation.id());
        Err(Violation::new(Rule::Status, format!("it never was so: {life:?}")))
    }
}

fn check_fresh(call: &Call, told: Told) -> Result<(), Violation> {
    let right = match &call.operation {
        Operation::Take(order) if order.hold().is_some() => told.status == OrderStatus::Held,
        Operation::Take(_) | Operation::Adjust(_) => told.status == OrderStatus::Deducted,
        Operation::Settle(settlement) => told.status == settlement.goal().status(),
    };
    if right {
        return Ok(());
    }
    Err(Violation::new(Rule::Status, "this is not what it becomes"))
}
