//! What is ordered.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

/// Stock that no round can sell.
const PLENTY: i64 = 1_000_000_000;
const SKUS_PER_INSERT: usize = 1_000;

/// Which SKUs are ordered, one unit each, uniformly.
#[derive(Debug)]
pub(crate) struct Workload {
    pub name: String,
    pub skus: usize,
}

/// One turn of a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub number: usize,
    pub duration: Duration,
    pub outstanding: usize,
    pub connections: usize,
}

impl Workload {
    pub(crate) fn hot() -> Self {
        Self { name: "one hot SKU".to_owned(), skus: 1 }
    }

    pub(crate) fn spread(skus: usize) -> Self {
        Self { name: format!("uniform over {skus} SKUs"), skus }
    }

    pub(crate) fn sku(&self, number: u64) -> String {
        let index = scatter(number) % self.skus as u64;
        format!("bench-{}-{index:07}", self.skus)
    }
}

/// A number that looks random, the same for the same input.
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11
}

/// A name for this run, so that order ids never repeat.
pub(crate) fn run_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{:x}", since.map_or(0, |since| since.as_millis()))
}

/// Opens every SKU of the workload that is not open yet.
pub(crate) async fn open(url: &str, workload: &Workload) -> Result<(), sqlx::Error> {
    let mut connection = MySqlConnection::connect(url).await?;
    for start in (0..workload.skus).step_by(SKUS_PER_INSERT) {
        let end = (start + SKUS_PER_INSERT).min(workload.skus);
        let list = |row: &dyn Fn(&str) -> String| {
            let skus = (start..end).map(|index| format!("bench-{}-{index:07}", workload.skus));
            skus.map(|sku| row(&sku)).collect::<Vec<_>>().join(",")
        };
        let first = format!("bench-{}-{start:07}", workload.skus);
        let known: Option<i64> = sqlx::query_scalar("SELECT available FROM stock WHERE sku = ?")
            .bind(first)
            .fetch_optional(&mut connection)
            .await?;
        if known.is_some() {
            continue;
        }
        let script = format!(
            "BEGIN; INSERT INTO stock (sku, available, version) VALUES {}; \
             INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) VALUES {}; \
             INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) VALUES {}; COMMIT",
            list(&|sku| format!("('{sku}',{PLENTY},1)")),
            list(&|sku| format!("('{sku}','opening',1,'opening','{sku}',{PLENTY},0)")),
            list(&|sku| format!("('{sku}',1,0,{PLENTY},{PLENTY},1)")),
        );
        sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await?;
    }
    Ok(())
}
