//! What is found on the way, in bounded memory.

use crate::limits::RECONCILE_DRIFTS_MAX;
use crate::store::Drift;
use crate::telemetry::metrics::Metrics;

/// Differences: the first are kept, all are counted.
#[derive(Debug)]
pub(super) struct Findings {
    metrics: Metrics,
    drifts: Vec<Drift>,
    count: u64,
}

impl Findings {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self { metrics: metrics.clone(), drifts: Vec::new(), count: 0 }
    }

    pub(super) fn push(&mut self, drift: Drift) {
        self.metrics.difference(drift.class);
        self.count += 1;
        if self.drifts.len() < RECONCILE_DRIFTS_MAX {
            self.drifts.push(drift);
        }
    }

    /// Those that were kept, and how many there were.
    pub(super) fn take(&mut self) -> (Vec<Drift>, u64) {
        (std::mem::take(&mut self.drifts), std::mem::take(&mut self.count))
    }
}
