//! Checks entries of the cache while they change: those of SKUs that the change feed tells, and those that are
//! pinned. Of others a lie has no long life: what stays longer than an entry may is removed by the cache's own
//! patrol.
//!
//! One process does it at a time. How far it is stands in MySQL, and moves on only behind what was looked at: an
//! outage of the cache or of MySQL skips nothing. An entry that seemed to be behind when the process ended is left
//! to its own end, which is near. A check that fails alone is tried again with growing pauses and then given up,
//! which is noted.

mod retries;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use self::retries::Retries;
use super::entries::{CheckError, Entries};
use super::{Reconcile, ReconcileError};
use crate::cache::Sighting;
use crate::domain::Sku;
use crate::limits::{
    CHANGES_PAGE_MAX, DESK_PATIENCE, FOLLOW_FAILURES_MAX, FOLLOW_OUTAGE_MS, FOLLOW_PAGES_MAX,
    FOLLOW_ROUND_MS, FOLLOW_RUN_S, RECONCILE_SUSPECTS_MAX,
};
use crate::store::mysql::{FeedError, ReconcileConnection};
use crate::store::{Cursor, Drift, Run, RunKind, RunPhase};

const ROUND: Duration = Duration::from_millis(FOLLOW_ROUND_MS);
const OUTAGE: Duration = Duration::from_millis(FOLLOW_OUTAGE_MS);
/// How often it is noted how far it is.
const NOTE_PAUSE: Duration = Duration::from_secs(1);
/// So long nothing has to have failed until it is said that all is well again: a cache that takes no changes fails
/// only when there is one to make.
const WELL: Duration = Duration::from_secs(10);
/// Where nothing changes it is noted once in so many times, before the server takes the connection for dead.
const NOTES_IDLE: u32 = 20;

impl Reconcile {
    /// Follows until it is dropped; without a cache there is nothing to do. Troubles are logged, and it goes on
    /// when they are over.
    pub async fn follow(self) {
        let Some(entries) = self.entries() else { return };
        let mut in_trouble = false;
        loop {
            match self.follow_while_it_goes_well(&entries, &mut in_trouble).await {
                Ok(()) => {}
                Err(error) if in_trouble => debug!(%error, "the cache still cannot be checked"),
                Err(error) => {
                    in_trouble = true;
                    warn!(%error, "entries of the cache are not checked until that can go on");
                }
            }
            tokio::time::sleep(OUTAGE).await;
        }
    }

    /// Returns without an error when another process does it, or the cache is down.
    async fn follow_while_it_goes_well(
        &self,
        entries: &Entries,
        in_trouble: &mut bool,
    ) -> Result<(), ReconcileError> {
        if !entries.cache.is_up() {
            return Ok(());
        }
        let acquired = ReconcileConnection::acquire_follow(&self.address, DESK_PATIENCE).await?;
        let Some(mut connection) = acquired else { return Ok(()) };
        connection.abandon(RunKind::Follow).await?;
        let position = match connection.position().await? {
            Some(position) => position,
            None => {
                let end = self.feed.end().await?;
                connection.keep_position(end).await?;
                end
            }
        };
        let mut following = Following {
            reconcile: self,
            entries,
            connection,
            checked: position,
            noted: position,
            noted_at: Instant::now(),
            idle: 0,
            suspects: BTreeMap::new(),
            retries: Retries::default(),
            pinned: entries.pinned().await?,
            drifts: Vec::new(),
            run: None,
        };
        let mut well_since = Instant::now();
        loop {
            let began = Instant::now();
            let round = following.round().await;
            // What was repaired is recorded, also if something failed after it.
            following.record().await?;
            following.note().await?;
            match round {
                Ok(()) if well_since.elapsed() < WELL || !*in_trouble => {}
                Ok(()) => {
                    *in_trouble = false;
                    info!("entries of the cache are checked again");
                }
                Err(CheckError::Cache(error)) => {
                    well_since = Instant::now();
                    if std::mem::replace(in_trouble, true) {
                        debug!(%error, "the cache still cannot be checked");
                    } else {
                        warn!(%error, "entries of the cache are not checked until it can be used");
                    }
                }
                Err(error @ CheckError::Store(_)) => return Err(error.into()),
            }
            tokio::time::sleep_until((began + ROUND).into()).await;
        }
    }
}

struct Following<'a> {
    reconcile: &'a Reconcile,
    entries: &'a Entries,
    connection: ReconcileConnection,
    /// Up to there the changes were checked.
    checked: Cursor,
    /// Up to there that is noted in MySQL.
    noted: Cursor,
    noted_at: Instant,
    /// How often there was nothing new to note since.
    idle: u32,
    /// Entries that seemed to be behind, and when to look again.
    suspects: BTreeMap<Sku, (Instant, Sighting)>,
    retries: Retries,
    pinned: HashSet<Sku>,
    /// What was found and is not recorded yet.
    drifts: Vec<Drift>,
    run: Option<(Run, Instant)>,
}

