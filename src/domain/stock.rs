//! Stock besides orders: opening stock, the terms of sale, adjustments.

use super::{InvalidValue, OrderId, Sku, Timestamp};
use crate::limits::{ADJUSTMENT_DELTA_MAX, AVAILABLE_MAX, PURCHASE_LIMIT_MAX, REASON_CHARS_MAX};

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

/// Most units of a SKU that one buyer may have, over all orders, 1 to 10^12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseLimit(i64);

impl PurchaseLimit {
    /// # Errors
    /// [`InvalidValue`] for the field `purchase_limit` outside 1 to 10^12.
    pub fn new(units: i64) -> Result<Self, InvalidValue> {
        if (1..=PURCHASE_LIMIT_MAX).contains(&units) {
            Ok(Self(units))
        } else {
            let problem = format!("is {units}; 1 to {PURCHASE_LIMIT_MAX} are allowed");
            Err(InvalidValue::new("purchase_limit", problem))
        }
    }

    /// The units.
    #[must_use]
    pub fn units(self) -> i64 {
        self.0
    }
}

/// When a SKU can be taken: from the start on, before the end, by the database's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaleWindow {
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

impl SaleWindow {
    /// # Errors
    /// [`InvalidValue`] for the field `sale_ends_at` when it is not after the start.
    pub fn new(
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
    ) -> Result<Self, InvalidValue> {
        if let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at)
            && ends_at <= starts_at
        {
            return Err(InvalidValue::new("sale_ends_at", "is not after sale_starts_at"));
        }
        Ok(Self { starts_at, ends_at })
    }

    /// The window as the database has it, where one that never opens can be set by hand.
    #[must_use]
    pub fn as_stored(starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Self {
        Self { starts_at, ends_at }
    }

    /// The first moment of the sale, if it has one.
    #[must_use]
    pub fn starts_at(self) -> Option<Timestamp> {
        self.starts_at
    }

    /// The first moment after the sale, if it has one.
    #[must_use]
    pub fn ends_at(self) -> Option<Timestamp> {
        self.ends_at
    }

    /// True when the sale is on.
    #[must_use]
    pub fn is_open(self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|starts_at| starts_at <= now)
            && self.ends_at.is_none_or(|ends_at| now < ends_at)
    }
}

/// What a SKU is sold under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What one buyer may have; `None` for no limit.
    pub purchase_limit: Option<PurchaseLimit>,
    /// When.
    pub window: SaleWindow,
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
