//! The words of the model, and those that the engine is given.

use hotrow::domain::{
    Adjustment, Buyer, Delta, HoldSeconds, Line, Operation, Order, OrderId, Quantity, Sku, Step,
    Timestamp,
};
use hotrow::engine::{
    FlushId, KnownAdjustment, KnownMovements, KnownStep, KnownTake, Ledger, LockedStock,
};

use crate::model::{Model, NOW_MICROS, Taken};

/// A flush of somebody else.
const THEIRS: FlushId = FlushId(3);

pub(crate) fn sku(number: usize) -> Sku {
    Sku::new(&format!("sku-{number}")).expect("a valid identifier")
}

pub(crate) fn id(number: usize) -> OrderId {
    OrderId::new("order_id", &format!("o-{number}")).expect("a valid identifier")
}

pub(crate) fn buyer(number: usize) -> Buyer {
    Buyer::new(&format!("b-{number}")).expect("a valid identifier")
}

pub(crate) fn hold(seconds: i64) -> HoldSeconds {
    HoldSeconds::new(seconds).expect("within its bounds")
}

pub(crate) fn order(number: usize, lines: &[(usize, i64)]) -> Order {
    let line = |&(number, units): &(usize, i64)| Line {
        sku: sku(number),
        quantity: Quantity::new(units).expect("within its bounds"),
    };
    Order::new(id(number), lines.iter().map(line)).expect("few lines")
}

pub(crate) fn adjustment(number: usize, of: usize, units: i64) -> Operation {
    let delta = Delta::new(units).expect("within its bounds");
    Operation::Adjust(Adjustment { id: id(number), sku: sku(of), delta, reason: None })
}

impl Model {
    /// The same as the engine is given it.
    pub(crate) fn as_ledger(&self) -> Ledger {
        let mut ledger = Ledger { now: Timestamp::from_micros(NOW_MICROS), ..Ledger::default() };
        let buyers: Vec<&Buyer> =
            self.orders.values().filter_map(|taken| taken.order.buyer()).collect();
        for (sku, row) in &self.stock {
            let (available, held, terms) = (row.available, row.held, row.terms);
            ledger.stock.insert(sku.clone(), LockedStock { available, held, terms });
            if terms.purchase_limit.is_some() {
                let bought = ledger.bought.entry(sku.clone()).or_default();
                let units = |buyer: &&Buyer| ((*buyer).clone(), self.bought(sku, buyer));
                bought.extend(buyers.iter().map(units));
            }
        }
        for (id, taken) in &self.orders {
            fill_in(ledger.known.entry(id.clone()).or_default(), taken);
        }
        for (id, (adjustment, at)) in &self.adjusted {
            ledger.known.entry(id.clone()).or_default().adjust = Some(KnownAdjustment {
                sku: adjustment.sku.clone(),
                delta: adjustment.delta.units(),
                flush: THEIRS,
                at: Timestamp::from_micros(*at),
            });
        }
        ledger
    }
}

fn fill_in(known: &mut KnownMovements, taken: &Taken) {
    let lines = taken.order.lines().iter();
    known.take = Some(KnownTake {
        lines: lines.map(|line| (line.sku.clone(), line.quantity.units())).collect(),
        buyer: taken.order.buyer().cloned(),
        expires_at: taken.expires_at().map(Timestamp::from_micros),
        flush: THEIRS,
        at: Timestamp::from_micros(taken.at_micros),
    });
    for &(step, kind, at) in &taken.steps {
        let at = Timestamp::from_micros(at);
        let place = match step {
            Step::Settle => &mut known.settle,
            Step::Retake => &mut known.retake,
            Step::Return => &mut known.returned,
            Step::Take | Step::Adjust => panic!("nothing settles so"),
        };
        *place = Some(KnownStep { kind, flush: THEIRS, at });
    }
}
