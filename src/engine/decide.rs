//! The decision of each operation on its own, in order of arrival, under the locks of all stock rows
//! that a plan touches.

mod refusal;

use super::ledger::{KnownAdjustment, KnownMovements, KnownStep, KnownTake, Ledger};
use super::outcome::{Left, SkuLeft};
use super::plan::{FlushId, Plan, SkuTotal, Totals};
use crate::domain::{
    Adjustment, Goal, Operation, Order, OrderStatus, Postings, Refusal, Settlement, Standing, Step,
    Timestamp, Transition, Verdict,
};

/// The outcome of deciding a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    verdicts: Vec<Provisional>,
    /// What the accepted operations change, sorted by SKU.
    pub totals: Vec<SkuTotal>,
    /// What is left of each SKU once they are written.
    pub left: Left,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Provisional {
    /// To be written by this flush.
    Accepted {
        postings: Postings,
        status: OrderStatus,
        hold_end: HoldEnd,
    },
    /// A copy of an operation that this very flush writes.
    RepeatOfAccepted {
        status: OrderStatus,
        hold_end: HoldEnd,
    },
    Final(Verdict),
}

/// When the hold of an order is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HoldEnd {
    /// It is no hold.
    Never,
    /// It was taken before.
    At(Timestamp),
    /// This long after this flush records it.
    After { micros: i64 },
}

impl HoldEnd {
    fn once_recorded(self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::At(end) => Some(end),
            Self::After { micros } => Some(Timestamp::from_micros(at.micros() + micros)),
        }
    }
}

impl Decision {
    /// The movements that have to be written for the operation at `index`, `None` when it is not accepted.
    #[must_use]
    pub fn postings(&self, index: usize) -> Option<Postings> {
        match &self.verdicts[index] {
            Provisional::Accepted { postings, .. } => Some(postings),
            Provisional::RepeatOfAccepted { .. } | Provisional::Final(_) => None,
        }
    }

    /// True when anything has to be written.
    #[must_use]
    pub fn writes(&self) -> bool {
        !self.totals.is_empty()
    }

    /// The verdicts, given the time at which the accepted operations are recorded.
    #[must_use]
    pub fn verdicts(self, recorded_at: Timestamp) -> Vec<Verdict> {
        let done = |replayed, status, hold_end: HoldEnd| {
            let expires_at = hold_end.once_recorded(recorded_at);
            Verdict::Done { at: recorded_at, replayed, status, expires_at }
        };
        self.verdicts
            .into_iter()
            .map(|verdict| match verdict {
                Provisional::Accepted { status, hold_end, .. } => done(false, status, hold_end),
                Provisional::RepeatOfAccepted { status, hold_end } => done(true, status, hold_end),
                Provisional::Final(verdict) => verdict,
            })
            .collect()
    }
}

/// Decides every operation of the plan in its order. Pure: the ledger goes in, the decision comes out.
#[must_use]
pub fn decide(plan: &Plan, ledger: Ledger) -> Decision {
    let mut desk = Desk { flush: plan.id, ledger, totals: Totals::default() };
    let verdicts = plan.operations.iter().map(|operation| desk.decide(operation)).collect();
    let Desk { ledger: Ledger { now, stock, .. }, totals, .. } = desk;
    let left = stock
        .into_iter()
        .map(|(sku, stock)| SkuLeft {
            sku,
            available: stock.available,
            taken: None,
            on_terms: stock.terms.purchase_limit.is_some() || !stock.terms.window.is_open(now),
        })
        .collect();
    Decision { verdicts, totals: totals.sorted(), left }
}

struct Desk<'p> {
    flush: FlushId,
    /// What was read, and what this flush is going to write as if it had been: recorded by this flush,
    /// now.
    ledger: Ledger,
    totals: Totals<'p>,
}

impl<'p> Desk<'p> {
    fn decide(&mut self, operation: &'p Operation) -> Provisional {
        match operation {
            Operation::Take(order) => self.take(operation, order),
            Operation::Settle(settlement) => self.settle(operation, settlement),
            Operation::Adjust(adjustment) => self.adjust(operation, adjustment),
        }
    }

    fn take(&mut self, operation: &'p Operation, order: &Order) -> Provisional {
        if let Some((known, take)) = self.known_take(operation) {
            let same = is_same(order, take)
                && order.buyer() == take.buyer.as_ref()
                && order.hold().is_some() == take.expires_at.is_some();
            if !same {
                return refused(Refusal::Mismatch);
            }
            return self.repeat((take.flush, take.at), known.standing(take).status(), take);
        }
        if let Some(refusal) = self.take_refusal(operation) {
            return refused(refusal);
        }
        let take = KnownTake {
            lines: (0..operation.width())
                .map(|index| operation.line(index))
                .map(|(sku, units)| (sku.clone(), units))
                .collect(),
            buyer: order.buyer().cloned(),
            expires_at: order.hold().map(|hold| self.ledger.now.after(hold)),
            flush: self.flush,
            at: self.ledger.now,
        };
        let hold_end = self.hold_end(&take);
        self.ledger.known.entry(order.id().clone()).or_default().take = Some(take);
        self.count_bought(operation, 1);
        self.accept(operation, operation.postings(), operation.status_when_done(), hold_end)
    }

