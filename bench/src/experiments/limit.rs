//! A purchase limit of two, and ten orders of every buyer, over two instances; and the same without it.

use std::time::Instant;

use hotrow::domain::{Buyer, Operation};
use hotrow::lane::Lanes;
use hotrow::telemetry::metrics::Metrics;
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinSet;

use super::contest::CLOSED_LOOP;
use super::{ExperimentName, run_weight_s};
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

/// Units that one buyer may have.
const LIMIT: u64 = 2;
/// Orders of a buyer, of one unit each.
const ORDERS_PER_BUYER: u64 = 10;
/// Buyers whose orders come in turns.
const BUYERS: u64 = 1_000;

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named("limit");
    let title = format!(
        "one hot SKU, two instances; {ORDERS_PER_BUYER} orders of each buyer, {BUYERS} buyers in turn: \
         with a purchase limit of {LIMIT}, and without"
    );
    let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
    for round in 0..ExperimentName::few_rounds(&settings) {
        for limited in [false, true] {
            let series = if limited { "limited" } else { "unlimited" };
            let what = format!("limit, {series}, round {}", round + 1);
            bench.progress.doing(what.clone());
            let orders = Orders::new(&workload);
            let played = bench
                .on_fresh(&settings, orders, Audit::Flushes, async |stage| {
                    play(stage, limited).await
                })
                .await;
            match played {
                Ok(played) => {
                    let answered = played.window.tally.answered() as f64 / played.window.seconds;
                    let told = format!("{what}: {} answers/s", number(answered));
                    bench.progress.done(run_weight_s(&settings), &told);
                    collector.figure(series, "answered_per_s", "answers/s", answered);
                    collector.run(series, played)?;
                }
                Err(error) => bench.failed(&what, &error),
            }
        }
    }
    collector.finish()
}

async fn play(stage: &Stage<'_>, limited: bool) -> Outcome<Window> {
    let mut connection = stage.database.connect().await?;
    if limited {
        let text = format!("UPDATE stock SET purchase_limit = {LIMIT}");
        connection.execute(AssertSqlSafe(text)).await?;
    }
    let instances = [lanes(stage, Metrics::new()).await?, lanes(stage, Metrics::new()).await?];
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let clients = send(stage, &instances);
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    for lanes in instances {
        lanes.drain().await;
    }
    clients?;
    if limited {
        let over = format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM purchase GROUP BY sku, buyer \
             HAVING SUM(quantity) > {LIMIT}) AS buyers"
        );
        let over: i64 = sqlx::query_scalar(AssertSqlSafe(over)).fetch_one(&mut connection).await?;
        if over != 0 {
            return Err(format!("{over} buyers have more than {LIMIT} units").into());
        }
    }
    window
}

fn send(stage: &Stage<'_>, instances: &[Lanes; 2]) -> JoinSet<Outcome<()>> {
    let chunk = stage.settings.chunk_orders;
    let mut clients = JoinSet::new();
    for client in 0..(stage.settings.outstanding / chunk).max(2) {
        let lanes = instances[client % 2].clone();
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let operations = orders
                    .take(chunk)
                    .map(|number| match orders.operation(number)? {
                        Operation::Take(order) => {
                            let buyer = Buyer::new(&format!("b-{}", buyer_of(number)))?;
                            Ok(Operation::Take(order.for_buyer(Some(buyer))))
                        }
                        other @ (Operation::Settle(_) | Operation::Adjust(_)) => Ok(other),
                    })
                    .collect::<Outcome<_>>()?;
                let sent = Instant::now();
                turn.answered(client, sent, &lanes.submit_all(operations).await)?;
            }
            Ok(())
        });
    }
    clients
}

/// Every buyer sends all orders before the next thousand buyers come.
fn buyer_of(number: u64) -> u64 {
    let crowd = number / (BUYERS * ORDERS_PER_BUYER);
    crowd * BUYERS + number % BUYERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buyer_sends_ten() {
        let mut orders = std::collections::BTreeMap::<u64, u64>::new();
        for number in 0..2 * BUYERS * ORDERS_PER_BUYER {
            *orders.entry(buyer_of(number)).or_default() += 1;
        }
        assert_eq!(orders.len() as u64, 2 * BUYERS);
        assert!(orders.values().all(|count| *count == ORDERS_PER_BUYER));
    }
}
