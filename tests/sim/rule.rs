//! What may be violated.

/// The promise that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// `available` left `0..=AVAILABLE_MAX` in commit order, or `held` fell below 0.
    Bounds,
    /// The stock is not the sum of its movements, or versions were skipped.
    Books,
    /// Two commits of one flush changed the same SKU, so that its movements tell no version.
    Version,
    /// A key is in the ledger more than once.
    ExecutedTwice,
    /// An order went a way that no order may go.
    Life,
    /// What is held is not what open holds have, or units were lost on the way of an order.
    Held,
    /// Executed though, by stock, clock or terms, it was to be refused or done otherwise.
    Unfit,
    /// The ledger has other rows for a key than any caller sent.
    Content,
    /// An operation was answered as done and is not in the ledger.
    LostOrder,
    /// The ledger has an operation that was answered as refused or not executed, or every caller was
    /// told that somebody else did it.
    ExecutedUnasked,
    /// The end of a hold is wrong.
    ExpiresAt,
    /// `replayed` is wrong.
    Replayed,
    /// `status` is wrong.
    Status,
    /// `at` is not the time in the ledger.
    RecordedAt,
    /// Refused at no moment when it did not fit.
    WrongRefusal,
    /// Not executed without one of the reasons for it.
    WrongNotExecuted,
    /// Unknown without an unanswered commit, or before the deadline.
    WrongUnknown,
    /// Two operations of a lane were decided against their order of arrival.
    Order,
    /// A plan of a SKU that is not to be merged has more than one operation, or was not counted.
    MergeMode,
    /// A caller was answered twice.
    OneAnswer,
    /// Something never came to its end.
    Stuck,
    /// With all faults gone, orders are still not executed.
    NoRecovery,
    /// A drained, idle combiner still holds something.
    Leak,
    /// The combiner asked for something impossible.
    Protocol,
    /// The combiner panicked.
    Panic,
}

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.detail)
    }
}
