//! Tries again what following has given up.

use crate::limits::{DESK_PATIENCE, RECONCILE_PAGE};
use crate::store::Failure;
use crate::store::mysql::ReconcileConnection;

use super::entries::{CheckError, Entries};
use super::run::wait_for;
use super::{Reconcile, ReconcileError};

/// What became of a check that was given up: why it still fails, if it does.
pub type Retried = (Failure, Option<CheckError>);

impl Reconcile {
    /// Checks and repairs once more what was given up, and forgets what goes well.
    ///
    /// # Errors
    /// [`ReconcileError`] when there is no cache, another process is at it, or the database does not answer.
    pub async fn retry_failures(&self) -> Result<Vec<Retried>, ReconcileError> {
        let acquired = ReconcileConnection::acquire(&self.address, DESK_PATIENCE).await?;
        let mut connection = acquired.ok_or(ReconcileError::Busy)?;
        let entries = self.entries().ok_or(ReconcileError::NoCache)?;
        wait_for(&entries.cache).await?;
        let mut retried = Vec::new();
        let mut after = String::new();
        loop {
            let failures = connection.failures(&after, RECONCILE_PAGE).await?;
            let Some(last) = failures.last() else { break };
            after = last.sku.to_string();
            for failure in failures {
                let error = check(&entries, &failure).await.err();
                match &error {
                    None => connection.forget_failure(&failure.sku).await?,
                    Some(error) => {
                        let reason = error.to_string();
                        let again = Failure { reason, attempts: 1, ..failure.clone() };
                        connection.note_failure(&again).await?;
                    }
                }
                retried.push((failure, error));
            }
        }
        connection.release().await;
        Ok(retried)
    }
}

async fn check(entries: &Entries, failure: &Failure) -> Result<(), CheckError> {
    let looked = entries.look(vec![failure.sku.clone()], &Default::default()).await?;
    entries.put_right(&looked.differ, true).await?;
    // What is only behind is filled without another look: nobody counts it.
    entries.put_right(&looked.suspects, true).await.map(drop)
}
