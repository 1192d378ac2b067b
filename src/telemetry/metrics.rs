//! Every metric of the product, one function an event.
//!
//! Label sets are closed: no SKU, buyer or order id is ever a label, since an outsider could then
//! grow the memory of whoever stores the series. Handles are resolved once, here.

mod cache;
mod label;
mod reconcile;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use self::cache::Cache;
use self::label::AnswerStatus;
pub use self::label::{
    CacheEntry, CacheFailure, CacheRead, DriftClass, FlushMode, FlushOutcome, ListenerName,
    MergeKind, ResolutionOutcome, RunOutcome, VerdictKind,
};
use self::reconcile::Reconciliation;

type Labels = Vec<(&'static str, &'static str)>;

/// The handle through which events are counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    verdicts: Vec<Counter>,
    process_depth: Gauge,
    lanes_active: Gauge,
    flushes: Vec<Vec<Counter>>,
    flush_orders: Histogram,
    flush_skus: Histogram,
    execute_seconds: Histogram,
    commit_seconds: Histogram,
    resolutions: Vec<Counter>,
    merge_mode: Vec<Gauge>,
    merge_mode_skus: Vec<Gauge>,
    unmerged_orders: Vec<Counter>,
    would_be_flushes: Counter,
    holds_expired: Counter,
    holds_overdue: Gauge,
    database_connections: Gauge,
    durability: Family<Labels, Gauge>,
    http_answers: Vec<Counter>,
    http_connections: Vec<Gauge>,
    change_readers: Gauge,
    changes_sent: Counter,
    reconciliation: Reconciliation,
    cache: Cache,
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hotrow");
        let build: Info<Labels> = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of this process", build);

        let verdicts: Family<Labels, Counter> = Family::default();
        registry.register("verdicts", "Operations answered, by verdict", verdicts.clone());
        let flushes: Family<Labels, Counter> = Family::default();
        registry.register("flushes", "Transactions tried, by mode and outcome", flushes.clone());
        let resolutions: Family<Labels, Counter> = Family::default();
        registry.register(
            "commit_resolutions",
            "Lost commits looked into, by what was found",
            resolutions.clone(),
        );
        let http_answers: Family<Labels, Counter> = Family::default();
        registry.register("http_answers", "HTTP answers, by status", http_answers.clone());
        let http_connections: Family<Labels, Gauge> = Family::default();
        registry.register(
            "http_connections",
            "HTTP connections open, by listener",
            http_connections.clone(),
        );
        let merge_mode: Family<Labels, Gauge> = Family::default();
        let help = "1 for the merge mode of all SKUs that have none of their own";
        registry.register("merge_mode", help, merge_mode.clone());
        let merge_mode_skus: Family<Labels, Gauge> = Family::default();
        let help = "SKUs with a merge mode of their own, by mode";
        registry.register("merge_mode_skus", help, merge_mode_skus.clone());
        let unmerged_orders: Family<Labels, Counter> = Family::default();
        let help = "Transactions of one order because of a merge mode, by mode";
        registry.register("unmerged_orders", help, unmerged_orders.clone());
        let would_be_flushes = Counter::default();
        let help = "Transactions that merging would have made of those in mode dry-run";
        registry.register("would_be_flushes", help, would_be_flushes.clone());
        let holds_expired = Counter::default();
        registry.register(
            "holds_expired",
            "Holds released by this process because their time was over",
            holds_expired.clone(),
        );
        let durability: Family<Labels, Gauge> = Family::default();
        registry.register(
            "durability",
            "1 for the class of durability read from the server's settings",
            durability.clone(),
        );
        let changes_sent = Counter::default();
        let help = "Changes of the feed handed to readers, pages and streams together";
        registry.register("changes_sent", help, changes_sent.clone());
        let reconciliation = Reconciliation::register(&mut registry);
        let size = |registry: &mut Registry, name: &str, help: &str| {
            let histogram = Histogram::new(exponential_buckets(1.0, 2.0, 13));
            registry.register(name, help, histogram.clone());
            histogram
        };
        let time = |registry: &mut Registry, name: &str, help: &str| {
            let histogram = Histogram::new(exponential_buckets(0.0001, 2.0, 18));
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
            histogram
        };
        let by_mode = |family: &Family<Labels, Gauge>| {
            let of = |kind: &MergeKind| family.get_or_create_owned(&vec![("mode", kind.name())]);
            MergeKind::ALL.iter().map(of).collect::<Vec<Gauge>>()
        };
        let merge_mode = by_mode(&merge_mode);
        merge_mode[MergeKind::On as usize].set(1);
        Self(Arc::new(Inner {
            merge_mode,
            merge_mode_skus: by_mode(&merge_mode_skus),
            unmerged_orders: each(
                &unmerged_orders,
                "mode",
                &mut MergeKind::ALL.iter().map(|kind| kind.name()),
            ),
            would_be_flushes,
            verdicts: each(
                &verdicts,
                "verdict",
                &mut VerdictKind::ALL.iter().map(|kind| kind.name()),
            ),
            process_depth: gauge(
                &mut registry,
                "process_depth",
                "Operations accepted and not yet answered",
            ),
            lanes_active: gauge(
                &mut registry,
                "lanes_active",
                "Lanes with traffic now or a moment ago",
            ),
            flushes: FlushMode::ALL
                .iter()
                .map(|mode| {
                    let labels = |outcome: &FlushOutcome| {
                        vec![("mode", mode.name()), ("outcome", outcome.name())]
                    };
                    let counter = |outcome| flushes.get_or_create_owned(&labels(outcome));
                    FlushOutcome::ALL.iter().map(counter).collect()
                })
                .collect(),
            flush_orders: size(&mut registry, "flush_orders", "Operations in one transaction"),
            flush_skus: size(&mut registry, "flush_skus", "SKUs in one transaction"),
            execute_seconds: time(
                &mut registry,
                "flush_execute",
                "Time of a transaction's statements before COMMIT",
            ),
            commit_seconds: time(
                &mut registry,
                "commit",
                "Time of COMMIT, where it was sent by itself",
            ),
            resolutions: each(
                &resolutions,
                "outcome",
                &mut ResolutionOutcome::ALL.iter().map(|outcome| outcome.name()),
            ),
            holds_expired,
            holds_overdue: gauge(
                &mut registry,
                "holds_overdue",
                "Holds whose time is over and that this process could not settle yet",
            ),
            database_connections: gauge(
                &mut registry,
                "database_connections",
                "Connections to the database that can carry a flush",
            ),
            durability,
            http_answers: each(
                &http_answers,
                "status",
                &mut AnswerStatus::ALL.iter().map(|status| status.name()),
            ),
            http_connections: ListenerName::ALL
                .iter()
                .map(|name| http_connections.get_or_create_owned(&vec![("listener", name.name())]))
                .collect(),
            change_readers: gauge(
                &mut registry,
                "change_readers",
                "Readers of the change stream now",
            ),
            changes_sent,
            reconciliation,
            cache: Cache::register(&mut registry),
            registry,
        }))
    }

    /// `count` operations got this verdict.
    pub fn verdicts(&self, kind: VerdictKind, count: u64) {
        self.0.verdicts[kind as usize].inc_by(count);
    }

    /// This many operations are accepted and not yet answered.
    pub fn process_depth(&self, operations: usize) {
        self.0.process_depth.set(saturate(operations));
    }

    /// This many lanes have traffic, or had it a moment ago.
    pub fn lanes_active(&self, lanes: usize) {
        self.0.lanes_active.set(saturate(lanes));
    }

    /// One transaction ended. `commit` is there if its COMMIT was sent by itself.
    pub fn flush(
        &self,
        mode: FlushMode,
        outcome: FlushOutcome,
        orders: usize,
        skus: usize,
        execute: Duration,
        commit: Option<Duration>,
    ) {
        let inner = &*self.0;
        inner.flushes[mode as usize][outcome as usize].inc();
        inner.flush_orders.observe(orders as f64);
        inner.flush_skus.observe(skus as f64);
        inner.execute_seconds.observe(execute.as_secs_f64());
        if let Some(commit) = commit {
            inner.commit_seconds.observe(commit.as_secs_f64());
        }
    }

    /// The search for one lost commit ended.
    pub fn resolution(&self, outcome: ResolutionOutcome) {
        self.0.resolutions[outcome as usize].inc();
    }

    /// The merge mode of all SKUs that have none of their own.
    pub fn merge_mode(&self, mode: MergeKind) {
        for (&kind, gauge) in MergeKind::ALL.iter().zip(&self.0.merge_mode) {
            gauge.set(i64::from(kind == mode));
        }
    }

    /// This many SKUs have this merge mode as their own.
    pub fn merge_mode_skus(&self, mode: MergeKind, skus: usize) {
        self.0.merge_mode_skus[mode as usize].set(saturate(skus));
    }

    /// This many transactions so far had one order because of this merge mode.
    pub fn unmerged_orders(&self, mode: MergeKind, total: u64) {
        raise(&self.0.unmerged_orders[mode as usize], total);
    }

    /// This many transactions so far merging would have made of those in mode `dry-run`.
    pub fn would_be_flushes(&self, total: u64) {
        raise(&self.0.would_be_flushes, total);
    }

    /// This many holds were released because their time was over.
    pub fn holds_expired(&self, holds: u64) {
        self.0.holds_expired.inc_by(holds);
    }

    /// This many holds are over and could not be settled.
    pub fn holds_overdue(&self, holds: usize) {
        self.0.holds_overdue.set(saturate(holds));
    }

    /// This many database connections can carry a flush.
    pub fn connections(&self, open: usize) {
        self.0.database_connections.set(saturate(open));
    }

    /// The class of durability that was read from the server; one of a fixed set of names.
    pub fn durability(&self, class: &'static str) {
        self.0.durability.clear();
        self.0.durability.get_or_create(&vec![("class", class)]).set(1);
    }

    /// One HTTP request was answered with this status code.
    pub fn http_answer(&self, status: u16) {
        self.0.http_answers[AnswerStatus::of(status) as usize].inc();
    }

    /// A listener accepted a connection.
    pub fn http_connection_opened(&self, listener: ListenerName) {
        self.0.http_connections[listener as usize].inc();
    }

    /// A connection of a listener ended.
    pub fn http_connection_closed(&self, listener: ListenerName) {
        self.0.http_connections[listener as usize].dec();
    }

    /// A reader of the change stream came.
    pub fn change_reader_came(&self) {
        self.0.change_readers.inc();
    }

    /// A reader of the change stream went, or was dropped.
    pub fn change_reader_went(&self) {
        self.0.change_readers.dec();
    }

    /// So many changes were handed to a reader.
    pub fn changes_sent(&self, changes: usize) {
        self.0.changes_sent.inc_by(changes as u64);
    }

    /// Everything as OpenMetrics text, version 1.0.0.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.0.registry).expect("writing to a string cannot fail");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Brings a counter with one writer to what that has counted.
