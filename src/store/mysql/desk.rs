//! Everything that is not a flush: reads, opening stock, readiness.
//!
//! Each call runs on a task of its own that its caller cannot cancel: a query future dropped in
//! mid-answer would leave the rest of the answer on the connection for the next user. A call that
//! takes too long takes its connection with it.

mod lookup;
mod pins;
pub(super) mod pooled;

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;

use self::lookup::{Orders, Stocks};
use self::pooled::{Pooled, Trouble, silence};
use super::address::Address;
use super::connect::run;
use super::error::is_duplicate;
use super::server;
use super::statement as sql;
use super::statement::{Statement, write_id, write_int};
use crate::domain::{Available, OrderId, Sku, TakenOrder, Terms, Timestamp};
use crate::store::{Readiness, StockOpening, StockRecord, StoreError};

/// Reads and cold writes over a few pooled connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    pooled: Pooled,
    orders: Orders,
    stocks: Stocks,
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
        let pooled = Pooled::open(address, connections, patience).await?;
        let (orders, stocks) = (lookup::orders(pooled.clone()), lookup::stocks(pooled.clone()));
        Ok(Self { pooled, orders, stocks })
    }

    /// The order as the primary has it, `None` when the ledger has no such order. Those that are asked
    /// for at the same time are read together.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn order(&self, id: OrderId) -> Result<Option<TakenOrder>, StoreError> {
        Ok(self.orders.find(vec![id]).await?.pop().flatten())
    }

    /// The order as the archive has it: older than the lifetime of its id, and never to change again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn archived_order(&self, id: OrderId) -> Result<Option<TakenOrder>, StoreError> {
        lookup::read_archived(&self.pooled, id).await
    }

    /// Records for how many days an order id is known at least, whoever archives.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn promise_lifetime(&self, days: u32) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::PROMISE_LIFETIME.write(&mut script, |_, script| write_int(script, days));
        let promise = self.pooled.detached(|connection| {
            Box::pin(async move { Ok(run(connection, script).await.map(drop)?) })
        });
        Ok(promise.await?)
    }

    /// Those of these orders that the ledger has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn orders(
        &self,
        ids: &[OrderId],
    ) -> Result<HashMap<OrderId, TakenOrder>, StoreError> {
        lookup::read_orders(&self.pooled, ids).await
    }

    /// The stock of those SKUs that exist, sorted by SKU. Those that are asked for at the same time are read
    /// together, by a statement that is sent after all of them were asked for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn stock(&self, mut skus: Vec<Sku>) -> Result<Vec<StockRecord>, StoreError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        skus.sort_unstable();
        skus.dedup();
        Ok(self.stocks.find(skus).await?.into_iter().flatten().collect())
    }

    /// Opens the stock of a SKU, once, and sets what it is sold under, as often as asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing was executed, [`StoreError::OutcomeUnknown`] when the
    /// commit's answer was lost; asking again finds out.
    pub async fn open_stock(
        &self,
        sku: Sku,
        available: Available,
        terms: Terms,
    ) -> Result<StockOpening, StoreError> {
        let fill = |statements: &[&Statement]| {
            let mut script = "BEGIN".to_owned();
            for statement in statements {
                script.push_str(";\n");
                write_opening(&mut script, statement, &sku, available, terms);
            }
            script
        };
        let opening =
            fill(&[&sql::OPEN_STOCK, &sql::OPEN_STOCK_MOVEMENT, &sql::OPEN_STOCK_VERSION]);
        match self.commit(opening).await {
            Ok(()) => return Ok(StockOpening::Created),
            Err(Trouble::Statement(error)) if is_duplicate(&error) => {}
            Err(trouble) => return Err(of_a_commit(trouble)),
        }
        let (opening, present) = self.opening(&sku).await?;
        match opening {
            _ if !present => Ok(StockOpening::RowMissing),
            Some(opening) if opening == available.units() => {
                self.commit(fill(&[&sql::UPDATE_TERMS])).await.map_err(of_a_commit)?;
                Ok(StockOpening::Same)
            }
            opening => Ok(StockOpening::OpenedOtherwise { opening }),
        }
    }

    /// Commits what a text has begun.
    async fn commit(&self, script: String) -> Result<(), Trouble> {
        let work = self.pooled.detached(|connection| {
            Box::pin(async move {
                run(connection, script).await?;
                run(connection, "COMMIT".to_owned()).await.map(drop).map_err(Trouble::Commit)
            })
        });
        work.await
    }

    /// With how much a SKU was opened, `None` when it was not opened through hotrow; and whether its
    /// stock row is there.
    async fn opening(&self, sku: &Sku) -> Result<(Option<i64>, bool), StoreError> {
        let mut script = String::new();
        sql::SELECT_OPENING.write(&mut script, |_, script| write_id(script, sku.as_str()));
        let read = self.pooled.detached(|connection| {
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
        let read = self.pooled.detached(|connection| {
            Box::pin(async move { Ok(server::readiness(connection).await?) })
        });
        Ok(read.await?)
    }

    pub(super) fn pooled(&self) -> &Pooled {
        &self.pooled
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pooled.close().await;
    }
}

/// Silence may have begun with the commit.
fn of_a_commit(trouble: Trouble) -> StoreError {
    if let Trouble::Silence(patience) = trouble {
        return StoreError::OutcomeUnknown(silence(patience));
    }
    trouble.into()
}

/// Fills in a statement about a SKU that is to be opened.
fn write_opening(
    script: &mut String,
    statement: &Statement,
    sku: &Sku,
    available: Available,
    terms: Terms,
) {
    let or_null = |script: &mut String, value: Option<i64>| match value {
        Some(value) => write_int(script, value),
        None => script.push_str("NULL"),
    };
    statement.write(script, |hole, script| match hole {
        "sku" => write_id(script, sku.as_str()),
        "available" => write_int(script, available.units()),
        "purchase_limit" => or_null(script, terms.purchase_limit.map(|limit| limit.units())),
        "sale_starts_at" => or_null(script, terms.window.starts_at().map(Timestamp::micros)),
        _ => or_null(script, terms.window.ends_at().map(Timestamp::micros)),
    });
}
