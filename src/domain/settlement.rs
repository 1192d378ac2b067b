//! What becomes of an order after it was taken.

use super::{Order, OrderStatus, Postings, Standing, Timestamp, Transition};

/// What a settlement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Goal {
    /// The held stock is sold.
    Confirm,
    /// The stock comes back.
    Cancel,
    /// The stock comes back because the time of the hold is over.
    Expire,
}

impl Goal {
    /// The status of an order that is there.
    #[must_use]
    pub fn status(self) -> OrderStatus {
        match self {
            Self::Confirm => OrderStatus::Deducted,
            Self::Cancel => OrderStatus::Cancelled,
            Self::Expire => OrderStatus::Expired,
        }
    }
}

/// An order as the ledger had it when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOrder {
    /// Identity and content.
    pub order: Order,
    /// Where it stood.
    pub standing: Standing,
    /// When it was taken, by the database's clock.
    pub created_at: Timestamp,
    /// When its hold is over, if it was taken as one.
    pub expires_at: Option<Timestamp>,
}

/// One step on the way of an order that was taken: what it has to become, and where it stood when it was
/// looked up. It may stand elsewhere by now: the decision is made under the locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    order: Order,
    goal: Goal,
    postings: Postings,
    expires_at: Option<Timestamp>,
}

impl Settlement {
    /// The way of this order to its goal.
    ///
    /// # Errors
    /// The order's status when it is there already, or when no way leads there.
    pub fn new(taken: TakenOrder, goal: Goal) -> Result<Self, Settled> {
        let TakenOrder { order, standing, created_at: _, expires_at } = taken;
        // Whoever lets a hold expire has seen that it is overdue.
        match standing.toward(goal, goal == Goal::Expire) {
            Transition::Write(postings) => Ok(Self { order, goal, postings, expires_at }),
            Transition::Reached => Err(Settled::AsWanted),
            Transition::Barred => Err(Settled::Otherwise(standing.status())),
        }
    }

    /// Identity and content, as the ledger has them.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What the order has to become.
    #[must_use]
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// When the hold is over, if it was one.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    pub(super) fn postings(&self) -> Postings {
        self.postings
    }
}

/// Why there is nothing to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The order is what it has to become.
    AsWanted,
    /// The order has this status, and no way leads from it.
    Otherwise(OrderStatus),
}
