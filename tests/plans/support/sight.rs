//! What the server tells about the product's transactions and sessions.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Row as _};

use super::scene::{LONG, Scene};

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// A transaction that has begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenTransaction {
    pub(crate) session: u64,
    /// It waits for a row lock.
    pub(crate) waits: bool,
    /// Row locks that it has or waits for, without those on rows that it inserted.
    pub(crate) row_locks: u64,
}

impl Scene {
    /// The product's sessions in this database. MySQL's list of processes cannot be read while a statement in it has
    /// a byte that its character set does not know, as the checksum of a migration has; its other table can.
    pub(crate) async fn sessions(&self) -> Vec<u64> {
        sqlx::query_scalar(
            "SELECT CAST(/*M! id */ /*!80000 processlist_id */ AS UNSIGNED) AS session \
             FROM /*M! information_schema.processlist */ /*!80000 performance_schema.threads */ \
             WHERE /*M! user */ /*!80000 processlist_user */ = 'it' \
                 AND /*M! db */ /*!80000 processlist_db */ = DATABASE() \
             ORDER BY session",
        )
        .fetch_all(&mut self.admin().await)
        .await
        .unwrap()
    }

    /// The product's open transactions in this database. From the monitor's text: the tables of
    /// information_schema show a copy that is renewed only when nobody looks for a while.
    pub(crate) async fn transactions(&self) -> Vec<OpenTransaction> {
        let sessions = self.sessions().await;
        let row = sqlx::query("SHOW ENGINE INNODB STATUS").fetch_one(&mut self.admin().await).await;
        let status: String = row.unwrap().get(2);
        let listed = status.split("---TRANSACTION ").skip(1).filter_map(|block| {
            let session = number_after(block, "thread id ")?;
            let active = block.lines().next().is_some_and(|line| line.contains("ACTIVE"));
            (active && sessions.contains(&session)).then(|| OpenTransaction {
                session,
                waits: block.contains("LOCK WAIT"),
                row_locks: number_before(block, " row lock(s)").unwrap_or(0),
            })
        });
        listed.collect()
    }

    /// Waits until the product has no transaction open here.
    pub(crate) async fn nothing_is_open(&self) {
        until("no transaction is open", async || self.transactions().await.is_empty()).await;
    }

    /// True if a transaction of the product waits for a row lock.
    pub(crate) async fn one_waits(&self) -> bool {
        self.transactions().await.iter().any(|open| open.waits)
    }

    /// Which stock rows another session can lock at once, of those given.
    pub(crate) async fn free(&self, skus: &[&str]) -> Vec<String> {
        let mut admin = self.admin().await;
        let mut free = Vec::new();
        for sku in skus {
            let text = format!("SELECT sku FROM stock WHERE sku = '{sku}' FOR UPDATE NOWAIT");
            match sqlx::query_scalar::<_, String>(AssertSqlSafe(text)).fetch_one(&mut admin).await {
                Ok(sku) => free.push(sku),
                Err(error) => {
                    let number = error_number(&error);
                    // ER_LOCK_NOWAIT, and ER_LOCK_WAIT_TIMEOUT as MariaDB says it
                    assert!(matches!(number, 3572 | 1205), "{error}");
                }
            }
        }
        free
    }
}

/// Waits for what has to come.
///
/// # Panics
/// When it does not.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < LONG, "waited for {} s until {what}", LONG.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}

/// The server's number of an error.
pub(crate) fn error_number(error: &sqlx::Error) -> u16 {
    let error = error.as_database_error().unwrap_or_else(|| panic!("not the server's: {error}"));
    error.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number()
}

fn number_after(text: &str, mark: &str) -> Option<u64> {
    let digits = text.split_once(mark)?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn number_before(text: &str, mark: &str) -> Option<u64> {
    let before = text.split_once(mark)?.0;
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