    fn settle(&mut self, operation: &'p Operation, settlement: &Settlement) -> Provisional {
        let Some((known, take)) = self.known_take(operation) else {
            return refused(Refusal::UnknownOrder);
        };
        if !is_same(settlement.order(), take) {
            return refused(Refusal::Mismatch);
        }
        let goal = settlement.goal();
        let overdue = take.is_overdue(self.ledger.now);
        let standing = known.standing(take);
        let postings = match standing.toward(goal, overdue) {
            Transition::Write(postings) => postings,
            Transition::Reached => return self.repeat(known.newest(take), goal.status(), take),
            Transition::Barred => return refused(Refusal::Settled(standing.status())),
        };
        let counted = match standing {
            Standing::Held => i64::from(!overdue),
            Standing::Deducted | Standing::Confirmed => 1,
            Standing::Cancelled | Standing::Expired => 0,
        };
        let counts = i64::from(goal == Goal::Confirm);
        let hold_end = self.hold_end(take);
        if let Some(refusal) = self.settle_refusal(operation, postings) {
            return refused(refusal);
        }
        let (flush, at) = (self.flush, self.ledger.now);
        let known = self.ledger.known.get_mut(operation.id()).expect("seen just now");
        for posting in postings {
            let step = Some(KnownStep { kind: posting.kind, flush, at });
            match posting.step {
                Step::Settle => known.settle = step,
                Step::Retake => known.retake = step,
                Step::Return => known.returned = step,
                Step::Take | Step::Adjust => unreachable!("no settlement takes or adjusts"),
            }
        }
        self.count_bought(operation, counts - counted);
        self.accept(operation, postings, goal.status(), hold_end)
    }

    fn adjust(&mut self, operation: &'p Operation, adjustment: &Adjustment) -> Provisional {
        let status = operation.status_when_done();
        let delta = adjustment.delta.units();
        let known = self.ledger.known.get(&adjustment.id).and_then(|known| known.adjust.as_ref());
        if let Some(adjusted) = known {
            if adjusted.sku != adjustment.sku || adjusted.delta != delta {
                return refused(Refusal::Mismatch);
            }
            if adjusted.flush == self.flush {
                return Provisional::RepeatOfAccepted { status, hold_end: HoldEnd::Never };
            }
            let at = adjusted.at;
            let done = Verdict::Done { at, replayed: true, status, expires_at: None };
            return Provisional::Final(done);
        }
        if let Some(refusal) = self.stock_refusal(operation, operation.postings()) {
            return refused(refusal);
        }
        let sku = adjustment.sku.clone();
        let adjusted = KnownAdjustment { sku, delta, flush: self.flush, at: self.ledger.now };
        self.ledger.known.entry(adjustment.id.clone()).or_default().adjust = Some(adjusted);
        self.accept(operation, operation.postings(), status, HoldEnd::Never)
    }

    fn known_take(&self, operation: &Operation) -> Option<(&KnownMovements, &KnownTake)> {
        let known = self.ledger.known.get(operation.id())?;
        Some((known, known.take.as_ref()?))
    }

    /// The answer to an operation that was done before, by this flush or by another.
    fn repeat(
        &self,
        (flush, at): (FlushId, Timestamp),
        status: OrderStatus,
        take: &KnownTake,
    ) -> Provisional {
        if flush == self.flush {
            return Provisional::RepeatOfAccepted { status, hold_end: self.hold_end(take) };
        }
        let expires_at = take.expires_at;
        Provisional::Final(Verdict::Done { at, replayed: true, status, expires_at })
    }

    fn hold_end(&self, take: &KnownTake) -> HoldEnd {
        match take.expires_at {
            None => HoldEnd::Never,
            Some(end) if take.flush == self.flush => {
                HoldEnd::After { micros: end.micros() - take.at.micros() }
            }
            Some(end) => HoldEnd::At(end),
        }
    }

    fn accept(
        &mut self,
        operation: &'p Operation,
        postings: Postings,
        status: OrderStatus,
        hold_end: HoldEnd,
    ) -> Provisional {
        for index in 0..operation.width() {
            let mut change = operation.change_by(postings, index);
            let stock = self.ledger.stock.get_mut(change.sku).expect("checked for a refusal");
            // Somebody may have lowered `held` by hand: what is not there cannot be given back.
            change.held = change.held.max(-stock.held);
            stock.available += change.delta;
            stock.held += change.held;
            self.totals.add(change, false, None);
        }
        Provisional::Accepted { postings, status, hold_end }
    }

    fn count_bought(&mut self, operation: &Operation, sign: i64) {
        let Some(buyer) = operation.buyer() else { return };
        for index in 0..operation.width() {
            let (sku, units) = operation.line(index);
            let bought = self.ledger.bought.entry(sku.clone()).or_default();
            *bought.entry(buyer.clone()).or_default() += sign * units;
        }
    }
}

fn refused(refusal: Refusal) -> Provisional {
    Provisional::Final(Verdict::Refused(refusal))
}

fn is_same(order: &Order, take: &KnownTake) -> bool {
    let lines = order.lines().iter().map(|line| (&line.sku, line.quantity.units()));
    lines.eq(take.lines.iter().map(|(sku, units)| (sku, *units)))
}
