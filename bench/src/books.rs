//! The audit after every run: what the tables say must be what the clients were told.

use sqlx::{AssertSqlSafe, Connection};

use crate::outcome::Outcome;
use crate::servers::database::Database;
use crate::turn::Tally;

/// What the ledger has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    /// Orders that have a row.
    pub orders: u64,
}

/// Orders.
const TAKES: &str = "SELECT COUNT(*) FROM movement WHERE step = 'take' AND line = 1";

/// Whose stock or held units are not the sum of their movements, or whose stock is below zero.
const UNBALANCED: &str = "SELECT COUNT(*) FROM stock \
     LEFT JOIN (SELECT sku, SUM(delta) AS total, SUM(held_delta) AS held FROM movement GROUP BY sku) \
     ledger ON ledger.sku = stock.sku \
     WHERE stock.available <> COALESCE(ledger.total, 0) OR stock.held <> COALESCE(ledger.held, 0) \
     OR stock.available < 0";

/// Versions that are not the one before plus what their flush changed.
const BROKEN_CHAINS: &str = "SELECT COUNT(*) FROM (\
     SELECT version, available, delta, \
     COALESCE(LAG(version) OVER newest, 0) AS version_before, \
     COALESCE(LAG(available) OVER newest, 0) AS available_before \
     FROM stock_version WINDOW newest AS (PARTITION BY sku ORDER BY version)) versions \
     WHERE version <> version_before + 1 OR available <> available_before + delta";

/// SKUs whose newest version is not their stock.
const STALE_VERSIONS: &str = "SELECT COUNT(*) FROM stock \
     JOIN (SELECT sku, MAX(version) AS version FROM stock_version GROUP BY sku) newest \
     ON newest.sku = stock.sku \
     JOIN stock_version ON stock_version.sku = stock.sku AND stock_version.version = newest.version \
     WHERE stock.version <> newest.version OR stock.available <> stock_version.available";

/// Audits a database whose orders all came from one run, after `preloaded` older ones.
///
/// # Errors
/// When anything differs; the text says what.
pub(crate) async fn audit(
    database: &Database,
    tally: Tally,
    preloaded: u64,
    written_by_flushes: bool,
) -> Outcome<Durable> {
    let of_flushes = async |question| {
        if written_by_flushes { count(database, question).await } else { Ok(0) }
    };
    // At once, so that both processors are used.
    let (takes, unbalanced, broken, stale) = tokio::try_join!(
        count(database, TAKES),
        count(database, UNBALANCED),
        of_flushes(BROKEN_CHAINS),
        of_flushes(STALE_VERSIONS),
    )?;
    let orders = takes - preloaded;
    if orders != tally.accepted {
        return Err(format!(
            "the books do not balance: {} orders were accepted, the ledger has {orders}",
            tally.accepted
        )
        .into());
    }
    for (found, what) in [
        (unbalanced, "SKUs whose stock or held units are not the sum of their movements"),
        (broken, "versions that do not follow from the one before"),
        (stale, "SKUs whose newest version is not their stock"),
    ] {
        if found != 0 {
            return Err(format!("the books do not balance: {found} {what}").into());
        }
    }
    Ok(Durable { orders })
}

async fn count(database: &Database, question: &'static str) -> Outcome<u64> {
    let mut connection = database.connect().await?;
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(u64::try_from(count)?)
}

/// Flushes of the first SKU over time: seconds since the first, orders of each, at most `points`, each
/// the mean of its neighbours.
pub(crate) async fn flushes_over_time(
    database: &Database,
    points: usize,
) -> Outcome<Vec<(f64, f64)>> {
    let mut connection = database.connect().await?;
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT TIMESTAMPDIFF(MICROSECOND, '2020-01-01', created_at), CAST(orders AS SIGNED) \
         FROM stock_version WHERE sku = 'sku-0000000' AND version > 1 ORDER BY version",
    )
    .fetch_all(&mut connection)
    .await?;
    Ok(thin_out(&rows, points))
}

fn thin_out(rows: &[(i64, i64)], points: usize) -> Vec<(f64, f64)> {
    let Some((start, _)) = rows.first() else { return Vec::new() };
    let group = rows.len().div_ceil(points).max(1);
    let mean = |rows: &[(i64, i64)]| {
        let orders: i64 = rows.iter().map(|(_, orders)| orders).sum();
        ((rows[0].0 - start) as f64 / 1e6, orders as f64 / rows.len() as f64)
    };
    rows.chunks(group).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_means_of_neighbours() {
        let rows = [(1_000_000, 10), (1_500_000, 30), (2_000_000, 5)];
        assert_eq!(thin_out(&rows, 2), [(0.0, 20.0), (1.0, 5.0)]);
        assert_eq!(thin_out(&[], 2), []);
    }
}
