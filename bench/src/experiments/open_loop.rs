//! Latency at 50, 80 and 95 % of the ceiling that a closed loop finds in the same round: on a machine that has become
//! slower since an earlier one, 80 % of that may be all that it can do.

use hotrow::telemetry::metrics::Metrics;

use super::contest::play_one_hot;
use super::{ExperimentName, run_weight_s};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::latencies::quantile_ms;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::pacer::{Schedule, send};
use crate::report::Experiment;
use crate::report::table::number;
use crate::subjects::lanes;
use crate::workload::Workload;

/// What waits while connections are made has to be worked off before latencies count.
const WARMUP_LEAST_S: f64 = 1.0;

/// The load that has a bar, and others for looking.
const BARRED: &str = "80-percent";
const LOADS: [(&str, f64); 3] = [("50-percent", 0.50), (BARRED, 0.80), ("95-percent", 0.95)];

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let mut settings = bench.settings.clone();
    settings.warmup_seconds = Some(settings.warmup().as_secs_f64().max(WARMUP_LEAST_S));
    let workload = Workload::one_hot()?.named("open-loop");
    let title = "one hot SKU at a share of what the closed loop of the same round takes (one-hot); latency from the \
                 intended time of sending";
    let mut collector = Collector::new(
        workload.name,
        title.to_owned(),
        "open loop: from the intended time of sending to the answer; orders due within the same 1 ms are answered together; one-hot is a closed loop",
    );
    let rounds_of = |name| match name {
        BARRED => settings.rounds(),
        _ => ExperimentName::few_rounds(&settings),
    };
    for round in 0..settings.rounds() {
        let Some(ceiling) = play_one_hot(bench, &mut collector, workload.name, round).await? else {
            continue;
        };
        for (name, share) in LOADS {
            let rounds = rounds_of(name);
            if round >= rounds {
                continue;
            }
            let what = format!("open-loop {name}, round {}/{rounds}", round + 1);
            bench.progress.doing(what.clone());
            let schedule = Schedule { orders_per_s: ceiling * share };
            let metrics = Metrics::new();
            let (mut not_executed, counted) = (0, metrics.clone());
            let played = bench
                .on_fresh(&settings, Orders::new(&workload), Audit::Flushes, async |stage| {
                    let lanes = lanes(stage, counted).await?;
                    let watch = CpuWatch { database: stage.database_pid, service: None };
                    let (window, sent) = tokio::join!(
                        stage.turn.conduct(&watch),
                        send(&lanes, &stage.orders, schedule, &stage.turn)
                    );
                    lanes.drain().await;
                    not_executed = sent?;
                    window
                })
                .await;
            match played {
                Ok(played) => {
                    let p99 = number(quantile_ms(&played.times, 0.99));
                    bench.progress.done(run_weight_s(&settings), &format!("{what}: p99 {p99} ms"));
                    collector.figure(
                        name,
                        "offered_per_s",
                        "orders/s offered",
                        schedule.orders_per_s,
                    );
                    collector.figure(name, "not_executed", "orders not taken", not_executed as f64);
                    if let Some(flush_ms) = mean_flush_ms(&metrics.encode()) {
                        collector.figure(name, "flush_ms", "ms a flush", flush_ms);
                    }
                    collector.run(name, played)?;
                }
                Err(error) => bench.failed(&what, &error),
            }
        }
    }
    collector.finish()
}

/// The mean time of a flush, statements and COMMIT, from hotrow's own metrics.
fn mean_flush_ms(metrics: &str) -> Option<f64> {
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line?.trim().parse::<f64>().ok()
    };
    let flushes = value("hotrow_flush_execute_seconds_count").filter(|count| *count > 0.0)?;
    let seconds = value("hotrow_flush_execute_seconds_sum")? + value("hotrow_commit_seconds_sum")?;
    Some(seconds / flushes * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_flush_is_read_from_the_metrics() {
        use hotrow::telemetry::metrics::{FlushMode, FlushOutcome};
        use std::time::Duration;
        let metrics = Metrics::new();
        assert_eq!(mean_flush_ms(&metrics.encode()), None);
        for ms in [10, 20] {
            let (execute, commit) = (Duration::from_millis(ms), Duration::from_millis(5));
            metrics.flush(FlushMode::Merged, FlushOutcome::Committed, 1, 1, execute, Some(commit));
        }
        assert!((mean_flush_ms(&metrics.encode()).unwrap() - 20.0).abs() < 1e-6);
    }
}
