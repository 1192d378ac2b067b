//! What the metrics are told, once a flush.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::crew::Done;
use crate::domain::{LimitKind, MergeMode, NotExecuted, Refusal, Verdict};
use crate::engine::{
    CommitOutcome, Execution, Failure, FlushId, MergeCount, MergeModes, Mode, Plan,
};
use crate::telemetry::metrics::{
    FlushMode, FlushOutcome, MergeKind, Metrics, ResolutionOutcome, VerdictKind,
};

/// Flushes in the air, as the metrics see them.
#[derive(Debug)]
pub(super) struct Tally {
    metrics: Metrics,
    flights: FxHashMap<FlushId, Flight>,
}

#[derive(Debug)]
struct Flight {
    mode: FlushMode,
    resolving: bool,
    orders: usize,
    skus: usize,
    since: Instant,
    executed: Duration,
}

impl Tally {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { metrics, flights: FxHashMap::default() }
    }

    pub(super) fn started(&mut self, plan: &Plan) {
        let mode = match plan.mode {
            Mode::AtOnce => FlushMode::AtOnce,
            Mode::Merged => FlushMode::Merged,
            Mode::Deciding => FlushMode::Deciding,
        };
        let flight = Flight {
            mode,
            resolving: plan.resolving,
            orders: plan.operations.len(),
            skus: plan.skus,
            since: Instant::now(),
            executed: Duration::ZERO,
        };
        self.flights.insert(plan.id, flight);
    }

    /// The flush waited for others and takes its next step.
    pub(super) fn goes_on(&mut self, flush: FlushId) {
        if let Some(flight) = self.flights.get_mut(&flush) {
            flight.since = Instant::now();
        }
    }

    pub(super) fn reported(&mut self, done: &Done) {
        let &(Done::Prepared(flush, _)
        | Done::Executed(flush, _)
        | Done::Committed(flush, _)
        | Done::RolledBack(flush)) = done
        else {
            return;
        };
        let Some(flight) = self.flights.get_mut(&flush) else { return };
        let elapsed = flight.since.elapsed();
        let outcome = match done {
            Done::Prepared(_, Ok(())) | Done::Executed(_, Execution::Ready { .. }) => {
                flight.executed += elapsed;
                return;
            }
            Done::Executed(_, Execution::Committed { .. }) => {
                flight.executed += elapsed;
                FlushOutcome::Committed
            }
            Done::Executed(_, Execution::CommitUnknown) => FlushOutcome::CommitUnknown,
            Done::Executed(_, Execution::NothingToWrite { .. } | Execution::Landed { .. }) => {
                flight.executed += elapsed;
                FlushOutcome::NothingToWrite
            }
            Done::Prepared(_, Err(failure)) | Done::Executed(_, Execution::Failed(failure)) => {
                flight.executed += elapsed;
                outcome_of(*failure)
            }
            Done::Committed(_, CommitOutcome::Committed) => FlushOutcome::Committed,
            Done::Committed(_, CommitOutcome::NotCommitted) => FlushOutcome::Conflict,
            Done::Committed(_, CommitOutcome::Unknown) => FlushOutcome::CommitUnknown,
            // A flush before it was lost; it will run again.
            Done::RolledBack(_) => FlushOutcome::Conflict,
            Done::Probed { .. } | Done::SessionEnded => return,
        };
        let Some(flight) = self.flights.remove(&flush) else { return };
        if flight.resolving {
            match done {
                Done::Executed(_, Execution::Landed { .. }) => {
                    self.metrics.resolution(ResolutionOutcome::Landed);
                }
                Done::Executed(_, Execution::NothingToWrite { .. })
                | Done::Committed(_, CommitOutcome::Committed) => {
                    self.metrics.resolution(ResolutionOutcome::NotLanded);
                }
                Done::Prepared(..)
                | Done::Executed(
                    _,
                    Execution::Ready { .. }
                    | Execution::Committed { .. }
                    | Execution::CommitUnknown
                    | Execution::Failed(_),
                )
                | Done::Committed(_, CommitOutcome::NotCommitted | CommitOutcome::Unknown)
                | Done::RolledBack(_)
                | Done::Probed { .. }
                | Done::SessionEnded => {}
            }
        }
        self.metrics.flush(
            flight.mode,
            outcome,
            flight.orders,
            flight.skus,
            flight.executed,
            matches!(done, Done::Committed(..)).then_some(elapsed),
        );
    }

    /// From the start of the process on.
    pub(super) fn unmerged(&self, total: MergeCount) {
        let MergeCount { off, dry_run, would_be_flushes } = total;
        self.metrics.unmerged_orders(MergeKind::Off, off);
        self.metrics.unmerged_orders(MergeKind::DryRun, dry_run);
        self.metrics.would_be_flushes(would_be_flushes);
    }

    pub(super) fn answered<T>(&self, answers: &[(T, Verdict)]) {
        let mut counts = [0_u64; VerdictKind::ALL.len()];
        for (_, verdict) in answers {
            counts[VerdictKind::from(verdict) as usize] += 1;
        }
        for (&kind, count) in VerdictKind::ALL.iter().zip(counts) {
            if count > 0 {
                self.metrics.verdicts(kind, count);
            }
        }
    }
}

