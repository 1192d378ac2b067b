//! The sweep: holds whose time is over give their stock back.
//!
//! One process sweeps at a time, whoever got the right first; when it goes, another takes over. Holds expire
//! through the lanes like any other settlement, merged, and under the locks that decide. A hold that
//! somebody settles meanwhile stays as it was settled. The deadline of a hold is removed after it is settled:
//! a crash between the two makes the next sweep look once more, and find it settled.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::domain::{Goal, Operation, OrderStatus, Refusal, Settlement, Verdict};
use crate::lane::Lanes;
use crate::limits::{DESK_PATIENCE, SWEEP_HOLDS_MAX, SWEEP_PAUSE_MS, SWEEP_ROUND_MS};
use crate::store::StoreError;
use crate::store::mysql::{Address, Deadline, DueHold, SweepConnection};
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
        let Some(mut connection) = acquired else { return Ok(()) };
        if std::mem::take(in_trouble) {
            info!("the sweep goes on");
        }
        loop {
            self.sweep_round(&mut connection).await?;
        }
    }

    /// Goes through all holds that are due, from the oldest on, and through those that become due, for the
    /// time of a round. The next one meets again what this one could not settle, and what was committed
    /// late. While some expire, the deadlines of those before are removed and the next are read.
    async fn sweep_round(&self, connection: &mut SweepConnection) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut due = connection.due(None, SWEEP_HOLDS_MAX).await?;
        let mut last = None;
        let mut settled = Vec::new();
        let mut overdue = 0;
        loop {
            let found = due.len();
            last = due.last().map(|hold| hold.deadline.clone()).or(last);
            let reading = async {
                connection.forget(&settled).await?;
                connection.due(last.as_ref(), SWEEP_HOLDS_MAX).await
            };
            let (next, expired) = tokio::join!(reading, self.expire(due));
            (due, settled) = (next?, expired);
            overdue += found - settled.len();
            if !due.is_empty() {
                continue;
            }
            connection.forget(&settled).await?;
            settled.clear();
            self.metrics.holds_overdue(overdue);
            if started.elapsed() >= Duration::from_millis(SWEEP_ROUND_MS) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(SWEEP_PAUSE_MS)).await;
        }
    }

    /// Lets these holds expire, if they are still held. Returns the deadlines of those that are settled, in
    /// whatever way.
    async fn expire(&self, due: Vec<DueHold>) -> Vec<Deadline> {
        let mut settled = Vec::with_capacity(due.len());
        let mut expiring = Vec::with_capacity(due.len());
        let mut operations = Vec::with_capacity(due.len());
        for DueHold { deadline, order } in due {
            match order.map(|order| Settlement::new(order, Goal::Expire)) {
                Some(Ok(settlement)) => {
                    expiring.push(deadline);
                    operations.push(Operation::Settle(settlement));
                }
                // Settled before, or somebody has deleted its rows by hand.
                Some(Err(_)) | None => settled.push(deadline),
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
