//! A million SKUs, each ordered once: a SKU without traffic must cost no memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::books::audit;
use crate::collector::Collector;
use crate::cpu::resident_bytes;
use crate::orders::{IdOrder, Orders};
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::database::Database;
use crate::servers::instance::Instance;
use crate::subjects::{accepted_members, batch_of_orders, connect1};
use crate::turn::Tally;
use crate::workload::Workload;

const BATCH: usize = 500;
const CONNECTIONS: usize = 16;
/// Orders before memory is read the first time: as many at a time as later, of few SKUs.
const WARMUP_ORDERS: u64 = 100_000;
const WARMUP_SKUS: usize = 100;
/// Their numbers: far from the others.
const FIRST_WARMUP: u64 = 1 << 40;
/// Until an idle service is at rest: lanes without traffic are forgotten within a second.
const REST: Duration = Duration::from_secs(5);
const SERIES: &str = "service";
/// What it is expected to take.
const WEIGHT_S: f64 = 60.0;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let skus = bench.settings.by_suite(100_000, 1_000_000);
    let title = format!(
        "a hotrow process takes {WARMUP_ORDERS} orders of {WARMUP_SKUS} SKUs, then one order of each of {} SKUs; \
         its resident memory idle before and idle after",
        number(skus as f64)
    );
    let workload = Workload::in_turn("million", skus)?;
    let mut collector = Collector::new(workload.name, title, "");
    bench.progress.doing(format!("opening {} SKUs", number(skus as f64)));
    let database = bench.mysql.fresh(&workload).await?;
    let measured = play(bench, &database, &workload, &mut collector).await;
    bench.mysql.drop(database).await?;
    match measured {
        Ok(grown_mb) => {
            bench.progress.done(WEIGHT_S, &format!("million: {} MB more", number(grown_mb)));
        }
        Err(error) => bench.failed("million", &error),
    }
    collector.finish()
}

async fn play(
    bench: &mut Bench,
    database: &Database,
    workload: &Workload,
    collector: &mut Collector,
) -> Outcome<f64> {
    let instance = Instance::start(database, true, bench.settings.flush_connections).await?;
    let pid = instance.pid().ok_or("the instance has ended")?;
    let few =
        Orders::with_ids(&Workload::in_turn("few", WARMUP_SKUS)?, IdOrder::Time, FIRST_WARMUP);
    bench.progress.doing("ordering few SKUs".to_owned());
    send(&instance, &few, FIRST_WARMUP + WARMUP_ORDERS).await?;
    tokio::time::sleep(REST).await;
    let before = resident_bytes(pid)?;
    bench.progress.doing(format!("ordering {} SKUs", number(workload.skus.len() as f64)));
    let started = Instant::now();
    let all = Orders::new(workload);
    send(&instance, &all, workload.skus.len() as u64).await?;
    let rate = workload.skus.len() as f64 / started.elapsed().as_secs_f64();
    let busiest = resident_bytes(pid)?;
    tokio::time::sleep(REST).await;
    let after = resident_bytes(pid)?;
    instance.stop().await?;

    bench.progress.doing("auditing the books".to_owned());
    let tally = Tally { accepted: WARMUP_ORDERS + workload.skus.len() as u64, ..Tally::default() };
    audit(database, tally, 0, true).await?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let grown_mb = mb(after) - mb(before);
    collector.figure(SERIES, "orders_per_s", "orders/s", rate);
    collector.figure(SERIES, "before_mb", "MB before", mb(before));
    collector.figure(SERIES, "busiest_mb", "MB at the end of the load", mb(busiest));
    collector.figure(SERIES, "after_mb", "MB idle again", mb(after));
    collector.figure(SERIES, "grown_mb", "MB more", grown_mb);
    Ok(grown_mb)
}

/// Sends batches until the order with the number `end`; the counts are multiples of a batch.
async fn send(instance: &Instance, orders: &Orders, end: u64) -> Outcome<()> {
    let mut clients = tokio::task::JoinSet::new();
    let orders = Arc::new(orders.clone());
    for _ in 0..CONNECTIONS {
        let (mut sender, orders) = (connect1(instance).await?, Arc::clone(&orders));
        clients.spawn(async move {
            loop {
                let numbers = orders.take(BATCH);
                if numbers.start >= end {
                    return Ok::<(), crate::outcome::Failed>(());
                }
                let request = batch_of_orders(&orders, numbers)?;
                let accepted = accepted_members(sender.send_request(request).await?).await?;
                if accepted != BATCH {
                    return Err(format!("of a batch of {BATCH}, {accepted} were accepted").into());
                }
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}
