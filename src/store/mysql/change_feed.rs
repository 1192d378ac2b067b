//! The change feed: committed changes, each once, none skipped, per SKU in commit order.
//!
//! Every change gets a place when it is written, and may commit after one with a higher place. So a flush
//! holds a shared lock of the gate from before it gets places until its commit, and whoever has the gate for
//! himself comes after all of them: what has a place by then is complete, and is read in that order. He lets go
//! of it at once, since new flushes wait behind him.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::time::Duration;

use sqlx::Row;
use sqlx::mysql::MySqlRow;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connect::run;
use super::desk::Desk;
use super::desk::pooled::Trouble;
use super::error::is_timeout;
use super::known::sku;
use super::statement as sql;
use super::statement::write_int;
use crate::limits::{GATE_PAUSE_MS, GATE_REST_FACTOR, GATE_WAIT_MAX_MS, GATE_WAIT_MS};
use crate::store::{Change, Cursor, StoreError};

/// Reads the feed. All readers of a process share one, and with it the looks for new changes.
#[derive(Debug)]
pub struct ChangeFeed {
    desk: Desk,
    /// Up to this place the feed is complete, as far as is known here.
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
    /// What was committed when it began is complete.
    Taken,
    /// Nobody could tell.
    Failed,
}

/// What is read for a page of the feed, in this order.
struct Page {
    /// The highest place there is.
    newest: u64,
    changes: Vec<Change>,
    /// Up to here changes may have been forgotten; it is noted before they are.
    cut: Cursor,
}