fn raise(counter: &Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

/// The counter of each value of a label.
fn each(
    family: &Family<Labels, Counter>,
    label: &'static str,
    names: &mut dyn Iterator<Item = &'static str>,
) -> Vec<Counter> {
    names.map(|name| family.get_or_create_owned(&vec![(label, name)])).collect()
}

fn saturate(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &Metrics, start: &str) -> String {
        let text = metrics.encode();
        let found = text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no line {start:?} in\n{text}")).to_owned()
    }

    #[test]
    fn every_series_is_there_before_the_first_event() {
        let metrics = Metrics::new();
        for kind in VerdictKind::ALL {
            let start = format!("hotrow_verdicts_total{{verdict=\"{}\"}} ", kind.name());
            assert!(line(&metrics, &start).ends_with(" 0"));
        }
        assert!(metrics.encode().ends_with("# EOF\n"));
    }

    #[test]
    fn events_reach_their_series() {
        let metrics = Metrics::new();
        metrics.verdicts(VerdictKind::Replayed, 7);
        metrics.process_depth(3);
        metrics.http_answer(409);
        metrics.http_answer(500);
        metrics.resolution(ResolutionOutcome::GaveUp);
        metrics.merge_mode(MergeKind::DryRun);
        metrics.merge_mode_skus(MergeKind::Off, 3);
        metrics.unmerged_orders(MergeKind::DryRun, 5);
        metrics.unmerged_orders(MergeKind::DryRun, 8);
        metrics.http_connection_opened(ListenerName::Admin);
        for expected in [
            "hotrow_verdicts_total{verdict=\"replayed\"} 7",
            "hotrow_process_depth 3",
            "hotrow_http_answers_total{status=\"409\"} 1",
            "hotrow_http_answers_total{status=\"other\"} 1",
            "hotrow_commit_resolutions_total{outcome=\"gave_up\"} 1",
            "hotrow_http_connections{listener=\"admin\"} 1",
            "hotrow_merge_mode{mode=\"dry-run\"} 1",
            "hotrow_merge_mode{mode=\"on\"} 0",
            "hotrow_merge_mode_skus{mode=\"off\"} 3",
            "hotrow_unmerged_orders_total{mode=\"dry-run\"} 8",
        ] {
            assert_eq!(line(&metrics, expected), expected);
        }
    }

    #[test]
    fn a_commit_that_was_never_sent_is_not_timed() {
        let metrics = Metrics::new();
        let (execute, commit) = (Duration::from_millis(1), Duration::from_millis(2));
        metrics.flush(FlushMode::Merged, FlushOutcome::Guard, 5, 2, execute, None);
        metrics.flush(FlushMode::Merged, FlushOutcome::Committed, 5, 2, execute, Some(commit));
        line(&metrics, "hotrow_flush_execute_seconds_count 2");
        line(&metrics, "hotrow_commit_seconds_count 1");
        line(&metrics, "hotrow_flush_orders_sum 10");
        line(&metrics, "hotrow_flushes_total{mode=\"merged\",outcome=\"guard\"} 1");
    }

    #[test]
    fn only_the_current_durability_class_is_shown() {
        let metrics = Metrics::new();
        metrics.durability("weak");
        metrics.durability("power-loss");
        line(&metrics, "hotrow_durability{class=\"power-loss\"} 1");
        assert!(!metrics.encode().contains("class=\"weak\""));
    }
}
