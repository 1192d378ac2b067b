//! The three things that go through a lane.

use super::movement::{RESTOCK, TAKE_DEDUCT, TAKE_HOLD, WRITE_OFF};
use super::{
    Adjustment, Buyer, Goal, Order, OrderId, OrderStatus, Postings, Settlement, Sku, Step,
    Timestamp,
};

/// Something to execute once, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Take or hold the stock of an order.
    Take(Order),
    /// Confirm, cancel or expire an order.
    Settle(Settlement),
    /// Restock or write off.
    Adjust(Adjustment),
}

/// What an operation does to one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Whose stock.
    pub sku: &'a Sku,
    /// By how many units `available` changes; negative takes.
    pub delta: i64,
    /// By how many units `held` changes.
    pub held: i64,
}

impl Operation {
    /// The id that makes it idempotent, within its kind.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        match self {
            Self::Take(order) => order.id(),
            Self::Settle(settlement) => settlement.order().id(),
            Self::Adjust(adjustment) => &adjustment.id,
        }
    }

    /// For whom it is, where the caller said so.
    #[must_use]
    pub fn buyer(&self) -> Option<&Buyer> {
        match self {
            Self::Take(order) => order.buyer(),
            Self::Settle(settlement) => settlement.order().buyer(),
            Self::Adjust(_) => None,
        }
    }

    /// Where its order stands right after it was done.
    #[must_use]
    pub fn status_when_done(&self) -> OrderStatus {
        match self {
            Self::Take(order) if order.hold().is_some() => OrderStatus::Held,
            Self::Take(_) | Self::Adjust(_) => OrderStatus::Deducted,
            Self::Settle(settlement) => settlement.goal().status(),
        }
    }

    /// When the hold that it makes, if it is recorded at this time, or that it settles is over.
    #[must_use]
    pub fn expires_at(&self, recorded_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Take(order) => order.hold().map(|hold| recorded_at.after(hold)),
            Self::Settle(settlement) => settlement.expires_at(),
            Self::Adjust(_) => None,
        }
    }

    /// Before this time it has to be executed as planned: the end of the hold that it confirms.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Settle(settlement) if settlement.goal() == Goal::Confirm => {
                settlement.expires_at().filter(|_| self.first_step() == Step::Settle)
            }
            Self::Settle(_) | Self::Take(_) | Self::Adjust(_) => None,
        }
    }

    /// True for the order that nearly all are: one line, deducted, for nobody in particular.
    #[must_use]
    pub fn is_plain_take(&self) -> bool {
        match self {
            Self::Take(order) => {
                order.lines().len() == 1 && order.hold().is_none() && order.buyer().is_none()
            }
            Self::Settle(_) | Self::Adjust(_) => false,
        }
    }

    /// The movements that it makes of each line, if its order stands where the caller saw it.
    #[must_use]
    pub fn postings(&self) -> Postings {
        match self {
            Self::Take(order) if order.hold().is_some() => TAKE_HOLD,
            Self::Take(_) => TAKE_DEDUCT,
            Self::Settle(settlement) => settlement.postings(),
            Self::Adjust(adjustment) if adjustment.delta.units() > 0 => RESTOCK,
            Self::Adjust(_) => WRITE_OFF,
        }
    }

    /// How many SKUs it changes, at least one.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Take(order) => order.lines().len(),
            Self::Settle(settlement) => settlement.order().lines().len(),
            Self::Adjust(_) => 1,
        }
    }

    /// The SKU at `index` in SKU order, and how many units of it move.
    ///
    /// # Panics
    /// When `index` is not below [`Operation::width`].
    #[must_use]
    pub fn line(&self, index: usize) -> (&Sku, i64) {
        let order = match self {
            Self::Take(order) => order,
            Self::Settle(settlement) => settlement.order(),
            Self::Adjust(adjustment) => {
                assert_eq!(index, 0, "an adjustment changes one SKU");
                return (&adjustment.sku, adjustment.delta.units().abs());
            }
        };
        let line = &order.lines()[index];
        (&line.sku, line.quantity.units())
    }

    /// The change of the SKU at `index` in SKU order.
    ///
    /// # Panics
    /// When `index` is not below [`Operation::width`].
    #[must_use]
    pub fn change(&self, index: usize) -> Change<'_> {
        self.change_by(self.postings(), index)
    }

    /// The change of the SKU at `index`, if the operation makes these movements.
    ///
    /// # Panics
    /// When `index` is not below [`Operation::width`].
    #[must_use]
    pub fn change_by(&self, postings: Postings, index: usize) -> Change<'_> {
        let (sku, units) = self.line(index);
        let mut change = Change { sku, delta: 0, held: 0 };
        for posting in postings {
            change.delta += posting.kind.available(units);
            change.held += posting.kind.held(units);
        }
        change
    }

    /// All changes, sorted by SKU, one a SKU.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = Change<'_>> {
        (0..self.width()).map(|index| self.change(index))
    }

    /// Ledger rows, if its order stands where the caller saw it.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.width() * self.postings().len()
    }

    /// The step under which it is recorded first.
    #[must_use]
    pub fn first_step(&self) -> Step {
        self.postings()[0].step
    }
}
