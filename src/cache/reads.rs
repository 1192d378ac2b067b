//! Reads of stock: from the cache where there is one, else from MySQL, many readers at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::debug;

use super::clock::DatabaseClock;
use super::filler::{Commits, Filler};
use super::hot::HotSkus;
use super::link::PATIENCE;
use super::recent::Recent;
use super::{Cache, CacheError, Cached, Sighting};
use crate::domain::Sku;
use crate::limits::{CACHE_CALL_SKUS_MAX, FILL_MISSES_MAX, LOOKUPS_WAITING_MAX};
use crate::store::mysql::Desk;
use crate::store::together::{Room, Together};
use crate::store::{StockRecord, StoreError};
use crate::telemetry::metrics::{CacheRead, Metrics};

/// Where a stock was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From MySQL, after it was asked for.
    MySql,
    /// From the cache; it was read from MySQL before, which `as_of` tells.
    Redis,
}

/// The handle through which stock is read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StockReads {
    desk: Desk,
    clock: Arc<DatabaseClock>,
    cached: Option<CachedReads>,
}

#[derive(Clone, Debug)]
struct CachedReads {
    cache: Cache,
    together: Together<Sku, Cached, CacheError>,
    recent: Arc<Recent>,
    hot: HotSkus,
    misses: mpsc::Sender<Sighting>,
    metrics: Metrics,
}

impl StockReads {
    /// Without a cache: every read comes from MySQL.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk, clock: Arc::default(), cached: None }
    }

    /// With a cache. The filler has to run for it to be filled after commits, which the lanes tell it by the
    /// third of these.
    #[must_use]
    pub fn cached(
        desk: Desk,
        cache: Cache,
        hot: HotSkus,
        metrics: Metrics,
    ) -> (Self, Filler, Commits) {
        let asked = cache.clone();
        let room = Room { waiting_max: LOOKUPS_WAITING_MAX, keys_max: CACHE_CALL_SKUS_MAX };
        let together = Together::start(
            room,
            || CacheError::Down,
            move |skus: Vec<Sku>| {
                let cache = asked.clone();
                async move {
                    let found = cache.read(&skus).await?.into_iter().flatten();
                    Ok(found.map(|cached| (cached.sku().clone(), cached)).collect())
                }
            },
        );
        let (misses, missed) = mpsc::channel(FILL_MISSES_MAX);
        tokio::spawn(fill_misses(cache.clone(), missed));
        let cached = CachedReads {
            cache: cache.clone(),
            together,
            recent: Arc::default(),
            hot: hot.clone(),
            misses,
            metrics: metrics.clone(),
        };
        let reads = Self { desk, clock: Arc::default(), cached: Some(cached) };
        let (filler, commits) = Filler::new(cache, reads.clone(), hot, metrics);
        (reads, filler, commits)
    }

    /// The cache, when there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&Cache> {
        self.cached.as_ref().map(|cached| &cached.cache)
    }

    /// The stock of those of these SKUs that exist. From MySQL it was read after it was asked for; so is all of
    /// it when `fresh` is set.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when MySQL is needed and does not answer in time.
    pub async fn read(
        &self,
        skus: &[Sku],
        fresh: bool,
    ) -> Result<HashMap<Sku, (StockRecord, Source)>, StoreError> {
        let mut found = HashMap::with_capacity(skus.len());
        let mut left: Vec<(Sku, Option<Cached>)> = Vec::new();
        match self.cached.as_ref().filter(|_| !fresh) {
            Some(cached) => {
                for (sku, cached) in skus.iter().zip(cached.look(skus).await) {
                    match self.servable(cached) {
                        Ok(record) => {
                            found.insert(sku.clone(), (record, Source::Redis));
                        }
                        Err(cached) => left.push((sku.clone(), cached)),
                    }
                }
            }
            None => left.extend(skus.iter().map(|sku| (sku.clone(), None))),
        }
        if !left.is_empty() {
            let asked = left.iter().map(|(sku, _)| sku.clone()).collect();
            let records = self.read_mysql(asked).await?;
            let mut unfilled: HashMap<Sku, Option<Cached>> = left.into_iter().collect();
            for record in records {
                let cached = unfilled.remove(&record.sku).flatten();
                if let Some(filling) = self.cached.as_ref().filter(|_| !fresh) {
                    filling.fill_soon(cached, &record);
                }
                found.insert(record.sku.clone(), (record, Source::MySql));
            }
        }
        if let Some(cached) = &self.cached {
            cached.hot.warm(found.keys());
        }
        Ok(found)
    }

    /// The stock of those SKUs that exist, sorted by SKU, from MySQL.
    pub(super) async fn read_mysql(&self, skus: Vec<Sku>) -> Result<Vec<StockRecord>, StoreError> {
        let asked = Instant::now();
        let records = self.desk.stock(skus).await?;
        if let Some(record) = records.first() {
            self.clock.learn(asked, record.as_of);
        }
        Ok(records)
    }

    /// What the cache says, if readers may be told; else what it was.
    fn servable(&self, cached: Option<Cached>) -> Result<StockRecord, Option<Cached>> {
        let Some(reads) = &self.cached else { return Err(cached) };
        let Some(entry) = cached else { return Err(None) };
        let outcome = match entry.record() {
            None => CacheRead::Malformed,
            Some(record) => match self.clock.age(record.as_of) {
                Some(age) if age <= reads.cache.stale() => {
                    reads.metrics.cache_read(CacheRead::Hit);
                    return Ok(record.clone());
                }
                Some(_) | None => CacheRead::Stale,
            },
        };
        reads.metrics.cache_read(outcome);
        Err(Some(entry))
    }
}

