//! Says what kind of difference there is, and what would mend it. Plain code: what was read goes in.

use crate::cache::Sighting;
use crate::store::{BooksSum, Drift, Mend, StockBooks, StockRecord};
use crate::telemetry::metrics::{CacheEntry, DriftClass};

use super::orders::BrokenOrder;

/// What is known of a SKU whose books have to be looked at more closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The newest one that there is.
    pub newest: u64,
    /// What all of them add up to.
    pub sum: i64,
}

/// Whether a SKU's books balance, as far as can be seen without its versions.
#[must_use]
pub fn balances(stock: &StockBooks, sum: BooksSum) -> bool {
    stock.available == sum.available
        && stock.held == sum.held
        && stock.recorded == Some(stock.available)
        && !stock.surpassed
        && stock.available >= 0
        && stock.held >= 0
}

/// The differences in the books of a SKU. Three independent accounts are compared: the stock row, the sum of
/// the movements, and the sum of what the flushes wrote into the versions. Whichever stands alone was changed
/// by hand: a flush changes all three by the same.
#[must_use]
pub fn of_books(stock: &StockBooks, sum: BooksSum, versions: Versions) -> Vec<Drift> {
    let by_ledger = stock.available - sum.available;
    let by_versions = stock.available - versions.sum;
    let mut drifts = Vec::new();
    let mend = Mend {
        available: stock.available,
        version: stock.version.max(versions.newest),
        held_apart: stock.held_apart,
        delta: 0,
        held: 0,
        recorded: 0,
    };
    let drift = |class, expected: String, found: String, amount, mend| Drift {
        sku: stock.sku.clone(),
        class,
        expected,
        found,
        version: stock.version,
        amount,
        mend: Some(mend),
        mended: false,
    };
    // A change by hand may have been written into the ledger by hand, too.
    let outside = if by_ledger == 0 { 0 } else { by_versions };
    let tampered = by_ledger - outside;
    if tampered != 0 {
        drifts.push(drift(
            DriftClass::LedgerDrift,
            format!("its versions add up to {}", stock.available - outside),
            format!("its movements add up to {}", sum.available),
            -tampered,
            Mend { delta: tampered, ..mend },
        ));
    }
    if stock.held != sum.held {
        drifts.push(drift(
            DriftClass::HeldDrift,
            format!("held {} by the movements of holds", sum.held),
            format!("held {}", stock.held),
            stock.held - sum.held,
            Mend { held: sum.held - stock.held, ..mend },
        ));
    }
    let moved = stock.surpassed || stock.recorded.is_none();
    if by_versions != 0 || moved {
        drifts.push(drift(
            DriftClass::ChangedOutside,
            format!(
                "available {} by its versions, of which {} is the newest",
                versions.sum, versions.newest
            ),
            format!("available {} at version {}", stock.available, stock.version),
            by_versions,
            // Last: the others have to see the stock as it was found.
            Mend { delta: outside, recorded: by_versions, ..mend },
        ));
    }
    if stock.available < 0 || stock.held < 0 {
        drifts.push(Drift {
            sku: stock.sku.clone(),
            class: DriftClass::ChangedOutside,
            expected: "available and held of 0 at least".to_owned(),
            found: format!("available {}, held {}", stock.available, stock.held),
            version: stock.version,
            amount: stock.available.min(stock.held),
            mend: None,
            mended: false,
        });
    }
    drifts
}

/// What is told of an order whose movements contradict each other. No SQL can know what it should be.
#[must_use]
pub(super) fn of_order(order: BrokenOrder) -> Drift {
    Drift {
        sku: order.sku,
        class: DriftClass::OrderState,
        expected: "each step follows from the one before, for all lines of an order".to_owned(),
        found: order.what,
        version: 0,
        amount: 0,
        mend: None,
        mended: false,
    }
}

