//! Compare-and-set on the version, again and again until nobody was faster.

use std::time::Instant;

use sqlx::{Connection, MySqlConnection};
use tokio::task::JoinSet;

use super::plain::insert_rows;
use super::{Stage, join_clients};
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::turn::Window;

enum Attempt {
    Taken,
    Refused,
    Overtaken,
}

pub(super) async fn play(stage: &Stage<'_>) -> Outcome<Window> {
    let mut clients = JoinSet::new();
    for client in 0..stage.settings.plain_connections {
        let mut connection = stage.database.connect().await?;
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let number = orders.take_one();
                let sent = Instant::now();
                while turn.running() {
                    match attempt(&mut connection, &orders, number).await? {
                        Attempt::Taken => turn.accepted(client, sent, 1),
                        Attempt::Refused => turn.refused(1),
                        Attempt::Overtaken => {
                            turn.retried(1);
                            continue;
                        }
                    }
                    break;
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

async fn attempt(
    connection: &mut MySqlConnection,
    orders: &Orders,
    number: u64,
) -> Outcome<Attempt> {
    let mut seen = Vec::new();
    for sku in orders.skus(number) {
        let (available, version): (i64, u64) =
            sqlx::query_as("SELECT available, CAST(version AS UNSIGNED) FROM stock WHERE sku = ?")
                .bind(sku.as_str())
                .fetch_one(&mut *connection)
                .await?;
        if available < 1 {
            return Ok(Attempt::Refused);
        }
        seen.push((sku, version));
    }
    let mut transaction = connection.begin().await?;
    insert_rows(&mut transaction, orders, number, &orders.id(number)).await?;
    for (sku, version) in seen {
        let done = sqlx::query(
            "UPDATE stock SET available = available - 1, version = version + 1 \
             WHERE sku = ? AND version = ?",
        )
        .bind(sku.as_str())
        .bind(version)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() != 1 {
            transaction.rollback().await?;
            return Ok(Attempt::Overtaken);
        }
    }
    transaction.commit().await?;
    Ok(Attempt::Taken)
}
