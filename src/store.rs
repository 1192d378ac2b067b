//! Where stock lives. Only [`mysql`] talks to a server.

mod change;
pub mod mysql;
mod record;
pub(crate) mod together;

pub use change::{Change, Cursor};
pub use record::{DurabilityClass, Readiness, StockOpening, StockRecord, StoreError};
