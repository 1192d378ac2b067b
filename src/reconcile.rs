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
mod entries;
mod findings;
mod follow;
mod mend;
mod orders;
mod retry;
mod run;
mod schedule;
mod sums;

use std::sync::Arc;

use crate::cache::Cache;
use crate::domain::Sku;
use crate::store::mysql::{Address, ChangeFeed, Desk};
use crate::store::{RunPhase, StoreError};
use crate::telemetry::metrics::Metrics;

pub use classes::{Versions, balances, of_books};
pub use entries::CheckError;
use entries::Entries;
pub use mend::{MendOutcome, Mending};
pub use orders::{BrokenOrder, check as check_order};
pub use retry::Retried;
pub use run::{Report, Request};
pub use schedule::{Cron, CronError};
pub use sums::Sums;

/// What reconciliation works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// Where stock and ledger are.
    pub address: Address,
    /// Where stock is read to be compared with the cache.
    pub desk: Desk,
    /// The cache, if there is one, and the SKUs that the settings keep present there.
    pub cache: Option<(Cache, Vec<Sku>)>,
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
        /// What it is at.
        phase: RunPhase,
        /// SKUs whose books it had compared.
        skus: u64,
    },
    /// Stock was read of so many SKUs of this pass.
    Stock {
        /// SKUs.
        skus: u64,
    },
    /// So many SKUs were compared with the cache.
    Cache {
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
    #[error("another process is reconciling or archiving this database; wait until it has ended")]
    Busy,
    /// There is no such run.
    #[error("there is no run {0}; SELECT * FROM reconcile_run lists them")]
    UnknownRun(u64),
    /// There is nothing to compare with.
    #[error("there is no cache; give its redis_url")]
    NoCache,
    /// MySQL.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cache, or MySQL beside it.
    #[error("entries of the cache cannot be compared: {0}; try again when it can be used")]
    Check(#[from] CheckError),
}

impl Reconcile {
    fn entries(&self) -> Option<Entries> {
        let (cache, pins) = self.cache.clone()?;
        Some(Entries { cache, desk: self.desk.clone(), pins, metrics: self.metrics.clone() })
    }
}
