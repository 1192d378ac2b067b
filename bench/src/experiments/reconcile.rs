//! A full reconciliation of a million SKUs, their cache and their books: how long it takes, and what the orders beside
//! it feel.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotrow::cache::HotSkus;
use hotrow::lane::{Lanes, LanesConfig};
use hotrow::limits::{DESK_PATIENCE, HOT_SKUS_MAX, RECONCILE_PASS_SKUS};
use hotrow::reconcile::{Progress, Reconcile, Request};
use hotrow::store::CacheState;
use hotrow::store::mysql::{Address, ChangeFeed, Desk};
use hotrow::telemetry::metrics::Metrics;
use parking_lot::Mutex;

use super::ExperimentName;
use crate::bench::Bench;
use crate::books::audit;
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::latencies::{Times, no_times, quantile_ms};
use crate::orders::{IdOrder, Orders};
use crate::outcome::Outcome;
use crate::pacer::{Schedule, send};
use crate::report::Experiment;
use crate::report::table::number;
use crate::servers::cache::{self, Filled};
use crate::servers::database::Database;
use crate::servers::redis_server::Fsync;
use crate::settings::RunSettings;
use crate::subjects::ready_redis;
use crate::turn::{Tally, Turn};
use crate::workload::Workload;

const ORDERS_PER_S: f64 = 10_000.0;
/// The window beside a run lasts as long as the run, but no longer than this.
const LONGEST: Duration = Duration::from_secs(300);
/// Numbers of the orders of one window: far from those of the next.
const NUMBERS: u64 = 1 << 36;
/// What a round is expected to take.
pub(super) fn round_s(settings: &RunSettings) -> f64 {
    settings.by_suite(35.0, 290.0)
}

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let skus = bench.settings.by_suite(100_000, 1_000_000);
    let title = format!(
        "{} SKUs with {} movements, {} of them kept in the cache, one of these hot at {} orders/s; without a full run of \
         reconciliation, and while one runs",
        number(skus as f64),
        number(2.0 * skus as f64),
        number(HOT_SKUS_MAX as f64),
        number(ORDERS_PER_S)
    );
    let workload = Workload::in_turn("reconcile", skus)?;
    let what = "open loop: from the intended time of sending to the answer";
    let mut collector = Collector::new(workload.name, title, what);
    let rounds = ExperimentName::few_rounds(&bench.settings);
    for round in 1..=rounds {
        let doing = format!("reconcile, round {round}/{rounds}, {} SKUs", number(skus as f64));
        bench.progress.doing(doing);
        // A ledger of its own: that of the round before has grown by the orders.
        let database = bench.mysql.fresh(&workload).await?;
        let measured = play(bench, &database, &workload, &mut collector).await;
        bench.mysql.drop(database).await?;
        match measured {
            Ok(told) => bench.progress.done(round_s(&bench.settings), &told),
            Err(error) => bench.failed("reconcile", &error),
        }
    }
    collector.finish()
}

/// One round. Returns what came of it.
async fn play(
    bench: &mut Bench,
    database: &Database,
    workload: &Workload,
    collector: &mut Collector,
) -> Outcome<String> {
    let skus = workload.skus.len();
    database.preload(skus, |_| {}).await?;
    let address = &database.address;
    let (redis, metrics) = (ready_redis(&bench.settings, Fsync::Never).await?, Metrics::new());
    let desk = Desk::open(address, 2, DESK_PATIENCE).await?;
    let hot = HotSkus::default();
    hot.pin(workload.skus.iter().take(HOT_SKUS_MAX));
    let Filled { commits, filling, .. } =
        cache::fill(redis.secret_url(), desk.clone(), hot, metrics.clone())?;
    let config =
        LanesConfig { connections: bench.settings.flush_connections, ..LanesConfig::default() };
    let lanes = Lanes::start_telling(address.clone(), config, metrics, Some(commits)).await?;
    // Without a run as long as beside one, about half of it before and half of it after, so that drift of the machine
    // hits both kinds.
    let half = Duration::from_secs(bench.settings.by_suite(8, 45));
    let mut load = Load { bench, lanes: &lanes, windows: 0, tally: Tally::default() };
    // Not counted: the server still writes the pages of what was loaded.
    load.window(half, async |_| Ok(())).await?;
    let (mut alone, ()) = load.window(half, async |_| Ok(())).await?;
    let (beside, (seconds, cache_seconds)) = load
        .window(LONGEST, async |turn| {
            let began = Instant::now();
            let cache_seconds =
                reconcile(address.clone(), redis.secret_url().to_owned()).await?.as_secs_f64();
            turn.stop();
            Ok((began.elapsed().as_secs_f64(), cache_seconds))
        })
        .await?;
    let rest = Duration::from_secs_f64(seconds).saturating_sub(half).max(half);
    alone.extend(load.window(rest, async |_| Ok(())).await?.0);
    let tally = load.tally;
    lanes.drain().await;
    drop(filling);
    desk.close().await;
    redis.clear()?;
    audit(database, tally, skus as u64, true).await?;
    collector.figure("run", "seconds", "s", seconds);
    collector.figure("run", "cache_seconds", "s of it for the cache", cache_seconds);
    let mut told = format!("reconcile: {} s", number(seconds));
    for (series, slices) in [("without", alone), ("beside", beside)] {
        let mut all = no_times();
        for slice in &slices {
            collector.times(series, slice)?;
            all.add(slice)?;
        }
        write!(told, "; p99 of all {series} {} ms", number(quantile_ms(&all, 0.99)))?;
    }
    Ok(told)
}

