//! Request bodies, and the way from them into the domain.
//!
//! A body that does not have the documented shape is malformed; a value outside its form is invalid
//! and named. Members of the contract that this version does not execute yet are invalid values, so
//! that a client learns which one it was and that nothing happened.

use std::borrow::Cow;

use serde::Deserialize;

use super::json::{Object, Whole};
use crate::domain::{
    Adjustment, Available, Delta, InvalidValue, Line, Order, OrderId, Quantity, Reason, Sku,
};

/// `POST /v1/orders`, and one member of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OrderBody<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    lines: Vec<Object<LineBody<'a>>>,
    buyer: Option<String>,
    hold_seconds: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody<'a> {
    #[serde(borrow)]
    sku: Cow<'a, str>,
    quantity: Whole,
}

impl OrderBody<'_> {
    /// # Errors
    /// [`InvalidValue`] for the first value outside its form.
    pub(in crate::http) fn into_order(self) -> Result<Order, InvalidValue> {
        refuse_unsupported("buyer", self.buyer.is_some())?;
        refuse_unsupported("hold_seconds", self.hold_seconds.is_some())?;
        let id = OrderId::new("order_id", &self.order_id)?;
        let mut lines = Vec::with_capacity(self.lines.len());
        for (index, Object(line)) in self.lines.iter().enumerate() {
            let line = line.to_line();
            lines.push(line.map_err(|invalid| invalid.within(&format!("lines[{index}].")))?);
        }
        Order::new(id, lines)
    }
}

impl LineBody<'_> {
    fn to_line(&self) -> Result<Line, InvalidValue> {
        let sku = Sku::new(&self.sku)?;
        let quantity = Quantity::new(self.quantity.units("quantity")?)?;
        Ok(Line { sku, quantity })
    }
}

/// The order id of a body that is not a valid order, when there is a text to be found.
pub(in crate::http) fn order_id_if_readable(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        order_id: String,
    }
    let Object(Named { order_id }) = serde_json::from_slice(json).ok()?;
    Some(order_id)
}

/// `PUT /v1/stock/{sku}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StockBody {
    available: Whole,
    purchase_limit: Option<Whole>,
    sale_starts_at: Option<String>,
    sale_ends_at: Option<String>,
}

impl StockBody {
    /// # Errors
    /// [`InvalidValue`] for the first value outside its form.
    pub(in crate::http) fn into_available(self) -> Result<Available, InvalidValue> {
        refuse_unsupported("purchase_limit", self.purchase_limit.is_some())?;
        refuse_unsupported("sale_starts_at", self.sale_starts_at.is_some())?;
        refuse_unsupported("sale_ends_at", self.sale_ends_at.is_some())?;
        Available::new(self.available.units("available")?)
    }
}

/// `POST /v1/stock/{sku}/adjustments`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AdjustmentBody<'a> {
    #[serde(borrow)]
    adjustment_id: Cow<'a, str>,
    delta: Whole,
    reason: Option<String>,
}

impl AdjustmentBody<'_> {
    /// # Errors
    /// [`InvalidValue`] for the first value outside its form.
    pub(in crate::http) fn into_adjustment(self, sku: Sku) -> Result<Adjustment, InvalidValue> {
        Ok(Adjustment {
            id: OrderId::new("adjustment_id", &self.adjustment_id)?,
            sku,
            delta: Delta::new(self.delta.units("delta")?)?,
            reason: self.reason.as_deref().map(Reason::new).transpose()?,
        })
    }
}

/// The body of a call that takes none: nothing, or an object without members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EmptyBody {}

fn refuse_unsupported(field: &str, present: bool) -> Result<(), InvalidValue> {
    if present {
        return Err(InvalidValue {
            field: field.to_owned(),
            problem: "is not supported by this version yet; leave it out".to_owned(),
        });
    }
    Ok(())
}
