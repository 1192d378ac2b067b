//! Merge modes, as people set them, and the counts that processes write of them.

use sqlx::mysql::MySqlRow;

use super::connect::{run, text};
use super::desk::Desk;
use super::statement as sql;
use super::statement::{write_id, write_int};
use crate::domain::{MergeMode, Sku};
use crate::engine::{MergeCount, MergeCounts, MergeModes};
use crate::limits::{MERGE_COUNT_HOURS, MERGE_MODE_SKUS_MAX};
use crate::store::StoreError;

/// Stands for all SKUs that have no mode of their own; no SKU is named so.
const WHOLE: &str = "*";

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeTable {
    /// The modes that hold.
    pub modes: MergeModes,
    /// Rows that nobody can go by, by name: what is no SKU, and what has no mode.
    pub unusable: Vec<String>,
    /// True when there are more SKUs with a mode of their own than may be. Those that hold are the first by name.
    pub too_many: bool,
}

impl Desk {
    /// The merge modes that are set.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn merge_modes(&self) -> Result<MergeTable, StoreError> {
        let mut script = String::new();
        // The whole server's, and one that tells that there are too many.
        let limit = MERGE_MODE_SKUS_MAX + 2;
        sql::SELECT_MERGE_MODES.write(&mut script, |_, script| write_int(script, limit));
        let read = self.pooled().detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                Ok(table_of(&rows)?)
            })
        });
        Ok(read.await?)
    }

    /// Sets the mode of a SKU, or of all SKUs that have none of their own. False when there are as many SKUs with
    /// a mode of their own as there may be.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn set_merge_mode(
        &self,
        sku: Option<&Sku>,
        mode: MergeMode,
    ) -> Result<bool, StoreError> {
        let mut script = String::new();
        sql::SET_MERGE_MODE.write(&mut script, |hole, script| match hole {
            "sku" => write_id(script, scope(sku)),
            "mode" => write_id(script, mode.name()),
            _ => write_int(script, MERGE_MODE_SKUS_MAX),
        });
        self.change(script).await
    }

    /// Removes the mode of a SKU, which then goes by the whole server's; or the whole server's, which then
    /// merges. False when there was none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn unset_merge_mode(&self, sku: Option<&Sku>) -> Result<bool, StoreError> {
        let mut script = String::new();
        sql::UNSET_MERGE_MODE.write(&mut script, |_, script| write_id(script, scope(sku)));
        self.change(script).await
    }

    /// Writes what this process has counted, and removes what it does not count any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn write_merge_counts(
        &self,
        instance: u64,
        counts: &MergeCounts,
    ) -> Result<(), StoreError> {
        let mut script = String::new();
        let whole = std::iter::once((WHOLE, counts.mode, counts.whole));
        let own = counts.own.iter().map(|(sku, mode, count)| (sku.as_str(), *mode, *count));
        let rows: Vec<_> = whole.chain(own).collect();
        sql::WRITE_MERGE_COUNTS.write(&mut script, |_, script| {
            for (index, row) in rows.iter().enumerate() {
                script.push_str(if index == 0 { "(" } else { ",(" });
                write_count(script, instance, row);
                script.push(')');
            }
        });
        script.push_str(";\n");
        sql::FORGET_MERGE_COUNTS.write(&mut script, |hole, script| match hole {
            "instance" => write_int(script, instance),
            _ => {
                for (index, (sku, ..)) in rows.iter().enumerate() {
                    script.push_str(if index == 0 { "" } else { "," });
                    write_id(script, sku);
                }
            }
        });
        self.change(script).await.map(drop)
    }

    /// Removes the counts of processes that are gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn forget_old_merge_counts(&self) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::FORGET_OLD_MERGE_COUNTS
            .write(&mut script, |_, script| write_int(script, MERGE_COUNT_HOURS));
        self.change(script).await.map(drop)
    }

    /// True when any row was changed.
    async fn change(&self, script: String) -> Result<bool, StoreError> {
        let change = self.pooled().detached(|connection| {
            Box::pin(async move {
                let (affected, _) = run(connection, script).await?;
                Ok(affected.iter().any(|rows| *rows > 0))
            })
        });
        Ok(change.await?)
    }
}

fn scope(sku: Option<&Sku>) -> &str {
    sku.map_or(WHOLE, Sku::as_str)
}

fn write_count(script: &mut String, instance: u64, row: &(&str, MergeMode, MergeCount)) {
    let (sku, mode, MergeCount { off, dry_run, would_be_flushes }) = row;
    write_int(script, instance);
    for id in [sku, mode.name()] {
        script.push(',');
        write_id(script, id);
    }
    for count in [off, dry_run, would_be_flushes] {
        script.push(',');
        write_int(script, *count);
    }
}

/// Rows of `select_merge_modes.sql`.
fn table_of(rows: &[MySqlRow]) -> Result<MergeTable, sqlx::Error> {
    let mut table = MergeTable::default();
    for row in rows {
        let (name, mode) = (text(row, 0)?, MergeMode::new(text(row, 1)?));
        match (name, Sku::new(name), mode) {
            (WHOLE, _, Ok(mode)) => table.modes.whole = mode,
            (_, Ok(sku), Ok(mode)) if table.modes.own.len() < MERGE_MODE_SKUS_MAX => {
                table.modes.own.insert(sku, mode);
            }
            (_, Ok(_), Ok(_)) => table.too_many = true,
            (name, ..) => table.unusable.push(name.to_owned()),
        }
    }
    Ok(table)
}
