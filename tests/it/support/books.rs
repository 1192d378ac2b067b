//! The tables as they stand after a run.

use sqlx::{Connection as _, MySqlConnection, Row as _};

#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) stock: Vec<StockRow>,
    pub(crate) movements: Vec<MovementRow>,
    pub(crate) versions: Vec<VersionRow>,
}

#[derive(Clone, Debug)]
pub(crate) struct StockRow {
    pub(crate) sku: String,
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) version: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct MovementRow {
    pub(crate) order_id: String,
    pub(crate) step: Step,
    pub(crate) sku: String,
    pub(crate) delta: i64,
    pub(crate) flush_id: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct VersionRow {
    pub(crate) sku: String,
    pub(crate) version: u64,
    pub(crate) flush_id: u64,
    pub(crate) available: i64,
    pub(crate) delta: i64,
    pub(crate) orders: u64,
}

/// What a movement belongs to; with the order id it is the key of what may happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    Opening,
    Adjust,
    Take,
    Settle,
}

impl Step {
    fn named(name: &str) -> Self {
        match name {
            "opening" => Self::Opening,
            "adjust" => Self::Adjust,
            "take" => Self::Take,
            "settle" => Self::Settle,
            other => panic!("the ledger has a step '{other}' that the checker does not know"),
        }
    }
}

impl Books {
    /// Reads all three tables in one snapshot.
    pub(crate) async fn read(connection: &mut MySqlConnection) -> Self {
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .execute(&mut *connection)
            .await
            .unwrap();
        let mut snapshot = connection.begin().await.unwrap();
        let stock = sqlx::query(
            "SELECT sku, available, held, CAST(version AS UNSIGNED) FROM stock ORDER BY sku",
        )
        .fetch_all(&mut *snapshot)
        .await
        .unwrap();
        let movements = sqlx::query(
            "SELECT order_id, CAST(step AS CHAR), sku, delta, CAST(flush_id AS UNSIGNED) FROM movement",
        )
        .fetch_all(&mut *snapshot)
        .await
        .unwrap();
        let versions = sqlx::query(
            "SELECT sku, CAST(version AS UNSIGNED), CAST(flush_id AS UNSIGNED), available, delta, \
             CAST(orders AS UNSIGNED) FROM stock_version ORDER BY sku, version",
        )
        .fetch_all(&mut *snapshot)
        .await
        .unwrap();
        snapshot.rollback().await.unwrap();
        Self {
            stock: stock
                .iter()
                .map(|row| StockRow {
                    sku: row.get(0),
                    available: row.get(1),
                    held: row.get(2),
                    version: row.get(3),
                })
                .collect(),
            movements: movements
                .iter()
                .map(|row| MovementRow {
                    order_id: row.get(0),
                    step: Step::named(row.get(1)),
                    sku: row.get(2),
                    delta: row.get(3),
                    flush_id: row.get(4),
                })
                .collect(),
            versions: versions
                .iter()
                .map(|row| VersionRow {
                    sku: row.get(0),
                    version: row.get(1),
                    flush_id: row.get(2),
                    available: row.get(3),
                    delta: row.get(4),
                    orders: row.get(5),
                })
                .collect(),
        }
    }
}
