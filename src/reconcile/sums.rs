//! Adds the ledger up, SKU by SKU, while it grows.
//!
//! Stock is read first, in one state of the database, and the ledger after it, in later ones. What is counted is
//! what had been committed in that first state: the movements of all flushes that were not seen in it are left
//! out, and those that were seen in it are in every later one.

use std::collections::HashSet;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::domain::Sku;
use crate::store::{BooksSum, LedgerRow, StockBooks};

use super::classes::balances;
use super::orders::{self, BrokenOrder};

/// The SKUs are kept in so many parts: to make room in one of a million SKUs, or to go through it, takes about a
/// millisecond, and whoever shares the thread waits no longer.
const PARTS: usize = 256;

type Accounts = FxHashMap<Sku, (StockBooks, BooksSum)>;

/// The sums of some SKUs.
#[derive(Debug)]
pub struct Sums {
    parts: Vec<Accounts>,
    /// Flushes that were seen when stock was read.
    early: FxHashSet<u64>,
    /// Flushes that were seen since, for the first time.
    late: FxHashSet<u64>,
}

impl Sums {
    /// For stock that is read in one state of the database, and the flushes seen in it behind a place up to which
    /// the change feed was complete before.
    #[must_use]
    pub fn new(early: Vec<u64>) -> Self {
        Self {
            parts: std::iter::repeat_with(Accounts::default).take(PARTS).collect(),
            early: early.into_iter().collect(),
            late: HashSet::default(),
        }
    }

    /// Takes in stock of that state.
    pub fn expect(&mut self, stock: Vec<StockBooks>) {
        for stock in stock {
            let sku = stock.sku.clone();
            self.parts[part(sku.as_str())].insert(sku, (stock, BooksSum::default()));
        }
    }

    /// Counts movements of that state that were archived.
    pub fn carry(&mut self, carried: &[(Box<str>, BooksSum)]) {
        for (sku, carried) in carried {
            self.count(sku, *carried);
        }
    }

    fn count(&mut self, sku: &str, change: BooksSum) {
        if let Some((_, sum)) = self.parts[part(sku)].get_mut(sku) {
            // A sum that fits is right whatever was passed on the way.
            sum.available = sum.available.wrapping_add(change.available);
            sum.held = sum.held.wrapping_add(change.held);
        }
    }

    /// How many SKUs it is over.
    #[must_use]
    pub fn skus(&self) -> usize {
        self.parts.iter().map(Accounts::len).sum()
    }

    /// Begins another state: these flushes are seen in it.
    pub fn see(&mut self, flushes: &[u64]) {
        // Opening stock has no flush; whether its SKU was seen tells.
        let flushes = flushes.iter().copied().filter(|flush| *flush != 0);
        self.late.extend(flushes.filter(|flush| !self.early.contains(flush)));
    }

    /// Counts rows of the state that was begun last, all of an order together. Returns the orders that contradict
    /// themselves and begin with one of these SKUs.
    pub fn add(&mut self, rows: &[LedgerRow]) -> Vec<BrokenOrder> {
        let mut broken = Vec::new();
        for order in rows.chunk_by(|row, next| row.order_id == next.order_id) {
            for row in order {
                if !self.late.contains(&row.flush) {
                    self.count(&row.sku, BooksSum { available: row.delta, held: row.held_delta });
                }
            }
            if let Some((first, _)) = self.parts[part(&order[0].sku)].get(&*order[0].sku)
                && let Err(problem) = orders::check(order)
            {
                let what = format!("order {}: {problem}", order[0].order_id);
                broken.push(BrokenOrder { sku: first.sku.clone(), what });
            }
        }
        broken
    }

    /// Ends a part of the SKUs: those whose books have to be looked at more closely, with their sums. `None` when
    /// all have ended.
    pub fn end_part(&mut self) -> Option<Vec<(StockBooks, BooksSum)>> {
        let accounts = self.parts.pop()?.into_values();
        Some(accounts.filter(|(stock, sum)| !balances(stock, *sum)).collect())
    }
}

fn part(sku: &str) -> usize {
    // Of other bits than the table within the part.
    (FxBuildHasher.hash_one(sku) >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Kind, Step};

    fn stock(name: &str) -> StockBooks {
        let sku = Sku::new(name).unwrap();
        // So that each is looked at more closely.
        let recorded = None;
        let (held, held_apart) = (0, 0);
        let (version, surpassed) = (1, false);
        StockBooks { sku, available: 9, held, held_apart, version, recorded, surpassed }
    }

    fn opening(name: &str) -> LedgerRow {
        LedgerRow { step: None, kind: None, delta: 10, flush: 0, ..take(name, name, 0) }
    }

    fn take(id: &str, name: &str, flush: u64) -> LedgerRow {
        LedgerRow {
            order_id: id.into(),
            step: Some(Step::Take),
            line: 1,
            kind: Some(Kind::Deduct),
            sku: name.into(),
            delta: -1,
            held_delta: 0,
            flush,
        }
    }

    fn sums(mut sums: Sums) -> Vec<(String, i64)> {
        let all = std::iter::from_fn(|| sums.end_part()).flatten();
        let mut all: Vec<_> =
            all.map(|(stock, sum)| (stock.sku.to_string(), sum.available)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn flushes_that_were_not_seen_with_stock_are_left_out_in_every_state() {
        let mut seen = Sums::new(vec![7]);
        seen.expect(vec![stock("b")]);
        seen.expect(vec![stock("a")]);
        // 7 is behind the place that was complete, and was seen; 8 was not; 3 is before that place.
        seen.see(&[0, 7, 8]);
        seen.add(&[opening("a"), opening("b"), take("o-1", "a", 7), take("o-2", "a", 8)]);
        // What was seen in one state counts in those behind it, which do not tell it again.
        seen.see(&[9]);
        seen.add(&[take("o-3", "a", 8), take("o-4", "b", 3), take("o-5", "b", 9)]);
        assert_eq!(sums(seen), [("a".to_owned(), 9), ("b".to_owned(), 9)]);
    }

    #[test]
    fn other_skus_are_not_counted_nor_are_their_orders_judged() {
        let mut some = Sums::new(Vec::new());
        some.expect(vec![stock("a")]);
        let broken = |name: &str| LedgerRow { step: Some(Step::Settle), ..take("o-1", name, 1) };
        assert_eq!(some.add(&[broken("b")]), []);
        let found = some.add(&[broken("a")]);
        assert_eq!(found[0].sku.as_str(), "a");
        assert!(found[0].what.starts_with("order o-1: line 1, step settle"), "{}", found[0].what);
        assert_eq!(sums(some), [("a".to_owned(), -1)]);
    }
}
