//! What a run really met. A kind that no seed meets is not tested, and fails the run.

use std::collections::BTreeMap;

/// Declares the kinds once, with the list of all of them.
macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Hit { $($kind),* }

        impl Hit {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];
        }
    };
}

kinds! {
    // Verdicts.
    DoneFresh,
    DoneReplayed,
    DoneCancelledSince,
    DoneExpiredSince,
    HoldDone,
    ConfirmDone,
    CancelDone,
    ExpiryDone,
    SettlementReplayed,
    AdjustmentDone,
    OrderOfSeveralLinesDone,
    RefusedUnknownSku,
    RefusedInsufficientStock,
    RefusedStockCeiling,
    RefusedMismatch,
    RefusedPurchaseLimit,
    RefusedBuyerNeeded,
    RefusedSaleNotOpen,
    RefusedSettled,
    RefusedNotDue,
    RefusedConfirmOfExpired,
    NotExecutedLaneFull,
    NotExecutedDatabaseDown,
    NotExecutedDeadline,
    NotExecutedStatement,
    NotExecutedDraining,
    Unknown,
    // What flushes reported.
    MergedReady,
    DecidingReady,
    NothingToWrite,
    FailedDuplicate,
    FailedGuard,
    FailedLockWait,
    FailedConflict,
    FailedLost,
    FailedNotWritable,
    FailedStatement,
    Committed,
    CommittedAtOnce,
    CommitAtOnceUnknown,
    CommittedWithoutClient,
    AbandonedSessionEnded,
    NotCommitted,
    RolledBack,
    Probed,
    PreparedAhead,
    FailedPreparation,
    ForesawRight,
    ForesawWrong,
    // Faults.
    ConnectFailed,
    ConnectionLostInExecution,
    StatementRefused,
    ConflictInjected,
    CommitRefused,
    CommitLandedUnanswered,
    CommitLostBeforeServer,
    CommitLandedLate,
    CommitVanishedLate,
    CommitOnDeadConnection,
    SessionOfLostClientVanished,
    ServerCrash,
    ReadOnly,
    EngineCrash,
    EngineRestartUnderLoad,
    RowLockedByHand,
    StockChangedByHand,
    HeldChangedByHand,
    TermsChangedByHand,
    MergeModeChanged,
    // What came of them.
    RowWait,
    LedgerRowWait,
    Deadlock,
    ResolvedAsLanded,
    ResolvedByExecuting,
    ResolverWaitedForLostSession,
    LandedAfterUnknownWasAnswered,
    AnswerLostWithEngine,
    Swept,
    SameHoldSweptTwice,
    SettledConcurrently,
    TwoInstances,
    SameIdOnTwoInstances,
    SameIdInOneFlush,
    TwoFlushesOfALane,
    MergedSeveralLanes,
    AloneByMode,
    SeveralLanesAloneByMode,
    DryRunWouldHaveMerged,
    UnmergedUnderFlush,
    ResolvedMergedAfterUnmerged,
    FinishedMergedAfterUnmerged,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Hits(BTreeMap<Hit, u64>);

impl Hits {
    pub(crate) fn count(&mut self, hit: Hit) {
        *self.0.entry(hit).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (&hit, count) in &other.0 {
            *self.0.entry(hit).or_default() += count;
        }
    }

    pub(crate) fn missing(&self) -> Vec<Hit> {
        Hit::ALL.iter().copied().filter(|hit| !self.0.contains_key(hit)).collect()
    }
}

impl std::fmt::Display for Hits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (hit, count) in &self.0 {
            writeln!(f, "{count:>12}  {hit:?}")?;
        }
        Ok(())
    }
}
