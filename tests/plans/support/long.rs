//! A database that has sold for long, and whether a query of a DBA reads more of it than it may.

use hotrow::embedded::Flavor;
use sqlx::{AssertSqlSafe, Column as _, MySqlConnection, Row as _};

use super::scene::{Scene, run};
use crate::explain::explain;

/// What has a row for every order, or for every flush.
const LEDGER: [&str; 3] = ["movement", "movement_archive", "stock_version"];
/// Their names in the views and the cookbook.
const ALIASES: [&str; 8] =
    ["flushed", "newest", "oldest", "previous", "recent", "settled", "stock_version", "taken"];

/// Ways of access that read a part of a table.
const PARTS: [&str; 5] = ["system", "const", "eq_ref", "ref", "range"];

/// Ledger rows of [`fill`].
pub(crate) const ROWS: u64 = 60_000;

/// 200 SKUs with 300 flushes each, and a movement for each of them.
const FILL: &str = "\
    CREATE TABLE number (n INT PRIMARY KEY); \
    INSERT INTO number \
        WITH d AS (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 \
            UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) \
        SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d \
        FROM d AS a, d AS b, d AS c, d AS e, d AS f WHERE f.d < 6; \
    INSERT INTO stock (sku, available, version) \
        SELECT CONCAT('s-', n), 1000000, 300 FROM number WHERE n < 200; \
    INSERT INTO stock_version (sku, version, flush_id, available, delta, orders, created_at) \
        SELECT CONCAT('s-', n % 200), 1 + n DIV 200, 1 + n DIV 10, 1000000, -1, 1, UTC_TIMESTAMP(6) \
        FROM number ORDER BY n; \
    INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
        SELECT CONCAT('f-', n), 'take', 1, 'deduct', CONCAT('s-', n % 200), -1, 1 + n DIV 10 FROM number; \
    DROP TABLE number; \
    ANALYZE TABLE stock, movement, stock_version";

pub(crate) async fn fill(scene: &Scene) {
    scene.run(FILL).await;
}

/// What a query answered.
#[derive(Debug)]
pub(crate) struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    /// Some columns of each row, `-` for NULL.
    #[track_caller]
    pub(crate) fn pick(&self, columns: &[&str]) -> Vec<String> {
        let place = |name: &&str| {
            let found = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            found.unwrap_or_else(|| panic!("no column {name} in {:?}", self.columns))
        };
        let places: Vec<usize> = columns.iter().map(place).collect();
        let text = |row: &Vec<Option<String>>| {
            let values = places.iter().map(|&at| row[at].as_deref().unwrap_or("-"));
            values.collect::<Vec<_>>().join(" ")
        };
        self.rows.iter().map(text).collect()
    }
}

pub(crate) async fn ask(session: &mut MySqlConnection, query: &str) -> Answer {
    let rows = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_all(session).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{query}"));
    let columns = rows.first().map(|row| row.columns().iter().map(|it| it.name().to_owned()));
    let values = |row: &sqlx::mysql::MySqlRow| {
        (0..row.len())
            .map(|at| {
                let bytes: Option<&[u8]> = row.try_get_unchecked(at).unwrap();
                bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            })
            .collect()
    };
    Answer {
        columns: columns.map(Iterator::collect).unwrap_or_default(),
        rows: rows.iter().map(values).collect(),
    }
}

/// What is wrong with how the server executes a query: it reads a ledger table from end to end, or more rows
/// than it may.
pub(crate) async fn judge(
    scene: &Scene,
    flavor: Flavor,
    query: &str,
    reads_at_most: u64,
) -> Option<String> {
    let mut session = scene.admin().await;
    let plan = explain(&mut session, flavor, query).await;
    let of_ledger =
        |name: &str| LEDGER.iter().chain(&ALIASES).any(|known| known.eq_ignore_ascii_case(name));
    let scanned = plan
        .iter()
        .find(|access| of_ledger(&access.table) && !PARTS.contains(&access.kind.as_str()));
    if let Some(scanned) = scanned {
        return Some(format!("{scanned:?}\n{query}"));
    }
    run(&mut session, "FLUSH STATUS").await;
    ask(&mut session, query).await;
    let read = ask(&mut session, "SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'").await;
    let read: u64 = read.pick(&["Value"]).iter().map(|value| value.parse::<u64>().unwrap()).sum();
    (read > reads_at_most).then(|| format!("{read} rows were read\n{query}"))
}
