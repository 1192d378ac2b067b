//! Problems, for serde to write.

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{ReadinessAnswer, Rfc3339, status_name};
use super::form::{FullQueue, Identifier, OrderState};
use crate::domain::{OrderStatus, SaleWindow, Shortfall, Sku};

// A type of our own rather than the crate `problem_details`: that one holds title and detail as owned
// strings and the type as a parsed URI, some 300 bytes and three allocations for an answer that a
// sold-out lane gives as often as a success.
/// A problem as in RFC 9457.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct ProblemBody<'a> {
    /// What to program against.
    pub(in crate::http) r#type: &'static str,
    pub(in crate::http) title: &'static str,
    /// The HTTP status.
    pub(in crate::http) status: u16,
    /// What happened here and what to do next, for people.
    pub(in crate::http) detail: &'a str,
    #[serde(flatten)]
    pub(in crate::http) members: ProblemMembers<'a>,
}

/// The members that a problem has of its own.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::http) enum ProblemMembers<'a> {
    None {},
    Field {
        /// The member, or the parameter, such as `lines[0].quantity`.
        field: &'a str,
    },
    Sku {
        #[schemars(with = "Identifier")]
        sku: &'a str,
    },
    OrderId {
        #[schemars(with = "Identifier")]
        order_id: &'a str,
    },
    Shortfalls {
        #[schemars(with = "Identifier")]
        order_id: &'a str,
        /// The lines that fell short, as the decision saw them.
        lines: Vec<ShortLine<'a>>,
    },
    PurchaseLimit {
        #[schemars(with = "Identifier")]
        order_id: &'a str,
        #[schemars(with = "Identifier")]
        sku: &'a str,
        /// Units that one buyer may have.
        limit: i64,
        /// Units that this buyer has.
        already: i64,
    },
    SaleWindow {
        #[schemars(with = "Identifier")]
        sku: &'a str,
        /// Null: no earliest time.
        sale_starts_at: Option<Rfc3339>,
        /// Null: no latest time.
        sale_ends_at: Option<Rfc3339>,
    },
    OrderStatus {
        #[schemars(with = "OrderState")]
        order_status: &'static str,
    },
    Limit {
        #[schemars(with = "FullQueue")]
        limit: &'static str,
        /// Its bound, in orders; of batches, in requests.
        limit_value: usize,
    },
    Readiness(&'a ReadinessAnswer),
}

impl<'a> ProblemMembers<'a> {
    pub(in crate::http) fn sale_window(sku: &'a Sku, window: SaleWindow) -> Self {
        Self::SaleWindow {
            sku: sku.as_str(),
            sale_starts_at: window.starts_at().map(Rfc3339),
            sale_ends_at: window.ends_at().map(Rfc3339),
        }
    }

    pub(in crate::http) fn order_status(status: OrderStatus) -> Self {
        Self::OrderStatus { order_status: status_name(status) }
    }

    /// The order id, where it is one of the members.
    fn order_id(&self) -> Option<&str> {
        match self {
            Self::OrderId { order_id }
            | Self::Shortfalls { order_id, .. }
            | Self::PurchaseLimit { order_id, .. } => Some(order_id),
            Self::None {}
            | Self::Field { .. }
            | Self::Sku { .. }
            | Self::SaleWindow { .. }
            | Self::OrderStatus { .. }
            | Self::Limit { .. }
            | Self::Readiness(_) => None,
        }
    }
}

/// One line that fell short.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct ShortLine<'a> {
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Units.
    requested: i64,
    /// Units.
    available: i64,
}

impl<'a> From<&'a Shortfall> for ShortLine<'a> {
    fn from(short: &'a Shortfall) -> Self {
        Self { sku: short.sku.as_str(), requested: short.requested, available: short.available }
    }
}

/// A batch member that got no success.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct MemberProblem<'a> {
    /// The member's, when there was a text; not necessarily an identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    order_id: Option<&'a str>,
    http_status: u16,
    #[serde(flatten)]
    problem: ProblemBody<'a>,
}

impl<'a> MemberProblem<'a> {
    /// `order_id` is the member's, when it could be read.
    pub(in crate::http) fn new(order_id: Option<&'a str>, problem: ProblemBody<'a>) -> Self {
        let already_named = problem.members.order_id().is_some();
        Self { order_id: order_id.filter(|_| !already_named), http_status: problem.status, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_problem_names_its_order_once() {
        let body = |members| ProblemBody {
            r#type: "/problems/insufficient-stock",
            title: "t",
            status: 409,
            detail: "d",
            members,
        };
        let members = ProblemMembers::Shortfalls { order_id: "o-1", lines: Vec::new() };
        let text = serde_json::to_string(&MemberProblem::new(Some("o-1"), body(members))).unwrap();
        assert_eq!(text.matches("order_id").count(), 1, "{text}");
        let members = ProblemMembers::None {};
        let text = serde_json::to_string(&MemberProblem::new(Some("o-1"), body(members))).unwrap();
        assert_eq!(text.matches("order_id").count(), 1, "{text}");
        assert!(text.contains(r#""http_status":409"#), "{text}");
    }
}
