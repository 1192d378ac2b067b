//! What people do today: a transaction an order, with prepared statements.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use sqlx::{Connection, MySqlConnection};

use crate::workload::{Round, Workload, run_name};

async fn take(connection: &mut MySqlConnection, id: &str, sku: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(
        "INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
         VALUES (?, 'take', 1, 'deduct', ?, -1, 0)",
    )
    .bind(id)
    .bind(sku)
    .execute(&mut *transaction)
    .await?;
    let done =
        sqlx::query("UPDATE stock SET available = available - 1 WHERE sku = ? AND available >= 1")
            .bind(sku)
            .execute(&mut *transaction)
            .await?;
    if done.rows_affected() != 1 {
        return Err(sqlx::Error::RowNotFound);
    }
    transaction.commit().await
}

/// Accepted orders a second over as many connections as the round has outstanding.
pub(crate) async fn throughput(
    url: &str,
    workload: &Workload,
    round: &Round,
) -> Result<f64, Box<dyn Error>> {
    let workload = Arc::new(Workload { name: workload.name.clone(), skus: workload.skus });
    let run = Arc::new(format!("p{}-{}", run_name(), round.number));
    let mut connections = Vec::new();
    for _ in 0..round.outstanding {
        connections.push(MySqlConnection::connect(url).await?);
    }
    let start = Instant::now();
    let end = start + round.duration;
    let mut callers = tokio::task::JoinSet::new();
    for (caller, mut connection) in connections.into_iter().enumerate() {
        let (workload, run) = (Arc::clone(&workload), Arc::clone(&run));
        callers.spawn(async move {
            let mut accepted = 0_u64;
            while Instant::now() < end {
                let sku = workload.sku((caller as u64) << 32 | accepted);
                let id = format!("{run}-{caller}-{accepted:08}");
                take(&mut connection, &id, &sku).await?;
                accepted += 1;
            }
            Ok::<u64, sqlx::Error>(accepted)
        });
    }
    let mut accepted = 0;
    while let Some(caller) = callers.join_next().await {
        accepted += caller??;
    }
    Ok(accepted as f64 / start.elapsed().as_secs_f64())
}

/// The median time of an order on one connection, in microseconds.
pub(crate) async fn single(
    url: &str,
    workload: &Workload,
    round: &Round,
) -> Result<f64, Box<dyn Error>> {
    let mut connection = MySqlConnection::connect(url).await?;
    let run = format!("q{}-{}", run_name(), round.number);
    let mut times = Histogram::<u64>::new(3)?;
    let end = Instant::now() + round.duration;
    let mut number = 0_u64;
    while Instant::now() < end {
        let (id, sku) = (format!("{run}-{number:09}"), workload.sku(number));
        number += 1;
        let sent = Instant::now();
        take(&mut connection, &id, &sku).await?;
        times.record(u64::try_from(sent.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
}
