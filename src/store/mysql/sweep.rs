//! The connection of the process that releases holds whose time is over.

use std::time::Duration;

use sqlx::Row;

use super::address::Address;
use super::connect::text;
use super::known::decode_error;
use super::right::{Right, Work};
use super::statement as sql;
use super::statement::{write_id, write_int, write_rows};
use crate::domain::{OrderId, Timestamp};
use crate::store::StoreError;

/// A hold whose time is over, or that was settled before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueHold {
    /// When to look at it.
    pub due_at: Timestamp,
    /// The order.
    pub order_id: OrderId,
}

/// The right to sweep, which one connection has at a time, over all processes. After an error it is to be
/// dropped, and the right goes with it.
pub struct SweepConnection(Right);

impl SweepConnection {
    /// Connects and takes the right to sweep; `None` when another process has it. No call takes longer
    /// than `patience`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn acquire(
        address: &Address,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Right::acquire(address, Work::Sweep, patience).await?.map(Self))
    }

    /// Holds that are due, the oldest first, at most `limit`, after `last`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn due(
        &mut self,
        last: Option<&DueHold>,
        limit: usize,
    ) -> Result<Vec<DueHold>, StoreError> {
        let mut script = String::new();
        sql::SELECT_DUE_HOLDS.write(&mut script, |hole, script| match hole {
            "due_at" => write_int(script, last.map_or(0, |last| last.due_at.micros())),
            "order_id" => write_id(script, last.map_or("", |last| last.order_id.as_str())),
            _ => write_int(script, limit),
        });
        let read = |row: &sqlx::mysql::MySqlRow| {
            let order_id = OrderId::new("order_id", text(row, 1)?).map_err(decode_error)?;
            Ok(DueHold { due_at: Timestamp::from_micros(row.try_get(0)?), order_id })
        };
        self.0.run(script, |_, rows| rows.iter().map(read).collect()).await
    }

    /// Removes the deadlines of holds that are settled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; they may be removed or not.
    pub async fn forget(&mut self, settled: &[DueHold]) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut script = String::with_capacity(512 + settled.len() * 48);
        sql::DELETE_HOLD_DEADLINES.write(&mut script, |_, script| {
            write_rows(script, self.0.flavor(), settled, |script, hold| {
                write_int(script, hold.due_at.micros());
                script.push(',');
                write_id(script, hold.order_id.as_str());
            });
        });
        self.0.run(script, |_, _| Ok(())).await
    }
}