fn outcome_of(failure: Failure) -> FlushOutcome {
    match failure {
        Failure::Duplicate => FlushOutcome::Duplicate,
        Failure::Guard => FlushOutcome::Guard,
        Failure::LockWait => FlushOutcome::LockWait,
        Failure::Conflict => FlushOutcome::Conflict,
        Failure::Lost => FlushOutcome::Lost,
        Failure::NotWritable => FlushOutcome::NotWritable,
        Failure::Statement => FlushOutcome::Statement,
    }
}

impl From<MergeMode> for MergeKind {
    fn from(mode: MergeMode) -> Self {
        match mode {
            MergeMode::On => Self::On,
            MergeMode::Off => Self::Off,
            MergeMode::DryRun => Self::DryRun,
        }
    }
}

impl From<&Verdict> for VerdictKind {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Done { replayed: false, .. } => Self::Done,
            Verdict::Done { replayed: true, .. } => Self::Replayed,
            Verdict::Refused(Refusal::UnknownSku(_)) => Self::UnknownSku,
            Verdict::Refused(Refusal::InsufficientStock(_)) => Self::InsufficientStock,
            Verdict::Refused(Refusal::Mismatch) => Self::Mismatch,
            Verdict::Refused(Refusal::PurchaseLimit { .. }) => Self::PurchaseLimit,
            Verdict::Refused(Refusal::SaleNotOpen { .. }) => Self::SaleNotOpen,
            Verdict::Refused(Refusal::Settled(_)) => Self::Settled,
            Verdict::Refused(
                Refusal::StockCeiling { .. } | Refusal::UnknownOrder | Refusal::BuyerNeeded(_),
            ) => Self::OtherRefusal,
            Verdict::NotExecuted(NotExecuted::Overloaded { limit: LimitKind::Lane, .. }) => {
                Self::OverloadedLane
            }
            Verdict::NotExecuted(NotExecuted::Overloaded { limit: LimitKind::Process, .. }) => {
                Self::OverloadedProcess
            }
            Verdict::NotExecuted(NotExecuted::DatabaseUnavailable) => Self::DatabaseUnavailable,
            Verdict::NotExecuted(NotExecuted::Draining) => Self::Draining,
            Verdict::Unknown => Self::Unknown,
        }
    }
}
/// From now on these merge modes hold.
pub(super) fn tell_merge_modes(metrics: &Metrics, modes: &MergeModes) {
    let mut skus = [0; MergeKind::ALL.len()];
    for &mode in modes.own.values() {
        skus[MergeKind::from(mode) as usize] += 1;
    }
    metrics.merge_mode(modes.whole.into());
    for (&kind, skus) in MergeKind::ALL.iter().zip(skus) {
        metrics.merge_mode_skus(kind, skus);
    }
}
