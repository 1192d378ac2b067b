//! The tables against themselves.

use std::collections::BTreeMap;

use super::{Rule, Violation};
use crate::support::books::{Books, VersionRow};

pub(super) fn check(books: &Books) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut by_sku: BTreeMap<&str, i64> = BTreeMap::new();
    let mut by_flush: BTreeMap<(&str, u64), (i64, u64)> = BTreeMap::new();
    for movement in &books.movements {
        *by_sku.entry(&movement.sku).or_default() += movement.delta;
        let (delta, orders) = by_flush.entry((&movement.sku, movement.flush_id)).or_default();
        *delta += movement.delta;
        *orders += 1;
    }
    let mut versions: BTreeMap<&str, Vec<&VersionRow>> = BTreeMap::new();
    for row in &books.versions {
        versions.entry(&row.sku).or_default().push(row);
    }

    for stock in &books.stock {
        let sum = by_sku.remove(stock.sku.as_str()).unwrap_or(0);
        if stock.available != sum || stock.held != 0 {
            let detail = format!("{stock:?} has movements of {sum} in sum");
            found.push(Violation::new(Rule::BooksDoNotBalance, detail));
        }
        if stock.available < 0 {
            found.push(Violation::new(Rule::BelowZero, format!("{stock:?}")));
        }
        let chain = versions.remove(stock.sku.as_str()).unwrap_or_default();
        check_chain(&chain, &mut found);
        if chain.len() as u64 != stock.version {
            let detail = format!("{stock:?} has {} versions", chain.len());
            found.push(Violation::new(Rule::VersionGap, detail));
        }
        if chain.last().map_or(0, |last| last.available) != stock.available {
            let detail = format!("{stock:?} after {:?}", chain.last());
            found.push(Violation::new(Rule::VersionChain, detail));
        }
    }
    for (sku, sum) in by_sku {
        let detail = format!("{sku} has movements of {sum} and no stock row");
        found.push(Violation::new(Rule::BooksDoNotBalance, detail));
    }
    for row in &books.versions {
        let moved = by_flush.remove(&(row.sku.as_str(), row.flush_id));
        if moved != Some((row.delta, row.orders)) {
            let detail = format!("{row:?} has movements of (units, orders) {moved:?}");
            found.push(Violation::new(Rule::VersionDelta, detail));
        }
    }
    for ((sku, flush_id), moved) in by_flush {
        let detail = format!("flush {flush_id} moved {moved:?} of {sku} and left no version");
        found.push(Violation::new(Rule::VersionDelta, detail));
    }
    found
}

/// `chain` is sorted by version.
fn check_chain(chain: &[&VersionRow], found: &mut Vec<Violation>) {
    let mut before = 0;
    for (row, expected) in chain.iter().zip(1..) {
        if row.version != expected {
            found.push(Violation::new(Rule::VersionGap, format!("{row:?} is number {expected}")));
        }
        if row.available != before + row.delta {
            found.push(Violation::new(Rule::VersionChain, format!("{row:?} follows {before}")));
        }
        if row.available < 0 {
            found.push(Violation::new(Rule::BelowZero, format!("{row:?}")));
        }
        before = row.available;
    }
}
