//! hotrow as a library, in this process.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hdrhistogram::Histogram;
use hotrow::domain::{Line, Operation, Order, OrderId, Quantity, Sku, Verdict};
use hotrow::lane::{Lanes, LanesConfig};
use hotrow::store::mysql::Address;
use hotrow::telemetry::metrics::Metrics;

use crate::workload::{Round, Workload, run_name};

fn order(
    workload: &Workload,
    run: &str,
    number: u64,
) -> Result<Operation, Box<dyn Error + Send + Sync>> {
    let line = Line { sku: Sku::new(&workload.sku(number))?, quantity: Quantity::new(1)? };
    let id = OrderId::new("order_id", &format!("h-{run}-{number:09}"))?;
    Ok(Operation::Take(Order::new(id, vec![line])?))
}

/// Accepted orders a second, each of the callers with one order outstanding.
pub(crate) async fn throughput(
    address: &Address,
    workload: &Workload,
    round: &Round,
) -> Result<f64, Box<dyn Error>> {
    let config = LanesConfig { connections: round.connections, ..LanesConfig::default() };
    let lanes = Lanes::start(address.clone(), config, Metrics::new()).await?;
    let next = Arc::new(AtomicU64::new(0));
    let run = Arc::new(format!("{}-{}", run_name(), round.number));
    let workload = Arc::new(Workload { name: workload.name.clone(), skus: workload.skus });
    let start = Instant::now();
    let end = start + round.duration;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..round.outstanding {
        let (lanes, next, run, workload) =
            (lanes.clone(), Arc::clone(&next), Arc::clone(&run), Arc::clone(&workload));
        callers.spawn(async move {
            let mut accepted = 0_u64;
            while Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let verdict = lanes.submit(order(&workload, &run, number)?).await;
                if !matches!(verdict, Verdict::Done { replayed: false, .. }) {
                    return Err(format!("an order was answered {verdict:?}").into());
                }
                accepted += 1;
            }
            Ok::<u64, Box<dyn Error + Send + Sync>>(accepted)
        });
    }
    let mut accepted = 0;
    while let Some(caller) = callers.join_next().await {
        accepted += caller?.map_err(|error| error.to_string())?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    lanes.drain().await;
    Ok(accepted as f64 / elapsed)
}

/// The median time of an order when there is only one at a time, in microseconds.
pub(crate) async fn single(
    address: &Address,
    workload: &Workload,
    round: &Round,
) -> Result<f64, Box<dyn Error>> {
    let config = LanesConfig { connections: round.connections, ..LanesConfig::default() };
    let lanes = Lanes::start(address.clone(), config, Metrics::new()).await?;
    let run = format!("s{}-{}", run_name(), round.number);
    let mut times = Histogram::<u64>::new(3)?;
    let end = Instant::now() + round.duration;
    let mut number = 0;
    while Instant::now() < end {
        let operation = order(workload, &run, number).map_err(|error| error.to_string())?;
        number += 1;
        let sent = Instant::now();
        let verdict = lanes.submit(operation).await;
        times.record(u64::try_from(sent.elapsed().as_nanos())?)?;
        if !matches!(verdict, Verdict::Done { replayed: false, .. }) {
            return Err(format!("an order was answered {verdict:?}").into());
        }
    }
    lanes.drain().await;
    Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
}
