//! Where stock lives. Only [`mysql`] talks to a server.

mod change;
pub mod mysql;
mod record;

pub use change::{Change, Cursor};
pub use record::{
    DurabilityClass, Forgotten, Moved, Readiness, StockOpening, StockRecord, StoreError,
};
