//! How merge modes change, and what comes of them is counted.

use rustc_hash::FxHashMap;

use super::Combiner;
use crate::domain::{MergeMode, Sku};
use crate::engine::lane::LaneIx;
use crate::engine::merging::{Estimate, MergeCount, MergeCounts, MergeModes};

/// The counts beside those of the lanes, which are forgotten with them.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// Over all SKUs, from the start on.
    pub whole: Estimate,
    /// What of it is older than the mode of the whole server.
    before: MergeCount,
    /// Of each SKU with a mode of its own.
    own: FxHashMap<Sku, MergeCount>,
}

impl<T> Combiner<T> {
    /// From now on these modes hold, for what waits and for what arrives. Flushes that are in the air go on as
    /// they are.
    pub fn set_merge_modes(&mut self, modes: MergeModes) {
        let before = std::mem::replace(&mut self.modes, modes);
        let modes = &self.modes;
        if modes.whole != before.whole {
            self.merging.before = self.merging.whole.count;
        }
        let counts = modes.own.iter().map(|(sku, mode)| {
            let same = before.own.get(sku) == Some(mode);
            let count = self.merging.own.get(sku).filter(|_| same).copied();
            (sku.clone(), count.unwrap_or_default())
        });
        self.merging.own = counts.collect();
        // A lane stays in the ring where it stands; the planner looks at its head.
        for lane in self.lanes.iter_mut() {
            let mode = modes.of(&lane.sku);
            if lane.mode != mode {
                lane.mode = mode;
                lane.alone = Estimate::default();
            }
        }
    }

    /// How much was not merged, and what merging would have made of it.
    #[must_use]
    pub fn merge_counts(&self) -> MergeCounts {
        let total = self.merging.whole.count;
        let own = self.modes.own.iter().map(|(sku, &mode)| {
            (sku.clone(), mode, self.merging.own.get(sku).copied().unwrap_or_default())
        });
        MergeCounts {
            mode: self.modes.whole,
            whole: total.since(self.merging.before),
            own: own.collect(),
        }
    }

    /// Over all SKUs, from the start on.
    #[must_use]
    pub fn merge_total(&self) -> MergeCount {
        self.merging.whole.count
    }

    /// An operation of these lanes was taken alone.
    pub(super) fn count_alone(&mut self, merging: MergeMode, lanes: &[LaneIx]) {
        let orders_max = self.policy.flush_orders_max;
        let mut deepest = 1;
        for &ix in lanes {
            let lane = self.lanes.get_mut(ix);
            let before = lane.alone.count;
            match lane.mode {
                // Another lane of the operation is not merged.
                MergeMode::On => continue,
                MergeMode::Off => lane.alone.off(),
                MergeMode::DryRun => {
                    let together = (lane.queue.len() + 1).min(orders_max);
                    deepest = deepest.max(together);
                    lane.alone.dry_run(|| together);
                }
            }
            if let Some(count) = self.merging.own.get_mut(&lane.sku) {
                count.add(lane.alone.count.since(before));
            }
        }
        if merging == MergeMode::Off {
            self.merging.whole.off();
            return;
        }
        let others = &self.ring.alone;
        let lanes = &self.lanes;
        self.merging.whole.dry_run(|| {
            // A flush takes from every lane that may give; each step here finds an operation or more that
            // then counts as part of the same flush.
            let mut together = deepest;
            for &ix in others.iter().take(orders_max) {
                if together >= orders_max {
                    break;
                }
                let lane = lanes.get(ix);
                if lane.mode == MergeMode::DryRun && lane.open() {
                    together += lane.queue.len();
                }
            }
            together.min(orders_max)
        });
    }
}
