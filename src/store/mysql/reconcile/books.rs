//! Stock and ledger, read in pages.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::ReconcileConnection;
use crate::domain::{Kind, Sku, Step};
use crate::store::mysql::connect::text;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{
    Statement, write_foreign_id, write_id, write_int, write_rows,
};
use crate::store::{BooksSum, Cursor, LedgerRow, StockBooks, StoreError};

/// A page of things in the order of their ids, and after which id the next one comes, if there is one.
type Page<T> = (Vec<T>, Option<Box<str>>);

impl ReconcileConnection {
    /// Begins to read one state of the database. It is kept until [`ReconcileConnection::end_snapshot`]: the
    /// server keeps everything that changes meanwhile, so it should not take long.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.0.run(sql::BEGIN_SNAPSHOT.text().to_owned(), |_, _| Ok(())).await
    }

    /// Lets go of the state.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn end_snapshot(&mut self) -> Result<(), StoreError> {
        self.0.run("COMMIT".to_owned(), |_, _| Ok(())).await
    }

    /// The SKUs after one, in their order. What was written by hand and is no SKU is left out.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn skus(&mut self, after: &str, limit: usize) -> Result<Page<Sku>, StoreError> {
        self.page(&sql::RECONCILE_SKUS, after, limit, |row| Ok(Sku::new(text(row, 0)?).ok())).await
    }

    /// The stock of the SKUs after one, in their order. What was written by hand and is no SKU is left out.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn stock_after(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Page<StockBooks>, StoreError> {
        self.page(&sql::RECONCILE_STOCK, after, limit, stock_books).await
    }

    /// The stock of these SKUs, of those that exist.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn stock_of(&mut self, skus: &[Sku]) -> Result<Vec<StockBooks>, StoreError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        let mut script = String::new();
        sql::RECONCILE_SOME_STOCK.write(&mut script, |_, script| {
            write_rows(script, self.0.flavor(), skus, |script, sku| write_id(script, sku.as_str()));
        });
        self.0.read_page(script, stock_books).await
    }

    /// What the archived movements of the SKUs after one add up to, of those that have any.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn carried_after(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Page<(Box<str>, BooksSum)>, StoreError> {
        self.page(&sql::RECONCILE_CARRIED, after, limit, carried).await
    }

    /// The flushes of the changes that are seen behind a place of the change feed, at most `limit` changes; and the
    /// place of the last of them, if there are so many.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn flushes_after(
        &mut self,
        place: Cursor,
        limit: usize,
    ) -> Result<(Vec<u64>, Option<Cursor>), StoreError> {
        let mut script = String::new();
        sql::RECONCILE_FLUSHES.write(&mut script, |hole, script| match hole {
            "after" => write_int(script, place.0),
            _ => write_int(script, limit),
        });
        let mut last = None;
        let read = |row: &MySqlRow| {
            last = Some(Cursor(row.try_get(1)?));
            Ok(Some(row.try_get(0)?))
        };
        let flushes = self.0.read_page(script, read).await?;
        Ok(if flushes.len() == limit { (flushes, last) } else { (flushes, None) })
    }

    /// The ledger after an order id, about `limit` rows, all of an order together. `limit` has to be more than the
    /// rows of any order.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn ledger_after(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Page<LedgerRow>, StoreError> {
        let script = page_after(&sql::RECONCILE_MOVEMENTS, after, limit);
        let movements = self.0.read_page(script, ledger_row).await?;
        ledger_page(movements, limit)
    }

    /// The next page of a statement with the holes `after` and `limit`.
    async fn page<T>(
        &mut self,
        statement: &Statement,
        after: &str,
        limit: usize,
        read: impl Fn(&MySqlRow) -> Result<Option<T>, sqlx::Error>,
    ) -> Result<Page<T>, StoreError> {
        let (mut rows, mut next) = (0, None);
        let script = page_after(statement, after, limit);
        let read = |row: &MySqlRow| {
            rows += 1;
            if rows == limit {
                next = Some(text(row, 0)?.into());
            }
            read(row)
        };
        let page = self.0.read_page(script, read).await?;
        Ok((page, next))
    }

    /// The newest version of a SKU, whatever its stock row says; 0 if there is none.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn newest_version(&mut self, sku: &Sku) -> Result<u64, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_NEWEST.write(&mut script, |_, script| write_id(script, sku.as_str()));
        let newest = |rows: &[MySqlRow]| {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok(row.try_get::<Option<u64>, _>(0)?.unwrap_or(0))
        };
        self.0.run(script, |_, rows| newest(&rows)).await
    }

    /// What was available before the oldest version that there is.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn before_versions(&mut self, sku: &Sku) -> Result<i64, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_BASE.write(&mut script, |_, script| write_id(script, sku.as_str()));
        let base = |rows: &[MySqlRow]| rows.first().map_or(Ok(0), |row| row.try_get(0));
        self.0.run(script, |_, rows| base(&rows)).await
    }

    /// What the versions of a SKU after one add up to, up to `newest`, at most `limit` of them; and the last of
    /// these, if there are any.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn versions_after(
        &mut self,
        sku: &Sku,
        after: u64,
        newest: u64,
        limit: usize,
    ) -> Result<Option<(i64, u64)>, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_VERSIONS.write(&mut script, |hole, script| match hole {
            "sku" => write_id(script, sku.as_str()),
            "after" => write_int(script, after),
            "newest" => write_int(script, newest),
            _ => write_int(script, limit),
        });
        let sums = |rows: &[MySqlRow]| {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            let last: Option<u64> = row.try_get(1)?;
            last.map(|last| Ok((row.try_get(0)?, last))).transpose()
        };
        self.0.run(script, |_, rows| sums(&rows)).await
    }
}

