//! Adds the ledger up, SKU by SKU, while it grows.
//!
//! Stock is read first, in one state of the database, and the ledger after it, page by page. What is counted
//! is what had been committed in that first state: the movements of all flushes that were not seen in it are
//! left out, and those that were seen in it are in every page.

use std::collections::HashSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::domain::Sku;
use crate::store::{BooksSum, LedgerPage, StockBooks};

use super::classes::balances;
use super::orders::{self, BrokenOrder};

/// The sums of some SKUs.
#[derive(Debug, Default)]
pub struct Sums {
    accounts: FxHashMap<Sku, (StockBooks, BooksSum)>,
    /// Flushes that were seen when stock was read.
    early: FxHashSet<u64>,
    /// Flushes that were seen since, for the first time.
    late: FxHashSet<u64>,
}

impl Sums {
    /// For stock that was read in one state of the database, and the flushes seen in it behind a place up to
    /// which the change feed was complete before.
    #[must_use]
    pub fn new(stock: Vec<StockBooks>, early: Vec<u64>) -> Self {
        let accounts = stock.into_iter().map(|stock| {
            let carried = stock.carried;
            (stock.sku.clone(), (stock, carried))
        });
        Self {
            accounts: accounts.collect(),
            early: early.into_iter().collect(),
            late: HashSet::default(),
        }
    }

    /// Counts a page. Returns the orders on it that contradict themselves and begin with one of these SKUs.
    pub fn add(&mut self, page: &LedgerPage) -> Vec<BrokenOrder> {
        // Opening stock has no flush; whether its SKU was seen tells.
        let flushes = page.flushes.iter().copied().filter(|flush| *flush != 0);
        self.late.extend(flushes.filter(|flush| !self.early.contains(flush)));
        let mut broken = Vec::new();
        for order in page.rows.chunk_by(|row, next| row.order_id == next.order_id) {
            for row in order.iter().filter(|row| !self.late.contains(&row.flush)) {
                if let Some((_, sum)) = self.accounts.get_mut(&*row.sku) {
                    // A sum that fits is right whatever was passed on the way.
                    sum.available = sum.available.wrapping_add(row.delta);
                    sum.held = sum.held.wrapping_add(row.held_delta);
                }
            }
            if let Some((first, _)) = self.accounts.get(&*order[0].sku)
                && let Err(problem) = orders::check(order)
            {
                let what = format!("order {}: {problem}", order[0].order_id);
                broken.push(BrokenOrder { sku: first.sku.clone(), what });
            }
        }
        broken
    }

    /// The SKUs whose books have to be looked at more closely, with their sums, in the order of the SKUs.
    #[must_use]
    pub fn unbalanced(self) -> Vec<(StockBooks, BooksSum)> {
        let accounts = self.accounts.into_values();
        let mut found: Vec<_> = accounts.filter(|(stock, sum)| !balances(stock, *sum)).collect();
        found.sort_unstable_by(|(stock, _), (other, _)| stock.sku.cmp(&other.sku));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Kind, Step};
    use crate::store::LedgerRow;

    fn stock(name: &str) -> StockBooks {
        let sku = Sku::new(name).unwrap();
        let carried = BooksSum::default();
        // So that each is looked at more closely.
        let recorded = None;
        let (held, held_apart) = (0, 0);
        let (version, surpassed) = (1, false);
        StockBooks { sku, available: 9, held, held_apart, version, recorded, surpassed, carried }
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

    fn page(rows: Vec<LedgerRow>, flushes: Vec<u64>) -> LedgerPage {
        LedgerPage { rows, flushes, ..LedgerPage::default() }
    }

    fn sums(sums: Sums) -> Vec<(String, i64)> {
        let all = sums.unbalanced().into_iter();
        all.map(|(stock, sum)| (stock.sku.to_string(), sum.available)).collect()
    }

    #[test]
    fn flushes_that_were_not_seen_with_stock_are_left_out_on_every_page() {
        let mut seen = Sums::new(vec![stock("b"), stock("a")], vec![7]);
        // 7 is behind the place that was complete, and was seen; 8 was not; 3 is before that place.
        let rows = vec![opening("a"), opening("b"), take("o-1", "a", 7), take("o-2", "a", 8)];
        seen.add(&page(rows, vec![0, 7, 8]));
        // What a page has seen once counts for those behind it, whose snapshot does not tell it again.
        seen.add(&page(
            vec![take("o-3", "a", 8), take("o-4", "b", 3), take("o-5", "b", 9)],
            vec![9],
        ));
        assert_eq!(sums(seen), [("a".to_owned(), 9), ("b".to_owned(), 9)]);
    }

    #[test]
    fn other_skus_are_not_counted_nor_are_their_orders_judged() {
        let mut some = Sums::new(vec![stock("a")], Vec::new());
        let broken = |name: &str| LedgerRow { step: Some(Step::Settle), ..take("o-1", name, 1) };
        assert_eq!(some.add(&page(vec![broken("b")], Vec::new())), []);
        let found = some.add(&page(vec![broken("a")], Vec::new()));
        assert_eq!(found[0].sku.as_str(), "a");
        assert!(found[0].what.starts_with("order o-1: line 1, step settle"), "{}", found[0].what);
        assert_eq!(sums(some), [("a".to_owned(), -1)]);
    }
}
