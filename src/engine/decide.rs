//! The decision of each operation on its own, in order of arrival, under the locks of all stock rows
//! that a plan touches.

use rustc_hash::{FxHashMap, FxHashSet};

use super::plan::{FlushId, Plan};
use crate::domain::{
    Adjustment, Operation, Order, OrderId, OrderStatus, Refusal, Shortfall, Sku, Timestamp, Verdict,
};
use crate::limits::AVAILABLE_MAX;

/// A recorded step of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it changed, per SKU, sorted by SKU.
    pub changes: Vec<(Sku, i64)>,
    /// The flush that recorded it.
    pub flush: FlushId,
    /// When.
    pub at: Timestamp,
}

/// Everything the ledger has under one id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMovements {
    /// The take of an order.
    pub take: Option<Known>,
    /// The settling of an order.
    pub settle: Option<Known>,
    /// An adjustment.
    pub adjust: Option<Known>,
}

/// What the decision is made from: read after all locks were taken.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// `available` of every SKU of the plan that exists.
    pub available: FxHashMap<Sku, i64>,
    /// What is known of the plan's ids.
    pub known: FxHashMap<OrderId, KnownMovements>,
}

impl Ledger {
    /// When a flush of this name has written any of it. A flush is one transaction: then it has written
    /// everything that it accepted.
    #[must_use]
    pub fn landed(&self, flush: FlushId) -> Option<Timestamp> {
        self.known
            .values()
            .flat_map(|known| [&known.take, &known.settle, &known.adjust].into_iter().flatten())
            .find(|known| known.flush == flush)
            .map(|known| known.at)
    }
}

