//! Which SKUs are merged, and what merging does or would do.

use rustc_hash::FxHashMap;

use crate::domain::{MergeMode, Sku};

/// The merge mode of every SKU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeModes {
    /// Of every SKU that has none of its own.
    pub whole: MergeMode,
    /// Of single SKUs.
    pub own: FxHashMap<Sku, MergeMode>,
}

impl MergeModes {
    /// The mode of this SKU.
    #[must_use]
    pub fn of(&self, sku: &Sku) -> MergeMode {
        if self.own.is_empty() {
            return self.whole;
        }
        self.own.get(sku).copied().unwrap_or(self.whole)
    }
}

/// Operations that were not merged because of a merge mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCount {
    /// Transactions of one operation in mode `off`.
    pub off: u64,
    /// Transactions of one operation in mode `dry-run`.
    pub dry_run: u64,
    /// Flushes that merging would have made of those in mode `dry-run`.
    pub would_be_flushes: u64,
}

impl MergeCount {
    /// Operations in mode `dry-run` for each flush that merging would have made of them; `None` when there
    /// was none.
    #[must_use]
    pub fn would_be_per_flush(&self) -> Option<f64> {
        (self.would_be_flushes > 0).then(|| self.dry_run as f64 / self.would_be_flushes as f64)
    }

    /// What came after `earlier`.
    #[must_use]
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            off: self.off - earlier.off,
            dry_run: self.dry_run - earlier.dry_run,
            would_be_flushes: self.would_be_flushes - earlier.would_be_flushes,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.off += other.off;
        self.dry_run += other.dry_run;
        self.would_be_flushes += other.would_be_flushes;
    }
}

/// The counts of a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergeCounts {
    /// The mode of the whole server.
    pub mode: MergeMode,
    /// Over all SKUs since that was last changed.
    pub whole: MergeCount,
    /// Of each SKU with a mode of its own, since it has that.
    pub own: Vec<(Sku, MergeMode, MergeCount)>,
}

/// Counts, and finds the flushes that merging would have made.
///
/// When an operation in mode `dry-run` is taken, those that wait and would have gone with it are one flush
/// with it: as many of the next ones begin no other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimate {
    pub count: MergeCount,
    /// Operations that the newest flush that would have been made has still to come.
    rest: usize,
}

impl Estimate {
    pub(super) fn off(&mut self) {
        self.count.off += 1;
    }

    /// `together`: how many wait and would have gone, with this one.
    pub(super) fn dry_run(&mut self, together: impl FnOnce() -> usize) {
        self.count.dry_run += 1;
        if self.rest == 0 {
            self.count.would_be_flushes += 1;
            self.rest = together();
        }
        self.rest -= 1;
    }

    /// Those that would have come do not come any more.
    pub(super) fn end_flush(&mut self) {
        self.rest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_together_would_have_been_one_flush() {
        let mut estimate = Estimate::default();
        // Three wait; while they are done one by one, two more come, which make the next.
        for together in [3, 3, 3, 2, 1, 1] {
            estimate.dry_run(|| together);
        }
        let count = MergeCount { off: 0, dry_run: 6, would_be_flushes: 3 };
        assert_eq!(estimate.count, count);
        assert_eq!(count.would_be_per_flush(), Some(2.0));
        assert_eq!(MergeCount { off: 5, ..MergeCount::default() }.would_be_per_flush(), None);
    }

    #[test]
    fn a_sku_without_a_mode_of_its_own_has_that_of_the_whole() {
        let (a, b) = (Sku::new("a").unwrap(), Sku::new("b").unwrap());
        let mut modes = MergeModes { whole: MergeMode::DryRun, ..MergeModes::default() };
        assert_eq!(modes.of(&a), MergeMode::DryRun);
        modes.own.insert(a.clone(), MergeMode::On);
        assert_eq!((modes.of(&a), modes.of(&b)), (MergeMode::On, MergeMode::DryRun));
    }
}