/// On a thread of its own, as the command is a process of its own: what keeps it busy keeps no client waiting. Returns
/// how long the cache took.
async fn reconcile(address: Address, redis_url: String) -> Outcome<Duration> {
    let run = move || {
        let began = Instant::now();
        let compared = Mutex::new(Duration::ZERO);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let desk = Desk::open(&address, 2, DESK_PATIENCE).await?;
            let feed = Arc::new(ChangeFeed::new(desk.clone()));
            let metrics = Metrics::new();
            let cache = Some((cache::open(&redis_url, metrics.clone())?, Vec::new()));
            let reconcile = Reconcile { address, desk: desk.clone(), cache, feed, metrics };
            let request = Request { dry_run: false, pass_skus: RECONCILE_PASS_SKUS };
            let watch = |progress| {
                if let Progress::Cache { .. } = progress {
                    *compared.lock() = began.elapsed();
                }
            };
            let report = reconcile.full(request, &watch).await?;
            desk.close().await;
            if report.run.differences > 0 {
                return Err(format!("false alarms: {:?}", report.drifts).into());
            }
            if report.run.cache != CacheState::Compared {
                return Err(format!("the cache was not compared: {:?}", report.run.cache).into());
            }
            Ok(*compared.lock())
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
    /// Sends for so long, or until the work stops the turn. Returns the latencies of each slice of that time; what is
    /// left of it behind the last whole one is not counted.
    ///
    /// Somebody else on the machine can spoil a few seconds, and the slowest hundredth of all orders is then made of
    /// these alone, with a run or without. So a slice is what elsewhere is a round: the median of many tells.
    async fn window<T>(
        &mut self,
        length: Duration,
        work: impl AsyncFnOnce(&Turn) -> Outcome<T>,
    ) -> Outcome<(Vec<Times>, T)> {
        self.windows += 1;
        let first = self.windows * NUMBERS;
        let orders = Orders::with_ids(&Workload::one_hot()?, IdOrder::Time, first);
        let turn = Arc::new(Turn::new(self.bench.settings.warmup(), length));
        let watch = CpuWatch { database: self.bench.mysql.pid(), service: None };
        let schedule = Schedule { orders_per_s: ORDERS_PER_S };
        let warmup = self.bench.settings.warmup();
        let slice = Duration::from_secs(self.bench.settings.by_suite(2, 5));
        let working = async {
            tokio::time::sleep(warmup).await;
            work(&turn).await
        };
        let mut slices = Vec::new();
        let slicing = async {
            tokio::time::sleep(warmup).await;
            loop {
                tokio::time::sleep(slice).await;
                slices.push(turn.latencies.take()?);
            }
        };
        let sending = async {
            tokio::join!(turn.conduct(&watch), send(self.lanes, &orders, schedule, &turn), working)
        };
        let (window, sent, worked) = tokio::select! {
            ended = sending => ended,
            failed = slicing => return failed,
        };
        window?;
        let not_executed = sent?;
        if not_executed > 0 {
            return Err(format!("{not_executed} orders were not taken").into());
        }
        self.tally.accepted += turn.tally().accepted;
        if slices.is_empty() {
            return Err("the run was over before a slice of time was".into());
        }
        Ok((slices, worked?))
    }
}
