//! Judges a run: the history of calls and answers against the tables that it left.
//!
//! The tables give the commit order (`stock_version`), so nothing has to be searched: the order is
//! replayed, and the answers are placed into it.

mod claims;
mod ledger;
mod planted;
mod timeline;

use super::books::Books;
use super::history::{Call, History};

/// A promise that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Stock was below 0 at some point in commit order.
    BelowZero,
    /// `available` is not the sum of the movements, or units are held that nobody holds.
    BooksDoNotBalance,
    /// A SKU's versions are not 1, 2, 3, … up to the stock row's.
    VersionGap,
    /// A version's stock is not the one before plus its delta, or the last is not the stock row's.
    VersionChain,
    /// A version's delta or count is not that of the flush's movements, or movements have no
    /// version.
    VersionDelta,
    /// An answer said executed, and the ledger has no row.
    LostOrder,
    /// The ledger's rows are not what was asked for.
    ContentDiffers,
    /// The ledger has rows that nobody asked for, or whose every call was told that nothing
    /// happened.
    PhantomOrder,
    /// An order took stock twice, or was told twice that it was the first.
    TakenTwice,
    /// Only a part of an order's lines is there, or they are spread over flushes.
    TornOrder,
    /// An answer said that an earlier call had done it, and there was none.
    FalseReplay,
    /// Two answers to the same order contradict each other.
    AnswersDiffer,
    /// What was answered before another call began comes after it in commit order.
    RealTimeOrder,
    /// A refusal that was wrong at every moment between call and answer.
    WrongRefusal,
    /// An answer that the contract does not know.
    UndocumentedAnswer,
}

/// A broken promise and where.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Violation {
    fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

/// All broken promises of a run that is over: nothing is in flight any more.
pub(crate) fn violations(calls: &[Call], books: &Books) -> Vec<Violation> {
    let mut found = ledger::check(books);
    let claims = claims::Claims::of(calls, books);
    found.extend(claims.check(calls, books));
    found.extend(timeline::check(calls, books, &claims));
    found
}

/// # Panics
/// When a promise was broken; the text lists the first ones.
pub(crate) fn assert_no_violations(history: &History, books: &Books) {
    let found = violations(&history.calls(), books);
    if !found.is_empty() {
        let list: Vec<_> =
            found.iter().take(20).map(|v| format!("{:?}: {}", v.rule, v.detail)).collect();
        panic!("{} broken promises, the first of them:\n{}", found.len(), list.join("\n"));
    }
}
