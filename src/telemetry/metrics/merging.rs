//! What merge modes do.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::label::MergeKind;
use super::{Labels, Metrics, saturate};

pub(super) struct Merging {
    mode: Vec<Gauge>,
    skus: Vec<Gauge>,
    unmerged: Vec<Counter>,
    would_be_flushes: Counter,
}

impl Merging {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let labels = |kind: &MergeKind| vec![("mode", kind.name())];
        let mut by_mode = |name: &str, help: &str| {
            let family: Family<Labels, Gauge> = Family::default();
            registry.register(name, help, family.clone());
            let of = |kind| family.get_or_create_owned(&labels(kind));
            MergeKind::ALL.iter().map(of).collect::<Vec<Gauge>>()
        };
        let help = "1 for the merge mode of all SKUs that have none of their own";
        let mode = by_mode("merge_mode", help);
        mode[MergeKind::On as usize].set(1);
        let skus = by_mode("merge_mode_skus", "SKUs with a merge mode of their own, by mode");
        let unmerged: Family<Labels, Counter> = Family::default();
        let help = "Transactions of one order because of a merge mode, by mode";
        registry.register("unmerged_orders", help, unmerged.clone());
        let would_be_flushes = Counter::default();
        let help = "Transactions that merging would have made of those in mode dry-run";
        registry.register("would_be_flushes", help, would_be_flushes.clone());
        let of = |kind| unmerged.get_or_create_owned(&labels(kind));
        Self { mode, skus, unmerged: MergeKind::ALL.iter().map(of).collect(), would_be_flushes }
    }
}

impl Metrics {
    /// The merge mode of all SKUs that have none of their own.
    pub fn merge_mode(&self, mode: MergeKind) {
        for (&kind, gauge) in MergeKind::ALL.iter().zip(&self.0.merging.mode) {
            gauge.set(i64::from(kind == mode));
        }
    }

    /// This many SKUs have this merge mode as their own.
    pub fn merge_mode_skus(&self, mode: MergeKind, skus: usize) {
        self.0.merging.skus[mode as usize].set(saturate(skus));
    }

    /// This many transactions so far had one order because of this merge mode.
    pub fn unmerged_orders(&self, mode: MergeKind, total: u64) {
        raise(&self.0.merging.unmerged[mode as usize], total);
    }

    /// This many transactions so far merging would have made of those in mode `dry-run`.
    pub fn would_be_flushes(&self, total: u64) {
        raise(&self.0.merging.would_be_flushes, total);
    }
}

/// Brings a counter with one writer to what that has counted.
fn raise(counter: &Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
