//! A storm of repeats: three in ten orders were sent before, often through the other instance, and
//! often are not answered yet.

use std::time::Instant;

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
use crate::splitmix::scatter;
use crate::subjects::{Stage, join_clients, lanes};
use crate::turn::Window;
use crate::workload::Workload;

/// Of ten orders, how many are repeats.
const REPEATS_IN_TEN: u64 = 3;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named("duplicates");
    let title = "one hot SKU, two instances; three in ten orders are repeats of earlier ones, half of them through the other instance";
    let mut collector = Collector::new(workload.name, title.to_owned(), CLOSED_LOOP);
    for round in 0..ExperimentName::few_rounds(&settings) {
        let what = format!("duplicates, round {}", round + 1);
        bench.progress.doing(what.clone());
        let played = bench
            .on_fresh(&settings, Orders::new(&workload), Audit::Flushes, async |stage| {
                play(stage).await
            })
            .await;
        match played {
            Ok(played) => {
                let tally = played.window.tally;
                let answered = tally.answered() as f64 / played.window.seconds;
                let share = tally.replayed as f64 / tally.answered().max(1) as f64;
                let told = format!("{what}: {} answers/s", number(answered));
                bench.progress.done(run_weight_s(&settings), &told);
                collector.figure("hotrow", "answered_per_s", "answers/s", answered);
                collector.figure("hotrow", "replayed_share", "of them replays", share);
                collector.run("hotrow", played)?;
            }
            Err(error) => bench.failed(&what, &error),
        }
    }
    collector.finish()
}

async fn play(stage: &Stage<'_>) -> Outcome<Window> {
    let instances = [lanes(stage, Metrics::new()).await?, lanes(stage, Metrics::new()).await?];
    let chunk = stage.settings.chunk_orders;
    let back = stage.settings.outstanding as u64 * 2;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..(stage.settings.outstanding / chunk).max(2) {
        let lanes = instances[client % 2].clone();
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let numbers = orders.take(chunk);
                let operations =
                    numbers.map(|n| orders.operation(origin(n, back))).collect::<Outcome<_>>()?;
                let sent = Instant::now();
                turn.answered(client, sent, &lanes.submit_all(operations).await)?;
            }
            Ok(())
        });
    }
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    for lanes in instances {
        lanes.drain().await;
    }
    clients?;
    window
}

/// The number of the order that is sent in this place: its own, or that of one at most `back` before.
fn origin(place: u64, back: u64) -> u64 {
    let random = scatter(place);
    let distance = 1 + (random >> 8) % back;
    if random % 10 < REPEATS_IN_TEN && distance <= place {
        origin(place - distance, back)
    } else {
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_ten_repeat_an_order_that_was_sent() {
        let places = 100_000_u64;
        let origins: Vec<u64> = (0..places).map(|place| origin(place, 1_000)).collect();
        let repeats = (0..places).filter(|place| origins[*place as usize] != *place).count();
        assert!((29_000..31_000).contains(&repeats), "{repeats}");
        assert!(origins.iter().all(|origin| origins[*origin as usize] == *origin));
    }
}
