//! What people do today: a transaction an order, with prepared statements, a connection for each.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::task::JoinSet;

use super::{Stage, join_clients};
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::turn::Window;

/// What keeps two orders apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locking {
    /// The condition of the UPDATE.
    Guard,
    /// `SELECT … FOR UPDATE` at the start.
    Row,
}

pub(super) async fn play(stage: &Stage<'_>, locking: Locking) -> Outcome<Window> {
    let mut connections = Vec::new();
    for _ in 0..stage.settings.plain_connections {
        connections.push(stage.database.connect().await?);
    }
    let mut clients = JoinSet::new();
    for (client, mut connection) in connections.into_iter().enumerate() {
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let number = orders.take_one();
                let sent = Instant::now();
                if take(&mut connection, &orders, number, locking).await? {
                    turn.accepted(client, sent, 1);
                } else {
                    turn.refused(1);
                }
            }
            connection.close().await?;
            Ok(())
        });
    }
    let watch = CpuWatch { database: stage.database_pid, service: None };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    clients?;
    window
}

/// Takes one order; false when there is too little stock.
pub(crate) async fn take(
    connection: &mut MySqlConnection,
    orders: &Orders,
    number: u64,
    locking: Locking,
) -> Outcome<bool> {
    let id = orders.id(number);
    let mut transaction = connection.begin().await?;
    if locking == Locking::Row {
        for sku in orders.skus(number) {
            let available: i64 =
                sqlx::query_scalar("SELECT available FROM stock WHERE sku = ? FOR UPDATE")
                    .bind(sku.as_str())
                    .fetch_one(&mut *transaction)
                    .await?;
            if available < 1 {
                transaction.rollback().await?;
                return Ok(false);
            }
        }
    }
    insert_rows(&mut transaction, orders, number, &id).await?;
    for sku in orders.skus(number) {
        let done = sqlx::query(
            "UPDATE stock SET available = available - 1, version = version + 1 \
             WHERE sku = ? AND available >= 1",
        )
        .bind(sku.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() != 1 {
            transaction.rollback().await?;
            return Ok(false);
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// Inserts the ledger rows of an order.
pub(super) async fn insert_rows(
    connection: &mut MySqlConnection,
    orders: &Orders,
    number: u64,
    id: &str,
) -> Outcome<()> {
    let lines = orders.picks(number).as_slice().len();
    let rows: Vec<String> =
        (1..=lines).map(|line| format!("(?, 'take', {line}, 'deduct', ?, -1, 0)")).collect();
    let text = format!(
        "INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) VALUES {}",
        rows.join(", ")
    );
    let mut insert = sqlx::query(AssertSqlSafe(text));
    for sku in orders.skus(number) {
        insert = insert.bind(id.to_owned()).bind(sku.as_str().to_owned());
    }
    insert.execute(connection).await?;
    Ok(())
}
