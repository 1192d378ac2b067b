//! The life of holds on one hot SKU: taken, confirmed, cancelled, expired, and plain orders to compare.

use std::ops::Range;
use std::time::{Duration, Instant};

use hotrow::domain::{Goal, HoldSeconds, Operation, OrderId, Settlement, Verdict};
use hotrow::lane::Lanes;
use hotrow::limits::DESK_PATIENCE;
use hotrow::store::mysql::Desk;
use hotrow::sweep::Sweep;
use hotrow::telemetry::metrics::Metrics;
use sqlx::MySqlConnection;
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

/// How long those holds last that nobody settles: until all else is done.
const EXPIRING_S: i64 = 12;
/// And those that are settled.
const LASTING_S: i64 = 3_600;
/// Connections for looking orders up.
const DESK_CONNECTIONS: u32 = 4;

/// What is known of a hold that is to be settled.
#[derive(Clone, Copy, Debug)]
enum Memory {
    /// As in the process that took it, if that was lately.
    OfThisProcess,
    /// As in any other.
    None,
}

/// Done a second, by what was done.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    deduct: f64,
    hold: f64,
    confirm: f64,
    confirm_looked_up: f64,
    settle: f64,
    expire: f64,
}

pub(super) async fn measure(bench: &mut Bench) -> Outcome<Experiment> {
    let mut settings = bench.settings.clone();
    // The orders end the run, not the clock.
    settings.seconds = Some(120.0);
    settings.warmup_seconds = Some(0.0);
    let holds = settings.by_suite(20_000, 100_000);
    let workload = Workload::one_hot()?.named("holds");
    let title = format!(
        "one hot SKU: {holds} plain orders; {holds} holds, all confirmed, and as many by another process; {holds} holds of which at \
         once 60 % are confirmed, 30 % cancelled and 10 % left to expire; {holds} holds that expire"
    );
    let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
    for round in 0..ExperimentName::few_rounds(&settings) {
        let what = format!("holds, round {}", round + 1);
        bench.progress.doing(what.clone());
        let mut rates = Rates::default();
        let played = bench
            .on_fresh(&settings, Orders::new(&workload), Audit::Flushes, async |stage| {
                let (window, found) = play(stage, holds).await?;
                rates = found;
                Ok(window)
            })
            .await;
        match played {
            Ok(played) => {
                let told = format!("{what}: {} confirmed/s", number(rates.confirm));
                bench.progress.done(run_weight_s(&bench.settings), &told);
                for (name, unit, rate) in [
                    ("deduct_per_s", "deducted/s", rates.deduct),
                    ("hold_per_s", "held/s", rates.hold),
                    ("confirm_per_s", "confirmed/s", rates.confirm),
                    (
                        "confirm_looked_up_per_s",
                        "confirmed/s that another process has taken",
                        rates.confirm_looked_up,
                    ),
                    ("settle_per_s", "settled/s, confirmed and cancelled at once", rates.settle),
                    ("expire_per_s", "expired/s", rates.expire),
                ] {
                    collector.figure("hotrow", name, unit, rate);
                }
                collector.counts("hotrow", played.run);
            }
            Err(error) => bench.failed(&what, &error),
        }
    }
    collector.finish()
}

async fn play(stage: &Stage<'_>, holds: usize) -> Outcome<(Window, Rates)> {
    let metrics = Metrics::new();
    let lanes = lanes(stage, metrics.clone()).await?;
    let address = stage.database.address.clone();
    let desk = Desk::open(&address, DESK_CONNECTIONS, DESK_PATIENCE).await?;
    let life = Life { stage, lanes: lanes.clone(), desk: desk.clone() };
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let all = async {
        let rates = life.live(holds, Sweep { address, lanes, metrics }).await;
        stage.turn.stop();
        rates
    };
    let (window, rates) = tokio::join!(stage.turn.conduct(&watch), all);
    life.lanes.drain().await;
    desk.close().await;
    Ok((window?, rates?))
}

struct Life<'a> {
    stage: &'a Stage<'a>,
    lanes: Lanes,
    desk: Desk,
}

