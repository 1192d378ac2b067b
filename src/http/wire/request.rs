//! Request bodies, and the way from them into the domain.
//!
//! A body that does not have the documented shape is malformed; a value outside its form is invalid
//! and named.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::{
    Difference, HoldTime, Identifier, LimitOfPurchase, Quantity as Units, ReasonText, Stock, Time,
};
use super::json::{Object, Whole};
use crate::domain::{
    Adjustment, Available, Buyer, Delta, HoldSeconds, InvalidValue, Line, Order, OrderId,
    PurchaseLimit, Quantity, Reason, SaleWindow, Sku, Terms, Timestamp,
};
use crate::limits::LINES_MAX;

/// `POST /v1/orders`, and one member of a batch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OrderBody<'a> {
    #[serde(borrow)]
    #[schemars(with = "Identifier")]
    order_id: Cow<'a, str>,
    /// Lines of the same SKU are summed.
    #[serde(borrow)]
    #[schemars(with = "Vec<LineBody<'_>>", length(min = 1, max = LINES_MAX))]
    lines: Vec<Object<LineBody<'a>>>,
    /// Needed for a SKU with a purchase limit.
    #[serde(borrow)]
    #[schemars(with = "Option<Identifier>")]
    buyer: Option<Cow<'a, str>>,
    /// With it the stock is held, not deducted, until the order is confirmed, cancelled or expires.
    #[schemars(with = "Option<HoldTime>")]
    hold_seconds: Option<Whole>,
}

/// One line of an order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LineBody<'a> {
    #[serde(borrow)]
    #[schemars(with = "Identifier")]
    sku: Cow<'a, str>,
    #[schemars(with = "Units")]
    quantity: Whole,
}

impl OrderBody<'_> {
    /// # Errors
    /// [`InvalidValue`] for the first value outside its form.
    pub(in crate::http) fn into_order(self) -> Result<Order, InvalidValue> {
        let id = OrderId::new("order_id", &self.order_id)?;
        let mut lines = Vec::with_capacity(self.lines.len());
        for (index, Object(line)) in self.lines.iter().enumerate() {
            let line = line.to_line();
            lines.push(line.map_err(|invalid| invalid.within(&format!("lines[{index}].")))?);
        }
        let buyer = self.buyer.as_deref().map(Buyer::new).transpose()?;
        let hold =
            self.hold_seconds.map(|seconds| HoldSeconds::new(seconds.units("hold_seconds")?));
        Ok(Order::new(id, lines)?.for_buyer(buyer).held_for(hold.transpose()?))
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StockBody {
    /// The opening stock; afterwards it is changed by adjustments.
    #[schemars(with = "Stock")]
    available: Whole,
    #[schemars(with = "Option<LimitOfPurchase>")]
    purchase_limit: Option<Whole>,
    /// Orders are refused before.
    #[schemars(with = "Option<Time>")]
    sale_starts_at: Option<String>,
    /// Orders are refused from then on; after the start.
    #[schemars(with = "Option<Time>")]
    sale_ends_at: Option<String>,
}

impl StockBody {
    /// # Errors
    /// [`InvalidValue`] for the first value outside its form.
    pub(in crate::http) fn into_stock(self) -> Result<(Available, Terms), InvalidValue> {
        let available = Available::new(self.available.units("available")?)?;
        let limit =
            self.purchase_limit.map(|limit| PurchaseLimit::new(limit.units("purchase_limit")?));
        let starts_at = self.sale_starts_at.map(|text| time("sale_starts_at", &text));
        let ends_at = self.sale_ends_at.map(|text| time("sale_ends_at", &text));
        let window = SaleWindow::new(starts_at.transpose()?, ends_at.transpose()?)?;
        Ok((available, Terms { purchase_limit: limit.transpose()?, window }))
    }
}

/// A time that the database can hold.
fn time(field: &str, text: &str) -> Result<Timestamp, InvalidValue> {
    super::time::read(text).ok_or_else(|| InvalidValue {
        field: field.to_owned(),
        problem: "is not a time in RFC 3339 from 1970 on, such as 2026-11-27T09:00:00Z".to_owned(),
    })
}

/// `POST /v1/stock/{sku}/adjustments`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AdjustmentBody<'a> {
    #[serde(borrow)]
    #[schemars(with = "Identifier")]
    adjustment_id: Cow<'a, str>,
    #[schemars(with = "Difference")]
    delta: Whole,
    #[schemars(with = "Option<ReasonText>")]
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EmptyBody {}
