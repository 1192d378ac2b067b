//! The read cache in the life of `serve`: begun before the lanes, ended after them.

use std::time::Duration;

use tokio::task::JoinSet;
use tracing::debug;

use super::AppError;
use crate::cache::{Cache, CacheConfig, Commits, Filler, HotSkus, StockReads};
use crate::domain::Sku;
use crate::lane::Lanes;
use crate::limits::{HOT_LANES_MAX, HOT_LOOK_MS};
use crate::store::mysql::Desk;
use crate::telemetry::metrics::Metrics;

/// How stock is read, and what keeps the cache filled, when there is one.
pub(super) struct Reading {
    pub(super) stock: StockReads,
    /// For the lanes.
    pub(super) commits: Option<Commits>,
    filling: Option<(Filler, HotSkus)>,
}

impl Reading {
    /// Whether the cache's server is there does not matter.
    pub(super) fn start(
        config: Option<&CacheConfig>,
        desk: &Desk,
        metrics: &Metrics,
    ) -> Result<Self, AppError> {
        let Some(config) = config else {
            return Ok(Self { stock: StockReads::new(desk.clone()), commits: None, filling: None });
        };
        let cache = Cache::open(config, metrics.clone())?;
        let hot = HotSkus::default();
        let (stock, filler, commits) =
            StockReads::cached(desk.clone(), cache, hot.clone(), metrics.clone());
        Ok(Self { stock, commits: Some(commits), filling: Some((filler, hot)) })
    }

    /// Fills the cache until what is returned is dropped.
    pub(super) fn fill(self, lanes: Lanes, desk: Desk, pins: Vec<Sku>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if let Some((filler, hot)) = self.filling {
            tasks.spawn(filler.run());
            tasks.spawn(look_for_hot_skus(hot, lanes, desk, pins));
        }
        tasks
    }
}

/// The pinned SKUs, those of the settings and those of the table, and those of the busiest lanes.
async fn look_for_hot_skus(hot: HotSkus, lanes: Lanes, desk: Desk, pins: Vec<Sku>) {
    loop {
        match desk.pinned().await {
            Ok(pinned) => hot.pin(pins.iter().chain(&pinned)),
            // What was pinned stays so.
            Err(error) => debug!(%error, "the pinned SKUs could not be read"),
        }
        let busiest = lanes.busiest(HOT_LANES_MAX).await;
        hot.warm(busiest.iter().map(|lane| &lane.sku));
        tokio::time::sleep(Duration::from_millis(HOT_LOOK_MS)).await;
    }
}
