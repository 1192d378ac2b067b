//! The connection of the process that compares stock, ledger and cache.

mod books;
mod mend;
mod record;
mod task;

use std::time::Duration;

use super::address::Address;
use super::right::{Right, Work};
use crate::store::StoreError;

pub use task::Schedule;

/// The right to run, or to follow, which one connection has at a time, over all processes. After an error it
/// is to be dropped, and the right goes with it.
pub struct ReconcileConnection(Right);

impl ReconcileConnection {
    /// Connects and takes the right to compare everything; `None` when another process has it. No call takes
    /// longer than `patience`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; so do all other calls.
    pub async fn acquire(
        address: &Address,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Right::acquire(address, Work::Reconcile, patience).await?.map(Self))
    }

    /// The same for the right to check entries of the cache while they change.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn acquire_follow(
        address: &Address,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Right::acquire(address, Work::Follow, patience).await?.map(Self))
    }

    /// Keeps the right while there is nothing to do, if it is called at least twice a minute.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn keep(&mut self) -> Result<(), StoreError> {
        self.0.keep().await
    }

    /// Gives the right back.
    pub async fn release(self) {
        self.0.release().await;
    }
}
