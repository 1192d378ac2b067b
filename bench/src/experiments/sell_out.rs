//! A flash sale: stock for ten thousand, many more orders. How fast are the refusals?

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hotrow::domain::Verdict;
use hotrow::telemetry::metrics::Metrics;

use super::contest::{CLOSED_LOOP, play_one_hot};
use super::run_weight_s;
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::subjects::{Stage, join_clients, lanes};
use crate::turn::Window;
use crate::workload::Workload;

const STOCK: u64 = 10_000;
/// Orders before the clock starts: connections are made, lanes are open.
const WARMUP_ORDERS: usize = 2_048;

/// When what happened.
#[derive(Debug)]
struct Sale {
    start: Instant,
    accepted: AtomicU64,
    sold_out: OnceLock<Instant>,
}

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let mut settings = bench.settings.clone();
    // The orders end the run, not the clock.
    settings.seconds = Some(120.0);
    settings.warmup_seconds = Some(0.0);
    let orders = settings.by_suite(100_000, 500_000);
    let available = STOCK as i64 + WARMUP_ORDERS as i64;
    let workload = Workload::one_hot()?.named("sell-out").with_available(available);
    let title = format!(
        "one SKU with stock for {STOCK} orders, {orders} orders come; beside it one that does not sell out"
    );
    let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
    for round in 0..settings.rounds() {
        let what = format!("sell-out, round {}", round + 1);
        bench.progress.doing(what.clone());
        let mut rates = (0.0, 0.0);
        let played = bench
            .on_fresh(&settings, Orders::new(&workload), Audit::Flushes, async |stage| {
                let (window, found) = play(stage, orders).await?;
                rates = found;
                Ok(window)
            })
            .await;
        match played {
            Ok(played) => {
                let told = format!("{what}: {} refusals/s once sold out", number(rates.1));
                bench.progress.done(run_weight_s(&bench.settings), &told);
                collector.figure("hotrow", "accepted_per_s", "accepted/s until sold out", rates.0);
                collector.figure("hotrow", "refusals_per_s", "refusals/s once sold out", rates.1);
                collector.counts("hotrow", played.run);
            }
            Err(error) => bench.failed(&what, &error),
        }
        play_one_hot(bench, &mut collector, workload.name, round).await?;
    }
    collector.finish()
}

/// The window, and the rates before and after the last unit was sold.
async fn play(stage: &Stage<'_>, orders: u64) -> Outcome<(Window, (f64, f64))> {
    let lanes = lanes(stage, Metrics::new()).await?;
    let warmup = stage.orders.operations(WARMUP_ORDERS)?;
    stage.turn.answered(0, Instant::now(), &lanes.submit_all(warmup).await)?;

    let sale = Arc::new(Sale {
        start: Instant::now(),
        accepted: AtomicU64::new(0),
        sold_out: OnceLock::new(),
    });
    let chunk = stage.settings.chunk_orders;
    let last = WARMUP_ORDERS as u64 + orders;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..(stage.settings.outstanding / chunk).max(1) {
        let (lanes, orders) = (lanes.clone(), stage.orders.clone());
        let (turn, sale) = (stage.turn.clone(), Arc::clone(&sale));
        clients.spawn(async move {
            loop {
                let numbers = orders.take(chunk);
                if numbers.start >= last || !turn.running() {
                    return Ok(());
                }
                let operations =
                    numbers.map(|number| orders.operation(number)).collect::<Outcome<_>>()?;
                let sent = Instant::now();
                let verdicts = lanes.submit_all(operations).await;
                sale.note(&verdicts);
                turn.answered(client, sent, &verdicts)?;
            }
        });
    }
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let all = async {
        let ended = join_clients(clients, &stage.turn).await;
        stage.turn.stop();
        ended
    };
    let (window, ended) = tokio::join!(stage.turn.conduct(&watch), all);
    let end = Instant::now();
    lanes.drain().await;
    ended?;
    let sold_out = *sale.sold_out.get().ok_or("the stock was not sold out")?;
    let before = (sold_out - sale.start).as_secs_f64();
    let after = (end - sold_out).as_secs_f64();
    let refused = stage.turn.tally().refused as f64;
    Ok((window?, (STOCK as f64 / before, refused / after)))
}

impl Sale {
    fn note(&self, verdicts: &[Verdict]) {
        let accepted = verdicts.iter().filter(|v| matches!(v, Verdict::Done { .. })).count() as u64;
        if self.accepted.fetch_add(accepted, Ordering::Relaxed) + accepted == STOCK {
            self.sold_out.get_or_init(Instant::now);
        }
    }
}
