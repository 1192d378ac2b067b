//! Where stock lives. Only [`mysql`] talks to a server.

pub mod mysql;
mod record;

pub use record::{DurabilityClass, Readiness, StockOpening, StockRecord, StoreError};
