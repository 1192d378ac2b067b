//! Orders: what a caller wants to take, all of it or nothing.

use smallvec::SmallVec;

use super::{Buyer, InvalidValue, OrderId, Sku};
use crate::limits::{HOLD_SECONDS_MAX, LINES_MAX, QUANTITY_MAX};

/// Units of one line, 1 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(u32);

impl Quantity {
    /// # Errors
    /// [`InvalidValue`] for the field `quantity` outside 1 to 1,000,000.
    pub fn new(units: i64) -> Result<Self, InvalidValue> {
        match u32::try_from(units) {
            Ok(units) if (1..=QUANTITY_MAX).contains(&units) => Ok(Self(units)),
            Ok(_) | Err(_) => Err(InvalidValue::new(
                "quantity",
                format!("is {units}; 1 to {QUANTITY_MAX} are allowed"),
            )),
        }
    }

    /// The units.
    #[must_use]
    pub fn units(self) -> i64 {
        i64::from(self.0)
    }
}

/// How long a hold lasts unless it is settled, 1 to 86,400 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldSeconds(u32);

impl HoldSeconds {
    /// # Errors
    /// [`InvalidValue`] for the field `hold_seconds` outside 1 to 86,400.
    pub fn new(seconds: i64) -> Result<Self, InvalidValue> {
        match u32::try_from(seconds) {
            Ok(seconds) if (1..=HOLD_SECONDS_MAX).contains(&seconds) => Ok(Self(seconds)),
            Ok(_) | Err(_) => Err(InvalidValue::new(
                "hold_seconds",
                format!("is {seconds}; 1 to {HOLD_SECONDS_MAX} are allowed"),
            )),
        }
    }

    /// The seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// One SKU of an order and how many units of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is wanted.
    pub sku: Sku,
    /// How much of it.
    pub quantity: Quantity,
}

/// The lines of an order, of which nearly all have one: it needs no memory of its own.
type Lines = SmallVec<[Line; 1]>;

/// An order: its identity is `id`; its content the lines, the buyer, and whether it is a hold. Lines are
/// sorted by SKU, one a SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    id: OrderId,
    lines: Lines,
    buyer: Option<Buyer>,
    hold: Option<HoldSeconds>,
}

impl Order {
    /// Sorts the lines by SKU and sums those of the same SKU.
    ///
    /// # Errors
    /// [`InvalidValue`] for the field `lines` when there are none, more than 50, or when the sum of
    /// one SKU passes 1,000,000.
    pub fn new(id: OrderId, lines: impl IntoIterator<Item = Line>) -> Result<Self, InvalidValue> {
        let mut lines: Lines = lines.into_iter().collect();
        if lines.is_empty() || lines.len() > LINES_MAX {
            let problem = format!("has {} entries; 1 to {LINES_MAX} are allowed", lines.len());
            return Err(InvalidValue::new("lines", problem));
        }
        if lines.len() > 1 {
            lines.sort_by(|a, b| a.sku.cmp(&b.sku));
            lines = sum_same_sku(lines)?;
        }
        Ok(Self { id, lines, buyer: None, hold: None })
    }

    /// The same order for this buyer.
    #[must_use]
    pub fn for_buyer(self, buyer: Option<Buyer>) -> Self {
        Self { buyer, ..self }
    }

    /// The same order, held for this long instead of deducted.
    #[must_use]
    pub fn held_for(self, hold: Option<HoldSeconds>) -> Self {
        Self { hold, ..self }
    }

    /// The order's identity.
    #[must_use]
    pub fn id(&self) -> &OrderId {
        &self.id
    }

    /// The lines, sorted by SKU, at least one.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// For whom it is, if the caller said so.
    #[must_use]
    pub fn buyer(&self) -> Option<&Buyer> {
        self.buyer.as_ref()
    }

    /// How long the stock is held; `None` when it is deducted.
    #[must_use]
    pub fn hold(&self) -> Option<HoldSeconds> {
        self.hold
    }
}

fn sum_same_sku(lines: Lines) -> Result<Lines, InvalidValue> {
    let mut summed = Lines::with_capacity(lines.len());
    for line in lines {
        match summed.last_mut() {
            Some(last) if last.sku == line.sku => {
                let units = last.quantity.units() + line.quantity.units();
                last.quantity = Quantity::new(units).map_err(|_| {
                    let problem = format!(
                        "take {units} of {} in sum; 1 to {QUANTITY_MAX} are allowed",
                        line.sku
                    );
                    InvalidValue::new("lines", problem)
                })?;
            }
            Some(_) | None => summed.push(line),
        }
    }
    Ok(summed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, units: i64) -> Line {
        Line { sku: Sku::new(sku).unwrap(), quantity: Quantity::new(units).unwrap() }
    }

    fn order(lines: Vec<Line>) -> Result<Order, InvalidValue> {
        Order::new(OrderId::new("order_id", "o-1").unwrap(), lines)
    }

    #[test]
    fn lines_are_sorted_and_summed() {
        let order = order(vec![line("b", 1), line("a", 2), line("b", 3)]).unwrap();
        assert_eq!(order.lines(), [line("a", 2), line("b", 4)]);
    }

    #[test]
    fn a_sum_past_the_bound_is_refused() {
        let refused = order(vec![line("b", 1_000_000), line("b", 1)]).unwrap_err();
        assert_eq!(refused.field, "lines");
        assert!(order(vec![line("b", 999_999), line("b", 1)]).is_ok());
    }

    #[test]
    fn one_to_fifty_lines() {
        assert!(order(vec![]).is_err());
        assert!(order((0..50).map(|n| line(&n.to_string(), 1)).collect()).is_ok());
        assert!(order((0..51).map(|n| line(&n.to_string(), 1)).collect()).is_err());
    }

    #[test]
    fn holds_are_bounded() {
        for bad in [0, -1, 86_401, i64::MAX, i64::MIN] {
            assert_eq!(HoldSeconds::new(bad).unwrap_err().field, "hold_seconds", "{bad}");
        }
        assert_eq!(HoldSeconds::new(86_400).unwrap().seconds(), 86_400);
    }

    #[test]
    fn quantities_are_bounded() {
        for bad in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
            assert!(Quantity::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Quantity::new(1_000_000).unwrap().units(), 1_000_000);
    }
}
