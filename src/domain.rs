//! The words of the field as types whose constructors hold the rules.
//!
//! Nothing here does I/O, knows JSON or SQL, or reads a clock.

mod id;
mod merge_mode;
mod movement;
mod operation;
mod order;
mod settlement;
mod stock;
mod time;
mod verdict;

pub use id::{Buyer, OrderId, Sku};
pub use merge_mode::MergeMode;
pub use movement::{Kind, Posting, Postings, Standing, Step, Transition};
pub use operation::{Change, Operation};
pub use order::{HoldSeconds, Line, Order, Quantity};
pub use settlement::{Goal, Settled, Settlement, TakenOrder};
pub use stock::{Adjustment, Available, Delta, PurchaseLimit, Reason, SaleWindow, Terms};
pub use time::Timestamp;
pub use verdict::{LimitKind, NotExecuted, OrderStatus, Refusal, Shortfall, Verdict};

/// A value outside its form. The text says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidValue {
    /// The member that is wrong, as the caller knows it.
    pub field: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl InvalidValue {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same problem, with the place where it stands put before the field: `lines[2].` and `sku`.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.field.insert_str(0, place);
        self
    }
}
