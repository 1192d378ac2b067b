//! A few pooled connections, and calls on them that cannot be cancelled.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlPool, MySqlPoolOptions};

use crate::store::StoreError;
use crate::store::mysql::address::Address;
use crate::store::mysql::connect::{run, text};
use crate::store::mysql::error::{describe_with_advice, is_answer};
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;

/// Connections for everything that is not a flush. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::store::mysql) struct Pooled {
    pool: MySqlPool,
    flavor: Flavor,
    patience: Duration,
}

impl Pooled {
    /// Connects once to learn the server's kind; later connections are made as they are needed.
    pub(in crate::store::mysql) async fn open(
        address: &Address,
        connections: u32,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        let pool = MySqlPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(patience)
            .after_connect(|connection, _| {
                Box::pin(
                    async move { run(connection, sql::SESSION.text().to_owned()).await.map(drop) },
                )
            })
            .connect_lazy_with(address.options().clone());
        let mut pooled = Self { pool, flavor: Flavor::MySql, patience };
        let version = pooled
            .detached(|connection| {
                Box::pin(async move {
                    let (_, rows) = run(connection, "SELECT VERSION()".to_owned()).await?;
                    Ok(text(rows.first().ok_or(sqlx::Error::RowNotFound)?, 0)?.to_owned())
                })
            })
            .await?;
        pooled.flavor = Flavor::of(&version);
        Ok(pooled)
    }

    pub(in crate::store::mysql) fn flavor(&self) -> Flavor {
        self.flavor
    }

    pub(in crate::store::mysql) async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs work on a connection in a task of its own, which goes on when the caller has gone. After
    /// an error or a silence the connection is not used again.
    pub(in crate::store::mysql) async fn detached<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut MySqlConnection) -> Work<'c, T> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (pool, patience) = (self.pool.clone(), self.patience);
        let task = tokio::spawn(async move {
            let mut connection = pool.acquire().await?;
            let answer = tokio::time::timeout(patience, work(&mut connection)).await;
            let answer = answer.unwrap_or(Err(Trouble::Silence(patience)));
            if answer.is_err() {
                drop(connection.detach());
            }
            answer
        });
        task.await.unwrap_or_else(|stopped| Err(Trouble::Stopped(stopped.to_string())))
    }
}

pub(in crate::store::mysql) type Work<'c, T> =
    Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'c>>;

/// Why a call gave no answer.
#[derive(Debug)]
pub(in crate::store::mysql) enum Trouble {
    /// A statement before any commit failed, or no connection could be had.
    Statement(sqlx::Error),
    /// The commit failed.
    Commit(sqlx::Error),
    /// Nothing came in time.
    Silence(Duration),
    /// The task was stopped.
    Stopped(String),
}

impl Trouble {
    /// Of a write that commits by itself: the server's word is that it did not.
    pub(in crate::store::mysql) fn of_one_statement(error: sqlx::Error) -> Self {
        if is_answer(&error) { Self::Statement(error) } else { Self::Commit(error) }
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<Trouble> for StoreError {
    /// As the caller of a read, or of a write that was not committed, sees it.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Statement(error) => Self::Unavailable(describe_with_advice(&error)),
            Trouble::Commit(error) => Self::OutcomeUnknown(describe_with_advice(&error)),
            Trouble::Silence(patience) => Self::silence(patience),
            Trouble::Stopped(reason) => Self::OutcomeUnknown(reason),
        }
    }
}

pub(in crate::store::mysql) fn silence(patience: Duration) -> String {
    format!("the database was silent for {} ms", patience.as_millis())
}
