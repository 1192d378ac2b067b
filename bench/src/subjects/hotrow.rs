//! hotrow as a library, in this process.

use std::sync::Arc;
use std::time::Instant;

use hotrow::lane::{Lanes, LanesConfig};
use hotrow::telemetry::metrics::Metrics;
use tokio::task::JoinSet;

use super::{Stage, join_clients};
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::settings::{RunSettings, Style};
use crate::turn::{Turn, Window};

pub(super) async fn play(stage: &Stage<'_>, style: Style) -> Outcome<Window> {
    let lanes = lanes(stage, Metrics::new()).await?;
    let clients = match style {
        Style::Chunks => send_chunks(
            stage.settings,
            stage.settings.outstanding,
            &lanes,
            &stage.orders,
            &stage.turn,
        ),
        Style::Callers => send_each(stage, &lanes),
    };
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    lanes.drain().await;
    clients?;
    window
}

/// Lanes with the bounds that every experiment of the library has: room for what is outstanding.
pub(crate) async fn lanes(stage: &Stage<'_>, metrics: Metrics) -> Outcome<Lanes> {
    lanes_over(stage.settings.flush_connections, stage, metrics).await
}

/// The same over so many connections.
pub(crate) async fn lanes_over(
    connections: usize,
    stage: &Stage<'_>,
    metrics: Metrics,
) -> Outcome<Lanes> {
    let config = LanesConfig { connections, ..LanesConfig::default() };
    Ok(Lanes::start(stage.database.address.clone(), config, metrics).await?)
}

/// Clients that submit several orders together and await them together, `outstanding` orders in all.
pub(crate) fn send_chunks(
    settings: &RunSettings,
    outstanding: usize,
    lanes: &Lanes,
    orders: &Orders,
    turn: &Arc<Turn>,
) -> JoinSet<Outcome<()>> {
    let chunk = settings.chunk_orders.clamp(1, outstanding);
    let mut clients = JoinSet::new();
    for client in 0..outstanding / chunk {
        let (lanes, orders, turn) = (lanes.clone(), orders.clone(), Arc::clone(turn));
        clients.spawn(async move {
            while turn.running() {
                let operations = orders.operations(chunk)?;
                let sent = Instant::now();
                let verdicts = lanes.submit_all(operations).await;
                turn.answered(client, sent, &verdicts)?;
            }
            Ok(())
        });
    }
    clients
}

fn send_each(stage: &Stage<'_>, lanes: &Lanes) -> JoinSet<Outcome<()>> {
    let mut clients = JoinSet::new();
    for client in 0..stage.settings.outstanding {
        let (lanes, orders, turn) = (lanes.clone(), stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let operation = orders.operation(orders.take_one())?;
                let sent = Instant::now();
                let verdict = lanes.submit(operation).await;
                turn.answered(client, sent, &[verdict])?;
            }
            Ok(())
        });
    }
    clients
}
