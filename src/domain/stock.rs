//! What changes stock besides orders: opening stock, adjustments, cancellations.

use super::{InvalidValue, Order, OrderId, Sku};
use crate::limits::{ADJUSTMENT_DELTA_MAX, AVAILABLE_MAX, REASON_CHARS_MAX};

/// Units that can be taken, 0 to 10^15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Available(i64);

impl Available {
    /// # Errors
    /// [`InvalidValue`] for the field `available` outside 0 to 10^15.
    pub fn new(units: i64) -> Result<Self, InvalidValue> {
        if (0..=AVAILABLE_MAX).contains(&units) {
            Ok(Self(units))
        } else {
            let problem = format!("is {units}; 0 to {AVAILABLE_MAX} are allowed");
            Err(InvalidValue::new("available", problem))
        }
    }

    /// The units.
    #[must_use]
    pub fn units(self) -> i64 {
        self.0
    }
}

/// A change of stock by an adjustment: not 0, magnitude at most 10^12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta(i64);

impl Delta {
    /// # Errors
    /// [`InvalidValue`] for the field `delta` when it is 0 or its magnitude passes 10^12.
    pub fn new(units: i64) -> Result<Self, InvalidValue> {
        if units != 0 && units.unsigned_abs() <= ADJUSTMENT_DELTA_MAX.unsigned_abs() {
            Ok(Self(units))
        } else {
            let problem = format!(
                "is {units}; a number other than 0 from -{ADJUSTMENT_DELTA_MAX} to \
                 {ADJUSTMENT_DELTA_MAX} is allowed"
            );
            Err(InvalidValue::new("delta", problem))
        }
    }

    /// The units, positive for a restock, negative for a write-off.
    #[must_use]
    pub fn units(self) -> i64 {
        self.0
    }
}

/// Why an adjustment was made, in the caller's words; up to 255 characters, none of them a control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Box<str>);

impl Reason {
    /// # Errors
    /// [`InvalidValue`] for the field `reason` when it is empty, too long or has control characters.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let chars = text.chars().count();
        if chars == 0 || chars > REASON_CHARS_MAX {
            let problem = format!("has {chars} characters; 1 to {REASON_CHARS_MAX} are allowed");
            return Err(InvalidValue::new("reason", problem));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidValue::new("reason", "has a control character; none is allowed"));
        }
        Ok(Self(text.into()))
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A restock or a write-off; idempotent by its id like an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// The caller's name for it.
    pub id: OrderId,
    /// Whose stock changes.
    pub sku: Sku,
    /// By how much.
    pub delta: Delta,
    /// Why; not part of the content that a repeat is compared with.
    pub reason: Option<Reason>,
}

/// The return of an order's stock. It names the lines that were taken, as the ledger has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation(pub Order);
