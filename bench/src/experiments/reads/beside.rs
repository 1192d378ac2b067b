//! Orders of the SKU that is read, with readers beside them half of the time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{cached, client};
use crate::bench::{Audit, Bench};
use crate::collector::Collector;
use crate::cpu::CpuWatch;
use crate::experiments::RUN_OVERHEAD_S;
use crate::latencies::{Times, no_times};
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::table::number;
use crate::servers::instance::Instance;
use crate::settings::RunSettings;
use crate::subjects::{Stage, join_clients, send_batches};
use crate::turn::{Turn, Window};
use crate::workload::Workload;

/// Reads a second beside the orders.
pub(super) const READS_PER_S: u64 = 10_000;
/// Connections of those readers.
pub(super) const CONNECTIONS: u64 = 10;

/// Slices of a round, true with readers. Two runs, one with readers and one without, differ by more than readers cost.
/// Slices of one run do not, and in this order a steady drift of the machine hits both kinds alike.
const KINDS: [bool; 8] = [false, true, true, false, false, true, true, false];

/// How long a slice is.
pub(super) fn slice(settings: &RunSettings) -> Duration {
    settings.duration() / 2
}

/// Rounds. More than elsewhere: single ones lie a tenth apart, and what is looked for are a few hundredths.
pub(super) fn rounds(settings: &RunSettings) -> usize {
    settings.by_suite(1, 3) * settings.rounds()
}

/// What all rounds are expected to take.
pub(in crate::experiments) fn expected_s(settings: &RunSettings) -> f64 {
    rounds(settings) as f64 * round_s(settings)
}

/// What a round takes.
pub(super) fn round_s(settings: &RunSettings) -> f64 {
    (settings.warmup() + slice(settings) * KINDS.len() as u32).as_secs_f64() + RUN_OVERHEAD_S
}

/// A part of a run.
struct Slice {
    /// With readers.
    beside: bool,
    window: Window,
    times: Times,
    /// Answered, a second.
    reads_per_s: f64,
}

/// One round. Returns what came of it.
pub(super) async fn measure(
    bench: &mut Bench,
    workload: &Workload,
    collector: &mut Collector,
) -> Outcome<String> {
    let length = slice(&bench.settings);
    // Longer than all slices together: the end of the last one ends the run.
    let seconds = Some(2.0 * round_s(&bench.settings));
    let settings = RunSettings { seconds, ..bench.settings.clone() };
    let mut slices = Vec::new();
    let orders = Orders::new(workload);
    let played = bench
        .on_fresh(&settings, orders, Audit::Flushes, async |stage| {
            let (window, read_times) = order(stage, length, &mut slices).await?;
            collector.times("reads-beside-orders", &read_times)?;
            Ok(window)
        })
        .await?;
    collector.counts("orders", played.run);
    for slice in &slices {
        let series = if slice.beside { "orders-beside-reads" } else { "orders-alone" };
        collector.window(series, &slice.window, &slice.times)?;
        if slice.beside {
            let rate = slice.reads_per_s;
            collector.figure("reads-beside-orders", "reads_per_s", "reads/s", rate);
        }
    }
    let rates = |beside| {
        let of_kind = slices.iter().filter(move |slice| slice.beside == beside);
        of_kind.map(|slice| slice.window.accepted_per_s()).sum::<f64>()
    };
    let ratio = rates(true) / rates(false);
    collector.figure(
        "orders",
        "beside_alone",
        "of the orders alone are accepted beside reads",
        ratio,
    );
    Ok(format!("orders beside reads / alone: {}", number(ratio)))
}

/// Orders in a closed loop for the length of all slices. Returns also how long reads took, from when they should have
/// been sent to when they were answered.
async fn order(
    stage: &Stage<'_>,
    length: Duration,
    slices: &mut Vec<Slice>,
) -> Outcome<(Window, Times)> {
    let (instance, redis) = cached(stage).await?;
    let watch = CpuWatch { database: stage.database_pid, service: instance.pid() };
    let clients = send_batches(stage, &instance).await?;
    let mut read_times = no_times();
    let slicing = async {
        tokio::time::sleep(stage.settings.warmup()).await;
        for beside in KINDS {
            let reads = Arc::new(Turn::new(Duration::ZERO, length));
            let slice = cut(stage, &instance, &watch, beside, &reads).await?;
            slices.push(slice);
            read_times.add(&reads.latencies.take()?)?;
        }
        stage.turn.stop();
        Outcome::Ok(())
    };
    let (window, clients, sliced) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn), slicing);
    clients?;
    sliced?;
    instance.stop().await?;
    redis.clear()?;
    Ok((window?, read_times))
}

/// One slice.
async fn cut(
    stage: &Stage<'_>,
    instance: &Instance,
    watch: &CpuWatch,
    beside: bool,
    reads: &Arc<Turn>,
) -> Outcome<Slice> {
    let connections = if beside { CONNECTIONS } else { 0 };
    let readers = readers(stage, instance, connections, reads).await?;
    let counting = async {
        let before = stage.turn.tally();
        stage.turn.latencies.take()?;
        let read = reads.conduct(watch).await?;
        let window = Window { tally: stage.turn.tally().since(before), ..read };
        Outcome::Ok(Slice {
            beside,
            window,
            times: stage.turn.latencies.take()?,
            reads_per_s: read.accepted_per_s(),
        })
    };
    let (slice, readers) = tokio::join!(counting, join_clients(readers, reads));
    readers?;
    slice
}

/// So many readers, who together send at the rate.
async fn readers(
    stage: &Stage<'_>,
    instance: &Instance,
    connections: u64,
    turn: &Arc<Turn>,
) -> Outcome<JoinSet<Outcome<()>>> {
    let sku = stage.orders.workload.skus[0].as_str();
    let at_once = stage.settings.reads_at_once;
    let mut readers = JoinSet::new();
    for number in 0..connections {
        let mut reader = client::Reader::connect(instance.orders, sku).await?;
        let mut schedule = client::schedule(number, connections, at_once);
        let turn = Arc::clone(turn);
        readers.spawn(async move {
            while turn.running() {
                let due = schedule.tick().await.into_std();
                reader.read(at_once as usize).await?;
                turn.accepted(number as usize, due, at_once);
            }
            Ok(())
        });
    }
    Ok(readers)
}
