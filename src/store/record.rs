//! What the store tells about stock and itself.

use crate::domain::{Sku, Timestamp};

/// The stock of one SKU as the primary database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockRecord {
    /// Whose stock.
    pub sku: Sku,
    /// Units that can be taken.
    pub available: i64,
    /// Units that are held.
    pub held: i64,
    /// Flushes that changed it so far.
    pub version: u64,
    /// When it was read, by the database's clock.
    pub as_of: Timestamp,
}

/// What became of a request to open stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockOpening {
    /// The SKU is new and has its opening stock.
    Created,
    /// The SKU had been opened with the same stock before; its terms of sale are as asked.
    Same,
    /// The SKU was opened before, but its stock row has been deleted; nothing changed.
    RowMissing,
    /// The SKU had been opened with another stock; nothing changed.
    OpenedOtherwise {
        /// The stock it was opened with, in units; `None` when hotrow did not open it.
        opening: Option<i64>,
    },
}

/// A page of orders that were looked at for the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Orders that were looked at.
    pub looked_at: usize,
    /// Those of them that were found old; one that changed in that moment stays all the same.
    pub orders: usize,
    /// Ledger rows that were moved.
    pub movements: u64,
}

/// A page of old changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The place of the last one that was looked at.
    pub last: u64,
    /// Changes that were forgotten.
    pub changes: usize,
}

/// How much an acknowledged commit survives, read from the server's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurabilityClass {
    /// A crash of the server process or of the machine loses nothing that was answered.
    PowerLoss,
    /// A crash of the server process loses nothing; a crash of the machine may lose the last second.
    ProcessCrash,
    /// Even a crash of the server process may lose the last second.
    Weak,
}

impl DurabilityClass {
    /// The class as `/readyz`, the metrics and the log name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerLoss => "power-loss",
            Self::ProcessCrash => "process-crash",
            Self::Weak => "weak",
        }
    }
}

/// Whether orders can be taken, and what the server promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The server's version text.
    pub server_version: String,
    /// How durable a commit is there.
    pub durability: DurabilityClass,
    /// The settings that the class was read from, name and value.
    pub settings: Vec<(String, String)>,
    /// False when the server refuses the writes of a flush: it is read-only, or the account lacks a right.
    pub writable: bool,
    /// True when every migration that this build knows is applied.
    pub migrations_current: bool,
}

/// A read or a single write that gave no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was executed; it is safe to try again.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A write was sent and its answer lost.
    #[error("the outcome of the write is unknown: {0}")]
    OutcomeUnknown(String),
}

impl StoreError {
    pub(in crate::store) fn silence(patience: std::time::Duration) -> Self {
        Self::Unavailable(format!("the database was silent for {} ms", patience.as_millis()))
    }
}
