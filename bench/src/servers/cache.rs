//! The read cache of hotrow, on a Redis of the harness.

use std::time::Duration;

use hotrow::cache::{Cache, CacheConfig, Commits, HotSkus, StockReads};
use hotrow::limits::CACHE_STALE_MS;
use hotrow::store::mysql::Desk;
use hotrow::telemetry::metrics::Metrics;
use tokio::task::JoinSet;

use crate::outcome::Outcome;

/// Connects to the cache at this URL.
pub(crate) fn open(url: &str, metrics: Metrics) -> Outcome<Cache> {
    let prefix = "hotrow:stock:".to_owned();
    let stale = Duration::from_millis(CACHE_STALE_MS);
    Ok(Cache::open(&CacheConfig { address: url.parse()?, prefix, stale }, metrics)?)
}

/// A cache that is filled.
pub(crate) struct Filled {
    /// How stock is read.
    pub stock: StockReads,
    /// For the lanes.
    pub commits: Commits,
    /// It ends with these.
    pub filling: JoinSet<()>,
}

/// Fills the cache at this URL with what is hot.
pub(crate) fn fill(url: &str, desk: Desk, hot: HotSkus, metrics: Metrics) -> Outcome<Filled> {
    let cache = open(url, metrics.clone())?;
    let (stock, filler, commits) = StockReads::cached(desk, cache, hot, metrics);
    let mut filling = JoinSet::new();
    filling.spawn(filler.run());
    Ok(Filled { stock, commits, filling })
}
