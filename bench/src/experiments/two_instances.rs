//! One hot SKU through one engine, and through two that share the orders outstanding.

use hotrow::telemetry::metrics::Metrics;

use super::contest::CLOSED_LOOP;
use super::{ExperimentName, run_weight_s};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::subjects::{Stage, join_clients, lanes_over, send_chunks};
use crate::turn::Window;
use crate::workload::Workload;

/// Engines.
const VARIANTS: [(&str, usize); 2] = [("one", 1), ("two", 2)];

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named("two-instances");
    let title = format!(
        "one hot SKU through one engine and through two, the same number of orders outstanding, over {} connections each",
        settings.flush_connections
    );
    let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
    let rounds = ExperimentName::more_rounds(&settings);
    for round in 0..rounds {
        for (name, instances) in VARIANTS {
            let what = format!("two-instances {name}, round {}/{rounds}", round + 1);
            bench.progress.doing(what.clone());
            let orders = Orders::new(&workload);
            let played = bench
                .on_fresh(&settings, orders, Audit::Flushes, async |stage| {
                    play(stage, instances).await
                })
                .await;
            match played {
                Ok(played) => {
                    let rate = number(played.window.accepted_per_s());
                    bench
                        .progress
                        .done(run_weight_s(&settings), &format!("{what}: {rate} orders/s"));
                    collector.run(name, played)?;
                }
                Err(error) => bench.failed(&what, &error),
            }
        }
    }
    collector.finish()
}

async fn play(stage: &Stage<'_>, instances: usize) -> Outcome<Window> {
    let connections = stage.settings.flush_connections;
    let mut engines = Vec::new();
    for _ in 0..instances {
        engines.push(lanes_over(connections, stage, Metrics::new()).await?);
    }
    let share = stage.settings.outstanding / instances;
    let mut clients = tokio::task::JoinSet::new();
    for engine in &engines {
        let sent = send_chunks(stage.settings, share, engine, &stage.orders, &stage.turn);
        let turn = stage.turn.clone();
        clients.spawn(async move { join_clients(sent, &turn).await });
    }
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    for engine in engines {
        engine.drain().await;
    }
    clients?;
    window
}