/// Of a statement with the holes `after` and `limit`.
fn page_after(statement: &Statement, after: &str, limit: usize) -> String {
    let mut script = String::new();
    statement.write(&mut script, |hole, script| match hole {
        "after" => write_foreign_id(script, after),
        _ => write_int(script, limit),
    });
    script
}

fn carried(row: &MySqlRow) -> Result<Option<(Box<str>, BooksSum)>, sqlx::Error> {
    let sum = BooksSum { available: row.try_get(1)?, held: row.try_get(2)? };
    Ok(Some((text(row, 0)?.into(), sum)))
}

fn stock_books(row: &MySqlRow) -> Result<Option<StockBooks>, sqlx::Error> {
    let Ok(sku) = Sku::new(text(row, 0)?) else { return Ok(None) };
    Ok(Some(StockBooks {
        sku,
        available: row.try_get(1)?,
        held: row.try_get(2)?,
        version: row.try_get(3)?,
        held_apart: row.try_get(4)?,
        recorded: row.try_get(5)?,
        surpassed: row.try_get_unchecked::<i64, _>(6)? == 1,
    }))
}

fn ledger_page(mut movements: Vec<LedgerRow>, limit: usize) -> Result<Page<LedgerRow>, StoreError> {
    if movements.len() < limit {
        return Ok((movements, None));
    }
    // The last order may go on behind the page: the next one begins with it.
    let last = movements[limit - 1].order_id.clone();
    movements.truncate(movements.partition_point(|row| row.order_id < last));
    let next = movements.last().map(|row| row.order_id.clone());
    let too_long = || StoreError::Unavailable(format!("order {last} has {limit} rows or more"));
    Ok((movements, Some(next.ok_or_else(too_long)?)))
}

fn ledger_row(row: &MySqlRow) -> Result<Option<LedgerRow>, sqlx::Error> {
    Ok(Some(LedgerRow {
        order_id: text(row, 0)?.into(),
        step: step(text(row, 1)?)?,
        line: row.try_get(2)?,
        kind: kind(text(row, 3)?)?,
        sku: text(row, 4)?.into(),
        delta: row.try_get(5)?,
        held_delta: row.try_get_unchecked(6)?,
        flush: row.try_get(7)?,
    }))
}

fn step(name: &str) -> Result<Option<Step>, sqlx::Error> {
    Ok(Some(match name {
        "opening" => return Ok(None),
        "take" => Step::Take,
        "settle" => Step::Settle,
        "retake" => Step::Retake,
        "return" => Step::Return,
        "adjust" => Step::Adjust,
        other => return Err(sqlx::Error::Decode(format!("a movement of step {other:?}").into())),
    }))
}

fn kind(name: &str) -> Result<Option<Kind>, sqlx::Error> {
    Ok(Some(match name {
        "opening" => return Ok(None),
        "deduct" => Kind::Deduct,
        "hold" => Kind::Hold,
        "confirm" => Kind::Confirm,
        "release" => Kind::Release,
        "expire" => Kind::Expire,
        "cancel" => Kind::Cancel,
        "restock" => Kind::Restock,
        "write_off" => Kind::WriteOff,
        other => return Err(sqlx::Error::Decode(format!("a movement of kind {other:?}").into())),
    }))
}
