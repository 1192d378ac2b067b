//! The sweep: holds whose time is over give their stock back.
//!
//! One process sweeps at a time, whoever got the right first; when it goes, another takes over. Holds expire
//! through the lanes like any other settlement, merged, and under the locks that decide. A hold that
//! somebody settles meanwhile stays as it was settled. The deadline of a hold is removed after it is settled:
//! a crash between the two makes the next sweep look once more, and find it settled.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::domain::{Goal, Operation, OrderStatus, Refusal, Settlement, Verdict};
use crate::lane::Lanes;
use crate::limits::{DESK_PATIENCE, SWEEP_HOLDS_MAX, SWEEP_PAUSE_MS, SWEEP_ROUND_MS};
use crate::store::StoreError;
use crate::store::mysql::{
    Address, Deadline, DeadlineConnection, DueHold, DueOrder, SweepConnection,
};
use crate::telemetry::metrics::Metrics;

/// What a sweep works with.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Where the deadlines are.
    pub address: Address,
    /// Through which holds expire.
    pub lanes: Lanes,
    /// Where it is counted.
    pub metrics: Metrics,
}

impl Sweep {
    /// Sweeps until it is dropped. Troubles are logged, and it goes on when they are over.
    pub async fn run(self) {
        let mut in_trouble = false;
        loop {
            match self.sweep_while_it_goes_well(&mut in_trouble).await {
                Ok(()) => {}
                Err(error) if in_trouble => tracing::debug!(%error, "the sweep still cannot go on"),
                Err(error) => {
                    in_trouble = true;
                    warn!(%error, "holds that are over wait until the sweep can go on");
                }
            }
            tokio::time::sleep(Duration::from_millis(SWEEP_ROUND_MS)).await;
        }
    }

    /// Returns without an error when another process sweeps.
    async fn sweep_while_it_goes_well(&self, in_trouble: &mut bool) -> Result<(), StoreError> {
        let acquired = SweepConnection::acquire(&self.address, DESK_PATIENCE).await?;
        let Some(mut due_holds) = acquired else {
            // The other one tells how many there are.
            self.metrics.holds_overdue(0);
            return Ok(());
        };
        if std::mem::take(in_trouble) {
            info!("the sweep goes on");
        }
        loop {
            let (due, due_pages) = mpsc::channel(1);
            let (settled, settled_pages) = mpsc::channel(1);
            let ((), (), ()) = tokio::try_join!(
                read_round(&mut due_holds, due),
                self.expire_pages(due_pages, settled),
                self.forget_pages(settled_pages),
            )?;
        }
    }

    /// Lets pages of holds expire, the next while the deadlines of the last are removed.
    async fn expire_pages(
        &self,
        mut due: mpsc::Receiver<Vec<DueHold>>,
        settled: mpsc::Sender<Vec<Deadline>>,
    ) -> Result<(), StoreError> {
        let mut overdue = 0;
        while let Some(page) = due.recv().await {
            overdue += page.len();
            let page = self.expire(page).await;
            overdue -= page.len();
            if settled.send(page).await.is_err() {
                // Its error ends the round.
                return Ok(());
            }
        }
        self.metrics.holds_overdue(overdue);
        Ok(())
    }

    /// Connects for the round, if there is anything to remove: an idle session would be ended by the server.
    async fn forget_pages(
        &self,
        mut settled: mpsc::Receiver<Vec<Deadline>>,
    ) -> Result<(), StoreError> {
        let Some(first) = settled.recv().await else { return Ok(()) };
        let mut deadlines = DeadlineConnection::open(&self.address, DESK_PATIENCE).await?;
        deadlines.forget(&first).await?;
        while let Some(page) = settled.recv().await {
            deadlines.forget(&page).await?;
        }
        deadlines.close().await;
        Ok(())
    }

    /// Lets these holds expire, if they are still held. Returns the deadlines of those that are settled, in
    /// whatever way.
    async fn expire(&self, due: Vec<DueHold>) -> Vec<Deadline> {
        let mut settled = Vec::with_capacity(due.len());
        let mut expiring = Vec::with_capacity(due.len());
        let mut operations = Vec::with_capacity(due.len());
        for DueHold { deadline, order } in due {
            match order {
                DueOrder::Known(order) => match Settlement::new(order, Goal::Expire) {
                    Ok(settlement) => {
                        expiring.push(deadline);
                        operations.push(Operation::Settle(settlement));
                    }
                    // Settled before.
                    Err(_) => settled.push(deadline),
                },
                DueOrder::Gone => settled.push(deadline),
                DueOrder::Unreadable => {}
            }
        }
        let verdicts = self.lanes.submit_all(operations).await;
        let mut expired = 0;
        for (deadline, verdict) in expiring.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Done { replayed, .. } => {
                    expired += u64::from(!replayed);
                    settled.push(deadline);
                }
                Verdict::Refused(Refusal::Settled(status)) if status != OrderStatus::Held => {
                    settled.push(deadline);
                }
                Verdict::Refused(refusal) => {
                    tracing::debug!(order_id = %deadline.order_id, ?refusal, "a hold cannot expire");
                }
                Verdict::NotExecuted(_) | Verdict::Unknown => {}
            }
        }
        self.metrics.holds_expired(expired);
        settled
    }
}

/// Goes through all holds that are due, from the oldest on, and through those that become due, for the time of a
/// round. The next one meets again what this one could not settle, and what was committed late.
async fn read_round(
    connection: &mut SweepConnection,
    due: mpsc::Sender<Vec<DueHold>>,
) -> Result<(), StoreError> {
    let started = Instant::now();
    let mut last = None;
    loop {
        let page = connection.due(last.as_ref(), SWEEP_HOLDS_MAX).await?;
        if let Some(newest) = page.last() {
            last = Some(newest.deadline.clone());
            if due.send(page).await.is_err() {
                // The error of those behind ends the round.
                return Ok(());
            }
        } else if started.elapsed() < Duration::from_millis(SWEEP_ROUND_MS) {
            tokio::time::sleep(Duration::from_millis(SWEEP_PAUSE_MS)).await;
        } else {
            return Ok(());
        }
    }
}
