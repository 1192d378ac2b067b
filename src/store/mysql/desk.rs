//! Everything that is not a flush: reads, opening stock, readiness.
//!
//! Each call runs on a task of its own that its caller cannot cancel: a query future dropped in
//! mid-answer would leave the rest of the answer on the connection for the next user. A call that
//! takes too long takes its connection with it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlPool, MySqlPoolOptions, MySqlRow};
use sqlx::{AssertSqlSafe, Row};

use super::address::Address;
use super::connect::{run, text};
use super::error::{describe, is_duplicate};
use super::flavor::Flavor;
use super::server;
use super::statement as sql;
use super::statement::{write_id, write_int, write_rows};
use crate::domain::{Available, Line, Order, OrderId, OrderStatus, Quantity, Sku, Timestamp};
use crate::store::{OrderRecord, Readiness, StockOpening, StockRecord, StoreError};

/// Reads and cold writes over a few pooled connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    pool: MySqlPool,
    flavor: Flavor,
    patience: Duration,
}

impl Desk {
    /// Connects once to learn the server's kind; later connections are made as they are needed, at
    /// most `connections`. No call takes longer than `patience`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn open(
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
        let mut desk = Self { pool, flavor: Flavor::MySql, patience };
        let version = desk
            .detached(|connection| {
                Box::pin(async move {
                    let (_, rows) = run(connection, "SELECT VERSION()".to_owned()).await?;
                    Ok(text(rows.first().ok_or(sqlx::Error::RowNotFound)?, 0)?)
                })
            })
            .await?;
        desk.flavor = Flavor::of(&version);
        Ok(desk)
    }

    /// The order as the primary has it, `None` when the ledger has no such order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>, StoreError> {
        let read = self.detached(|connection| {
            Box::pin(async move {
                let rows = sqlx::query(AssertSqlSafe(sql::SELECT_ORDER.text()))
                    .bind(id.as_str())
                    .fetch_all(connection)
                    .await?;
                Ok(order_record(id, &rows)?)
            })
        });
        Ok(read.await?)
    }

    /// The stock of those SKUs that exist, sorted by SKU.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn stock(&self, mut skus: Vec<Sku>) -> Result<Vec<StockRecord>, StoreError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        skus.sort_unstable();
        skus.dedup();
        let mut script = String::new();
        sql::SELECT_STOCK.write(&mut script, |_, script| {
            write_rows(script, self.flavor, &skus, |script, sku| write_id(script, sku.as_str()));
        });
        let read = self.detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                Ok(rows.iter().map(stock_record).collect::<Result<_, _>>()?)
            })
        });
        Ok(read.await?)
    }

    /// Opens the stock of a SKU, once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was executed, [`StoreError::OutcomeUnknown`] when the
    /// commit's answer was lost; asking again finds out.
    pub async fn open_stock(
        &self,
        sku: Sku,
        available: Available,
    ) -> Result<StockOpening, StoreError> {
        let mut script = "BEGIN".to_owned();
        for statement in [&sql::OPEN_STOCK, &sql::OPEN_STOCK_MOVEMENT, &sql::OPEN_STOCK_VERSION] {
            script.push_str(";\n");
            statement.write(&mut script, |hole, script| match hole {
                "sku" => write_id(script, sku.as_str()),
                _ => write_int(script, available.units()),
            });
        }
        let opened = self.detached(|connection| {
            Box::pin(async move {
                run(connection, script).await?;
                run(connection, "COMMIT".to_owned()).await.map(drop).map_err(Trouble::Commit)
            })
        });
        match opened.await {
            Ok(()) => return Ok(StockOpening::Created),
            Err(Trouble::Statement(error)) if is_duplicate(&error) => {}
            Err(Trouble::Silence(patience)) => {
                return Err(StoreError::OutcomeUnknown(silence(patience)));
            }
            Err(trouble) => return Err(trouble.into()),
        }
        let (opening, present) = self.opening(&sku).await?;
        Ok(match opening {
            _ if !present => StockOpening::RowMissing,
            Some(opening) if opening == available.units() => StockOpening::Same,
            opening => StockOpening::OpenedOtherwise { opening },
        })
    }

    /// With how much a SKU was opened, `None` when it was not opened through hotrow; and whether its
    /// stock row is there.
    async fn opening(&self, sku: &Sku) -> Result<(Option<i64>, bool), StoreError> {
        let mut script = String::new();
        sql::SELECT_OPENING.write(&mut script, |_, script| write_id(script, sku.as_str()));
        let read = self.detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
                Ok((row.try_get(0)?, row.try_get_unchecked::<i64, _>(1)? == 1))
            })
        });
        Ok(read.await?)
    }

    /// Asks the server whether orders can be taken and what it promises.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn readiness(&self) -> Result<Readiness, StoreError> {
        let read = self.detached(|connection| {
            Box::pin(async move { Ok(server::readiness(connection).await?) })
        });
        Ok(read.await?)
    }

    pub(super) fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs work on a connection in a task of its own, which goes on when the caller has gone. After
    /// an error or a silence the connection is not used again.
    pub(super) async fn detached<T: Send + 'static>(
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

pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'c>>;

/// Why a call gave no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A statement before any commit failed, or no connection could be had.
    Statement(sqlx::Error),
    /// The commit failed.
    Commit(sqlx::Error),
    /// Nothing came in time.
    Silence(Duration),
    /// The task was stopped.
    Stopped(String),
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
            Trouble::Statement(error) => Self::Unavailable(describe(&error)),
            Trouble::Commit(error) => Self::OutcomeUnknown(describe(&error)),
            Trouble::Silence(patience) => Self::Unavailable(silence(patience)),
            Trouble::Stopped(reason) => Self::OutcomeUnknown(reason),
        }
    }
}

fn silence(patience: Duration) -> String {
    format!("the database was silent for {} ms", patience.as_millis())
}

fn order_record(id: OrderId, rows: &[MySqlRow]) -> Result<Option<OrderRecord>, sqlx::Error> {
    let mut lines = Vec::new();
    let mut created_at = None;
    let mut status = OrderStatus::Deducted;
    for row in rows {
        if text(row, 0)? != "take" {
            status = OrderStatus::Cancelled;
            continue;
        }
        let sku = Sku::new(&text(row, 2)?).map_err(decode_error)?;
        let delta: i64 = row.try_get(3)?;
        let quantity = Quantity::new(-delta).map_err(decode_error)?;
        lines.push(Line { sku, quantity });
        created_at = Some(Timestamp::from_micros(row.try_get(4)?));
    }
    let Some(created_at) = created_at else { return Ok(None) };
    let order = Order::new(id, lines).map_err(decode_error)?;
    Ok(Some(OrderRecord { order, status, created_at }))
}

fn stock_record(row: &MySqlRow) -> Result<StockRecord, sqlx::Error> {
    Ok(StockRecord {
        sku: Sku::new(&text(row, 0)?).map_err(decode_error)?,
        available: row.try_get(1)?,
        held: row.try_get(2)?,
        version: row.try_get(3)?,
        as_of: Timestamp::from_micros(row.try_get(4)?),
    })
}

pub(super) fn decode_error(error: crate::domain::InvalidValue) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
