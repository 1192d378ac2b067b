//! The connection of the process that releases holds whose time is over.

use std::time::Duration;

use sqlx::Row;
use sqlx::mysql::MySqlRow;
use tracing::debug;

use super::address::Address;
use super::connect::{Session, close, connect, run, run_to_error};
use super::error::{describe, is_timeout};
use super::known::{order_id, read_known, taken_order};
use super::right::{Right, Work, in_time};
use super::statement as sql;
use super::statement::{write_id, write_int, write_rows};
use crate::domain::{OrderId, TakenOrder, Timestamp};
use crate::store::StoreError;

/// When to look at a hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// Not before the end of the hold.
    pub due_at: Timestamp,
    /// The order.
    pub order_id: OrderId,
}

/// A hold whose time is over, or that was settled before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueHold {
    /// Its deadline, which is over.
    pub deadline: Deadline,
    /// What the ledger has of it.
    pub order: DueOrder,
}

/// What the ledger has of an order whose hold is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueOrder {
    /// The order.
    Known(TakenOrder),
    /// Nothing: somebody has deleted it by hand.
    Gone,
    /// What no order is: somebody has changed it by hand. The others are not to wait for it.
    Unreadable,
}

/// The right to sweep, which one connection has at a time, over all processes. After an error it is to be
/// dropped, and the right goes with it.
pub struct SweepConnection(Right);

/// Removes deadlines, on a connection of its own: beside the one that reads them.
pub struct DeadlineConnection {
    session: Session,
    patience: Duration,
}

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
        last: Option<&Deadline>,
        limit: usize,
    ) -> Result<Vec<DueHold>, StoreError> {
        let mut script = String::new();
        sql::SELECT_DUE_HOLDS.write(&mut script, |hole, script| match hole {
            "due_at" => write_int(script, last.map_or(0, |last| last.due_at.micros())),
            "order_id" => write_id(script, last.map_or("", |last| last.order_id.as_str())),
            _ => write_int(script, limit),
        });
        self.0.run(script, |_, rows| due_holds(&rows)).await
    }
}

impl DeadlineConnection {
    /// Connects. No call takes longer than `patience`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn open(address: &Address, patience: Duration) -> Result<Self, StoreError> {
        let session = in_time(patience, connect(address)).await?;
        Ok(Self { session, patience })
    }

    /// Removes the deadlines of holds that are settled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; they may be removed or not.
    pub async fn forget(&mut self, settled: &[Deadline]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (settled.iter().min(), settled.iter().max()) else {
            return Ok(());
        };
        let session = &mut self.session;
        let forgetting = async {
            if !forget_range(session, first, last, settled.len()).await? {
                forget_each(session, settled).await?;
            }
            Ok(())
        };
        in_time(self.patience, forgetting).await
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        close(self.session.connection).await;
    }
}

/// Rows of `select_due_holds.sql`, an order's side by side.
fn due_holds(rows: &[MySqlRow]) -> Result<Vec<DueHold>, sqlx::Error> {
    let mut holds: Vec<(Deadline, Vec<&MySqlRow>)> = Vec::with_capacity(rows.len());
    for row in rows {
        let due_at = Timestamp::from_micros(row.try_get(0)?);
        let deadline = Deadline { due_at, order_id: order_id(row, 1)? };
        match holds.last_mut() {
            Some((last, rows)) if *last == deadline => rows.push(row),
            _ => holds.push((deadline, vec![row])),
        }
    }
    let due = |(deadline, rows): (Deadline, Vec<&MySqlRow>)| {
        let order = due_order(&deadline.order_id, &rows).unwrap_or_else(|error| {
            debug!(order_id = %deadline.order_id, error = describe(&error), "a hold cannot be read");
            DueOrder::Unreadable
        });
        DueHold { deadline, order }
    };
    Ok(holds.into_iter().map(due).collect())
}

fn due_order(id: &OrderId, rows: &[&MySqlRow]) -> Result<DueOrder, sqlx::Error> {
    if let [only] = rows
        && only.try_get_unchecked::<Option<&[u8]>, _>(2)?.is_none()
    {
        return Ok(DueOrder::Gone);
    }
    let known = read_known(rows.iter().copied(), 1)?;
    let order = known.get(id).map(|known| taken_order(id.clone(), known)).transpose()?;
    Ok(order.flatten().map_or(DueOrder::Gone, DueOrder::Known))
}

/// Removes all deadlines from the first to the last, if they are just so many.
async fn forget_range(
    session: &mut Session,
    first: &Deadline,
    last: &Deadline,
    count: usize,
) -> Result<bool, sqlx::Error> {
    let mut script = "BEGIN;\n".to_owned();
    sql::DELETE_DUE_RANGE.write(&mut script, |hole, script| match hole {
        "first_due_at" => write_int(script, first.due_at.micros()),
        "last_due_at" => write_int(script, last.due_at.micros()),
        "first_order_id" => write_id(script, first.order_id.as_str()),
        _ => write_id(script, last.order_id.as_str()),
    });
    let answers = run_to_error(&mut session.connection, script).await;
    let as_many = match answers.error {
        None => answers.affected.last() == Some(&(count as u64)),
        // Between them stands one whose transaction has not ended.
        Some(error) if is_timeout(&error) => false,
        Some(error) => return Err(error),
    };
    let end = if as_many { "COMMIT" } else { "ROLLBACK" };
    run(&mut session.connection, end.to_owned()).await?;
    Ok(as_many)
}

async fn forget_each(session: &mut Session, settled: &[Deadline]) -> Result<(), sqlx::Error> {
    let mut script = String::with_capacity(512 + settled.len() * 48);
    sql::DELETE_HOLD_DEADLINES.write(&mut script, |_, script| {
        write_rows(script, session.flavor, settled, |script, deadline| {
            write_int(script, deadline.due_at.micros());
            script.push(',');
            write_id(script, deadline.order_id.as_str());
        });
    });
    run(&mut session.connection, script).await.map(drop)
}
