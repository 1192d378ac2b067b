//! Merge modes at run time: every process reads what people have set, lets its lanes go by it, and writes what it
//! counted.
//!
//! While the table cannot be read, the modes that were read last hold. A process that merges everything writes
//! nothing.

use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::engine::MergeModes;
use crate::lane::Lanes;
use crate::limits::{MERGE_COUNT_PAUSE_MS, MERGE_MODE_PAUSE_MS, MERGE_MODE_SKUS_MAX};
use crate::store::StoreError;
use crate::store::mysql::{Desk, MergeTable};

/// Follows the merge modes of one process.
#[derive(Debug)]
pub struct Merging {
    desk: Desk,
    lanes: Lanes,
    /// As it was last read.
    table: MergeTable,
    in_trouble: bool,
    /// When to write the next counts; `None` when everything is merged and that is written.
    count_at: Option<Instant>,
}

impl Merging {
    /// Reads the modes for the first time: no order is merged against them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when they cannot be read.
    pub async fn start(desk: Desk, lanes: Lanes) -> Result<Self, StoreError> {
        let table = MergeTable::default();
        let mut merging = Self { desk, lanes, table, in_trouble: false, count_at: None };
        let table = merging.desk.merge_modes().await?;
        merging.desk.forget_old_merge_counts().await?;
        merging.go_by(table);
        Ok(merging)
    }

    /// Follows them until it is dropped. Troubles are logged, and it goes on when they are over.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(Duration::from_millis(MERGE_MODE_PAUSE_MS)).await;
            match self.follow().await {
                Ok(()) if self.in_trouble => {
                    self.in_trouble = false;
                    info!("merge modes are followed again");
                }
                Ok(()) => {}
                Err(error) if self.in_trouble => debug!(%error, "merge modes cannot be followed"),
                Err(error) => {
                    self.in_trouble = true;
                    warn!(%error, "merge modes cannot be followed; those read last hold");
                }
            }
        }
    }

    async fn follow(&mut self) -> Result<(), StoreError> {
        let table = self.desk.merge_modes().await?;
        self.go_by(table);
        if self.count_at.is_some_and(|at| at <= Instant::now()) {
            self.write_counts().await?;
        }
        Ok(())
    }

    fn go_by(&mut self, table: MergeTable) {
        if table == self.table {
            return;
        }
        if !table.unusable.is_empty() {
            warn!(skus = ?table.unusable, "rows of merge_mode without a mode are left out");
        }
        if table.too_many {
            warn!(
                most = MERGE_MODE_SKUS_MAX,
                "merge_mode has more SKUs than may have a mode of their own; the last by name are left out"
            );
        }
        if table.modes != self.table.modes {
            let MergeModes { whole, own } = &table.modes;
            info!(mode = whole.name(), skus_with_their_own = own.len(), "merge modes changed");
            self.lanes.set_merge_modes(table.modes.clone());
            self.count_at = Some(Instant::now());
        }
        self.table = table;
    }

    async fn write_counts(&mut self) -> Result<(), StoreError> {
        // The engine is gone: so will be this process.
        let Some(counts) = self.lanes.merge_counts().await else { return Ok(()) };
        self.desk.write_merge_counts(self.lanes.instance(), &counts).await?;
        let pause = Duration::from_millis(MERGE_COUNT_PAUSE_MS);
        let merges_all = self.table.modes == MergeModes::default();
        self.count_at = (!merges_all).then(|| Instant::now() + pause);
        Ok(())
    }
}