/// What is told of an entry of the cache; `None` if it is as it should be.
#[must_use]
pub(super) fn of_entry(sighting: &Sighting, repaired: bool) -> Option<Drift> {
    let class = match sighting.found()? {
        CacheEntry::Same => return None,
        CacheEntry::Missing => DriftClass::CacheMissing,
        CacheEntry::Behind => DriftClass::CacheBehind,
        CacheEntry::Ahead => DriftClass::CacheAhead,
        CacheEntry::Wrong | CacheEntry::Malformed | CacheEntry::Gone => DriftClass::CacheWrong,
    };
    let cached = sighting.cached.as_ref();
    let told = |record: &StockRecord| {
        let StockRecord { available, held, version, .. } = record;
        format!("available {available}, held {held} at version {version}")
    };
    let stock = sighting.stock.as_ref();
    let record = cached.and_then(|cached| cached.record());
    Some(Drift {
        sku: sighting.sku.clone(),
        class,
        expected: stock.map_or("nothing: there is no such SKU".to_owned(), told),
        found: match (cached, record) {
            (None, _) => "nothing in the cache, though it is pinned".to_owned(),
            (Some(_), Some(record)) => format!("in the cache {}", told(record)),
            (Some(cached), None) => format!("in the cache no entry, but {}", cached.shown()),
        },
        version: stock.map_or(0, |stock| stock.version),
        amount: match (record, stock) {
            (Some(record), Some(stock)) => record.available.saturating_sub(stock.available),
            _ => 0,
        },
        mend: None,
        mended: repaired,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sku;

    /// 100 units opened, 10 of them sold and 5 held, at version 4.
    fn stock() -> StockBooks {
        StockBooks {
            sku: Sku::new("a").unwrap(),
            available: 85,
            held: 5,
            held_apart: 1,
            version: 4,
            recorded: Some(85),
            surpassed: false,
        }
    }
    const SUM: BooksSum = BooksSum { available: 85, held: 5 };
    const VERSIONS: Versions = Versions { newest: 4, sum: 85 };

    /// Class, amount, and what mends it: units of the ledger, of `held`, of the versions.
    fn found(
        stock: &StockBooks,
        sum: BooksSum,
        versions: Versions,
    ) -> Vec<(DriftClass, i64, [i64; 3])> {
        let drifts = of_books(stock, sum, versions);
        assert_eq!(drifts.is_empty(), balances(stock, sum));
        let told = drifts.iter().map(|drift| {
            let mend = drift.mend.unwrap();
            assert_eq!((mend.available, mend.version, mend.held_apart), (stock.available, 4, 1));
            (drift.class, drift.amount, [mend.delta, mend.held, mend.recorded])
        });
        told.collect()
    }

    #[test]
    fn books_that_balance_are_left_alone() {
        assert_eq!(found(&stock(), SUM, VERSIONS), []);
    }

    #[test]
    fn a_ledger_that_stands_alone_was_changed() {
        let sum = BooksSum { available: 86, ..SUM };
        assert_eq!(found(&stock(), sum, VERSIONS), [(DriftClass::LedgerDrift, 1, [-1, 0, 0])]);
    }

    #[test]
    fn stock_that_stands_alone_was_changed_and_the_ledger_follows_it() {
        let changed = StockBooks { available: 80, ..stock() };
        let expected = [(DriftClass::ChangedOutside, -5, [-5, 0, -5])];
        assert_eq!(found(&changed, SUM, VERSIONS), expected);
        // The same when a flush has come after it.
        let changed = StockBooks { recorded: Some(80), ..changed };
        assert_eq!(found(&changed, SUM, VERSIONS), expected);
    }

    #[test]
    fn both_changed_are_two_differences_that_add_up() {
        let changed = StockBooks { available: 80, ..stock() };
        let sum = BooksSum { available: 88, ..SUM };
        assert_eq!(
            found(&changed, sum, VERSIONS),
            [
                (DriftClass::LedgerDrift, 3, [-3, 0, 0]),
                (DriftClass::ChangedOutside, -5, [-5, 0, -5])
            ]
        );
    }

    #[test]
    fn stock_that_was_changed_with_its_ledger_needs_a_version() {
        let changed = StockBooks { available: 80, ..stock() };
        let sum = BooksSum { available: 80, ..SUM };
        assert_eq!(found(&changed, sum, VERSIONS), [(DriftClass::ChangedOutside, -5, [0, 0, -5])]);
    }

    #[test]
    fn a_version_that_was_moved_is_found_in_both_directions() {
        let behind = StockBooks { version: 3, surpassed: true, ..stock() };
        let expected = [(DriftClass::ChangedOutside, 0, [0, 0, 0])];
        assert_eq!(found(&behind, SUM, VERSIONS), expected);
        let ahead = StockBooks { version: 9, recorded: None, ..stock() };
        let drifts = of_books(&ahead, SUM, VERSIONS);
        assert_eq!(drifts.len(), 1);
        assert_eq!(drifts[0].mend.unwrap().version, 9);
    }

    #[test]
    fn held_follows_the_holds() {
        let changed = StockBooks { held: 7, ..stock() };
        assert_eq!(found(&changed, SUM, VERSIONS), [(DriftClass::HeldDrift, 2, [0, -2, 0])]);
    }

    #[test]
    fn less_than_nothing_is_told_even_if_all_agree() {
        let negative = StockBooks { available: -1, recorded: Some(-1), ..stock() };
        let sum = BooksSum { available: -1, ..SUM };
        assert!(!balances(&negative, sum));
        let drifts = of_books(&negative, sum, Versions { newest: 4, sum: -1 });
        assert_eq!((drifts.len(), drifts[0].class), (1, DriftClass::ChangedOutside));
        assert_eq!(drifts[0].mend, None);
    }
}
