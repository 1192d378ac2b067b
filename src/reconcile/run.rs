//! A run over all SKUs, which goes on where an interrupted one stopped.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::cache::{Cache, CacheError};
use crate::limits::{
    DESK_PATIENCE, RECONCILE_CACHE_PAGE, RECONCILE_CACHE_WAIT_MS, RECONCILE_SUSPECTS_MAX,
};
use crate::store::mysql::ReconcileConnection;
use crate::store::{CacheState, RecordedDrift, Run, RunKind, RunPhase, StoreError};

use super::books::{Scope, pass, rest};
use super::entries::{CheckError, Entries};
use super::findings::Findings;
use super::{Progress, Reconcile, ReconcileError, Watch};

/// How often in a row a run tries to compare the same entries of the cache.
const CACHE_ATTEMPTS: u32 = 3;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Only report.
    pub dry_run: bool,
    /// SKUs whose sums are kept in memory at a time.
    pub pass_skus: usize,
}

/// What a run has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The run.
    pub run: Run,
    /// The differences, as far as they are recorded.
    pub drifts: Vec<RecordedDrift>,
}

impl Reconcile {
    /// Compares everything, and repairs entries of the cache. An interrupted run is taken up again where it
    /// was.
    ///
    /// # Errors
    /// [`ReconcileError`] when another process is at it, or the database does not answer.
    pub async fn full(&self, request: Request, watch: Watch<'_>) -> Result<Report, ReconcileError> {
        let acquired = ReconcileConnection::acquire(&self.address, DESK_PATIENCE).await?;
        let mut connection = acquired.ok_or(ReconcileError::Busy)?;
        let unfinished = connection.unfinished().await?;
        let run = match unfinished.filter(|run| run.dry_run == request.dry_run) {
            Some(run) => {
                watch(Progress::Resumed { run: run.id, phase: run.phase, skus: run.skus });
                run
            }
            None => {
                connection.abandon(RunKind::Full).await?;
                connection.open_run(RunKind::Full, request.dry_run, self.first_phase()).await?
            }
        };
        let run = self.finish(&mut connection, run, request.pass_skus, watch).await?;
        let drifts = connection.drifts(run.id).await?;
        connection.release().await;
        Ok(Report { run, drifts })
    }

    pub(super) fn first_phase(&self) -> RunPhase {
        if self.cache.is_some() { RunPhase::Cache } else { RunPhase::Books }
    }

    /// Does what is left of a run. The books are compared whatever becomes of the cache.
    pub(super) async fn finish(
        &self,
        connection: &mut ReconcileConnection,
        mut run: Run,
        pass_skus: usize,
        watch: Watch<'_>,
    ) -> Result<Run, ReconcileError> {
        let mut findings = Findings::new(&self.metrics);
        if run.phase == RunPhase::Cache {
            run.cache = self.try_cache(connection, &mut run, &mut findings, watch).await?;
            // Earlier builds counted here what was compared with the cache.
            (run.phase, run.position, run.skus) = (RunPhase::Books, "".into(), 0);
            connection.record(&mut run, findings.take(), false).await?;
        } else {
            run.cache = self.cache_of_resumed(run.cache);
        }
        loop {
            let scope = Scope::After(&run.position, pass_skus);
            let pass = pass(connection, &self.feed, scope, &mut findings, watch).await?;
            run.skus += pass.skus;
            self.metrics.skus_checked(usize::try_from(pass.skus).unwrap_or(usize::MAX));
            let ended = pass.next.is_none();
            run.position = pass.next.unwrap_or(run.position);
            connection.record(&mut run, findings.take(), ended).await?;
            if ended {
                if run.kind == RunKind::Scheduled {
                    connection.note_success().await?;
                }
                return Ok(run);
            }
        }
    }

