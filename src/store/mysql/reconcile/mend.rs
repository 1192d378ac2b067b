//! The SQL that brings the books of one SKU in order.

use sqlx::mysql::MySqlRow;

use super::ReconcileConnection;
use crate::domain::Sku;
use crate::store::mysql::connect::text;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int};
use crate::store::{Mend, Mended, StoreError};

/// The text, for this difference of this run.
pub(super) fn write_mend(run: u64, number: u64, sku: &Sku, mend: &Mend) -> String {
    let kind = if mend.delta < 0 { "write_off" } else { "restock" };
    let mut script = String::with_capacity(4_096);
    sql::RECONCILE_MEND.write(&mut script, |hole, script| match hole {
        "sku" => write_id(script, sku.as_str()),
        "run" => write_int(script, run),
        "number" => write_int(script, number),
        "id" => write_id(script, &format!("reconcile-{run}-{number}")),
        "reason" => write_id(script, &format!("difference {number} of reconciliation run {run}")),
        "kind" => write_id(script, kind),
        "delta" => write_int(script, mend.delta),
        "held" => write_int(script, mend.held),
        "recorded" => write_int(script, mend.recorded),
        "available" => write_int(script, mend.available),
        "apart" => write_int(script, mend.held_apart),
        _ => write_int(script, mend.version),
    });
    script
}

impl ReconcileConnection {
    /// Runs a mending SQL as it was recorded.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it could not be run, or its answer was lost: running it again does
    /// what is left to do.
    pub async fn mend(&mut self, script: String) -> Result<Mended, StoreError> {
        let outcome =
            |rows: &[MySqlRow]| match text(rows.last().ok_or(sqlx::Error::RowNotFound)?, 0)? {
                "mended" => Ok(Mended::Now),
                "before" => Ok(Mended::Before),
                "changed" => Ok(Mended::Changed),
                _ => Ok(Mended::Failed),
            };
        self.0.run(script, |_, rows| outcome(&rows)).await
    }
}
