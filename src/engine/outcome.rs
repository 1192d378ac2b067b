//! What a flush connection reports about a plan.

use crate::domain::{Sku, Timestamp, Verdict};

/// What a flush left behind, per SKU, where it was cheap to learn. A hint: it chooses the way a plan is
/// executed, never an answer.
pub type Left = Vec<SkuLeft>;

/// What a flush left of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuLeft {
    /// Whose stock.
    pub sku: Sku,
    /// Units that can be taken.
    pub available: i64,
    /// Units that the flush took of it, where that was told as well.
    pub taken: Option<i64>,
    /// True when its orders have to be decided one by one, because of a purchase limit or because it is
    /// not on sale.
    pub on_terms: bool,
}

/// The verdicts of a plan's operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdicts {
    /// All of them are done, at this time.
    AllDone(Timestamp),
    /// One for each, in the plan's order.
    Each(Vec<Verdict>),
}

/// What came of executing a plan, up to the point where it can be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// Everything is written and waits for the commit.
    Ready {
        /// Valid once committed.
        verdicts: Verdicts,
        /// What is left once committed.
        left: Left,
    },
    /// Decided, with nothing to write; the transaction is over.
    NothingToWrite {
        /// Valid now.
        verdicts: Verdicts,
        /// What is left.
        left: Left,
    },
    /// A plan that is committed at once is committed.
    Committed {
        /// Valid now.
        verdicts: Verdicts,
        /// What is left.
        left: Left,
    },
    /// A plan that is committed at once had no answer, or none that settles it.
    CommitUnknown,
    /// A plan that is being resolved is in the ledger, from its earlier commit; the transaction is over.
    Landed {
        /// When it was recorded.
        at: Timestamp,
    },
    /// Nothing of it is in the database, unless the plan is being resolved; the transaction is over.
    Failed(Failure),
}

/// Why a plan could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// An id is in the ledger already.
    Duplicate,
    /// Some SKU is unknown, or has not enough for the whole plan.
    Guard,
    /// A row stayed locked by somebody else.
    LockWait,
    /// The database gave up this transaction for the sake of another.
    Conflict,
    /// The connection could not be made, broke, or was silent for too long.
    Lost,
    /// The database refuses writes.
    NotWritable,
    /// The database refuses this statement.
    Statement,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitOutcome {
    /// It is in the database.
    Committed,
    /// The database said that it is not.
    NotCommitted,
    /// There was no answer, or none that settles it.
    Unknown,
}
