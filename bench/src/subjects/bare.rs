//! The engine's own statements and nothing else: plans made beforehand, no lanes, no answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotrow::engine::{CommitOutcome, Execution, FlushId, Mode, Plan};
use hotrow::limits::FLUSH_ORDERS_MAX;
use hotrow::store::mysql::{Abandoned, Address, FlushConnection, FlushTiming, register_instance};
use parking_lot::Mutex;

use super::Stage;
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::{Failed, Outcome};
use crate::turn::{Turn, Window};

/// Orders a second that plans are made for; a faster server ends the window early.
const ORDERS_PER_S_MAX: f64 = 450_000.0;
/// The name of its thread: processor time is told by it.
pub(crate) const THREAD: &str = "hotrow-bare";
const PATIENCE: Duration = Duration::from_secs(30);

type Plans = Arc<Mutex<VecDeque<Plan>>>;

pub(super) async fn play(stage: &Stage<'_>) -> Outcome<Window> {
    let one_sku = stage.orders.workload.skus.len() == 1;
    let connections =
        if one_sku { stage.settings.bare_connections } else { stage.settings.flush_connections };
    let orders = (stage.turn.length().as_secs_f64() * ORDERS_PER_S_MAX) as usize;
    let first = register_instance(&stage.database.address).await?;
    let plans =
        Arc::new(Mutex::new(plans(&stage.orders, first, orders.div_ceil(FLUSH_ORDERS_MAX))?));
    let (address, turn) = (stage.database.address.clone(), Arc::clone(&stage.turn));
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        let outcome = write_all(&address, connections, &plans, &turn);
        turn.stop();
        // Nobody listens when the run has failed otherwise.
        let _heard = ended.send(outcome);
        drop(plans);
    })?;
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let window = stage.turn.conduct(&watch).await;
    end.await??;
    window
}

fn plans(orders: &Orders, first: FlushId, count: usize) -> Outcome<VecDeque<Plan>> {
    let mut plans = VecDeque::with_capacity(count);
    for index in 0..count as u64 {
        let numbers = orders.take(FLUSH_ORDERS_MAX);
        let mut touched: Vec<usize> =
            numbers.clone().flat_map(|n| orders.picks(n).as_slice().to_vec()).collect();
        touched.sort_unstable();
        touched.dedup();
        plans.push_back(Plan {
            id: FlushId(first.0 + index),
            mode: Mode::Merged,
            resolving: false,
            skus: touched.len(),
            operations: numbers.map(|n| orders.operation(n)).collect::<Outcome<_>>()?,
        });
    }
    Ok(plans)
}

/// All connections on one thread, as in the engine.
fn write_all(
    address: &Address,
    connections: usize,
    plans: &Plans,
    turn: &Arc<Turn>,
) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let timing = FlushTiming { connect: PATIENCE, execute: PATIENCE, commit: PATIENCE };
        let mut writers = tokio::task::JoinSet::new();
        for client in 0..connections {
            let connection = FlushConnection::new(address.clone(), timing, Abandoned::default());
            writers.spawn(write(client, connection, Arc::clone(plans), Arc::clone(turn)));
        }
        while let Some(ended) = writers.join_next().await {
            ended??;
        }
        Ok(())
    })
}

async fn write(
    client: usize,
    mut connection: FlushConnection,
    plans: Plans,
    turn: Arc<Turn>,
) -> Result<(), Failed> {
    while turn.running() {
        let Some(plan) = plans.lock().pop_front() else { break };
        let sent = Instant::now();
        let executed = connection.execute(&plan).await;
        if !matches!(executed, Execution::Ready { .. }) {
            return Err(format!("a bare flush was not executed: {executed:?}").into());
        }
        let committed = connection.commit(plan.id).await;
        if committed != CommitOutcome::Committed {
            return Err(format!("a bare flush was not committed: {committed:?}").into());
        }
        turn.accepted(client, sent, plan.operations.len() as u64);
    }
    connection.close().await;
    Ok(())
}
