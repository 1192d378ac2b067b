//! A full reconciliation of a million SKUs: how long it takes, and what the orders beside it feel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hotrow::lane::{Lanes, LanesConfig};
use hotrow::limits::{DESK_PATIENCE, RECONCILE_PASS_SKUS};
use hotrow::reconcile::{Reconcile, Request};
use hotrow::store::mysql::{Address, ChangeFeed, Desk};
use hotrow::telemetry::metrics::Metrics;

use super::ExperimentName;
use crate::bench::Bench;
use crate::books::audit;
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::latencies::{Times, quantile_ms};
use crate::orders::{IdOrder, Orders};
use crate::outcome::Outcome;
use crate::pacer::{Schedule, send};
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::database::Database;
use crate::turn::{Tally, Turn};
use crate::workload::Workload;

const ORDERS_PER_S: f64 = 10_000.0;
/// A window without a run: one before the run and one after it, so that drift of the machine hits both kinds.
const ALONE: Duration = Duration::from_secs(20);
/// The window beside it lasts as long as the run, but no longer than this.
const LONGEST: Duration = Duration::from_secs(300);
/// Numbers of the orders of one window: far from those of the next.
const NUMBERS: u64 = 1 << 36;
/// What it is expected to take for each million SKUs.
const WEIGHT_S: f64 = 150.0;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let skus = bench.settings.by_suite(100_000, 1_000_000);
    let title = format!(
        "{} SKUs with {} movements, one of the SKUs hot at {} orders/s; without a full run of reconciliation, \
         and while one runs",
        number(skus as f64),
        number(2.0 * skus as f64),
        number(ORDERS_PER_S)
    );
    let workload = Workload::in_turn("reconcile", skus)?;
    let what = "open loop: from the intended time of sending to the answer";
    let mut collector = Collector::new(workload.name, title, what);
    bench.progress.doing(format!("opening {} SKUs", number(skus as f64)));
    let database = bench.mysql.fresh(&workload).await?;
    let measured = play(bench, &database, skus, &mut collector).await;
    bench.mysql.drop(database).await?;
    if let Err(error) = measured {
        bench.failed("reconcile", &error);
    }
    collector.finish()
}

async fn play(
    bench: &mut Bench,
    database: &Database,
    skus: usize,
    collector: &mut Collector,
) -> Outcome<()> {
    database.preload(skus, |_| {}).await?;
    let config =
        LanesConfig { connections: bench.settings.flush_connections, ..LanesConfig::default() };
    let lanes = Lanes::start(database.address.clone(), config, Metrics::new()).await?;
    let mut load = Load { bench, lanes: &lanes, windows: 0, tally: Tally::default() };
    let rounds = ExperimentName::few_rounds(&load.bench.settings);
    for round in 0..rounds {
        load.bench.progress.doing(format!("reconcile, round {}/{rounds}", round + 1));
        let (mut alone, ()) = load.window(ALONE, async |_| Ok(())).await?;
        let (beside, seconds) = load
            .window(LONGEST, async |turn| {
                let began = Instant::now();
                reconcile(database.address.clone()).await?;
                turn.stop();
                Ok(began.elapsed().as_secs_f64())
            })
            .await?;
        let (after, ()) = load.window(ALONE, async |_| Ok(())).await?;
        alone.add(&after)?;
        let (p99, p99_beside) = (quantile_ms(&alone, 0.99), quantile_ms(&beside, 0.99));
        let told = format!(
            "reconcile: {} s, p99 {} ms without and {} ms beside",
            number(seconds),
            number(p99),
            number(p99_beside)
        );
        load.bench.progress.done(WEIGHT_S / rounds as f64, &told);
        collector.figure("run", "seconds", "s", seconds);
        collector.times("without", &alone)?;
        collector.times("beside", &beside)?;
    }
    let tally = load.tally;
    lanes.drain().await;
    audit(database, tally, skus as u64, true).await.map(drop)
}

/// On a thread of its own, as the command is a process of its own: what keeps it busy keeps no client waiting.
async fn reconcile(address: Address) -> Outcome<()> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let desk = Desk::open(&address, 2, DESK_PATIENCE).await?;
            let feed = Arc::new(ChangeFeed::new(desk.clone()));
            let metrics = Metrics::new();
            let reconcile = Reconcile { address, desk: desk.clone(), cache: None, feed, metrics };
            let request = Request { dry_run: false, pass_skus: RECONCILE_PASS_SKUS };
            let report = reconcile.full(request, &|_| {}).await?;
            desk.close().await;
            if report.run.differences > 0 {
                return Err(format!("false alarms: {:?}", report.drifts).into());
            }
            Ok(())
        })
    };
    tokio::task::spawn_blocking(run).await?
}

/// Orders of the hot SKU at a steady rate, one window after the other.
struct Load<'a> {
    bench: &'a mut Bench,
    lanes: &'a Lanes,
    windows: u64,
    tally: Tally,
}

impl Load<'_> {
    /// Sends for so long, or until the work stops the turn.
    async fn window<T>(
        &mut self,
        length: Duration,
        work: impl AsyncFnOnce(&Turn) -> Outcome<T>,
    ) -> Outcome<(Times, T)> {
        self.windows += 1;
        let first = self.windows * NUMBERS;
        let orders = Orders::with_ids(&Workload::one_hot()?, IdOrder::Time, first);
        let turn = Arc::new(Turn::new(self.bench.settings.warmup(), length));
        let watch = CpuWatch { database: self.bench.mysql.pid(), service: None };
        let schedule = Schedule { orders_per_s: ORDERS_PER_S };
        let working = async {
            tokio::time::sleep(self.bench.settings.warmup()).await;
            work(&turn).await
        };
        let (window, sent, worked) =
            tokio::join!(turn.conduct(&watch), send(self.lanes, &orders, schedule, &turn), working);
        window?;
        let not_executed = sent?;
        if not_executed > 0 {
            return Err(format!("{not_executed} orders were not taken").into());
        }
        self.tally.accepted += turn.tally().accepted;
        Ok((turn.latencies.merged()?, worked?))
    }
}
