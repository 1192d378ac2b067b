//! Nothing for a while, then everything at once.

use std::time::{Duration, Instant};

use hotrow::lane::{Lanes, LanesConfig};
use hotrow::telemetry::metrics::Metrics;

use super::{ExperimentName, run_weight_s};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::subjects::{Stage, join_clients};
use crate::turn::Window;
use crate::workload::Workload;

/// How long nothing happens before: lanes are forgotten, connections stay.
const IDLE: Duration = Duration::from_secs(2);

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let mut settings = bench.settings.clone();
    // The orders end the run, not the clock.
    settings.seconds = Some(120.0);
    settings.warmup_seconds = Some(0.0);
    let orders = settings.by_suite(50_000, 200_000);
    let workload = Workload::one_hot()?.named("burst");
    let title = format!("idle for {} s, then {orders} orders for one SKU at once", IDLE.as_secs());
    let mut collector =
        Collector::new(workload.name, title, "from the burst to the answer of those sent together");
    for round in 0..ExperimentName::few_rounds(&settings) {
        let what = format!("burst, round {}", round + 1);
        bench.progress.doing(what.clone());
        let mut last_ms = 0.0;
        let played = bench
            .on_fresh(&settings, Orders::new(&workload), Audit::Flushes, async |stage| {
                let (window, found) = play(stage, orders).await?;
                last_ms = found;
                Ok(window)
            })
            .await;
        match played {
            Ok(played) => {
                let told = format!("{what}: last answer after {} ms", number(last_ms));
                bench.progress.done(run_weight_s(&bench.settings), &told);
                collector.figure("hotrow", "last_answer_ms", "ms to the last answer", last_ms);
                collector.run("hotrow", played)?;
            }
            Err(error) => bench.failed(&what, &error),
        }
    }
    collector.finish()
}

/// The window, and how long the last answer took, in milliseconds.
async fn play(stage: &Stage<'_>, count: usize) -> Outcome<(Window, f64)> {
    let config = LanesConfig {
        connections: stage.settings.flush_connections,
        lane_depth_max: count,
        process_depth_max: count,
        ..LanesConfig::default()
    };
    let address = stage.database.address.clone();
    let lanes = Lanes::start(address, config, Metrics::new()).await?;
    stage.turn.answered(
        0,
        Instant::now(),
        &[lanes.submit(stage.orders.operation(stage.orders.take_one())?).await],
    )?;
    tokio::time::sleep(IDLE).await;

    let chunk = stage.settings.chunk_orders;
    let mut chunks = Vec::new();
    for _ in 0..count / chunk {
        chunks.push(stage.orders.operations(chunk)?);
    }
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let burst = async {
        // The window opens first.
        tokio::task::yield_now().await;
        let start = Instant::now();
        let mut clients = tokio::task::JoinSet::new();
        for (client, operations) in chunks.into_iter().enumerate() {
            let ticket = lanes.submit_all(operations);
            let turn = stage.turn.clone();
            clients.spawn(async move { turn.answered(client, start, &ticket.await) });
        }
        let ended = join_clients(clients, &stage.turn).await;
        let last_ms = start.elapsed().as_secs_f64() * 1e3;
        stage.turn.stop();
        ended.map(|()| last_ms)
    };
    let (window, last_ms) = tokio::join!(stage.turn.conduct(&watch), burst);
    lanes.drain().await;
    Ok((window?, last_ms?))
}
