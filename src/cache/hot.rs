//! The SKUs that are kept present in the cache: those pinned, those that busy lanes have, and those that
//! somebody reads. A bounded set; whatever is not in it is cached when it is read, and no longer than that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::domain::Sku;
use crate::limits::{HOT_REST_MS, HOT_SKUS_MAX};

const REST: Duration = Duration::from_millis(HOT_REST_MS);

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HotSkus(Arc<Mutex<FxHashMap<Sku, Heat>>>);

#[derive(Clone, Copy, Debug)]
struct Heat {
    pinned: bool,
    warmed: Instant,
}

impl HotSkus {
    /// These are read, or have busy lanes. Without room they are not taken in.
    pub fn warm<'s>(&self, skus: impl IntoIterator<Item = &'s Sku>) {
        let now = Instant::now();
        let mut hot = self.0.lock();
        for sku in skus {
            if let Some(heat) = hot.get_mut(sku) {
                heat.warmed = now;
            } else if hot.len() < HOT_SKUS_MAX {
                hot.insert(sku.clone(), Heat { pinned: false, warmed: now });
            }
        }
    }

    /// These and no others are pinned. They find room before those that are only warm.
    pub fn pin<'s>(&self, skus: impl IntoIterator<Item = &'s Sku>) {
        let now = Instant::now();
        let mut hot = self.0.lock();
        for heat in hot.values_mut() {
            heat.pinned = false;
        }
        for sku in skus {
            hot.entry(sku.clone()).or_insert(Heat { pinned: true, warmed: now }).pinned = true;
        }
        while hot.len() > HOT_SKUS_MAX {
            let coldest = hot.iter().filter(|(_, heat)| !heat.pinned);
            let coldest = coldest.min_by_key(|(_, heat)| heat.warmed).map(|(sku, _)| sku.clone());
            let Some(sku) = coldest else { break };
            hot.remove(&sku);
        }
    }

    /// All of them, without those that nobody has read for a while.
    pub(super) fn all(&self) -> Vec<Sku> {
        let now = Instant::now();
        let mut hot = self.0.lock();
        hot.retain(|_, heat| heat.pinned || now.saturating_duration_since(heat.warmed) < REST);
        hot.keys().cloned().collect()
    }

    /// Those of these that are hot, each once.
    pub(super) fn of<'s>(&self, skus: impl Iterator<Item = &'s Sku>) -> Vec<Sku> {
        let hot = self.0.lock();
        let mut found: FxHashMap<&Sku, ()> = FxHashMap::default();
        let mut last = None;
        for sku in skus {
            // A hot lane's orders stand side by side.
            if last != Some(sku) && hot.contains_key(sku) {
                found.insert(sku, ());
            }
            last = Some(sku);
        }
        found.into_keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skus(names: impl Iterator<Item = usize>) -> Vec<Sku> {
        names.map(|name| Sku::new(&format!("s-{name}")).unwrap()).collect()
    }

    fn age(hot: &HotSkus, by: Duration) {
        for heat in hot.0.lock().values_mut() {
            heat.warmed = heat.warmed.checked_sub(by).unwrap();
        }
    }

    #[test]
    fn it_never_grows_past_its_bound_and_pinned_ones_come_first() {
        let hot = HotSkus::default();
        hot.warm(&skus(0..HOT_SKUS_MAX + 50));
        assert_eq!(hot.all().len(), HOT_SKUS_MAX);
        let pinned = skus(5_000..5_010);
        hot.pin(&pinned);
        assert_eq!(hot.all().len(), HOT_SKUS_MAX);
        assert_eq!(hot.of(pinned.iter()).len(), 10);
    }

    #[test]
    fn what_nobody_reads_leaves_unless_it_is_pinned() {
        let hot = HotSkus::default();
        hot.warm(&skus(0..2));
        hot.pin(&skus(2..3));
        age(&hot, REST);
        hot.warm(&skus(1..2));
        let mut all = hot.all();
        all.sort();
        assert_eq!(all, skus(1..3));
        // No longer pinned, it leaves like any other.
        hot.pin(&[]);
        assert_eq!(hot.all(), skus(1..2));
    }

    #[test]
    fn of_many_the_hot_ones_are_found_once() {
        let hot = HotSkus::default();
        hot.warm(&skus(0..2));
        let asked = skus([1, 1, 7, 0, 1, 7].into_iter());
        let mut found = hot.of(asked.iter());
        found.sort();
        assert_eq!(found, skus(0..2));
    }
}
