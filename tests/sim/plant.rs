//! Known mistakes, planted in the model store or its driver, that the oracle has to catch.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// The driver reports a commit as done when it sends it.
    AnswerBeforeCommit,
    /// The ledger has no key: a retry is written again.
    NoLedgerKey,
    /// A row that could not be locked in time is left out, and the rest of the flush is committed.
    GoOnAfterLockWait,
    /// Duplicates are told by the count of affected rows, which says 1 for new and for old rows.
    DuplicatesByAffectedRows,
    /// An unanswered commit is looked up with a plain read, which does not wait for its session.
    ResolveByPlainRead,
    /// What is found to have landed is decided again, under the same flush id.
    DecideAgainWhatLanded,
    /// A flush that does not fit as a whole is refused as a whole.
    NeighbourRefuses,
    /// The stock is taken without looking whether it is there.
    NoGuard,
    /// A crashing server loses its newest commit.
    CommitNotDurable,
    /// A merged hold that is confirmed is not looked at whether its time is over.
    ConfirmWithoutClock,
    /// A hold expires without a look at the clock.
    ExpireWithoutClock,
    /// What comes back stays on the buyer's account.
    PurchasesNotReleased,
    /// Holds whose time is over count for the purchase limit.
    OverdueHoldsCount,
    /// The merged update takes without a look at the purchase limit and the sale window.
    NoTerms,
    /// The merged update gives back held units that are not there.
    NoHeldGuard,
    /// An engine is not told that SKUs are not to be merged any more.
    ModesNotTold,
    /// The ledger has no key for settlements.
    NoSettleKey,
}
