//! Mends drift inside MySQL: what a run has recorded, if it is still so, by the SQL that was reported.

use crate::domain::Sku;
use crate::limits::DESK_PATIENCE;
use crate::store::mysql::ReconcileConnection;
use crate::store::{Drift, Mended, RecordedDrift};
use crate::telemetry::metrics::Metrics;

use super::books::{Scope, pass};
use super::findings::Findings;
use super::{Reconcile, ReconcileError, Watch};

/// What became of a difference that was to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MendOutcome {
    /// It was mended now.
    Mended,
    /// Somebody had mended it meanwhile.
    MendedBefore,
    /// It is not what was reported any more; nothing was done. The next run tells what it is now.
    Changed,
    /// Not all that mends it could be done, and so nothing was.
    Failed,
    /// The database did not answer, and why: it may or may not be mended, which asking again finds out.
    Unknown(String),
    /// An answer before it was missing.
    NotTried,
}

/// Differences of a run that can be mended in MySQL, and the right to do it.
pub struct Mending {
    connection: ReconcileConnection,
    reconcile: Reconcile,
    drifts: Vec<RecordedDrift>,
}

impl Reconcile {
    /// What there is to mend of a run. Nothing is changed before [`Mending::apply`].
    ///
    /// # Errors
    /// [`ReconcileError`] when there is no such run, another process is at it, or the database does not answer.
    pub async fn mending(&self, run: u64) -> Result<Mending, ReconcileError> {
        let acquired = ReconcileConnection::acquire(&self.address, DESK_PATIENCE).await?;
        let mut connection = acquired.ok_or(ReconcileError::Busy)?;
        if !connection.run_exists(run).await? {
            return Err(ReconcileError::UnknownRun(run));
        }
        let mut drifts = connection.drifts(run).await?;
        drifts.retain(|recorded| recorded.sql.is_some() && !recorded.drift.mended);
        Ok(Mending { connection, reconcile: self.clone(), drifts })
    }
}

impl Mending {
    /// What would be mended, in its order.
    #[must_use]
    pub fn drifts(&self) -> &[RecordedDrift] {
        &self.drifts
    }

    /// Keeps the right while somebody thinks about it, if it is called at least twice a minute. Not to be
    /// cancelled.
    ///
    /// # Errors
    /// [`ReconcileError::Store`] when the database does not answer; the right is lost.
    pub async fn keep(&mut self) -> Result<(), ReconcileError> {
        Ok(self.connection.keep().await?)
    }

    /// Compares the SKUs once more, and mends what is still as it was reported, up to the first answer that is
    /// missing. Asking again does the rest.
    ///
    /// # Errors
    /// [`ReconcileError::Store`] when the database does not answer before anything is mended.
    pub async fn apply(
        self,
        watch: Watch<'_>,
    ) -> Result<Vec<(RecordedDrift, MendOutcome)>, ReconcileError> {
        let Self { mut connection, reconcile, drifts } = self;
        let mut skus: Vec<Sku> = drifts.iter().map(|recorded| recorded.drift.sku.clone()).collect();
        skus.sort_unstable();
        skus.dedup();
        // They were counted when they were found.
        let mut findings = Findings::new(&Metrics::new());
        let scope = Scope::Only(&skus);
        pass(&mut connection, &reconcile.feed, scope, &mut findings, watch).await?;
        let (fresh, _) = findings.take();
        let mut outcomes = Vec::with_capacity(drifts.len());
        let mut silent = false;
        for recorded in drifts {
            let outcome = match &recorded.sql {
                _ if silent => MendOutcome::NotTried,
                Some(sql) if is_still_so(&recorded.drift, &fresh) => {
                    let mended = connection.mend(sql.clone()).await;
                    silent = mended.is_err();
                    mended.map_or_else(|error| MendOutcome::Unknown(error.to_string()), Into::into)
                }
                Some(_) | None => MendOutcome::Changed,
            };
            outcomes.push((recorded, outcome));
        }
        // After an error the right goes with its connection.
        if !silent {
            connection.release().await;
        }
        Ok(outcomes)
    }
}

impl From<Mended> for MendOutcome {
    fn from(mended: Mended) -> Self {
        match mended {
            Mended::Now => Self::Mended,
            Mended::Before => Self::MendedBefore,
            Mended::Changed => Self::Changed,
            Mended::Failed => Self::Failed,
        }
    }
}

fn is_still_so(reported: &Drift, fresh: &[Drift]) -> bool {
    let same = |drift: &&Drift| drift.sku == reported.sku && drift.class == reported.class;
    fresh.iter().filter(same).any(|drift| drift.amount == reported.amount)
}
