//! What reconciliation counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::label::{DriftClass, RunOutcome};
use super::{Labels, Metrics, each};

pub(super) struct Reconciliation {
    differences: Vec<Counter>,
    repairs: Counter,
    skus: Counter,
    given_up: Counter,
    runs: Vec<Counter>,
    last_success: Gauge,
}

impl Reconciliation {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let differences: Family<Labels, Counter> = Family::default();
        registry.register(
            "reconcile_differences",
            "Differences found by reconciliation, by class",
            differences.clone(),
        );
        let of_class =
            |class: &DriftClass| differences.get_or_create_owned(&vec![("class", class.name())]);
        let runs: Family<Labels, Counter> = Family::default();
        let help = "Runs of reconciliation by its schedule in this process, by outcome";
        registry.register("reconcile_runs", help, runs.clone());
        let last_success = Gauge::default();
        registry.register_with_unit(
            "reconcile_last_success_timestamp",
            "When a run by the schedule last got through the books, in any process",
            Unit::Seconds,
            last_success.clone(),
        );
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            runs: each(&runs, "outcome", &mut RunOutcome::ALL.iter().map(|outcome| outcome.name())),
            last_success,
            differences: DriftClass::ALL.iter().map(of_class).collect(),
            repairs: counter("reconcile_repairs", "Entries of the cache repaired from MySQL"),
            skus: counter("reconcile_skus", "SKUs that reconciliation has looked at"),
            given_up: counter(
                "reconcile_given_up",
                "Entries of the cache whose check or repair failed in all attempts",
            ),
        }
    }
}

impl Metrics {
    /// Reconciliation has found a difference.
    pub fn difference(&self, class: DriftClass) {
        self.0.reconciliation.differences[class as usize].inc();
    }

    /// So many entries of the cache were repaired from MySQL.
    pub fn repairs(&self, entries: usize) {
        self.0.reconciliation.repairs.inc_by(entries as u64);
    }

    /// So many SKUs were looked at by reconciliation.
    pub fn skus_checked(&self, skus: usize) {
        self.0.reconciliation.skus.inc_by(skus as u64);
    }

    /// A run by the schedule has ended so.
    pub fn scheduled_run(&self, outcome: RunOutcome) {
        self.0.reconciliation.runs[outcome as usize].inc();
    }

    /// A run by the schedule last got through the books so many seconds after 1970; 0 if none ever did.
    pub fn last_success(&self, seconds: i64) {
        self.0.reconciliation.last_success.set(seconds);
    }

    /// An entry of the cache could not be checked or repaired in all attempts.
    pub fn check_given_up(&self) {
        self.0.reconciliation.given_up.inc();
    }
}