impl CachedReads {
    /// What the cache has of each, or had a moment ago, as far as it answers.
    async fn look(&self, skus: &[Sku]) -> Vec<Option<Cached>> {
        let mut found: Vec<Option<Cached>> = skus.iter().map(|sku| self.recent.get(sku)).collect();
        let unknown = skus.iter().zip(&found).filter(|(_, cached)| cached.is_none());
        let unknown: Vec<Sku> = unknown.map(|(sku, _)| sku.clone()).collect();
        if unknown.is_empty() {
            return found;
        }
        let asked = Instant::now();
        let mut answers = self.ask(&unknown).await.into_iter();
        for cached in found.iter_mut().filter(|cached| cached.is_none()) {
            *cached = answers.next().flatten();
            if let Some(cached) = cached {
                self.recent.keep(asked, cached);
            }
        }
        found
    }

    async fn ask(&self, skus: &[Sku]) -> Vec<Option<Cached>> {
        let asked = if self.cache.is_up() {
            // Those before it may have the call for themselves first.
            let answer = tokio::time::timeout(PATIENCE, self.together.find(skus.to_vec())).await;
            answer.unwrap_or(Err(CacheError::Silent))
        } else {
            Err(CacheError::Down)
        };
        match asked {
            Ok(found) => {
                let missing = found.iter().filter(|cached| cached.is_none());
                missing.for_each(|_| self.metrics.cache_read(CacheRead::Miss));
                found
            }
            Err(error) => {
                debug!(%error, "the cache gave no answer; MySQL is read");
                skus.iter().for_each(|_| self.metrics.cache_read(CacheRead::Unavailable));
                vec![None; skus.len()]
            }
        }
    }

    /// Has it filled in the background. Without room the next reader brings it again.
    fn fill_soon(&self, cached: Option<Cached>, record: &StockRecord) {
        if self.cache.is_up() {
            let (sku, stock) = (record.sku.clone(), Some(record.clone()));
            // Full: the next reader does not find it either.
            let _queued = self.misses.try_send(Sighting { sku, cached, stock });
        }
    }
}

/// Fills what readers did not find, or found wrong. Many of them have read the same.
async fn fill_misses(cache: Cache, mut missed: mpsc::Receiver<Sighting>) {
    let mut batch = Vec::new();
    while missed.recv_many(&mut batch, CACHE_CALL_SKUS_MAX).await > 0 {
        let mut newest: HashMap<Sku, Sighting> = HashMap::new();
        for sighting in batch.drain(..) {
            newest.insert(sighting.sku.clone(), sighting);
        }
        let sightings: Vec<Sighting> = newest.into_values().collect();
        if let Err(error) = cache.put_right(&sightings).await {
            debug!(%error, "what was read could not be put into the cache");
        }
    }
}