    /// Compares the cache as far as it can be.
    async fn try_cache(
        &self,
        connection: &mut ReconcileConnection,
        run: &mut Run,
        findings: &mut Findings,
        watch: Watch<'_>,
    ) -> Result<CacheState, StoreError> {
        let Some(entries) = self.entries() else {
            return Ok(not_compared(
                run,
                "the run was interrupted and taken up without --redis-url",
            ));
        };
        // A dry run leaves what it has found, and would tell it again.
        let attempts_max = if run.dry_run { 1 } else { CACHE_ATTEMPTS };
        let (mut attempts, mut begun_at) = (0, run.position.clone());
        loop {
            if let Err(error) = wait_for(&entries.cache).await {
                return Ok(not_compared(run, error));
            }
            match compare_cache(connection, &entries, run, findings, watch).await {
                Ok(()) => return Ok(CacheState::Compared),
                Err(CheckError::Store(error)) => return Err(error),
                Err(CheckError::Cache(error)) => {
                    if run.position != begun_at {
                        (attempts, begun_at) = (0, run.position.clone());
                    }
                    attempts += 1;
                    if attempts >= attempts_max {
                        return Ok(not_compared(run, error));
                    }
                }
            }
        }
    }

    /// What is known of the cache when a run is taken up in its books. Whoever began it may have had other
    /// settings.
    fn cache_of_resumed(&self, noted: CacheState) -> CacheState {
        let why = match (&noted, &self.cache) {
            (CacheState::Unknown, Some(_)) => {
                "the run was begun by an earlier build, which did not keep whether it was"
            }
            (CacheState::NoneNamed, Some(_)) => "the run was begun without --redis-url",
            (CacheState::Unknown, None) => return CacheState::NoneNamed,
            _ => return noted,
        };
        CacheState::NotCompared(why.to_owned())
    }
}

fn not_compared(run: &Run, why: impl Display) -> CacheState {
    CacheState::NotCompared(match &*run.position {
        "" => why.to_string(),
        position => format!("only up to SKU {position}, then {why}"),
    })
}

/// Compares the cache's entries of all SKUs.
async fn compare_cache(
    connection: &mut ReconcileConnection,
    entries: &Entries,
    run: &mut Run,
    findings: &mut Findings,
    watch: Watch<'_>,
) -> Result<(), CheckError> {
    let pinned = entries.pinned().await?;
    let mut suspects = Vec::new();
    let mut after = run.position.clone();
    let mut compared = 0;
    loop {
        let began = Instant::now();
        let (skus, next) = connection.skus(&after, RECONCILE_CACHE_PAGE).await?;
        compared += skus.len() as u64;
        let looked = entries.look(skus, &pinned).await?;
        let drifts = entries.put_right(&looked.differ, !run.dry_run).await?;
        drifts.into_iter().for_each(|drift| findings.push(drift));
        suspects.extend(looked.suspects);
        watch(Progress::Cache { skus: compared });
        let worked = began.elapsed();
        let enough = next.is_none() || suspects.len() >= RECONCILE_SUSPECTS_MAX;
        if enough && !suspects.is_empty() {
            tokio::time::sleep(entries.bound()).await;
            let behind = entries.look_again(std::mem::take(&mut suspects)).await?;
            let drifts = entries.put_right(&behind, !run.dry_run).await?;
            drifts.into_iter().for_each(|drift| findings.push(drift));
        }
        if suspects.is_empty() {
            // Only now is everything up to this SKU settled: an interrupted run goes on after it.
            run.position = next.clone().unwrap_or_else(|| after.clone());
        }
        connection.record(run, findings.take(), false).await?;
        let Some(next) = next else { return Ok(()) };
        after = next;
        rest(worked).await;
    }
}

/// A connection is made in the background.
pub(super) async fn wait_for(cache: &Cache) -> Result<(), CheckError> {
    let began = Instant::now();
    while !cache.is_up() {
        if began.elapsed() >= Duration::from_millis(RECONCILE_CACHE_WAIT_MS) {
            return Err(CheckError::Cache(CacheError::Down));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
