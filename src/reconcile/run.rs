//! A run over all SKUs, which goes on where an interrupted one stopped.

use crate::limits::DESK_PATIENCE;
use crate::store::mysql::ReconcileConnection;
use crate::store::{RecordedDrift, Run, RunKind, RunPhase, StoreError};

use super::books::{Scope, pass};
use super::findings::Findings;
use super::{Progress, Reconcile, ReconcileError, Watch};

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
                watch(Progress::Resumed { run: run.id, skus: run.skus });
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
        RunPhase::Books
    }

    /// Does what is left of a run.
    pub(super) async fn finish(
        &self,
        connection: &mut ReconcileConnection,
        mut run: Run,
        pass_skus: usize,
        watch: Watch<'_>,
    ) -> Result<Run, StoreError> {
        let mut findings = Findings::new(&self.metrics);
        loop {
            let scope = Scope::After(&run.position, pass_skus);
            let pass = pass(connection, &self.feed, scope, &mut findings, watch).await?;
            run.skus += pass.skus;
            self.metrics.skus_checked(usize::try_from(pass.skus).unwrap_or(usize::MAX));
            let ended = pass.next.is_none();
            run.position = pass.next.unwrap_or(run.position);
            connection.record(&mut run, findings.take(), ended).await?;
            if ended {
                return Ok(run);
            }
        }
    }
}
