//! Where stock lives. Only [`mysql`] talks to a server.

mod books;
mod change;
pub mod mysql;
mod record;
pub(crate) mod together;

pub use books::{
    BooksSum, CacheState, Drift, Failure, LedgerRow, Mend, Mended, RecordedDrift, Run, RunKind,
    RunPhase, StockBooks,
};
pub use change::{Change, Cursor};
pub use record::{
    DurabilityClass, Forgotten, Moved, Readiness, StockOpening, StockRecord, StoreError,
};