impl Life<'_> {
    async fn live(&self, holds: usize, sweep: Sweep) -> Outcome<Rates> {
        // Connections are made, and the lane is warm.
        self.take(holds / 4, None).await?;
        let expiring = HoldSeconds::new(EXPIRING_S)?;
        let (expire, _) = self.take(holds, Some(expiring)).await?;
        let (mixed, hold) = self.take(holds, Some(expiring)).await?;
        let end = Instant::now() + Duration::from_secs(expiring.seconds().into());
        let settle = self.settle(mixed, Memory::OfThisProcess, |number| match number % 10 {
            0..6 => Some(Goal::Confirm),
            6..9 => Some(Goal::Cancel),
            _ => None,
        });
        let settle = settle.await?;
        let (_, deduct) = self.take(holds, None).await?;
        let lasting = Some(HoldSeconds::new(LASTING_S)?);
        let (ours, _) = self.take(holds, lasting).await?;
        let confirm = self.settle(ours, Memory::OfThisProcess, |_| Some(Goal::Confirm)).await?;
        let (foreign, _) = self.take(holds, lasting).await?;
        let confirm_looked_up = self.settle(foreign, Memory::None, |_| Some(Goal::Confirm)).await?;
        tokio::time::sleep_until(end.into()).await;
        let overdue = expire.end - expire.start + holds as u64 / 10;
        let began = Instant::now();
        let sweeping = tokio::spawn(sweep.run());
        self.until_nothing_is_held().await?;
        let expire = overdue as f64 / began.elapsed().as_secs_f64();
        sweeping.abort();
        Ok(Rates { deduct, hold, confirm, confirm_looked_up, settle, expire })
    }

    /// Takes so many orders. Returns their numbers, and how many a second.
    async fn take(&self, count: usize, hold: Option<HoldSeconds>) -> Outcome<(Range<u64>, f64)> {
        let numbers = self.stage.orders.take(count);
        let rate = self.in_chunks(numbers.clone(), move |life, numbers| async move {
            let operations = numbers
                .map(|number| match life.orders.operation(number)? {
                    Operation::Take(order) => Ok(Operation::Take(order.held_for(hold))),
                    other @ (Operation::Settle(_) | Operation::Adjust(_)) => Ok(other),
                })
                .collect::<Outcome<_>>()?;
            let sent = Instant::now();
            let verdicts = life.lanes.submit_all(operations).await;
            life.turn.answered(0, sent, &verdicts)?;
            Ok(verdicts.len())
        });
        Ok((numbers, rate.await?))
    }

    /// Settles these orders, after looking up in the ledger what is not remembered. Returns how many a second.
    async fn settle(
        &self,
        numbers: Range<u64>,
        memory: Memory,
        goal: impl Fn(u64) -> Option<Goal> + Copy + Send + Sync + 'static,
    ) -> Outcome<f64> {
        self.in_chunks(numbers, move |life, numbers| async move {
            let wanted: Vec<(OrderId, Goal)> = numbers
                .filter_map(|number| Some((life.orders.id(number), goal(number)?)))
                .map(|(id, goal)| Ok((OrderId::new("order_id", &id)?, goal)))
                .collect::<Outcome<_>>()?;
            let remembered = |(id, _): &(OrderId, Goal)| match memory {
                Memory::OfThisProcess => life.lanes.recent_hold(id),
                Memory::None => None,
            };
            let remembered: Vec<_> = wanted.iter().map(remembered).collect();
            let forgotten = wanted.iter().zip(&remembered).filter(|(_, order)| order.is_none());
            let ids: Vec<OrderId> = forgotten.map(|((id, _), _)| id.clone()).collect();
            let mut found = life.desk.orders(&ids).await?;
            let mut operations = Vec::with_capacity(wanted.len());
            for ((id, goal), order) in wanted.into_iter().zip(remembered) {
                let order = order.or_else(|| found.remove(&id));
                let order = order.ok_or("an order that was held is not there")?;
                let settlement = Settlement::new(order, goal);
                let settlement = settlement.map_err(|settled| format!("{id} is {settled:?}"))?;
                operations.push(Operation::Settle(settlement));
            }
            let verdicts = life.lanes.submit_all(operations).await;
            match verdicts.iter().find(|verdict| !matches!(verdict, Verdict::Done { .. })) {
                Some(other) => Err(format!("a hold was answered {other:?}").into()),
                None => Ok(verdicts.len()),
            }
        })
        .await
    }

    /// Does something to all numbers, a chunk at a time, as many chunks at once as may be outstanding.
    async fn in_chunks<F: Future<Output = Outcome<usize>> + Send + 'static>(
        &self,
        numbers: Range<u64>,
        work: impl Fn(Client, Range<u64>) -> F + Clone + Send + Sync + 'static,
    ) -> Outcome<f64> {
        let chunk = self.stage.settings.chunk_orders as u64;
        let clients = (self.stage.settings.outstanding as u64 / chunk).max(1);
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let done = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for client in 0..clients {
            let (numbers, work) = (numbers.clone(), work.clone());
            let (me, done) = (self.client(), std::sync::Arc::clone(&done));
            tasks.spawn(async move {
                let mut from = numbers.start + client * chunk;
                while from < numbers.end {
                    let chunk_numbers = from..(from + chunk).min(numbers.end);
                    let count = work(me.clone(), chunk_numbers).await?;
                    done.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
                    from += clients * chunk;
                }
                Ok(())
            });
        }
        join_clients(tasks, &self.stage.turn).await?;
        let done = done.load(std::sync::atomic::Ordering::Relaxed);
        Ok(done as f64 / began.elapsed().as_secs_f64())
    }

    fn client(&self) -> Client {
        Client {
            lanes: self.lanes.clone(),
            desk: self.desk.clone(),
            orders: self.stage.orders.clone(),
            turn: std::sync::Arc::clone(&self.stage.turn),
        }
    }

    async fn until_nothing_is_held(&self) -> Outcome<()> {
        let mut connection = self.stage.database.connect().await?;
        while held(&mut connection).await? > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// What a client task needs.
#[derive(Clone)]
struct Client {
    lanes: Lanes,
    desk: Desk,
    orders: Orders,
    turn: std::sync::Arc<crate::turn::Turn>,
}

async fn held(connection: &mut MySqlConnection) -> Outcome<i64> {
    Ok(sqlx::query_scalar("SELECT CAST(SUM(held) AS SIGNED) FROM stock")
        .fetch_one(connection)
        .await?)
}
