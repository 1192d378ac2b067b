//! What one flush will write.

use rustc_hash::FxHashMap;

use crate::domain::{Operation, Sku};

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
    /// Units that must be there before, so that no operation, in its turn, finds too little.
    pub need: i64,
    /// Units that must be free below the ceiling before, so that none, in its turn, passes it.
    pub rise: i64,
    /// Operations that change it.
    pub orders: u32,
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
    /// Ledger rows if all of it is accepted.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.operations.iter().map(Operation::width).sum()
    }

    /// The totals of the operations that `accepted` says yes to, sorted by SKU: the order in which
    /// every flush locks stock rows.
    #[must_use]
    pub fn totals(&self, mut accepted: impl FnMut(usize) -> bool) -> Vec<SkuTotal> {
        let mut totals: Vec<SkuTotal> = Vec::new();
        let mut places: FxHashMap<&Sku, usize> = FxHashMap::default();
        for (index, operation) in self.operations.iter().enumerate() {
            if !accepted(index) {
                continue;
            }
            for change in operation.changes() {
                // A hot lane's operations stand side by side: look at the newest total first.
                let place = match totals.last() {
                    Some(last) if last.sku == *change.sku => totals.len() - 1,
                    Some(_) | None => *places.entry(change.sku).or_insert_with(|| {
                        totals.push(SkuTotal {
                            sku: change.sku.clone(),
                            delta: 0,
                            need: 0,
                            rise: 0,
                            orders: 0,
                        });
                        totals.len() - 1
                    }),
                };
                let total = &mut totals[place];
                total.delta += change.delta;
                total.need = total.need.max(-total.delta);
                total.rise = total.rise.max(total.delta);
                total.orders += 1;
            }
        }
        totals.sort_by(|a, b| a.sku.cmp(&b.sku));
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Adjustment, Delta, Line, Order, OrderId, Quantity};

    fn take(id: &str, lines: &[(&str, i64)]) -> Operation {
        let lines = lines
            .iter()
            .map(|(sku, units)| Line {
                sku: Sku::new(sku).unwrap(),
                quantity: Quantity::new(*units).unwrap(),
            })
            .collect();
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
        let totals = plan.totals(|_| true);
        let a = SkuTotal { sku: Sku::new("a").unwrap(), delta: 8, need: 5, rise: 15, orders: 3 };
        assert_eq!(totals, [a]);
    }

    #[test]
    fn totals_are_sorted_and_leave_out_what_is_not_accepted() {
        let plan = plan(vec![
            take("1", &[("b", 1), ("c", 2)]),
            take("2", &[("a", 1)]),
            take("3", &[("b", 4)]),
            take("4", &[("b", 8)]),
        ]);
        let totals = plan.totals(|index| index != 2);
        let seen: Vec<_> = totals.iter().map(|t| (t.sku.as_str(), t.delta, t.orders)).collect();
        assert_eq!(seen, [("a", -1, 1), ("b", -9, 2), ("c", -2, 1)]);
        assert_eq!(plan.rows(), 5);
    }
}
