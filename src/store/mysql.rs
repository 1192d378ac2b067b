//! The MySQL and MariaDB store; the only user of sqlx.
//!
//! A flush runs on a [`FlushConnection`] of its own: no pool, no future that is dropped while its
//! connection lives on. Everything else goes through the [`Desk`].

mod abandoned;
mod address;
mod answers;
mod archive;
mod change_feed;
mod connect;
mod desk;
mod error;
mod execute;
mod flavor;
mod flush;
mod known;
mod merging;
mod migrate;
mod procedures;
mod reconcile;
mod right;
mod script;
mod server;
mod statement;
mod sweep;
mod views;

pub use abandoned::Abandoned;
pub use address::{Address, AddressError};
pub use archive::ArchiveConnection;
pub use change_feed::{ChangeFeed, FeedError};
pub use desk::Desk;
pub use flush::{FlushConnection, FlushTiming};
pub use merging::MergeTable;
pub use migrate::{MigrateError, instance_of, migrate, register_instance};
pub use reconcile::{ReconcileConnection, Schedule};
pub use server::{Finding, Inspection, inspect};
pub use sweep::{Deadline, DeadlineConnection, DueHold, DueOrder, SweepConnection};
