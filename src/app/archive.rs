//! `hotrow archive`: one pass over the ledger and the changes, page by page, at rest half of the time.

use std::time::Instant;

use tracing::info;

use super::AppError;
use crate::limits::ARCHIVE_PATIENCE;
use crate::store::mysql::{Address, ArchiveConnection};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveRun {
    /// Another process archives or reconciles this database.
    Elsewhere,
    /// A pass went to its end.
    Done {
        /// What is older than this was archived.
        days: u32,
        /// Orders that were moved.
        orders: usize,
        /// Their ledger rows.
        movements: u64,
        /// Changes that were forgotten.
        changes: usize,
    },
}

/// Archives what is older than `days`, and than any lifetime that a process has promised. A pass that was
/// interrupted goes on where it was.
///
/// # Errors
/// [`AppError::Store`] when the database does not answer; the next run goes on there.
pub async fn archive(address: &Address, days: u32) -> Result<ArchiveRun, AppError> {
    let acquired = ArchiveConnection::acquire(address, days, ARCHIVE_PATIENCE).await?;
    let Some(mut connection) = acquired else { return Ok(ArchiveRun::Elsewhere) };
    let days = connection.days();
    info!(days, "archiving what is older");
    let (mut orders, mut movements, mut changes) = (0, 0, 0);
    loop {
        let begun = Instant::now();
        let Some(moved) = connection.move_orders().await? else { break };
        orders += moved.orders;
        movements += moved.movements;
        rest(begun).await;
    }
    let mut after = 0;
    loop {
        let begun = Instant::now();
        let Some(forgotten) = connection.forget_changes(after).await? else { break };
        changes += forgotten.changes;
        after = forgotten.last;
        rest(begun).await;
    }
    connection.close().await;
    Ok(ArchiveRun::Done { days, orders, movements, changes })
}

/// As long as the page took: orders go before.
async fn rest(begun: Instant) {
    tokio::time::sleep(begun.elapsed()).await;
}
