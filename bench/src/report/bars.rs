//! The bars that hotrow is held to, and whether they hold.

use serde::{Deserialize, Serialize};

use super::Report;

/// One bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    pub name: String,
    pub bar: String,
    /// Absent when it was not measured.
    pub value: Option<f64>,
    /// Absent when it was not measured.
    pub holds: Option<bool>,
    /// What else has to be known about the value.
    pub note: String,
}

/// On which side of the limit it holds.
#[derive(Clone, Copy, Debug)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(limit) => format!("at least {limit}{unit}"),
            Self::AtMost(limit) => format!("at most {limit}{unit}"),
        }
    }
}

/// All bars, in the order of the specification.
pub(crate) fn bars(report: &Report) -> Vec<Bar> {
    use Limit::{AtLeast, AtMost};
    let ratio = |experiment, above, below| report.ratio(experiment, above, below);
    let rates = |experiment, above, below| {
        report.ratio(experiment, (above, "orders_per_s"), (below, "orders_per_s"))
    };
    let settings = &report.settings;
    let flush_ms = report.median("open-loop", "80-percent", "flush_ms");
    let p99_ms = report.median("open-loop", "80-percent", "p99_ms");
    let rows = settings.ledger_rows();
    let short = if rows < 20_000_000 {
        format!("with {rows} rows, not 20,000,000: --suite full")
    } else {
        String::new()
    };
    let open_loop = match (p99_ms, flush_ms) {
        (Some(p99), Some(flush)) => format!("p99 {p99:.1} ms, a flush takes {flush:.1} ms"),
        (Some(_) | None, _) => String::new(),
    };
    let touched = settings.by_suite("with 100,000 SKUs only: --suite standard", "").to_owned();
    let reconciled =
        settings.by_suite("with 100,000 SKUs only: --suite standard", "--workload reconcile");
    // Slices of a run make no pairs: some without, all beside, and the others without.
    let p99 = |series| report.median("reconcile", series, "p99_ms");
    let reconcile_p99 = p99("beside").zip(p99("without")).map(|(beside, without)| beside / without);
    let plain = format!("{} connections", settings.plain_connections);
    let outstanding = format!("{} orders outstanding", settings.outstanding);
    vec![
        bar(
            "hotrow / plain, one hot SKU",
            AtLeast(110.0),
            "",
            rates("one-hot", "hotrow", "plain"),
            plain,
        ),
        bar(
            "hotrow / bare, one hot SKU",
            AtLeast(0.90),
            "",
            rates("one-hot", "hotrow", "bare"),
            String::new(),
        ),
        bar(
            "hotrow / redis-lua with AOF always, one hot SKU",
            AtLeast(1.0),
            "",
            rates("one-hot", "hotrow", "redis-always"),
            outstanding,
        ),
        bar(
            "hotrow / plain, uniform over 100,000 SKUs",
            AtLeast(12.0),
            "",
            rates("uniform-100k", "hotrow", "plain"),
            String::new(),
        ),
        bar(
            "hotrow, Zipf over 10,000 / one hot SKU",
            AtLeast(0.5),
            "",
            rates("zipf-10k", "hotrow", "one-hot"),
            String::new(),
        ),
        bar(
            "http-batch / hotrow",
            AtLeast(0.7),
            "",
            rates("one-hot", "http-batch", "hotrow"),
            format!("{} orders a request", settings.batch_orders),
        ),
        bar(
            "http / http-noop",
            AtLeast(0.6),
            "",
            rates("one-hot", "http", "http-noop"),
            format!("{} connections", settings.http_connections),
        ),
        bar(
            "http2 / http",
            AtLeast(1.0),
            "",
            rates("one-hot", "http2", "http"),
            format!(
                "{} requests at a time over {} connections",
                settings.http_connections, settings.http2_connections
            ),
        ),
        bar(
            "single order on an idle server, median: hotrow / plain",
            AtMost(1.0),
            "",
            ratio("single", ("hotrow-callers", "p50_ms"), ("plain", "p50_ms")),
            String::new(),
        ),
        bar(
            "open loop at 80 % of the ceiling, p99",
            AtMost(4.0),
            " flush times",
            ratio("open-loop", ("80-percent", "p99_ms"), ("80-percent", "flush_ms")),
            open_loop,
        ),
        bar(
            "refusals a second once sold out / accepted a second",
            AtLeast(2.0),
            "",
            ratio("sell-out", ("hotrow", "refusals_per_s"), ("one-hot", "orders_per_s")),
            "against hotrow on one hot SKU in the same rounds".to_owned(),
        ),
        bar(
            "cold SKUs beside a saturated one: p99 cold / p99 hot",
            AtMost(1.0),
            "",
            ratio("beside", ("cold", "p99_ms"), ("hot", "p99_ms")),
            String::new(),
        ),
        bar(
            "random order ids, 20 million rows / time-ordered, empty",
            AtLeast(0.5),
            "",
            rates("ledger", "random-big", "time-empty"),
            short,
        ),
        bar(
            "two instances on one hot SKU / one instance",
            AtLeast(0.9),
            "",
            rates("two-instances", "two", "one"),
            String::new(),
        ),
        bar(
            "resident memory, 1,000,000 SKUs touched, idle again / before",
            AtMost(20.0),
            " MB more",
            report.median("million", "service", "grown_mb"),
            touched,
        ),
        bar(
            "holds confirmed a second / plain orders a second",
            AtLeast(0.7),
            "",
            ratio("holds", ("hotrow", "confirm_per_s"), ("hotrow", "deduct_per_s")),
            "in the process that took them, which remembers the last 131,072".to_owned(),
        ),
        bar(
            "holds expired a second",
            AtLeast(20_000.0),
            "",
            report.median("holds", "hotrow", "expire_per_s"),
            String::new(),
        ),
        bar(
            "answers a second with a purchase limit / without",
            AtLeast(0.5),
            "",
            ratio("limit", ("limited", "answered_per_s"), ("unlimited", "answered_per_s")),
            "ten orders of each buyer, two instances".to_owned(),
        ),
        bar(
            "reads of one hot SKU a second: from Redis / a SELECT each",
            AtLeast(3.0),
            "",
            ratio("reads", ("redis", "reads_per_s"), ("select-each", "reads_per_s")),
            shared_reads(report),
        ),
        bar(
            "orders a second beside 10,000 reads a second / alone",
            AtLeast(0.95),
            "",
            report.median("reads", "orders", "beside_alone"),
            reads_beside(report),
        ),
        bar(
            "full reconciliation of 1,000,000 SKUs beside orders",
            AtMost(120.0),
            " s",
            report.median("reconcile", "run", "seconds"),
            reconciled.to_owned(),
        ),
        bar(
            "p99 of orders beside a full reconciliation / without",
            AtMost(1.25),
            "",
            reconcile_p99,
            slices(report).unwrap_or_else(|| reconciled.to_owned()),
        ),
    ]
}

