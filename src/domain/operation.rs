//! The three things that go through a lane.

use super::{Adjustment, Cancellation, Order, OrderId, OrderStatus, Sku};

/// Something to execute once, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Take the stock of an order.
    Take(Order),
    /// Give back the stock of an order.
    Cancel(Cancellation),
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
}

impl Operation {
    /// The id that makes it idempotent, within its kind.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        match self {
            Self::Take(order) | Self::Cancel(Cancellation(order)) => order.id(),
            Self::Adjust(adjustment) => &adjustment.id,
        }
    }

    /// Where its order stands right after it was done.
    #[must_use]
    pub fn status_when_done(&self) -> OrderStatus {
        match self {
            Self::Take(_) | Self::Adjust(_) => OrderStatus::Deducted,
            Self::Cancel(_) => OrderStatus::Cancelled,
        }
    }

    /// How many SKUs it changes, at least one.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Take(order) | Self::Cancel(Cancellation(order)) => order.lines().len(),
            Self::Adjust(_) => 1,
        }
    }

    /// The change of the SKU at `index` in SKU order.
    ///
    /// # Panics
    /// When `index` is not below [`Operation::width`].
    #[must_use]
    pub fn change(&self, index: usize) -> Change<'_> {
        match self {
            Self::Take(order) => {
                let line = &order.lines()[index];
                Change { sku: &line.sku, delta: -line.quantity.units() }
            }
            Self::Cancel(Cancellation(order)) => {
                let line = &order.lines()[index];
                Change { sku: &line.sku, delta: line.quantity.units() }
            }
            Self::Adjust(adjustment) => {
                assert_eq!(index, 0, "an adjustment changes one SKU");
                Change { sku: &adjustment.sku, delta: adjustment.delta.units() }
            }
        }
    }

    /// All changes, sorted by SKU, one a SKU.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = Change<'_>> {
        (0..self.width()).map(|index| self.change(index))
    }
}
