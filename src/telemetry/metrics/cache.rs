//! What is counted of the read cache.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::label::{CacheEntry, CacheFailure, CacheRead};
use super::{Labels, Metrics, each, gauge, saturate};

pub(super) struct Cache {
    up: Gauge,
    hot_skus: Gauge,
    reads: Vec<Counter>,
    entries: Vec<Counter>,
    failures: Vec<Counter>,
    strays: Counter,
}

impl Cache {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reads: Family<Labels, Counter> = Family::default();
        let help = "Reads of a SKU's stock that asked the cache, by what it had";
        registry.register("cache_reads", help, reads.clone());
        let entries: Family<Labels, Counter> = Family::default();
        let help = "Entries of the cache compared with MySQL and put right, by what they were";
        registry.register("cache_entries", help, entries.clone());
        let strays = Counter::default();
        let help = "Values that would have stayed longer than an entry of the cache, removed";
        registry.register("cache_strays", help, strays.clone());
        let failures: Family<Labels, Counter> = Family::default();
        let help = "Calls to the cache that came to nothing, by why";
        registry.register("cache_failures", help, failures.clone());
        Self {
            up: gauge(registry, "cache_up", "1 while the cache is used"),
            hot_skus: gauge(registry, "cache_hot_skus", "SKUs that are kept present in the cache"),
            reads: each(
                &reads,
                "outcome",
                &mut CacheRead::ALL.iter().map(|outcome| outcome.name()),
            ),
            entries: each(&entries, "found", &mut CacheEntry::ALL.iter().map(|found| found.name())),
            failures: each(
                &failures,
                "reason",
                &mut CacheFailure::ALL.iter().map(|reason| reason.name()),
            ),
            strays,
        }
    }
}

impl Metrics {
    /// Whether the cache is used now.
    pub fn cache_up(&self, up: bool) {
        self.0.cache.up.set(up.into());
    }

    /// This many SKUs are kept present in the cache.
    pub fn cache_hot_skus(&self, skus: usize) {
        self.0.cache.hot_skus.set(saturate(skus));
    }

    /// A reader asked the cache for a SKU.
    pub fn cache_read(&self, outcome: CacheRead) {
        self.0.cache.reads[outcome as usize].inc();
    }

    /// An entry was compared with MySQL.
    pub fn cache_entry(&self, found: CacheEntry) {
        self.0.cache.entries[found as usize].inc();
    }

    /// A call to the cache came to nothing.
    pub fn cache_failure(&self, reason: CacheFailure) {
        self.0.cache.failures[reason as usize].inc();
    }

    /// So many values were removed that hotrow had not put into the cache.
    pub fn cache_strays(&self, values: u64) {
        self.0.cache.strays.inc_by(values);
    }
}
