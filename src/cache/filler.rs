//! The filler: brings into the cache what was committed, and keeps what is hot there.
//!
//! A round reads the cache, then MySQL with one statement, and puts right what differs, lies included. It is
//! made for the hot SKUs that flushes have changed, soon after their commit; and for all hot SKUs four times
//! within the time that an entry may be served, for what nobody told this process: flushes of others, changes
//! by hand, lies. With the latter goes a patrol for what somebody else has put under keys that are not hot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::debug;

use super::hot::HotSkus;
use super::reads::StockReads;
use super::{Cache, Sighting};
use crate::domain::Sku;
use crate::engine::Plan;
use crate::limits::{CACHE_REFRESHES, FILL_FLUSHES_MAX, FILL_GATHER_MS, FILL_ROUND_MS};
use crate::store::StockRecord;
use crate::telemetry::metrics::Metrics;

/// Where the lanes say what was committed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Commits {
    queue: mpsc::Sender<Arc<Plan>>,
    missed: Arc<AtomicBool>,
}

impl Commits {
    /// A flush of this plan was committed. Never waits: without room, everything hot is looked at instead.
    pub fn committed(&self, plan: &Arc<Plan>) {
        if self.queue.try_send(Arc::clone(plan)).is_err() {
            self.missed.store(true, Ordering::Release);
        }
    }
}

/// The background job; one for each process that uses a cache.
#[derive(Debug)]
pub struct Filler {
    cache: Cache,
    reads: StockReads,
    hot: HotSkus,
    commits: mpsc::Receiver<Arc<Plan>>,
    missed: Arc<AtomicBool>,
    metrics: Metrics,
}

impl Filler {
    pub(super) fn new(
        cache: Cache,
        reads: StockReads,
        hot: HotSkus,
        metrics: Metrics,
    ) -> (Self, Commits) {
        let (queue, commits) = mpsc::channel(FILL_FLUSHES_MAX);
        let missed = Arc::new(AtomicBool::new(false));
        let told = Commits { queue, missed: Arc::clone(&missed) };
        (Self { cache, reads, hot, commits, missed, metrics }, told)
    }

    /// Fills until it is dropped.
    pub async fn run(mut self) {
        let refresh = self.cache.stale() / CACHE_REFRESHES;
        let mut next_refresh = Instant::now();
        let mut patrolled = 0;
        loop {
            let flush = tokio::select! {
                flush = self.commits.recv() => flush,
                () = tokio::time::sleep_until(next_refresh.into()) => None,
            };
            let begun = Instant::now();
            let mut flushes: Vec<Arc<Plan>> = flush.into_iter().collect();
            if !flushes.is_empty() {
                tokio::time::sleep(Duration::from_millis(FILL_GATHER_MS)).await;
            }
            while let Ok(flush) = self.commits.try_recv() {
                flushes.push(flush);
            }
            let missed = self.missed.swap(false, Ordering::AcqRel);
            let everything = missed || begun >= next_refresh;
            let skus = if everything {
                next_refresh = begun + refresh;
                let all = self.hot.all();
                self.metrics.cache_hot_skus(all.len());
                all
            } else {
                let operations = flushes.iter().flat_map(|plan| &plan.operations);
                self.hot.of(operations.flat_map(|operation| {
                    (0..operation.width()).map(|index| operation.line(index).0)
                }))
            };
            drop(flushes);
            // Nobody reads a cache that is down, and everything hot is looked at soon after it has come back.
            if !skus.is_empty() && self.cache.is_up() {
                self.round(skus).await;
            }
            if everything && self.cache.is_up() {
                patrolled = self.patrol(patrolled).await;
            }
            let round = Duration::from_millis(FILL_ROUND_MS);
            tokio::time::sleep_until((begun + round).into()).await;
        }
    }

    /// Returns where the next one goes on.
    async fn patrol(&self, from: u64) -> u64 {
        self.cache.patrol(from).await.unwrap_or_else(|error| {
            debug!(%error, "the cache could not be patrolled");
            from
        })
    }

    /// Makes the cache have these SKUs as MySQL has them. What fails is tried again with the next refresh.
    async fn round(&self, mut skus: Vec<Sku>) {
        skus.sort_unstable();
        let cached = match self.cache.read(&skus).await {
            Ok(cached) => cached,
            Err(error) => return debug!(%error, "hot SKUs could not be read from the cache"),
        };
        // After the cache: what is higher there than here was never true.
        let stock = match self.reads.read_mysql(skus.clone()).await {
            Ok(stock) => stock,
            Err(error) => return debug!(%error, "hot SKUs could not be read from MySQL"),
        };
        let sightings = sightings(skus, cached, stock);
        if let Err(error) = self.cache.put_right(&sightings).await {
            debug!(%error, "hot SKUs could not be put into the cache");
        }
    }
}

fn sightings(
    skus: Vec<Sku>,
    cached: Vec<Option<super::Cached>>,
    stock: Vec<StockRecord>,
) -> Vec<Sighting> {
    let mut stock = stock.into_iter().peekable();
    let pairs = skus.into_iter().zip(cached);
    pairs
        .map(|(sku, cached)| {
            let stock = stock.next_if(|stock| stock.sku == sku);
            Sighting { sku, cached, stock }
        })
        .collect()
}