impl Following<'_> {
    async fn round(&mut self) -> Result<(), CheckError> {
        let (mut skus, position) = self.changed().await;
        skus.extend(self.pinned.iter().cloned());
        skus.retain(|sku| !self.retries.has(sku));
        skus.extend(self.retries.due());
        self.check(skus.into_iter().collect()).await?;
        self.checked = position;
        self.settle_suspects().await
    }

    /// The SKUs of the next changes, and up to where these go.
    async fn changed(&self) -> (BTreeSet<Sku>, Cursor) {
        let (mut skus, mut position) = (BTreeSet::new(), self.checked);
        for _ in 0..FOLLOW_PAGES_MAX {
            let page = match self.reconcile.feed.page(position, CHANGES_PAGE_MAX).await {
                Ok(page) => page,
                // Nobody has followed for so long that the archive has forgotten what came next. No entry of the
                // cache is that old.
                Err(FeedError::Forgotten) => {
                    position = self.reconcile.feed.end().await.unwrap_or(position);
                    break;
                }
                Err(error @ FeedError::Store(_)) => {
                    // A transaction that is stuck; what is pinned is checked all the same.
                    debug!(%error, "the change feed cannot be followed at the moment");
                    break;
                }
            };
            let full = page.len() == CHANGES_PAGE_MAX;
            for change in page {
                position = change.cursor;
                skus.insert(change.sku);
            }
            if !full {
                break;
            }
        }
        (skus, position)
    }

    /// Checks these and puts right what differs. What fails is parted until the SKUs are found that make it
    /// fail; if all of them do, it is the cache.
    async fn check(&mut self, skus: Vec<Sku>) -> Result<(), CheckError> {
        let (mut parts, mut went_well, mut failed) = (vec![skus], 0, Vec::new());
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            match self.check_part(part.clone()).await {
                Ok(()) => {
                    went_well += 1;
                    self.retries.forget(&part);
                }
                Err(error @ CheckError::Cache(_)) if self.entries.cache.is_up() => {
                    if part.len() > 1 {
                        let rest = part.split_off(part.len() / 2);
                        parts.extend([rest, part]);
                        continue;
                    }
                    if went_well == 0 && failed.len() >= FOLLOW_FAILURES_MAX {
                        return Err(error);
                    }
                    failed.extend(part.pop().map(|sku| (sku, error.to_string())));
                }
                Err(error) => return Err(error),
            }
        }
        for (sku, reason) in failed {
            if let Some(failure) = self.retries.failed(sku, reason) {
                warn!(sku = %failure.sku, reason = failure.reason, "an entry of the cache was given up");
                self.entries.metrics.check_given_up();
                self.connection.note_failure(&failure).await?;
            }
        }
        Ok(())
    }

    async fn check_part(&mut self, part: Vec<Sku>) -> Result<(), CheckError> {
        let looked = self.entries.look(part, &self.pinned).await?;
        self.drifts.extend(self.entries.put_right(&looked.differ, true).await?);
        let again_at = Instant::now() + self.entries.bound();
        for suspect in looked.suspects {
            // Without room it is left to its own end, which is near.
            if self.suspects.len() < RECONCILE_SUSPECTS_MAX {
                self.suspects.entry(suspect.sku.clone()).or_insert((again_at, suspect));
            }
        }
        Ok(())
    }

    async fn settle_suspects(&mut self) -> Result<(), CheckError> {
        let now = Instant::now();
        let due = self.suspects.values().filter(|(again_at, _)| *again_at <= now);
        let due: Vec<Sighting> = due.map(|(_, suspect)| suspect.clone()).collect();
        if !due.is_empty() {
            let behind = self.entries.look_again(due).await?;
            self.drifts.extend(self.entries.put_right(&behind, true).await?);
            self.suspects.retain(|_, (again_at, _)| *again_at > now);
        }
        Ok(())
    }

    async fn record(&mut self) -> Result<(), ReconcileError> {
        if self.drifts.is_empty() {
            return Ok(());
        }
        let drifts = std::mem::take(&mut self.drifts);
        for drift in &drifts {
            self.entries.metrics.difference(drift.class);
        }
        if let Some((run, _)) =
            self.run.as_mut().filter(|(_, began)| began.elapsed().as_secs() >= FOLLOW_RUN_S)
        {
            self.connection.record(run, (Vec::new(), 0), true).await?;
            self.run = None;
        }
        let (run, _) = match &mut self.run {
            Some(run) => run,
            none @ None => {
                let kind = RunKind::Follow;
                let run = self.connection.open_run(kind, false, RunPhase::Cache).await?;
                none.insert((run, Instant::now()))
            }
        };
        let found = drifts.len() as u64;
        run.skus += found;
        Ok(self.connection.record(run, (drifts, found), false).await?)
    }

    async fn note(&mut self) -> Result<(), ReconcileError> {
        if self.noted_at.elapsed() < NOTE_PAUSE {
            return Ok(());
        }
        self.noted_at = Instant::now();
        self.pinned = self.entries.pinned().await?;
        self.idle = if self.noted == self.checked { self.idle + 1 } else { 0 };
        if self.idle.is_multiple_of(NOTES_IDLE) {
            self.connection.keep_position(self.checked).await?;
            self.noted = self.checked;
        }
        Ok(())
    }
}
