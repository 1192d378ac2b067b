//! The change feed: committed changes, each once, none skipped, per SKU in commit order.
//!
//! A reader that went by time or by a counter would skip what commits late. Here every flush stamps its
//! versions with the present epoch, under a lock that it holds until its commit. Raising the epoch takes
//! the same lock for itself, so it comes after all of them: the epochs below are complete, and are
//! read in the order of their index.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::Row;
use sqlx::mysql::MySqlRow;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connect::{run, text};
use super::desk::{Desk, Trouble, decode_error};
use super::error::is_timeout;
use super::statement as sql;
use super::statement::{write_id, write_int};
use crate::domain::Sku;
use crate::limits::{EPOCH_PAUSE_MS, EPOCH_REST_FACTOR, EPOCH_WAIT_MAX_MS, EPOCH_WAIT_MS};
use crate::store::{Change, Cursor, Place, StoreError};

/// Reads the feed. All readers of a process share one, and with it the ends of the epochs.
#[derive(Debug)]
pub struct ChangeFeed {
    desk: Desk,
    /// The epochs below it are complete, as far as is known here.
    complete: AtomicU64,
    gate: Mutex<Gate>,
}

/// The looks for new changes, one at a time.
#[derive(Debug)]
struct Gate {
    last: Option<Look>,
    /// How long the next one may hold up the flushes.
    wait_ms: u64,
    /// Before this it is not tried again, because flushes waited for nothing.
    rests_until: Instant,
}

#[derive(Debug)]
struct Look {
    begun: Instant,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It has not ended, or whoever began it has left.
    Open,
    /// What was committed when it began is in complete epochs.
    Taken,
    /// Nobody could tell.
    Failed,
}

impl ChangeFeed {
    /// A feed that reads over the desk's connections.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        let gate = Gate { last: None, wait_ms: EPOCH_WAIT_MS, rests_until: Instant::now() };
        Self { desk, complete: AtomicU64::new(0), gate: Mutex::new(gate) }
    }

    /// The next changes, at most `limit`, and goes to the place behind them. Without any it is certain
    /// that no more of them had been answered when this was called.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer in time, or a transaction that has
    /// written a change does not end.
    pub async fn page(&self, place: &mut Place, limit: usize) -> Result<Vec<Change>, StoreError> {
        let changes = self.read(place, limit).await?;
        if !changes.is_empty() {
            return Ok(changes);
        }
        let looked = self.look().await;
        let changes = self.read(place, limit).await?;
        if changes.is_empty() {
            looked?;
        }
        Ok(changes)
    }

    /// The next changes of the epochs that are known to be complete; asks only if there can be any.
    async fn read(&self, place: &mut Place, limit: usize) -> Result<Vec<Change>, StoreError> {
        let complete = self.complete.load(Ordering::Acquire);
        if place.epoch >= complete {
            return Ok(Vec::new());
        }
        // No SKU has an empty name.
        let (sku, version) =
            place.last.as_ref().map_or(("", 0), |(sku, version)| (sku.as_str(), *version));
        let mut script = String::new();
        sql::SELECT_CHANGES.write(&mut script, |hole, script| match hole {
            "complete" => write_int(script, complete),
            "epoch" => write_int(script, place.epoch),
            "sku" => write_id(script, sku),
            "version" => write_int(script, version),
            _ => write_int(script, limit),
        });
        let read = self.desk.detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                Ok(rows.iter().map(change).collect::<Result<Vec<_>, _>>()?)
            })
        });
        let changes = read.await?;
        *place = match changes.last() {
            Some(last) => Place::after(last.cursor.clone()),
            None => Place { epoch: complete, last: None },
        };
        Ok(changes)
    }

    /// Takes what is committed by now into complete epochs. Whoever asks while another look waits for its
    /// turn shares that one.
    async fn look(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut gate = self.gate.lock().await;
        if let Some(look) = &gate.last {
            match look.outcome {
                Outcome::Taken if look.begun >= asked => return Ok(()),
                Outcome::Failed if look.begun >= asked => return Err(shared_failure()),
                Outcome::Taken | Outcome::Failed | Outcome::Open => {}
            }
            tokio::time::sleep_until(look.begun + Duration::from_millis(EPOCH_PAUSE_MS)).await;
        }
        if Instant::now() < gate.rests_until {
            return Err(stuck());
        }
        let begun = Instant::now();
        gate.last = Some(Look { begun, outcome: Outcome::Open });
        let seen = self.end_used_epoch(gate.wait_ms).await;
        let outcome = if seen.is_ok() { Outcome::Taken } else { Outcome::Failed };
        gate.last = Some(Look { begun, outcome });
        match &seen {
            Ok(()) => gate.wait_ms = EPOCH_WAIT_MS,
            Err(Trouble::Statement(error)) if is_timeout(error) => {
                let waited = Duration::from_millis(gate.wait_ms);
                gate.rests_until = Instant::now() + waited * EPOCH_REST_FACTOR;
                gate.wait_ms = (gate.wait_ms * 2).min(EPOCH_WAIT_MAX_MS);
                tracing::warn!(
                    waited_ms = waited.as_millis(),
                    "a transaction that has changed stock does not end; the change feed waits for it"
                );
                return Err(stuck());
            }
            Err(_) => {}
        }
        Ok(seen?)
    }

    /// Raises the epoch if something that is committed belongs to it.
    async fn end_used_epoch(&self, wait_ms: u64) -> Result<(), Trouble> {
        let (epoch, used) = self
            .desk
            .detached(|connection| {
                Box::pin(async move {
                    let (_, rows) = run(connection, sql::SELECT_EPOCH.text().to_owned()).await?;
                    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
                    let used = row.try_get_unchecked::<i64, _>(1)? == 1;
                    Ok((row.try_get::<u64, _>(0)?, used))
                })
            })
            .await?;
        // Another process may have raised it.
        self.complete.store(epoch, Ordering::Release);
        if !used {
            return Ok(());
        }
        let mut script = "BEGIN;\n".to_owned();
        let within = self.desk.flavor().select_within(wait_ms);
        sql::LOCK_GATE.write(&mut script, |_, script| script.push_str(&within));
        script.push_str(";\n");
        sql::RAISE_EPOCH.write(&mut script, |_, script| write_int(script, epoch));
        script.push_str(";\nCOMMIT");
        self.desk
            .detached(|connection| {
                Box::pin(async move { Ok(run(connection, script).await.map(drop)?) })
            })
            .await?;
        self.complete.store(epoch + 1, Ordering::Release);
        Ok(())
    }
}

fn stuck() -> StoreError {
    StoreError::Unavailable("a transaction that has changed stock does not end".to_owned())
}

fn shared_failure() -> StoreError {
    StoreError::Unavailable("the last look for changes failed".to_owned())
}

fn change(row: &MySqlRow) -> Result<Change, sqlx::Error> {
    let sku = Sku::new(&text(row, 1)?).map_err(decode_error)?;
    Ok(Change {
        cursor: Cursor { epoch: row.try_get(0)?, sku, version: row.try_get(2)? },
        available: row.try_get(3)?,
        delta: row.try_get(4)?,
        orders: row.try_get::<u32, _>(5)?.into(),
    })
}
