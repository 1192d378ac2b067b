//! Work that one process does at a time: the right to it belongs to a connection, and goes with it.

use std::time::Duration;

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::address::Address;
use super::connect::{Session, close, connect, run, run_by_the_way};
use super::error::describe_with_advice;
use super::flavor::Flavor;
use super::statement as sql;
use super::statement::write_id;
use crate::store::StoreError;

/// What only one process does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Releasing holds.
    Sweep,
    /// Comparing everything.
    Reconcile,
    /// Following the change feed for the cache.
    Follow,
    /// Moving old orders out of the ledger.
    Archive,
}

impl Work {
    /// Part of the lock's name: with the rest of it at most 64 characters.
    fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            // Both go through the whole ledger, and one of them moves what the other adds up.
            Self::Reconcile | Self::Archive => "ledger",
            Self::Follow => "follow",
        }
    }
}

/// A connection that has the right to some work, over all processes. After an error it is to be dropped, and
/// the right goes with it.
pub(super) struct Right {
    session: Session,
    patience: Duration,
}

impl Right {
    /// Connects and takes the right; `None` when another process has it. No call takes longer than
    /// `patience`.
    pub(super) async fn acquire(
        address: &Address,
        work: Work,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let acquiring = async {
            let mut session = connect(address).await?;
            let mut script = String::new();
            sql::ACQUIRE_RIGHT.write(&mut script, |_, script| write_id(script, work.name()));
            let (_, rows) = run(&mut session.connection, script).await?;
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            let acquired = row.try_get_unchecked::<i64, _>(0)? == 1;
            if acquired {
                return Ok(Some(Self { session, patience }));
            }
            close(session.connection).await;
            Ok(None)
        };
        in_time(patience, acquiring).await
    }

    pub(super) fn flavor(&self) -> Flavor {
        self.session.flavor
    }

    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Runs a text of one or more statements and makes something of all rows.
    pub(super) async fn run<T>(
        &mut self,
        script: String,
        read: impl FnOnce(Vec<u64>, Vec<MySqlRow>) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let connection = &mut self.session.connection;
        let running = async {
            let (affected, rows) = run(connection, script).await?;
            read(affected, rows)
        };
        in_time(self.patience, running).await
    }

    /// Runs a text that reads a page, and makes something of its rows, one by one.
    pub(super) async fn read_page<T>(
        &mut self,
        script: String,
        mut read: impl FnMut(&MySqlRow) -> Result<Option<T>, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let mut page = Vec::new();
        let reading = run_by_the_way(&mut self.session.connection, script, |row| {
            page.extend(read(&row)?);
            Ok(())
        });
        in_time(self.patience, reading).await?;
        Ok(page)
    }

    /// Keeps the right while there is nothing to do: the server ends sessions that are idle for a minute.
    pub(super) async fn keep(&mut self) -> Result<(), StoreError> {
        self.run("SELECT 1".to_owned(), |_, _| Ok(())).await
    }

    /// Gives the right back. When this returns somebody else can have it, unless the server does not answer: it
    /// then goes with the connection, which the server may be some time to miss.
    pub(super) async fn release(mut self) {
        let released = self.run(sql::RELEASE_RIGHT.text().to_owned(), |_, _| Ok(())).await;
        if let Err(error) = released {
            tracing::debug!(%error, "the right to some work goes with its connection");
        }
        close(self.session.connection).await;
    }
}

pub(super) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Unavailable(describe_with_advice(&error))),
        Err(_) => Err(StoreError::silence(patience)),
    }
}
