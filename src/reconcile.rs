//! Compares what should be the same: stock with its ledger, and the cache with stock.
//!
//! Nothing here decides about an order, and MySQL is changed only where somebody says so: entries of the
//! cache are repaired from MySQL, while drift inside MySQL is reported with the SQL that would mend it.
//!
//! The books of a SKU are three accounts that every flush changes alike: the stock row, the movements of the
//! ledger, and the deltas of its versions. The ledger has no index by SKU, which would cost every order; it is
//! read from end to end in the order of its primary key, and added up here. How that is exact while orders
//! go on: [`Sums`]. What is read is one state of the database for each page, and for the stock of a pass.

mod books;
mod classes;
mod findings;
mod mend;
mod orders;
mod run;
mod sums;

use std::sync::Arc;

use crate::store::StoreError;
use crate::store::mysql::{Address, ChangeFeed};
use crate::telemetry::metrics::Metrics;

pub use classes::{Versions, balances, of_books};
pub use mend::{MendOutcome, Mending};
pub use orders::check as check_order;
pub use run::{Report, Request};
pub use sums::{BrokenOrder, Sum, Sums};

/// What reconciliation works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// Where stock and ledger are.
    pub address: Address,
    /// Tells what is committed.
    pub feed: Arc<ChangeFeed>,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An interrupted run is taken up again.
    Resumed {
        /// Its number.
        run: u64,
        /// SKUs that it had looked at.
        skus: u64,
    },
    /// Stock was read of so many SKUs of this pass.
    Stock {
        /// SKUs.
        skus: u64,
    },
    /// So many rows of the ledger were added up in this pass.
    Ledger {
        /// Rows.
        rows: u64,
    },
}

/// Is told how far a run is.
pub type Watch<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// One at a time.
    #[error("another process is reconciling this database; wait until it has ended")]
    Busy,
    /// There is no such run.
    #[error("there is no run {0}; SELECT * FROM reconcile_run lists them")]
    UnknownRun(u64),
    /// MySQL.
    #[error(transparent)]
    Store(#[from] StoreError),
}
