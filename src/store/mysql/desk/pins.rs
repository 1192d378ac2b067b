//! The SKUs that are kept present in the read cache.

use super::Desk;
use super::pooled::Trouble;
use crate::domain::Sku;
use crate::limits::PINNED_SKUS_MAX;
use crate::store::StoreError;
use crate::store::mysql::connect::run;
use crate::store::mysql::known::sku;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{Statement, write_id, write_int, write_rows};

impl Desk {
    /// The SKUs that are pinned, sorted, as many as processes heed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn pinned(&self) -> Result<Vec<Sku>, StoreError> {
        let mut script = String::new();
        sql::SELECT_PINS.write(&mut script, |_, script| write_int(script, PINNED_SKUS_MAX));
        let read = self.pooled.detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                Ok(rows.iter().map(|row| sku(row, 0)).collect::<Result<_, _>>()?)
            })
        });
        Ok(read.await?)
    }

    /// Pins these SKUs, for every process and over restarts.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer in time; asking again settles it.
    pub async fn pin(&self, skus: &[Sku]) -> Result<(), StoreError> {
        self.change_pins(&sql::INSERT_PINS, skus).await
    }

    /// Pins these SKUs no longer.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer in time; asking again settles it.
    pub async fn unpin(&self, skus: &[Sku]) -> Result<(), StoreError> {
        self.change_pins(&sql::DELETE_PINS, skus).await
    }

    async fn change_pins(&self, statement: &Statement, skus: &[Sku]) -> Result<(), StoreError> {
        if skus.is_empty() {
            return Ok(());
        }
        let mut skus: Vec<&Sku> = skus.iter().collect();
        skus.sort_unstable();
        skus.dedup();
        let mut script = String::new();
        statement.write(&mut script, |_, script| {
            write_rows(script, self.pooled.flavor(), &skus, |script, sku| {
                write_id(script, sku.as_str());
            });
        });
        let change = self.pooled.detached(|connection| {
            Box::pin(async move {
                run(connection, script).await.map(drop).map_err(Trouble::of_one_statement)
            })
        });
        Ok(change.await?)
    }
}
