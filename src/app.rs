//! Puts the parts together, in order, and takes them down in the opposite order.

mod archive;
mod embed;
mod merge_mode;
mod serve;

pub use archive::{ArchiveRun, archive};
pub use embed::{shell, with_database};
pub use merge_mode::{MergeModeChange, MergeModeRun, merge_mode};
pub use serve::serve;

use crate::embedded::EmbeddedError;
use crate::http::BindError;
use crate::lane::StartError;
use crate::store::StoreError;
use crate::store::mysql::{AddressError, MigrateError};

/// Why a command could not be carried out. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The embedded server.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The lanes.
    #[error(transparent)]
    Lanes(#[from] StartError),
    /// The database.
    #[error("{0}; check that the server runs and that database_url is right")]
    Store(#[from] StoreError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The address of the embedded server, which is our own making.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database cannot take orders.
    #[error("orders cannot be taken: {0}")]
    NotFit(String),
    /// The engine thread has ended.
    #[error(
        "the engine thread failed, see the log; orders that were not answered are in the ledger or \
         not at all: start hotrow again, and let callers send them again"
    )]
    EngineFailed,
    /// The system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
