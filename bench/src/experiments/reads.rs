//! Reads of one hot SKU through HTTP: from the cache, from MySQL shared by those who wait together, and by a
//! SELECT each; and what reads beside them cost the orders.

mod beside;
mod client;

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{ExperimentName, run_weight_s};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::instance::Instance;
use crate::servers::redis_server::{Fsync, RedisServer};
use crate::subjects::{Stage, join_clients, ready_redis};
use crate::turn::Window;
use crate::workload::Workload;

pub(super) use self::beside::expected_s;

/// Who answers the reads of a closed loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Redis,
    Shared,
    Plain,
}

const READS: [(&str, From); 3] =
    [("redis", From::Redis), ("shared", From::Shared), ("select-each", From::Plain)];

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named("reads");
    let title = format!(
        "reads of one hot SKU over HTTP/1.1, {} connections: from Redis, from MySQL by statements that readers \
         share, from MySQL by a SELECT each without hotrow; and orders of that SKU, in batches, beside {} reads/s \
         from Redis over {} connections, {} requests at once, in half of all slices of {} s",
        settings.http_connections,
        beside::READS_PER_S,
        beside::CONNECTIONS,
        settings.reads_at_once,
        beside::slice(&settings).as_secs_f64()
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
    for round in 0..beside::rounds(&settings) {
        let what = format!("orders and reads beside them, round {}", round + 1);
        bench.progress.doing(what.clone());
        match beside::measure(bench, &workload, &mut collector).await {
            Ok(told) => bench.progress.done(beside::round_s(&settings), &told),
            Err(error) => bench.failed(&what, &error),
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
