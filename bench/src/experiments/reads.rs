//! Reads of one hot SKU through HTTP: from the cache, from MySQL shared by those who wait together, and by a
//! SELECT each; and what reads beside them cost the orders.

mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use super::{ExperimentName, run_weight_s};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::latencies::{Times, no_times};
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::instance::Instance;
use crate::servers::redis_server::{Fsync, RedisServer};
use crate::subjects::{Stage, join_clients, ready_redis, send_batches};
use crate::turn::{Turn, Window};
use crate::workload::Workload;

/// Reads a second beside the orders.
pub(crate) const BESIDE_PER_S: u64 = 10_000;
/// Connections of those readers.
const BESIDE_CONNECTIONS: u64 = 10;

/// Who answers the reads of a closed loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Redis,
    Shared,
    Plain,
}

const READS: [(&str, From); 3] =
    [("redis", From::Redis), ("shared", From::Shared), ("select-each", From::Plain)];

const ORDERS: [(&str, bool); 2] = [("orders-alone", false), ("orders-beside-reads", true)];

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named("reads");
    let title = format!(
        "reads of one hot SKU over HTTP/1.1, {} connections: from Redis, from MySQL by statements that readers \
         share, from MySQL by a SELECT each without hotrow; and orders of that SKU, in batches, alone and beside \
         {BESIDE_PER_S} reads/s from Redis over {BESIDE_CONNECTIONS} connections, {} requests at once",
        settings.http_connections, settings.reads_at_once
    );
    let latency = "closed loop: from sending to the answer";
    let mut collector = Collector::new(workload.name, title, latency);
    for round in 0..ExperimentName::few_rounds(&settings) {
        for (series, from) in READS {
            let what = format!("reads {series}, round {}", round + 1);
            bench.progress.doing(what.clone());
            let orders = Orders::new(&workload);
            let played = bench
                .on_fresh(&settings, orders, Audit::Nothing, async |stage| read(stage, from).await)
                .await;
            match played {
                Ok(played) => {
                    let rate = played.window.accepted_per_s();
                    let told = format!("{what}: {} reads/s", number(rate));
                    bench.progress.done(run_weight_s(&settings), &told);
                    collector.figure(series, "reads_per_s", "reads/s", rate);
                    collector.times(series, &played.times)?;
                    collector.counts(series, played.run);
                }
                Err(error) => bench.failed(&what, &error),
            }
        }
    }
    for round in 0..settings.rounds() {
        for (series, beside) in ORDERS {
            let what = format!("reads {series}, round {}", round + 1);
            bench.progress.doing(what.clone());
            let (mut reads_per_s, mut times) = (0.0, no_times());
            let orders = Orders::new(&workload);
            let played = bench
                .on_fresh(&settings, orders, Audit::Flushes, async |stage| {
                    let (window, reads) = order(stage, beside).await?;
                    (reads_per_s, times) = reads;
                    Ok(window)
                })
                .await;
            match played {
                Ok(played) => {
                    let rate = number(played.window.accepted_per_s());
                    let told = format!("{what}: {rate} orders/s, {} reads/s", number(reads_per_s));
                    bench.progress.done(run_weight_s(&settings), &told);
                    collector.run(series, played)?;
                    if beside {
                        collector.figure(
                            "reads-beside-orders",
                            "reads_per_s",
                            "reads/s",
                            reads_per_s,
                        );
                        collector.times("reads-beside-orders", &times)?;
                    }
                }
                Err(error) => bench.failed(&what, &error),
            }
        }
    }
    collector.finish()
}

async fn cached(stage: &Stage<'_>) -> Outcome<(Instance, RedisServer)> {
    let redis = ready_redis(stage.settings, Fsync::Never).await?;
    let connections = stage.settings.flush_connections;
    let instance = Instance::start_cached(stage.database, connections, redis.secret_url()).await?;
    Ok((instance, redis))
}

/// Readers who each ask again as soon as they are answered.
async fn read(stage: &Stage<'_>, from: From) -> Outcome<Window> {
    let connections = stage.settings.flush_connections;
    let (instance, redis) = match from {
        From::Redis => {
            let (instance, redis) = cached(stage).await?;
            (instance, Some(redis))
        }
        From::Shared => (Instance::start(stage.database, true, connections).await?, None),
        From::Plain => (Instance::start_plain_reads(stage.database).await?, None),
    };
    let sku = stage.orders.workload.skus[0].as_str().to_owned();
    let mut clients = JoinSet::new();
    for number in 0..stage.settings.http_connections {
        let mut reader = client::Reader::connect(instance.orders, &sku).await?;
        let turn = Arc::clone(&stage.turn);
        clients.spawn(async move {
            while turn.running() {
                let sent = std::time::Instant::now();
                reader.read(1).await?;
                turn.accepted(number, sent, 1);
            }
            Ok(())
        });
    }
    let watch = CpuWatch { database: stage.database_pid, service: instance.pid() };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    clients?;
    instance.stop().await?;
    redis.map_or(Ok(()), |redis| redis.clear())?;
    window
}

/// Orders in a closed loop; beside them readers at a steady rate. Returns the reads a second, and from when
/// they should have been sent to when they were answered.
async fn order(stage: &Stage<'_>, beside: bool) -> Outcome<(Window, (f64, Times))> {
    let (instance, redis) = cached(stage).await?;
    let sku = stage.orders.workload.skus[0].as_str().to_owned();
    let reading = Arc::new(Turn::new(stage.settings.warmup(), stage.settings.duration()));
    let reads = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    let at_once = stage.settings.reads_at_once;
    for number in 0..if beside { BESIDE_CONNECTIONS } else { 0 } {
        let mut reader = client::Reader::connect(instance.orders, &sku).await?;
        let (turn, reads) = (Arc::clone(&reading), Arc::clone(&reads));
        readers.spawn(async move {
            let mut schedule = client::schedule(number, BESIDE_CONNECTIONS, at_once);
            while turn.running() {
                let due = schedule.tick().await.into_std();
                reader.read(at_once as usize).await?;
                turn.accepted(number as usize, due, at_once);
                reads.fetch_add(at_once, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let clients = send_batches(stage, &instance).await?;
    let watch = CpuWatch { database: stage.database_pid, service: instance.pid() };
    let (window, read_window, clients, readers) = tokio::join!(
        stage.turn.conduct(&watch),
        reading.conduct(&watch),
        join_clients(clients, &stage.turn),
        join_clients(readers, &reading)
    );
    clients?;
    readers?;
    instance.stop().await?;
    redis.clear()?;
    Ok((window?, (read_window?.accepted_per_s(), reading.latencies.merged()?)))
}
