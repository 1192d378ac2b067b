//! From a verdict to what HTTP says.

use super::problem::Problem;
use crate::domain::{InvalidValue, NotExecuted, OrderId, OrderStatus, Refusal, Timestamp, Verdict};
use crate::limits::AVAILABLE_MAX;

/// An operation that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// When it was first recorded.
    pub(super) at: Timestamp,
    /// Whether an earlier try had done it.
    pub(super) replayed: bool,
    /// What has become of the order since.
    pub(super) status: OrderStatus,
    /// When its hold is over, if it was taken as one.
    pub(super) expires_at: Option<Timestamp>,
}

/// Sorts a verdict into success and problem. `id` is the operation's; `ceiling_field` names what a
/// caller would have to change when the stock would pass its upper bound.
pub(super) fn settle(id: &OrderId, ceiling_field: &str, verdict: Verdict) -> Result<Done, Problem> {
    match verdict {
        Verdict::Done { at, replayed, status, expires_at } => {
            Ok(Done { at, replayed, status, expires_at })
        }
        Verdict::Refused(Refusal::UnknownSku(sku)) => Err(Problem::UnknownSku(sku)),
        Verdict::Refused(Refusal::InsufficientStock(lines)) => {
            Err(Problem::InsufficientStock { order_id: id.clone(), lines })
        }
        Verdict::Refused(Refusal::StockCeiling { sku, available }) => {
            Err(Problem::InvalidValue(InvalidValue {
                field: ceiling_field.to_owned(),
                problem: format!(
                    "would pass {AVAILABLE_MAX}, the most that {sku} may have; it has {available}"
                ),
            }))
        }
        Verdict::Refused(Refusal::Mismatch) => Err(Problem::OrderMismatch),
        Verdict::Refused(Refusal::UnknownOrder) => Err(Problem::UnknownOrder(id.clone())),
        Verdict::Refused(Refusal::Settled(status)) => Err(Problem::OrderSettled(status)),
        Verdict::Refused(Refusal::PurchaseLimit { sku, limit, already }) => {
            Err(Problem::PurchaseLimit { order_id: id.clone(), sku, limit, already })
        }
        Verdict::Refused(Refusal::BuyerNeeded(sku)) => Err(Problem::InvalidValue(InvalidValue {
            field: "buyer".to_owned(),
            problem: format!("is missing; {sku} has a purchase limit, which counts by buyer"),
        })),
        Verdict::Refused(Refusal::SaleNotOpen { sku, window }) => {
            Err(Problem::SaleNotOpen { sku, window })
        }
        Verdict::NotExecuted(NotExecuted::Overloaded { limit, limit_value }) => {
            Err(Problem::Overloaded { limit, limit_value })
        }
        Verdict::NotExecuted(NotExecuted::DatabaseUnavailable) => Err(Problem::DatabaseUnavailable),
        Verdict::NotExecuted(NotExecuted::Draining) => Err(Problem::Draining),
        Verdict::Unknown => Err(Problem::OutcomeUnknown(id.clone())),
    }
}