fn shared_reads(report: &Report) -> String {
    let shared = report.median("reads", "shared", "reads_per_s");
    shared.map_or(String::new(), |rate| {
        format!("without Redis, statements shared: {rate:.0} reads/s")
    })
}

fn reads_beside(report: &Report) -> String {
    let reads = report.median("reads", "reads-beside-orders", "reads_per_s");
    reads.map_or(String::new(), |rate| format!("{rate:.0} reads/s were answered"))
}

fn slices(report: &Report) -> Option<String> {
    let all = |series| Some(report.series("reconcile", series)?.latency.as_ref()?.p99_ms);
    let ratio = all("beside")? / all("without")?;
    Some(format!("median of a few seconds at a time; over all orders {ratio:.2}"))
}

fn bar(name: &str, limit: Limit, unit: &str, value: Option<f64>, note: String) -> Bar {
    Bar {
        name: name.to_owned(),
        bar: limit.text(unit),
        value,
        holds: value.map(|value| limit.holds(value)),
        note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_include_themselves() {
        assert!(Limit::AtLeast(2.0).holds(2.0) && !Limit::AtLeast(2.0).holds(1.999));
        assert!(Limit::AtMost(1.0).holds(1.0) && !Limit::AtMost(1.0).holds(1.001));
    }

    #[test]
    fn what_was_not_measured_neither_holds_nor_fails() {
        let missing = bar("b", Limit::AtLeast(1.0), "", None, String::new());
        assert_eq!((missing.value, missing.holds), (None, None));
    }

    #[test]
    fn every_bar_is_computed_from_the_figures_of_its_series() {
        let report = crate::report::ratios::tests::report(&[
            ("one-hot", "hotrow", "orders_per_s", 120_000.0),
            ("one-hot", "plain", "orders_per_s", 1_000.0),
            ("one-hot", "bare", "orders_per_s", 160_000.0),
            ("open-loop", "80-percent", "p99_ms", 30.0),
            ("open-loop", "80-percent", "flush_ms", 10.0),
            ("million", "service", "grown_mb", 21.0),
            ("reads", "orders", "beside_alone", 0.94),
            ("zipf-10k", "hotrow", "orders_per_s", 60_000.0),
            ("zipf-10k", "one-hot", "orders_per_s", 100_000.0),
            ("sell-out", "hotrow", "refusals_per_s", 150_000.0),
            ("sell-out", "one-hot", "orders_per_s", 100_000.0),
        ]);
        let bars = bars(&report);
        let holds = |start: &str| {
            let bar = bars.iter().find(|bar| bar.name.starts_with(start)).unwrap();
            (bar.value, bar.holds)
        };
        assert_eq!(bars.len(), 22);
        assert_eq!(holds("hotrow / plain, one"), (Some(120.0), Some(true)));
        assert_eq!(holds("hotrow / bare"), (Some(0.75), Some(false)));
        assert_eq!(holds("open loop"), (Some(3.0), Some(true)));
        assert_eq!(holds("resident memory"), (Some(21.0), Some(false)));
        assert_eq!(holds("orders a second beside"), (Some(0.94), Some(false)));
        assert_eq!(holds("hotrow, Zipf"), (Some(0.6), Some(true)), "not of the other experiment");
        assert_eq!(holds("refusals"), (Some(1.5), Some(false)), "nor this");
        assert_eq!(holds("two instances"), (None, None));
    }
}
