//! A saturated SKU, and cold ones beside it: the cold must not wait in the hot one's queue.

use std::sync::Arc;

use hotrow::telemetry::metrics::Metrics;

use super::run_weight_s;
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::latencies::{Times, no_times, quantile_ms};
use crate::orders::{IdOrder, Orders};
use crate::outcome::Outcome;
use crate::pacer::{Schedule, send};
use crate::report::Experiment;
use crate::report::table::number;
use crate::subjects::{Stage, join_clients, lanes, send_chunks};
use crate::turn::{Turn, Window};
use crate::workload::Workload;

const COLD_SKUS: usize = 10_000;
const COLD_ORDERS_PER_S: f64 = 1_000.0;
/// Numbers of cold orders: far from those of the hot one.
const FIRST_COLD: u64 = 1 << 40;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let hot = Workload::one_hot()?;
    let cold = Workload::beside("beside", COLD_SKUS)?;
    let title = format!(
        "one saturated SKU in a closed loop; beside it {COLD_SKUS} cold ones at {COLD_ORDERS_PER_S} orders/s in an open loop"
    );
    let what = "hot: from sending to the last answer of those sent together; cold: from the intended time of sending";
    let mut collector = Collector::new(cold.name, title, what);
    for round in 0..settings.rounds() {
        let what = format!("beside, round {}", round + 1);
        bench.progress.doing(what.clone());
        let mut cold_times = no_times();
        let played = bench
            .on_fresh(&settings, Orders::new(&cold), Audit::Flushes, async |stage| {
                let (window, times) = play(stage, &hot).await?;
                cold_times = times;
                Ok(window)
            })
            .await;
        match played {
            Ok(played) => {
                let (cold, hot) =
                    (quantile_ms(&cold_times, 0.99), quantile_ms(&played.times, 0.99));
                let told = format!("{what}: p99 cold {} ms, hot {} ms", number(cold), number(hot));
                bench.progress.done(run_weight_s(&settings), &told);
                collector.run("hot", played)?;
                collector.times("cold", &cold_times)?;
            }
            Err(error) => bench.failed(&what, &error),
        }
    }
    collector.finish()
}

async fn play(stage: &Stage<'_>, hot: &Workload) -> Outcome<(Window, Times)> {
    let lanes = lanes(stage, Metrics::new()).await?;
    let settings = stage.settings;
    let hot_orders = Orders::new(hot);
    let clients = send_chunks(settings, settings.outstanding, &lanes, &hot_orders, &stage.turn);
    let cold_turn = Arc::new(Turn::new(settings.warmup(), settings.duration()));
    let cold_orders = Orders::with_ids(&stage.orders.workload, IdOrder::Time, FIRST_COLD);
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let schedule = Schedule { orders_per_s: COLD_ORDERS_PER_S };
    let (window, cold_window, clients, sent) = tokio::join!(
        stage.turn.conduct(&watch),
        cold_turn.conduct(&watch),
        join_clients(clients, &stage.turn),
        send(&lanes, &cold_orders, schedule, &cold_turn)
    );
    lanes.drain().await;
    clients?;
    cold_window?;
    let not_executed = sent?;
    if not_executed > 0 {
        return Err(format!("{not_executed} cold orders were not taken").into());
    }
    stage.turn.also(cold_turn.tally());
    Ok((window?, cold_turn.latencies.merged()?))
}
