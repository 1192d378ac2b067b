//! The answer that one operation gets: committed, refused, not executed, or unknown.

use super::{SaleWindow, Sku, Timestamp};

/// An operation's own exact answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is committed, now or by an earlier try.
    Done {
        /// When it was first recorded, by the database's clock.
        at: Timestamp,
        /// True when an earlier try with the same id and content had done it.
        replayed: bool,
        /// What has become of the order since.
        status: OrderStatus,
        /// When its hold is over, if it was taken as one.
        expires_at: Option<Timestamp>,
    },
    /// It was decided and changes nothing. Not remembered: the same id may succeed later.
    Refused(Refusal),
    /// It never reached a decision and changed nothing; it is safe to send again.
    NotExecuted(NotExecuted),
    /// It may or may not be committed. Sending the same id again finds out and executes it once.
    Unknown,
}

/// Where an order stands. An adjustment, once done, never changes: it stays [`OrderStatus::Deducted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// The stock was taken.
    Deducted,
    /// The stock is held until it is confirmed, cancelled or expires.
    Held,
    /// The stock was taken or held and has come back.
    Cancelled,
    /// The stock was held for its time and has come back.
    Expired,
}

/// Why a decided operation changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No stock row has this SKU.
    UnknownSku(Sku),
    /// Too little stock for these lines, as the decision saw them.
    InsufficientStock(Vec<Shortfall>),
    /// The stock of this SKU would pass 10^15.
    StockCeiling {
        /// Whose stock.
        sku: Sku,
        /// What it had when the decision was made, in units.
        available: i64,
    },
    /// The id is known with other content.
    Mismatch,
    /// A settlement of an order that the ledger does not have.
    UnknownOrder,
    /// The order has another final state, this one; or a hold that is to expire is not due.
    Settled(OrderStatus),
    /// The buyer would have more units of the SKU than one buyer may.
    PurchaseLimit {
        /// Whose stock.
        sku: Sku,
        /// Units that one buyer may have.
        limit: i64,
        /// Units that this buyer has, those of open holds included.
        already: i64,
    },
    /// The SKU has a purchase limit and the order names no buyer.
    BuyerNeeded(Sku),
    /// The SKU is not sold now.
    SaleNotOpen {
        /// Whose stock.
        sku: Sku,
        /// When it is sold.
        window: SaleWindow,
    },
}

/// One line that fell short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Whose stock.
    pub sku: Sku,
    /// What the line wanted, in units.
    pub requested: i64,
    /// What there was, in units.
    pub available: i64,
}

/// Why an operation never reached a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotExecuted {
    /// A bounded queue is full.
    Overloaded {
        /// Which queue.
        limit: LimitKind,
        /// Its bound, in orders.
        limit_value: usize,
    },
    /// The database could not be reached, could not be written, or did not answer in time.
    DatabaseUnavailable,
    /// The process is shutting down.
    Draining,
}

/// The bounded queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Orders that wait for one SKU.
    Lane,
    /// Orders that wait in the whole process.
    Process,
}
