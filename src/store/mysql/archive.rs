//! The connection of the process that moves old orders out of the ledger and forgets old changes.
//!
//! An order moves whole, in one transaction with the sums that the books need, and only when its last step is older
//! than the lifetime of idempotency and it is no open hold. Everything goes page by page with a position that is
//! kept, so that a run may end at any time: the next one goes on there.

use std::time::Duration;

use sqlx::Row;

use super::address::Address;
use super::connect::{run, text};
use super::known::{order_id, sku};
use super::right::{Right, Work, in_time};
use super::statement as sql;
use super::statement::{Statement, write_id, write_int, write_rows};
use crate::domain::{OrderId, Sku};
use crate::limits::{ARCHIVE_CHANGES_MAX, ARCHIVE_ORDERS_MAX};
use crate::store::{Forgotten, Moved, StoreError};

/// The right to archive, which one connection has at a time, over all processes. After an error it is to be
/// dropped, and the right goes with it.
pub struct ArchiveConnection {
    right: Right,
    patience: Duration,
    days: u32,
    /// The last order id that was looked at.
    position: String,
}

impl ArchiveConnection {
    /// Connects and takes the right to archive; `None` when another process has it. What is archived is older than
    /// `days`, and than any lifetime that was promised. No call takes longer than `patience`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, or its schema is older than this build.
    pub async fn acquire(
        address: &Address,
        days: u32,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let acquired = Right::acquire(address, Work::Archive, patience).await?;
        let Some(mut right) = acquired else { return Ok(None) };
        let state = right.run(sql::SELECT_ARCHIVE_STATE.text().to_owned(), |_, rows| {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok((row.try_get(0)?, text(row, 1)?.to_owned()))
        });
        let (promised, position): (u32, String) = state.await?;
        Ok(Some(Self { right, patience, days: days.max(promised), position }))
    }

    /// What is archived is older than this.
    #[must_use]
    pub fn days(&self) -> u32 {
        self.days
    }

    /// Looks at the next orders of the pass and moves those that are old. `None` at the end of the pass: the next
    /// call begins another one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer: the page is moved or not, and the next run
    /// finds out.
    pub async fn move_orders(&mut self) -> Result<Option<Moved>, StoreError> {
        let patience = self.patience;
        in_time(patience, self.move_page()).await
    }

    async fn move_page(&mut self) -> Result<Option<Moved>, sqlx::Error> {
        let mut page = String::new();
        sql::SELECT_ARCHIVABLE.write(&mut page, |hole, script| match hole {
            "days" => write_int(script, self.days),
            "after" => write_id(script, &self.position),
            _ => write_int(script, ARCHIVE_ORDERS_MAX),
        });
        let (_, rows) = run(&mut self.right.session().connection, page).await?;
        let mut old = Vec::new();
        let mut last = None;
        for row in &rows {
            let id = order_id(row, 0)?;
            if row.try_get_unchecked::<i64, _>(1)? == 1 {
                old.push(id.clone());
            }
            last = Some(id);
        }
        let position = last.as_ref().map_or("", OrderId::as_str);
        let movements = self.move_and_note(&old, position).await?;
        position.clone_into(&mut self.position);
        Ok(last.map(|_| Moved { looked_at: rows.len(), orders: old.len(), movements }))
    }

    /// One transaction; returns the movements.
    async fn move_and_note(&mut self, old: &[OrderId], position: &str) -> Result<u64, sqlx::Error> {
        let flavor = self.right.flavor();
        let mut script = "BEGIN".to_owned();
        let mut add = |statement: &Statement| {
            script.push_str(";\n");
            statement.write(&mut script, |hole, script| match hole {
                "rows" => write_rows(script, flavor, old, |script, id| {
                    write_id(script, id.as_str());
                }),
                "days" => write_int(script, self.days),
                _ => write_id(script, position),
            });
        };
        if !old.is_empty() {
            for statement in [
                &sql::ARCHIVE_MOVEMENTS,
                &sql::LOCK_ARCHIVED_PURCHASES,
                &sql::CARRY_PURCHASES,
                &sql::REMOVE_PURCHASES,
                &sql::CARRY_MOVEMENTS,
                &sql::REMOVE_MOVEMENTS,
            ] {
                add(statement);
            }
        }
        add(&sql::NOTE_POSITION);
        let connection = &mut self.right.session().connection;
        let (affected, _) = run(connection, script).await?;
        let movements = match affected[..] {
            // BEGIN, and the position.
            [_, 1] => 0,
            [_, copied, purchases, _, added, _, removed, 1]
                if copied == removed && purchases == added =>
            {
                copied
            }
            _ => {
                run(connection, "ROLLBACK".to_owned()).await?;
                let reason = format!("the rows to archive changed meanwhile: {affected:?}");
                return Err(sqlx::Error::Protocol(reason));
            }
        };
        run(connection, "COMMIT".to_owned()).await?;
        Ok(movements)
    }

    /// Looks at the oldest changes after a place and forgets those that are old, but never the newest one of a SKU.
    /// `None` when there are no old ones any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn forget_changes(&mut self, after: u64) -> Result<Option<Forgotten>, StoreError> {
        let patience = self.patience;
        in_time(patience, self.forget_page(after)).await
    }

    async fn forget_page(&mut self, after: u64) -> Result<Option<Forgotten>, sqlx::Error> {
        let mut page = String::new();
        sql::SELECT_OLD_CHANGES.write(&mut page, |hole, script| match hole {
            "days" => write_int(script, self.days),
            "after" => write_int(script, after),
            _ => write_int(script, ARCHIVE_CHANGES_MAX),
        });
        let (_, rows) = run(&mut self.right.session().connection, page).await?;
        let mut last = None;
        let mut cut = 0;
        let mut forgotten: Vec<(Sku, u64)> = Vec::new();
        for row in &rows {
            let place: u64 = row.try_get(0)?;
            // A transaction may commit after one with a higher place, so that times are not quite in order; the
            // first one that is young ends the pass all the same.
            if row.try_get_unchecked::<i64, _>(3)? != 1 {
                break;
            }
            last = Some(place);
            if row.try_get_unchecked::<i64, _>(4)? == 1 {
                forgotten.push((sku(row, 1)?, row.try_get(2)?));
                cut = place;
            }
        }
        let Some(last) = last else { return Ok(None) };
        if !forgotten.is_empty() {
            let mut script = String::new();
            sql::NOTE_CUT.write(&mut script, |_, script| write_int(script, cut));
            run(&mut self.right.session().connection, std::mem::take(&mut script)).await?;
            sql::FORGET_CHANGES.write(&mut script, |_, script| {
                write_rows(script, self.right.flavor(), &forgotten, |script, (sku, version)| {
                    write_id(script, sku.as_str());
                    script.push(',');
                    write_int(script, *version);
                });
            });
            run(&mut self.right.session().connection, script).await?;
        }
        Ok(Some(Forgotten { last, changes: forgotten.len() }))
    }

    /// Gives the right back.
    pub async fn close(self) {
        self.right.release().await;
    }
}
