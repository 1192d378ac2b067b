//! What the server promises and whether orders can be taken, read from its settings.

use sqlx::{MySqlConnection, Row};

use super::address::Address;
use super::connect::{close, connect, run, text};
use super::error::{describe_with_advice, is_answer};
use super::flavor::Flavor;
use super::migrate::is_current;
use super::right::in_time;
use super::statement as sql;
use super::{procedures, views};
use crate::limits::DESK_PATIENCE;
use crate::store::{DurabilityClass, Readiness, StoreError};

/// Room that one flush needs in a message, in bytes: the most is 5 MB, for adjustments with the longest
/// reasons. `max_allowed_packet` has to be as large.
pub(super) const PACKET_BYTES_MIN: u64 = 8 * 1024 * 1024;

/// One thing that a DBA should know or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// True when orders cannot be taken until it is changed.
    pub prevents_orders: bool,
    /// What is the case, and what to do.
    pub text: String,
}

/// Everything that `hotrow doctor` looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The part that `/readyz` shows.
    pub readiness: Readiness,
    /// What should be known or changed, worst first.
    pub findings: Vec<Finding>,
}

/// Reads the server's settings and the schema.
///
/// # Errors
/// [`StoreError::Unavailable`] when the server cannot be reached or does not answer.
pub async fn inspect(address: &Address) -> Result<Inspection, StoreError> {
    let looking = async {
        let mut connection = connect(address).await?.connection;
        let server = read(&mut connection).await?;
        let mut findings = server.findings();
        if server.migrations_current {
            findings.extend(views_finding(&views::outdated(&mut connection).await?));
            findings.extend(procedure_finding(procedures::are_callable(&mut connection).await?));
        }
        findings.extend(clock_finding(&mut connection).await?);
        close(connection).await;
        Ok((server, findings))
    };
    let (server, mut findings) = in_time(DESK_PATIENCE, looking).await?;
    if address.unverified() {
        findings.push(Finding {
            prevents_orders: false,
            text: "the connection leaves this machine without verified TLS; add \
                   ssl-mode=VERIFY_IDENTITY and ssl-ca=FILE to the database URL"
                .to_owned(),
        });
    }
    findings.sort_by_key(|finding| !finding.prevents_orders);
    Ok(Inspection { readiness: server.readiness(), findings })
}

fn views_finding(missing: &[&str]) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let text = format!(
        "views for DBAs are missing or of another build: {}; run `hotrow migrate` with an account that may \
         CREATE VIEW and DROP, see sql/accounts.sql. Orders need none of them",
        missing.join(", ")
    );
    Some(Finding { prevents_orders: false, text })
}

fn procedure_finding(callable: bool) -> Option<Finding> {
    let text = "the procedure take_one is missing, or this account may not call it: an order that is alone takes \
                a little longer; run `hotrow migrate` with an account that may CREATE ROUTINE, and then \
                sql/grants.sql";
    (!callable).then(|| Finding { prevents_orders: false, text: text.to_owned() })
}

/// A hold that ends while its confirmation waits for a row is seen by SYSDATE alone.
async fn clock_finding(connection: &mut MySqlConnection) -> Result<Option<Finding>, sqlx::Error> {
    let (_, rows) = run(connection, sql::CLOCK_STANDS.text().to_owned()).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    if row.try_get_unchecked::<i64, _>(1)? == 0 {
        return Ok(None);
    }
    let text = "the server runs with sysdate-is-now: a hold that ends while it waits for its row can still be \
                confirmed; take that option away"
        .to_owned();
    Ok(Some(Finding { prevents_orders: false, text }))
}

/// What `/readyz` shows, over a connection that is there already.
pub(super) async fn readiness(connection: &mut MySqlConnection) -> Result<Readiness, sqlx::Error> {
    Ok(read(connection).await?.readiness())
}

struct Server {
    version: String,
    flush_at_commit: u64,
    sync_binlog: u64,
    log_bin: bool,
    /// `None` on a server that knows rows only.
    binlog_format: Option<String>,
    doublewrite: String,
    read_only: bool,
    max_allowed_packet: u64,
    migrations_current: bool,
    /// What a flush would be told, if that is no.
    refusal: Option<String>,
}

