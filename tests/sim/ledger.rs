//! The words that store and oracle share: keys, rows, and what was committed.

use hotrow::domain::{Operation, OrderId, Sku, Timestamp};
use hotrow::engine::FlushId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Take,
    Settle,
    Adjust,
}

/// What is executed once: an id within its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) id: OrderId,
    pub(crate) step: Step,
}

impl Key {
    pub(crate) fn of(operation: &Operation) -> Self {
        let step = match operation {
            Operation::Take(_) => Step::Take,
            Operation::Cancel(_) => Step::Settle,
            Operation::Adjust(_) => Step::Adjust,
        };
        Self { id: operation.id().clone(), step }
    }
}

/// What an operation changes, sorted by SKU: its content.
pub(crate) type Changes = Vec<(Sku, i64)>;

pub(crate) fn changes_of(operation: &Operation) -> Changes {
    operation.changes().map(|change| (change.sku.clone(), change.delta)).collect()
}

/// A ledger row; its primary key is `(key, line)`.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) line: usize,
    pub(crate) sku: Sku,
    pub(crate) delta: i64,
    pub(crate) flush: FlushId,
    pub(crate) at: Timestamp,
}

/// The ledger rows of an operation.
pub(crate) fn rows_of(operation: &Operation, flush: FlushId, at: Timestamp) -> Vec<Row> {
    let key = Key::of(operation);
    let row = |(line, (sku, delta))| Row { key: key.clone(), line, sku, delta, flush, at };
    changes_of(operation).into_iter().enumerate().map(row).collect()
}

/// One change of the database, in commit order, those of a flush in the order of its ledger rows.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The rows that one commit has for one key.
    Written { key: Key, changes: Changes, flush: FlushId, at: Timestamp, commit: u64 },
    /// A DBA changed `available`.
    ByHand { sku: Sku, delta: i64 },
}

impl Entry {
    pub(crate) fn changes(&self) -> &[(Sku, i64)] {
        match self {
            Self::Written { changes, .. } => changes,
            Self::ByHand { .. } => &[],
        }
    }
}
