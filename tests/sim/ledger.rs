//! The words that store and oracle share: keys, rows, and what was committed.

use hotrow::domain::{
    Buyer, Goal, HoldSeconds, Kind, Operation, OrderId, Postings, Sku, Step, Terms, Timestamp,
};
use hotrow::engine::FlushId;

/// The primary key of ledger rows, without the line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) id: OrderId,
    pub(crate) step: Step,
}

/// What a caller wants to become of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Take,
    Settle(Goal),
    Adjust,
}

/// What a call is for: to make it again means the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    pub(crate) id: OrderId,
    pub(crate) deed: Deed,
}

impl Wish {
    pub(crate) fn of(operation: &Operation) -> Self {
        let deed = match operation {
            Operation::Take(_) => Deed::Take,
            Operation::Settle(settlement) => Deed::Settle(settlement.goal()),
            Operation::Adjust(_) => Deed::Adjust,
        };
        Self { id: operation.id().clone(), deed }
    }
}

/// SKUs and units, sorted by SKU.
pub(crate) type Lines = Vec<(Sku, i64)>;

pub(crate) fn lines_of(operation: &Operation) -> Lines {
    let line = |index| operation.line(index);
    (0..operation.width()).map(line).map(|(sku, units)| (sku.clone(), units)).collect()
}

/// A ledger row as a flush wants it. Its primary key is `(key, line)`.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) key: Key,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    pub(crate) sku: Sku,
    pub(crate) units: i64,
    buyer: Option<Buyer>,
    hold: Option<HoldSeconds>,
    /// A row that confirms is written before this time only, one that expires from it on.
    pub(crate) until: Option<Timestamp>,
}

/// The same, written at some time.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) planned: Planned,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) flush: FlushId,
    pub(crate) at: Timestamp,
}

impl Planned {
    pub(crate) fn buyer(&self) -> Option<&Buyer> {
        self.buyer.as_ref()
    }

    pub(crate) fn written(self, flush: FlushId, at: Timestamp) -> Row {
        let expires_at = self.hold.map(|hold| at.after(hold));
        Row { planned: self, expires_at, flush, at }
    }
}

/// The ledger rows of an operation as its caller saw the order.
pub(crate) fn rows_as_planned(operation: &Operation) -> Vec<Planned> {
    let until = match operation {
        Operation::Settle(settlement) => settlement.expires_at(),
        Operation::Take(_) | Operation::Adjust(_) => None,
    };
    rows_of(operation, operation.postings(), until)
}

/// The ledger rows of an operation that was decided under the locks.
pub(crate) fn rows_as_decided(operation: &Operation, postings: Postings) -> Vec<Planned> {
    rows_of(operation, postings, None)
}

fn rows_of(operation: &Operation, postings: Postings, until: Option<Timestamp>) -> Vec<Planned> {
    let hold = match operation {
        Operation::Take(order) => order.hold(),
        Operation::Settle(_) | Operation::Adjust(_) => None,
    };
    let mut rows = Vec::new();
    for posting in postings {
        for (line, (sku, units)) in lines_of(operation).into_iter().enumerate() {
            rows.push(Planned {
                key: Key { id: operation.id().clone(), step: posting.step },
                line,
                kind: posting.kind,
                sku,
                units,
                buyer: operation.buyer().cloned(),
                hold,
                until: until.filter(|_| matches!(posting.kind, Kind::Confirm | Kind::Expire)),
            });
        }
    }
    rows
}

/// One change of the database, in commit order, those of a flush in the order of its ledger rows.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) what: What,
    /// When its transaction began, and when it was committed.
    pub(crate) begun_at: Timestamp,
    pub(crate) committed_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// The rows that one commit has for one key.
    Written(Written),
    /// A DBA changed a stock row.
    ByHand(ByHand),
}

#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) lines: Lines,
    pub(crate) buyer: Option<Buyer>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) flush: FlushId,
    pub(crate) at: Timestamp,
    pub(crate) commit: u64,
}

/// What a DBA does to a stock row.
#[derive(Clone, Debug)]
pub(crate) struct ByHand {
    pub(crate) sku: Sku,
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) terms: Option<Terms>,
}

impl Entry {
    pub(crate) fn written(&self) -> Option<&Written> {
        match &self.what {
            What::Written(written) => Some(written),
            What::ByHand(_) => None,
        }
    }
}
