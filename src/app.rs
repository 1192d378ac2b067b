//! Puts the parts together, in order, and takes them down in the opposite order.

mod archive;
mod cache;
mod embed;
mod merge_mode;
mod open_files;
mod pin;
mod reconcile;
mod runtime;
mod serve;

pub use archive::{ArchiveRun, archive};
pub use embed::{shell, with_database};
pub use merge_mode::{MergeModeChange, MergeModeRun, merge_mode};
pub use open_files::{TooFewFiles, open_files_for};
pub use pin::{Pinning, pin};
pub use reconcile::{Outcome, ReconcileOptions, Told, reconcile};
pub use runtime::runtime;
pub use serve::serve;

use crate::cache::CacheError;
use crate::domain::InvalidValue;

use crate::embedded::EmbeddedError;
use crate::http::BindError;
use crate::lane::StartError;
use crate::reconcile::ReconcileError;
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
    /// The schema is not what this build needs.
    #[error("the schema is missing or not current; run `hotrow migrate`")]
    Schema,
    /// The lanes.
    #[error(transparent)]
    Lanes(#[from] StartError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reconciliation.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The address of the embedded server, which is our own making.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The address of the read cache.
    #[error("{0}; check redis_url")]
    Cache(#[from] CacheError),
    /// An argument of a command.
    #[error(transparent)]
    Argument(#[from] InvalidValue),
    /// Too many SKUs are pinned.
    #[error(
        "{would_be} SKUs would be pinned; at most {} are allowed: unpin some with `hotrow pin --remove`",
        crate::limits::PINNED_SKUS_MAX
    )]
    Pins {
        /// How many.
        would_be: usize,
    },
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
