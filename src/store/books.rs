//! Stock and ledger as reconciliation reads them: whatever stands there, also what hotrow never writes.

use crate::domain::{Kind, Sku, Step};
use crate::telemetry::metrics::DriftClass;

/// A stock row, and what the versions say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockBooks {
    /// Whose stock.
    pub sku: Sku,
    /// Units that can be taken.
    pub available: i64,
    /// Units that are held.
    pub held: i64,
    /// `held` less what hotrow has changed in it: it stays as it is until somebody else changes `held`.
    pub held_apart: i64,
    /// The version of the row.
    pub version: u64,
    /// What the row of this version says was available; `None` when there is no such row.
    pub recorded: Option<i64>,
    /// Whether there is a row of a later version.
    pub surpassed: bool,
}

/// What movements of a SKU add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BooksSum {
    /// All changes of `available`.
    pub available: i64,
    /// All changes of `held`.
    pub held: i64,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The order, or what stands in its place.
    pub order_id: Box<str>,
    /// `None` for the opening stock.
    pub step: Option<Step>,
    /// Line of the order.
    pub line: u8,
    /// `None` for the opening stock.
    pub kind: Option<Kind>,
    /// Whose stock.
    pub sku: Box<str>,
    /// Change of `available`.
    pub delta: i64,
    /// Change of `held`.
    pub held_delta: i64,
    /// The transaction that wrote it.
    pub flush: u64,
}

/// What an adjustment has to do so that the books of a SKU balance; see `sql/statements/reconcile_mend.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mend {
    /// `available` and the newest version when the difference was found.
    pub available: i64,
    /// See `available`.
    pub version: u64,
    /// [`StockBooks::held_apart`] when the difference was found.
    pub held_apart: i64,
    /// Units by which the ledger is too low.
    pub delta: i64,
    /// Units by which `held` is too low.
    pub held: i64,
    /// Units by which the versions are too low.
    pub recorded: i64,
}

/// A difference that reconciliation has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Where.
    pub sku: Sku,
    /// What kind of difference.
    pub class: DriftClass,
    /// What should be there, and by what.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// The version of the stock row.
    pub version: u64,
    /// Units by which what was found is too high.
    pub amount: i64,
    /// What would mend it in MySQL.
    pub mend: Option<Mend>,
    /// Whether the entry of the cache was repaired, or the mending SQL was run.
    pub mended: bool,
}

/// A difference as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedDrift {
    /// Its number within the run, from 1.
    pub number: u64,
    /// The difference.
    pub drift: Drift,
    /// The SQL that mends it.
    pub sql: Option<String>,
}

/// Who asked for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Somebody, by hand.
    Full,
    /// The schedule.
    Scheduled,
    /// Nobody: entries of the cache are checked while they change.
    Follow,
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// The cache against stock.
    Cache,
    /// Stock against the ledger.
    Books,
}

/// Whether a run has compared the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// It is not through with it, or it was begun by a build that did not keep this.
    Unknown,
    /// No cache was named.
    NoneNamed,
    /// To its end.
    Compared,
    /// Not, or not to its end: why.
    NotCompared(String),
}

/// A run, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// Who asked for it.
    pub kind: RunKind,
    /// Whether it only reports.
    pub dry_run: bool,
    /// What it is at.
    pub phase: RunPhase,
    /// The last SKU with which the phase is through; empty before the first.
    pub position: Box<str>,
    /// SKUs whose books were compared.
    pub skus: u64,
    /// Differences that were found.
    pub differences: u64,
    /// Whether the cache was compared.
    pub cache: CacheState,
}

/// What became of a mending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// It was done now.
    Now,
    /// It had been done before.
    Before,
    /// Nothing was done: the difference is not what was found any more.
    Changed,
    /// Nothing was done, because not all could be.
    Failed,
}

/// An entry of the cache that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose entry.
    pub sku: Sku,
    /// Why.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

impl RunKind {
    /// As it is recorded.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Scheduled => "scheduled",
            Self::Follow => "follow",
        }
    }
}

impl CacheState {
    /// As it is recorded, and told.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::NoneNamed => Some("none"),
            Self::Compared => Some("compared"),
            Self::NotCompared(_) => Some("not compared"),
        }
    }

    /// Why it was not compared, though it should have been.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotCompared(reason) => Some(reason),
            Self::Unknown | Self::NoneNamed | Self::Compared => None,
        }
    }
}

impl RunPhase {
    /// As it is recorded.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Books => "books",
        }
    }
}