/// The outcome of deciding a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    verdicts: Vec<Provisional>,
    /// What is left of each SKU once the accepted operations are written.
    pub left: Vec<(Sku, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Provisional {
    /// To be written by this flush.
    Accepted(OrderStatus),
    /// A copy of an operation that this very flush writes.
    RepeatOfAccepted(OrderStatus),
    Final(Verdict),
}

impl Decision {
    /// True when the operation at `index` has to be written.
    #[must_use]
    pub fn accepts(&self, index: usize) -> bool {
        matches!(self.verdicts[index], Provisional::Accepted(_))
    }

    /// True when anything has to be written.
    #[must_use]
    pub fn writes(&self) -> bool {
        (0..self.verdicts.len()).any(|index| self.accepts(index))
    }

    /// The verdicts, given the time at which the accepted operations are recorded.
    #[must_use]
    pub fn verdicts(self, recorded_at: Timestamp) -> Vec<Verdict> {
        let done = |replayed, status| Verdict::Done { at: recorded_at, replayed, status };
        self.verdicts
            .into_iter()
            .map(|verdict| match verdict {
                Provisional::Accepted(status) => done(false, status),
                Provisional::RepeatOfAccepted(status) => done(true, status),
                Provisional::Final(verdict) => verdict,
            })
            .collect()
    }
}

/// Decides every operation of the plan in its order. Pure: the ledger goes in, the decision comes out.
#[must_use]
pub fn decide(plan: &Plan, ledger: Ledger) -> Decision {
    let mut desk = Desk { flush: plan.id, ledger, mine: FxHashSet::default() };
    let verdicts = plan.operations.iter().map(|operation| desk.decide(operation)).collect();
    Decision { verdicts, left: desk.ledger.available.into_iter().collect() }
}

struct Desk {
    flush: FlushId,
    ledger: Ledger,
    /// What this flush is going to write; what comes after is a repeat.
    mine: FxHashSet<(OrderId, Step)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Take,
    Settle,
    Adjust,
}

impl Desk {
    fn decide(&mut self, operation: &Operation) -> Provisional {
        match operation {
            Operation::Take(order) => self.take(operation, order),
            Operation::Cancel(cancellation) => self.cancel(operation, cancellation.0.id()),
            Operation::Adjust(adjustment) => self.adjust(operation, adjustment),
        }
    }

    fn take(&mut self, operation: &Operation, order: &Order) -> Provisional {
        let known = self.ledger.known.get(order.id());
        if let Some(taken) = known.and_then(|known| known.take.clone()) {
            let settled = known.is_some_and(|known| known.settle.is_some());
            let status = if settled { OrderStatus::Cancelled } else { OrderStatus::Deducted };
            return self.repeat(operation, Step::Take, &taken, status);
        }
        self.attempt(operation, Step::Take)
    }

    fn cancel(&mut self, operation: &Operation, id: &OrderId) -> Provisional {
        let known = self.ledger.known.get(id);
        if known.is_none_or(|known| known.take.is_none()) {
            return Provisional::Final(Verdict::Refused(Refusal::UnknownOrder));
        }
        if let Some(settled) = known.and_then(|known| known.settle.clone()) {
            return self.repeat(operation, Step::Settle, &settled, OrderStatus::Cancelled);
        }
        self.attempt(operation, Step::Settle)
    }

    fn adjust(&mut self, operation: &Operation, adjustment: &Adjustment) -> Provisional {
        let known = self.ledger.known.get(&adjustment.id);
        if let Some(adjusted) = known.and_then(|known| known.adjust.clone()) {
            return self.repeat(operation, Step::Adjust, &adjusted, OrderStatus::Deducted);
        }
        self.attempt(operation, Step::Adjust)
    }

    /// The answer to an operation whose id has this step already.
    fn repeat(
        &mut self,
        operation: &Operation,
        step: Step,
        known: &Known,
        status: OrderStatus,
    ) -> Provisional {
        let same = known.changes.len() == operation.width()
            && operation
                .changes()
                .zip(&known.changes)
                .all(|(a, b)| *a.sku == b.0 && a.delta == b.1);
        if !same {
            return Provisional::Final(Verdict::Refused(Refusal::Mismatch));
        }
        if self.mine.contains(&(operation.id().clone(), step)) {
            return Provisional::RepeatOfAccepted(status);
        }
        Provisional::Final(Verdict::Done { at: known.at, replayed: true, status })
    }

    /// Takes the operation if it fits, and remembers it as if it were in the ledger.
    fn attempt(&mut self, operation: &Operation, step: Step) -> Provisional {
        if let Some(refusal) = self.refusal(operation) {
            return Provisional::Final(Verdict::Refused(refusal));
        }
        for change in operation.changes() {
            *self.ledger.available.get_mut(change.sku).expect("checked by refusal()") +=
                change.delta;
        }
        let known = Known {
            changes: operation.changes().map(|c| (c.sku.clone(), c.delta)).collect(),
            flush: self.flush,
            at: Timestamp::from_micros(0),
        };
        let movements = self.ledger.known.entry(operation.id().clone()).or_default();
        match step {
            Step::Take => movements.take = Some(known),
            Step::Settle => movements.settle = Some(known),
            Step::Adjust => movements.adjust = Some(known),
        }
        self.mine.insert((operation.id().clone(), step));
        Provisional::Accepted(operation.status_when_done())
    }

    fn refusal(&self, operation: &Operation) -> Option<Refusal> {
        let mut short = Vec::new();
        let mut ceiling = None;
        for change in operation.changes() {
            let Some(&available) = self.ledger.available.get(change.sku) else {
                return Some(Refusal::UnknownSku(change.sku.clone()));
            };
            let after = available + change.delta;
            if change.delta < 0 && after < 0 {
                let sku = change.sku.clone();
                short.push(Shortfall { sku, requested: -change.delta, available });
            } else if change.delta > 0 && after > AVAILABLE_MAX {
                ceiling = Some(Refusal::StockCeiling { sku: change.sku.clone(), available });
            }
        }
        if short.is_empty() { ceiling } else { Some(Refusal::InsufficientStock(short)) }
    }
}
