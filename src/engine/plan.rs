//! What one flush will write.

use rustc_hash::FxHashMap;

use crate::domain::{Change, Operation, Sku, Step, Timestamp};

/// Names a flush in the ledger. Unique over all instances and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlushId(pub u64);

/// How a plan is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One order of one line, committed in the message that writes it: there is no flush before it that
    /// could make it undone.
    AtOnce,
    /// All of it or nothing: the ledger rows, then one guarded update of the totals.
    Merged,
    /// Lock the stock rows, read which ids are known, decide each operation, write what is accepted.
    Deciding,
}

/// The sum of a plan's changes to one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuTotal {
    /// Whose stock.
    pub sku: Sku,
    /// By how many units `available` changes in the end.
    pub delta: i64,
    /// By how many units `held` changes in the end.
    pub held: i64,
    /// Units that must be there before, so that no operation, in its turn, finds too little.
    pub need: i64,
    /// Units that must be free below the ceiling before, so that none, in its turn, passes it.
    pub rise: i64,
    /// Units that must be held before, so that no operation, in its turn, finds too few.
    pub held_need: i64,
    /// True when it may be made only of a SKU that is on sale and has no purchase limit.
    pub on_terms: bool,
    /// Before this time it has to be made: the first end of the holds that it confirms.
    pub until: Option<Timestamp>,
    /// Operations that change it.
    pub orders: u32,
}

/// Sums changes, SKU by SKU.
#[derive(Debug, Default)]
pub(super) struct Totals<'p> {
    totals: Vec<SkuTotal>,
    places: FxHashMap<&'p Sku, usize>,
}

impl<'p> Totals<'p> {
    pub(super) fn add(&mut self, change: Change<'p>, on_terms: bool, until: Option<Timestamp>) {
        // A hot lane's operations stand side by side: look at the newest total first.
        let place = match self.totals.last() {
            Some(last) if last.sku == *change.sku => self.totals.len() - 1,
            Some(_) | None => *self.places.entry(change.sku).or_insert_with(|| {
                self.totals.push(SkuTotal {
                    sku: change.sku.clone(),
                    delta: 0,
                    held: 0,
                    need: 0,
                    rise: 0,
                    held_need: 0,
                    on_terms: false,
                    until: None,
                    orders: 0,
                });
                self.totals.len() - 1
            }),
        };
        let total = &mut self.totals[place];
        total.delta += change.delta;
        total.held += change.held;
        total.need = total.need.max(-total.delta);
        total.rise = total.rise.max(total.delta);
        total.held_need = total.held_need.max(-total.held);
        total.on_terms |= on_terms;
        total.until = [total.until, until].into_iter().flatten().min();
        total.orders += 1;
    }

    /// Sorted by SKU: the order in which every flush locks stock rows.
    pub(super) fn sorted(self) -> Vec<SkuTotal> {
        let mut totals = self.totals;
        totals.sort_by(|a, b| a.sku.cmp(&b.sku));
        totals
    }
}

/// The operations of one flush, in their order of execution.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name in the ledger.
    pub id: FlushId,
    /// How it is executed.
    pub mode: Mode,
    /// True when an earlier commit of this plan had no answer, so that it may be there already.
    pub resolving: bool,
    /// Distinct SKUs that it touches.
    pub skus: usize,
    /// In order of execution; in every lane this is the order of arrival.
    pub operations: Vec<Operation>,
}

impl Plan {
    /// Ledger rows if all of it is accepted as planned.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.operations.iter().map(Operation::rows).sum()
    }

    /// The totals if all of it is accepted, sorted by SKU.
    #[must_use]
    pub fn totals(&self) -> Vec<SkuTotal> {
        let mut totals = Totals::default();
        for operation in &self.operations {
            let on_terms = operation
                .postings()
                .iter()
                .any(|posting| matches!(posting.step, Step::Take | Step::Retake));
            let until = operation.until();
            for change in operation.changes() {
                totals.add(change, on_terms, until);
            }
        }
        totals.sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Adjustment, Delta, HoldSeconds, Line, Order, OrderId, Quantity};

    fn take(id: &str, lines: &[(&str, i64)]) -> Operation {
        let lines = lines.iter().map(|(sku, units)| Line {
            sku: Sku::new(sku).unwrap(),
            quantity: Quantity::new(*units).unwrap(),
        });
        Operation::Take(Order::new(OrderId::new("order_id", id).unwrap(), lines).unwrap())
    }

    fn restock(id: &str, sku: &str, units: i64) -> Operation {
        Operation::Adjust(Adjustment {
            id: OrderId::new("adjustment_id", id).unwrap(),
            sku: Sku::new(sku).unwrap(),
            delta: Delta::new(units).unwrap(),
            reason: None,
        })
    }

    fn plan(operations: Vec<Operation>) -> Plan {
        Plan { id: FlushId(1), mode: Mode::Merged, resolving: false, skus: 0, operations }
    }

    #[test]
    fn need_and_rise_are_the_worst_moments_on_the_way() {
        let plan =
            plan(vec![take("1", &[("a", 5)]), restock("2", "a", 20), take("3", &[("a", 7)])]);
        let a = SkuTotal {
            sku: Sku::new("a").unwrap(),
            delta: 8,
            held: 0,
            need: 5,
            rise: 15,
            held_need: 0,
            on_terms: true,
            until: None,
            orders: 3,
        };
        assert_eq!(plan.totals(), [a]);
    }

    #[test]
    fn totals_are_sorted() {
        let plan = plan(vec![
            take("1", &[("b", 1), ("c", 2)]),
            take("2", &[("a", 1)]),
            take("4", &[("b", 8)]),
        ]);
        let seen: Vec<_> =
            plan.totals().into_iter().map(|t| (t.sku.to_string(), t.delta, t.orders)).collect();
        let expected = [("a", -1, 1), ("b", -9, 2), ("c", -2, 1)];
        assert_eq!(seen, expected.map(|(sku, delta, orders)| (sku.to_owned(), delta, orders)));
        assert_eq!(plan.rows(), 4);
    }

    #[test]
    fn a_restock_needs_no_terms_and_a_hold_is_counted_as_held() {
        assert!(!plan(vec![restock("1", "a", 5)]).totals()[0].on_terms);
        let Operation::Take(order) = take("1", &[("a", 5)]) else { unreachable!() };
        let hold = Operation::Take(order.held_for(Some(HoldSeconds::new(60).unwrap())));
        let totals = plan(vec![hold]).totals();
        assert_eq!((totals[0].delta, totals[0].held, totals[0].held_need), (-5, 5, 0));
    }
}
