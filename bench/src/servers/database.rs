//! One database of one run, with hotrow's tables and opened stock.

use hotrow::store::mysql::Address;
use sqlx::{Connection, MySqlConnection};

use super::mysql::run;
use crate::outcome::Outcome;
use crate::workload::Workload;

/// SKUs opened by one statement, and ledger rows preloaded by one.
const ROWS_PER_STATEMENT: usize = 50_000;

/// A database that the harness made.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// Its name.
    pub name: String,
    /// For hotrow.
    pub address: Address,
    url: Url,
}

/// May hold a password.
#[derive(Clone)]
struct Url(String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mysql://…")
    }
}

impl Database {
    pub(crate) fn new(name: String, url: String) -> Outcome<Self> {
        Ok(Self { name, address: url.parse()?, url: Url(url) })
    }

    /// A connection of a subject that does without hotrow.
    pub(crate) async fn connect(&self) -> Outcome<MySqlConnection> {
        Ok(Box::pin(MySqlConnection::connect(&self.url.0)).await?)
    }

    /// The URL. May hold a password: for the environment of a process, never for a command line.
    pub(crate) fn secret_url(&self) -> &str {
        &self.url.0
    }

    /// Opens every SKU of the workload, as hotrow would, many at a time, over two connections.
    pub(super) async fn open(&self, workload: &Workload) -> Outcome<()> {
        tokio::try_join!(self.open_from(workload, 0), self.open_from(workload, ROWS_PER_STATEMENT))
            .map(drop)
    }

    /// Opens those of every second statement.
    async fn open_from(&self, workload: &Workload, first: usize) -> Outcome<()> {
        let mut connection = self.connect().await?;
        let units = workload.available;
        for from in (first..workload.skus.len()).step_by(2 * ROWS_PER_STATEMENT) {
            let rows = (workload.skus.len() - from).min(ROWS_PER_STATEMENT);
            let numbers = numbers(from, rows);
            let sku = "CONCAT('sku-', LPAD(n, 7, '0'))";
            run(
                &mut connection,
                format!(
                    "BEGIN; INSERT INTO stock (sku, available, version) \
                     SELECT {sku}, {units}, 1 FROM {numbers} ORDER BY n; \
                     INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
                     SELECT {sku}, 'opening', 1, 'opening', {sku}, {units}, 0 FROM {numbers} ORDER BY n; \
                     INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
                     SELECT {sku}, 1, 0, {units}, {units}, 1 FROM {numbers} ORDER BY n; COMMIT"
                ),
            )
            .await?;
        }
        Ok(connection.close().await?)
    }

    /// Puts `rows` older orders of the first SKU into the ledger, with scattered ids, and takes their
    /// units from its opening, so that the books balance.
    pub(crate) async fn preload(&self, rows: usize, mut done: impl FnMut(usize)) -> Outcome<()> {
        let mut connection = self.connect().await?;
        for from in (0..rows).step_by(ROWS_PER_STATEMENT) {
            let count = (rows - from).min(ROWS_PER_STATEMENT);
            let numbers = numbers(from, count);
            // No two of them are alike, nor like those of a run, which have `o` before their digits.
            run(
                &mut connection,
                format!(
                    "BEGIN; INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
                     SELECT CONCAT('o-', LEFT(SHA2(n, 224), 15), 'x'), 'take', 1, 'deduct', 'sku-0000000', -1, 0 \
                     FROM {numbers}; \
                     UPDATE stock SET available = available - {count}, version = version + 1 \
                     WHERE sku = 'sku-0000000'; \
                     INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
                     SELECT sku, version, 0, available, -{count}, {count} FROM stock \
                     WHERE sku = 'sku-0000000'; COMMIT"
                ),
            )
            .await?;
            done(from + count);
        }
        Ok(connection.close().await?)
    }
}

/// A derived table of `count` numbers `n` from `from` on; at most 100,000.
fn numbers(from: usize, count: usize) -> String {
    let digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL \
                 SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL \
                 SELECT 8 UNION ALL SELECT 9)";
    let until = from + count;
    format!(
        "(SELECT n FROM (SELECT {from} + a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d AS n \
         FROM {digit} a JOIN {digit} b JOIN {digit} c JOIN {digit} e JOIN {digit} f) every_n \
         WHERE n < {until}) numbers"
    )
}
