//! Compares entries of the cache with MySQL, and puts them right.
//!
//! The cache is read first and MySQL after it. So what is higher in the cache was never true, and what has
//! other figures at the same version is wrong, whatever goes on meanwhile. What is lower may be about to be
//! filled: it is behind if the very same is still there when it ought to have been filled or refreshed.

use std::collections::HashSet;
use std::time::Duration;

use crate::cache::{Cache, CacheError, Sighting};
use crate::domain::Sku;
use crate::limits::{CACHE_REFRESHES, RECONCILE_LOOK_MARGIN_MS};
use crate::store::mysql::Desk;
use crate::store::{Drift, StoreError};
use crate::telemetry::metrics::{CacheEntry, Metrics};

use super::classes::of_entry;

/// Why entries could not be checked or put right.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// The cache does not do it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// MySQL does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The two sides.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    pub(super) cache: Cache,
    pub(super) desk: Desk,
    /// SKUs that the settings pin.
    pub(super) pins: Vec<Sku>,
    pub(super) metrics: Metrics,
}

/// What a look at some SKUs has found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// These differ.
    pub(super) differ: Vec<Sighting>,
    /// These differ unless that is about to change.
    pub(super) suspects: Vec<Sighting>,
}

impl Entries {
    /// After this time a suspect is looked at again.
    pub(super) fn bound(&self) -> Duration {
        self.cache.stale() / CACHE_REFRESHES + Duration::from_millis(RECONCILE_LOOK_MARGIN_MS)
    }

    /// The SKUs that have to be present.
    pub(super) async fn pinned(&self) -> Result<HashSet<Sku>, StoreError> {
        let pinned = self.desk.pinned().await?;
        Ok(pinned.into_iter().chain(self.pins.iter().cloned()).collect())
    }

    /// Compares these. Of those that the cache does not have, only the pinned ones count.
    pub(super) async fn look(
        &self,
        mut skus: Vec<Sku>,
        pinned: &HashSet<Sku>,
    ) -> Result<Looked, CheckError> {
        skus.sort_unstable();
        skus.dedup();
        let mut looked = Looked::default();
        for sighting in self.sight(&skus, |sku| pinned.contains(sku)).await? {
            match sighting.found() {
                None | Some(CacheEntry::Same) => {}
                Some(CacheEntry::Behind | CacheEntry::Missing) => looked.suspects.push(sighting),
                Some(
                    CacheEntry::Ahead
                    | CacheEntry::Wrong
                    | CacheEntry::Malformed
                    | CacheEntry::Gone,
                ) => looked.differ.push(sighting),
            }
        }
        self.metrics.skus_checked(skus.len());
        Ok(looked)
    }

    /// Those of the suspects, in the order of the SKUs, that are still as they were.
    pub(super) async fn look_again(
        &self,
        suspects: Vec<Sighting>,
    ) -> Result<Vec<Sighting>, CheckError> {
        let skus: Vec<Sku> = suspects.iter().map(|suspect| suspect.sku.clone()).collect();
        let mut now = self.sight(&skus, |_| true).await?.into_iter().peekable();
        let mut still = Vec::new();
        for suspect in suspects {
            let Some(sighting) = now.next_if(|sighting| sighting.sku == suspect.sku) else {
                continue;
            };
            let differs =
                matches!(sighting.found(), Some(CacheEntry::Behind | CacheEntry::Missing));
            if differs && sighting.cached == suspect.cached {
                still.push(sighting);
            }
        }
        Ok(still)
    }

    /// Makes drift of what differs, and of the cache what MySQL has.
    pub(super) async fn put_right(
        &self,
        differ: &[Sighting],
        repair: bool,
    ) -> Result<Vec<Drift>, CheckError> {
        if repair && !differ.is_empty() {
            self.cache.put_right(differ).await?;
            self.metrics.repairs(differ.len());
        }
        Ok(differ.iter().filter_map(|sighting| of_entry(sighting, repair)).collect())
    }

    /// What the cache has of these sorted SKUs, and what MySQL has after that. What the cache does not have is
    /// left out, unless it is wanted all the same.
    async fn sight(
        &self,
        skus: &[Sku],
        wanted: impl Fn(&Sku) -> bool,
    ) -> Result<Vec<Sighting>, CheckError> {
        let cached = self.cache.read(skus).await?;
        let there: Vec<_> = skus
            .iter()
            .cloned()
            .zip(cached)
            .filter(|(sku, cached)| cached.is_some() || wanted(sku))
            .collect();
        let asked = there.iter().map(|(sku, _)| sku.clone()).collect();
        let mut stock = self.desk.stock(asked).await?.into_iter().peekable();
        let sighting = |(sku, cached)| {
            let stock = stock.next_if(|record| record.sku == sku);
            Sighting { sku, cached, stock }
        };
        Ok(there.into_iter().map(sighting).collect())
    }
}