/// Why a page of the feed could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FeedError {
    /// Changes after this cursor are forgotten, because they are older than the lifetime of idempotency.
    #[error("the change feed does not reach back to this cursor")]
    Forgotten,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeFeed {
    /// A feed that reads over the desk's connections.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        let gate = Gate { last: None, wait_ms: GATE_WAIT_MS, rests_until: Instant::now() };
        Self { desk, complete: AtomicU64::new(0), gate: Mutex::new(gate) }
    }

    /// The changes after a cursor, at most `limit`. Without any it is certain that no change after it had
    /// been answered when this was called.
    ///
    /// # Errors
    /// [`FeedError::Forgotten`] when the feed does not reach back that far, otherwise
    /// [`StoreError::Unavailable`] when the database does not answer in time, or a transaction that has
    /// written a change does not end.
    pub async fn page(&self, after: Cursor, limit: usize) -> Result<Vec<Change>, FeedError> {
        let known = self.complete.load(Acquire);
        let changes = self.read(after, known, limit).await?;
        if !changes.is_empty() {
            return Ok(changes);
        }
        let looked = self.look().await;
        let complete = self.complete.load(Acquire);
        let changes =
            if complete == known { changes } else { self.read(after, complete, limit).await? };
        if changes.is_empty() {
            looked?;
        }
        Ok(changes)
    }

    /// The place up to which the feed is complete: everything that had been committed when this was called has
    /// its place up to there.
    ///
    /// # Errors
    /// See [`ChangeFeed::page`].
    pub async fn end(&self) -> Result<Cursor, StoreError> {
        self.look().await?;
        Ok(Cursor(self.complete.load(Acquire)))
    }

    /// Asks only if there can be any. The beginning is the oldest change that is not forgotten.
    async fn read(
        &self,
        after: Cursor,
        complete: u64,
        limit: usize,
    ) -> Result<Vec<Change>, FeedError> {
        let mut after = after;
        loop {
            if after.0 >= complete {
                return Ok(Vec::new());
            }
            let Page { newest, changes, cut } = self.read_page(after, complete, limit).await?;
            if newest < complete {
                // Another server took over, and lacks places that were seen to be complete: it gives them out again.
                // If the value is another by now, somebody has looked since.
                let _looked = self.complete.compare_exchange(complete, 0, AcqRel, Acquire);
                return Ok(Vec::new());
            }
            if after >= cut {
                return Ok(changes);
            }
            if after != Cursor::BEGINNING {
                return Err(FeedError::Forgotten);
            }
            after = cut;
        }
    }

    async fn read_page(
        &self,
        after: Cursor,
        complete: u64,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let mut script = sql::SELECT_NEWEST.text().to_owned();
        script.push_str(";\n");
        sql::SELECT_CHANGES.write(&mut script, |hole, script| match hole {
            "after" => write_int(script, after.0),
            "complete" => write_int(script, complete),
            _ => write_int(script, limit),
        });
        script.push_str(";\n");
        script.push_str(sql::SELECT_CUT.text());
        let read = self.desk.pooled().detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                let [newest, rows @ .., cut] = rows.as_slice() else {
                    return Err(sqlx::Error::RowNotFound.into());
                };
                let newest = newest.try_get::<Option<u64>, _>(0)?.unwrap_or(0);
                let changes = rows.iter().map(change).collect::<Result<_, _>>()?;
                Ok(Page { newest, changes, cut: Cursor(cut.try_get(0)?) })
            })
        });
        Ok(read.await?)
    }

    /// # Errors
    /// [`FeedError::Forgotten`] when the feed does not reach back to this cursor, and
    /// [`StoreError::Unavailable`] when the database does not answer in time.
    pub async fn check(&self, after: Cursor) -> Result<(), FeedError> {
        if after == Cursor::BEGINNING {
            return Ok(());
        }
        let read = self.desk.pooled().detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, sql::SELECT_CUT.text().to_owned()).await?;
                Ok(rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get::<u64, _>(0)?)
            })
        });
        let cut = read.await.map_err(StoreError::from)?;
        if after.0 < cut { Err(FeedError::Forgotten) } else { Ok(()) }
    }

    /// Makes complete what is committed by now. Whoever asks while another look waits for its
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
            tokio::time::sleep_until(look.begun + Duration::from_millis(GATE_PAUSE_MS)).await;
        }
        if Instant::now() < gate.rests_until {
            return Err(stuck());
        }
        let begun = Instant::now();
        gate.last = Some(Look { begun, outcome: Outcome::Open });
        let seen = self.complete(gate.wait_ms).await;
        let outcome = if seen.is_ok() { Outcome::Taken } else { Outcome::Failed };
        gate.last = Some(Look { begun, outcome });
        match &seen {
            Ok(()) => gate.wait_ms = GATE_WAIT_MS,
            Err(Trouble::Statement(error)) if is_timeout(error) => {
                let waited = Duration::from_millis(gate.wait_ms);
                gate.rests_until = Instant::now() + waited * GATE_REST_FACTOR;
                gate.wait_ms = (gate.wait_ms * 2).min(GATE_WAIT_MAX_MS);
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

    /// Sees what is complete, if something was committed since that was last done, or is there no more.
    async fn complete(&self, wait_ms: u64) -> Result<(), Trouble> {
        let newest = self.newest(sql::SELECT_NEWEST.text().to_owned()).await?;
        if newest == self.complete.load(Acquire) {
            return Ok(());
        }
        let mut script = "BEGIN;\n".to_owned();
        let within = self.desk.pooled().flavor().select_within(wait_ms);
        sql::LOCK_GATE.write(&mut script, |_, script| script.push_str(&within));
        script.push_str(";\n");
        script.push_str(sql::SELECT_NEWEST.text());
        // Nothing was written, so this lets go of the gate without a wait for the disk.
        script.push_str(";\nCOMMIT");
        let newest = self.newest(script).await?;
        self.complete.store(newest, Release);
        Ok(())
    }

    /// The highest place, as the last row that the script reads.
    async fn newest(&self, script: String) -> Result<u64, Trouble> {
        let read = self.desk.pooled().detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                let row = rows.last().ok_or(sqlx::Error::RowNotFound)?;
                Ok(row.try_get::<Option<u64>, _>(0)?.unwrap_or(0))
            })
        });
        read.await
    }
}

fn stuck() -> StoreError {
    StoreError::Unavailable("a transaction that has changed stock does not end".to_owned())
}

fn shared_failure() -> StoreError {
    StoreError::Unavailable("the last look for changes failed".to_owned())
}

fn change(row: &MySqlRow) -> Result<Change, sqlx::Error> {
    Ok(Change {
        cursor: Cursor(row.try_get(0)?),
        sku: sku(row, 1)?,
        version: row.try_get(2)?,
        available: row.try_get(3)?,
        delta: row.try_get(4)?,
        orders: row.try_get::<u32, _>(5)?.into(),
    })
}