async fn read(connection: &mut MySqlConnection) -> Result<Server, sqlx::Error> {
    let settings = "SELECT VERSION(), CAST(@@innodb_flush_log_at_trx_commit AS UNSIGNED), \
                    CAST(@@sync_binlog AS UNSIGNED), CAST(@@log_bin AS UNSIGNED), \
                    CAST(@@innodb_doublewrite AS CHAR), CAST(@@read_only AS UNSIGNED), \
                    CAST(@@max_allowed_packet AS UNSIGNED)";
    let (_, rows) = run(connection, settings.to_owned()).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let version = text(row, 0)?.to_owned();
    let number = |index: usize| row.try_get_unchecked::<u64, _>(index);
    // MySQL is about to take it away, so it is not read with the others.
    let (_, formats) =
        run(connection, "SHOW GLOBAL VARIABLES LIKE 'binlog_format'".to_owned()).await?;
    let binlog_format = formats.first().map(|row| text(row, 1).map(str::to_owned)).transpose()?;
    // MySQL has a second switch that binds administrators too.
    let super_read_only = match Flavor::of(&version) {
        Flavor::MySql => {
            let asked = "SELECT CAST(@@super_read_only AS UNSIGNED)".to_owned();
            let (_, rows) = run(connection, asked).await?;
            rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get_unchecked::<u64, _>(0)? != 0
        }
        Flavor::MariaDb => false,
    };
    let migrations_current = is_current(connection).await?;
    let refusal = if migrations_current { refusal(connection).await? } else { None };
    Ok(Server {
        flush_at_commit: number(1)?,
        sync_binlog: number(2)?,
        log_bin: number(3)? != 0,
        binlog_format,
        doublewrite: text(row, 4)?.to_owned(),
        read_only: number(5)? != 0 || super_read_only,
        max_allowed_packet: number(6)?,
        migrations_current,
        refusal,
        version,
    })
}

async fn refusal(connection: &mut MySqlConnection) -> Result<Option<String>, sqlx::Error> {
    match run(connection, sql::CHECK_RIGHTS.text().to_owned()).await {
        Ok((_, rows)) => {
            let gates: i64 = rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get_unchecked(0)?;
            let missing = "change_gate lacks its row: INSERT INTO change_gate (id) VALUES (1)";
            Ok((gates == 0).then(|| missing.to_owned()))
        }
        Err(error) if is_answer(&error) => Ok(Some(describe_with_advice(&error))),
        Err(error) => Err(error),
    }
}

impl Server {
    fn durability(&self) -> DurabilityClass {
        if self.syncs_at_commit() && (!self.log_bin || self.sync_binlog == 1) {
            DurabilityClass::PowerLoss
        } else if self.flush_at_commit == 0 {
            DurabilityClass::Weak
        } else {
            DurabilityClass::ProcessCrash
        }
    }

    /// At 1, and at 3, with which MariaDB syncs once more.
    fn syncs_at_commit(&self) -> bool {
        matches!(self.flush_at_commit, 1 | 3)
    }

    fn readiness(&self) -> Readiness {
        let flag = |on: bool| if on { "ON" } else { "OFF" }.to_owned();
        Readiness {
            server_version: self.version.clone(),
            durability: self.durability(),
            settings: vec![
                ("innodb_flush_log_at_trx_commit".to_owned(), self.flush_at_commit.to_string()),
                ("sync_binlog".to_owned(), self.sync_binlog.to_string()),
                ("log_bin".to_owned(), flag(self.log_bin)),
                ("innodb_doublewrite".to_owned(), self.doublewrite.clone()),
                ("max_allowed_packet".to_owned(), self.max_allowed_packet.to_string()),
            ],
            writable: !self.read_only && self.refusal.is_none(),
            migrations_current: self.migrations_current,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |prevents_orders: bool, text: String| {
            findings.push(Finding { prevents_orders, text });
        };
        let of_statements = self.log_bin && self.binlog_format.as_deref() == Some("STATEMENT");
        if self.read_only {
            find(
                true,
                "the server is read-only; use the primary, or SET GLOBAL read_only = OFF there"
                    .to_owned(),
            );
        } else if of_statements {
            find(
                true,
                "binlog_format is STATEMENT, with which the server refuses changes under READ COMMITTED; \
                 SET GLOBAL binlog_format = 'ROW'"
                    .to_owned(),
            );
        } else if let Some(refusal) = &self.refusal {
            find(true, format!("this account cannot write orders now: {refusal}"));
        }
        if !self.migrations_current {
            find(true, "the schema is missing or not current; run `hotrow migrate`".to_owned());
        }
        if self.max_allowed_packet < PACKET_BYTES_MIN {
            find(
                true,
                format!(
                    "max_allowed_packet is {}; a flush needs {PACKET_BYTES_MIN}: \
                     SET GLOBAL max_allowed_packet = 67108864",
                    self.max_allowed_packet
                ),
            );
        }
        if !self.syncs_at_commit() {
            find(
                false,
                format!(
                    "innodb_flush_log_at_trx_commit is {}: a crash can lose orders that were \
                     answered; SET GLOBAL innodb_flush_log_at_trx_commit = 1",
                    self.flush_at_commit
                ),
            );
        }
        if self.log_bin && self.sync_binlog != 1 {
            find(
                false,
                format!(
                    "sync_binlog is {}: a crash of the machine can lose orders that were answered, \
                     or their copies on replicas; SET GLOBAL sync_binlog = 1",
                    self.sync_binlog
                ),
            );
        }
        if self.doublewrite == "OFF" || self.doublewrite == "0" {
            find(
                false,
                "innodb_doublewrite is off: a crash of the machine can tear pages unless the file \
                 system prevents it"
                    .to_owned(),
            );
        }
        findings
    }
}
