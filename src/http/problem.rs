//! Every refusal of the contract: RFC 9457 problems.
//!
//! | for whoever | the answer |
//! | --- | --- |
//! | changes the request | 400, 404, 405, 409, 413, 415, 422 |
//! | sends the same again, later | 429, 503: nothing was executed |
//! | sends the same again, now | 504: the order is executed once, whatever became of the first try |

use std::borrow::Cow;
use std::time::Duration;

use hyper::StatusCode;

use super::access::Role;
use super::wire::{ProblemBody, ProblemMembers, ReadinessAnswer, ShortLine};
use crate::domain::{InvalidValue, LimitKind, OrderId, OrderStatus, SaleWindow, Shortfall, Sku};
use crate::limits::BATCH_ORDERS_MAX;

/// Why a request gets no success.
#[derive(Debug)]
pub(super) enum Problem {
    /// The body or the query is not as documented; the text says where.
    Malformed(String),
    /// A value outside its form.
    InvalidValue(InvalidValue),
    /// No token, or one that is not configured.
    Unauthorized,
    /// The token lacks this role.
    Forbidden(Role),
    /// No stock row has this SKU.
    UnknownSku(Sku),
    /// The ledger has no such order.
    UnknownOrder(OrderId),
    /// No such path.
    NotFound,
    /// The path is known, the method is not; these are.
    MethodNotAllowed(&'static str),
    /// The body has more than this many bytes.
    BodyTooLarge(usize),
    /// The batch has more than 10,000 orders.
    TooManyOrders,
    /// The content type is another one than this.
    UnsupportedMediaType(&'static str),
    /// Too little stock for these lines.
    InsufficientStock {
        /// The order's or the adjustment's id.
        order_id: OrderId,
        /// The lines that fell short.
        lines: Vec<Shortfall>,
    },
    /// The buyer would have more units of the SKU than one buyer may.
    PurchaseLimit {
        /// The order's id.
        order_id: OrderId,
        /// Which SKU.
        sku: Sku,
        /// Units that one buyer may have.
        limit: i64,
        /// Units that this buyer has.
        already: i64,
    },
    /// The SKU is not sold now.
    SaleNotOpen {
        /// Which SKU.
        sku: Sku,
        /// When it is sold.
        window: SaleWindow,
    },
    /// The order has this other final state.
    OrderSettled(OrderStatus),
    /// The SKU was opened with this other stock; `None` when not through hotrow.
    SkuExists(Option<i64>),
    /// The SKU was opened before, and its stock row has been deleted from the database.
    StockRowMissing,
    /// The id is known with other content.
    OrderMismatch,
    /// The caller's quota is used up; it has room again after this time.
    RateLimited(Duration),
    /// The batch has more orders than the caller's quota ever admits at once: this many.
    BatchAboveQuota(u32),
    /// A bounded queue is full.
    Overloaded {
        /// Which queue.
        limit: LimitKind,
        /// Its bound.
        limit_value: usize,
    },
    /// The database cannot be used.
    DatabaseUnavailable,
    /// The process is shutting down.
    Draining,
    /// `/readyz`: orders cannot be taken, for these reasons.
    NotReady(Box<ReadinessAnswer>),
    /// The commit of an order was sent and its answer lost.
    OutcomeUnknown(OrderId),
    /// The commit of an opening stock was sent and its answer, or what it wrote, not read.
    StockOutcomeUnknown(Sku),
}

/// What the contract fixes about a kind of problem.
struct Kind {
    status: StatusCode,
    r#type: &'static str,
    title: &'static str,
}

impl Problem {
    /// The table of the contract.
    fn kind(&self) -> Kind {
        let (status, r#type, title) = match self {
            Self::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "/problems/malformed-request",
                "The request is not as documented",
            ),
            Self::InvalidValue(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "/problems/invalid-value",
                "A value is outside its form",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "/problems/unauthorized",
                "A valid access token is needed",
            ),
            Self::Forbidden(_) => {
                (StatusCode::FORBIDDEN, "/problems/forbidden", "The access token lacks a role")
            }
            Self::UnknownSku(_) => (StatusCode::NOT_FOUND, "/problems/unknown-sku", "Unknown SKU"),
            Self::UnknownOrder(_) => {
                (StatusCode::NOT_FOUND, "/problems/unknown-order", "Unknown order")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "/problems/not-found", "No such path"),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "/problems/method-not-allowed",
                "The path does not take this method",
            ),
            Self::BodyTooLarge(_) | Self::TooManyOrders => {
                (StatusCode::PAYLOAD_TOO_LARGE, "/problems/too-large", "The request is too large")
            }
            Self::UnsupportedMediaType(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "/problems/unsupported-media-type",
                "Unsupported content type",
            ),
            Self::InsufficientStock { .. } => {
                (StatusCode::CONFLICT, "/problems/insufficient-stock", "Insufficient stock")
            }
            Self::PurchaseLimit { .. } => {
                (StatusCode::CONFLICT, "/problems/purchase-limit", "Purchase limit reached")
            }
            Self::SaleNotOpen { .. } => {
                (StatusCode::CONFLICT, "/problems/sale-not-open", "The SKU is not sold now")
            }
            Self::OrderSettled(_) => (
                StatusCode::CONFLICT,
                "/problems/order-settled",
                "The order has another final state",
            ),
            Self::SkuExists(_) | Self::StockRowMissing => (
                StatusCode::CONFLICT,
                "/problems/sku-exists",
                "The SKU exists with another opening stock",
            ),
            Self::OrderMismatch => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "/problems/order-mismatch",
                "The id is known with other content",
            ),
            Self::RateLimited(_) | Self::BatchAboveQuota(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "/problems/rate-limited",
                "This caller's quota is used up",
            ),
            Self::Overloaded { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "/problems/overloaded", "A bounded queue is full")
            }
            Self::DatabaseUnavailable => DATABASE_UNAVAILABLE,
            Self::Draining => DRAINING,
            Self::NotReady(readiness) if readiness.draining => DRAINING,
            Self::NotReady(_) => DATABASE_UNAVAILABLE,
            Self::OutcomeUnknown(_) | Self::StockOutcomeUnknown(_) => {
                (StatusCode::GATEWAY_TIMEOUT, "/problems/outcome-unknown", "The outcome is unknown")
            }
        };
        Kind { status, r#type, title }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.kind().status
    }

    /// How long the same request would meet the same problem, as far as is known.
    pub(super) fn wait(&self) -> Duration {
        if let Self::RateLimited(wait) = self { *wait } else { Duration::ZERO }
    }

    /// The body, around a text from [`Problem::detail`].
    pub(super) fn body<'a>(&'a self, detail: &'a str) -> ProblemBody<'a> {
        let Kind { status, r#type, title } = self.kind();
        ProblemBody { r#type, title, status: status.as_u16(), detail, members: self.members() }
    }

    /// What happened here and what to do next.
    pub(super) fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::Malformed(complaint) => Cow::Borrowed(complaint),
            Self::InvalidValue(invalid) => Cow::Owned(invalid.to_string()),
            Self::Unauthorized => Cow::Borrowed(
                "send the header \"Authorization: Bearer TOKEN\" with a configured token",
            ),
            Self::Forbidden(role) => Cow::Owned(format!(
                "this call needs a token with the role {:?}; nothing was executed",
                role.name()
            )),
            Self::UnknownSku(sku) => Cow::Owned(format!(
                "no stock is recorded for {sku}; open it with PUT /v1/stock/{sku}"
            )),
            Self::UnknownOrder(id) => Cow::Owned(format!("the ledger has no order {id}")),
            Self::NotFound => Cow::Borrowed("the path is not part of this listener's contract"),
            Self::MethodNotAllowed(allowed) => Cow::Owned(format!("this path takes {allowed}")),
            Self::BodyTooLarge(bytes_max) => Cow::Owned(format!(
                "the body of this call may have {bytes_max} bytes; nothing was executed"
            )),
            Self::TooManyOrders => Cow::Owned(format!(
                "a batch may have {BATCH_ORDERS_MAX} orders; send several; nothing was executed"
            )),
            Self::UnsupportedMediaType(accepted) => {
                Cow::Owned(format!("this call takes the content type {accepted} in UTF-8"))
            }
            Self::InsufficientStock { .. } => {
                Cow::Borrowed("nothing was taken; the same id may succeed after a restock")
            }
            Self::PurchaseLimit { limit, already, .. } => Cow::Owned(format!(
                "one buyer may have {limit} and this one has {already}, open holds included; nothing \
                 was taken; the same id may succeed after a cancellation"
            )),
            Self::SaleNotOpen { .. } => Cow::Borrowed(
                "nothing was taken; the same id may succeed while the sale is open, by the \
                 database's clock",
            ),
            Self::OrderSettled(OrderStatus::Cancelled) => {
                Cow::Borrowed("the order is cancelled and stays so; its stock has come back")
            }
            Self::OrderSettled(OrderStatus::Expired) => Cow::Borrowed(
                "the hold was over and its stock has come back; a confirmation is refused while that cannot \
                 be had again: if the buyer has paid and it stays so, a refund is needed",
            ),
            Self::OrderSettled(OrderStatus::Held) => Cow::Borrowed("the order is still held"),
            Self::OrderSettled(OrderStatus::Deducted) => {
                Cow::Borrowed("the order is deducted; its stock has been taken")
            }
            Self::SkuExists(None) => Cow::Borrowed(
                "the SKU exists and was not opened here; change its stock with an adjustment",
            ),
            Self::SkuExists(Some(opening)) => Cow::Owned(format!(
                "the SKU was opened with {opening} units; change its stock with an adjustment"
            )),
            Self::StockRowMissing => Cow::Borrowed(
                "the SKU was opened before, but somebody has deleted its row from the table stock; \
                 insert it again in SQL, with what the sum of its movements says",
            ),
            Self::OrderMismatch => {
                Cow::Borrowed("nothing was executed; send other content under an id of its own")
            }
            Self::RateLimited(_) => {
                Cow::Borrowed("nothing was executed; send again after the time in Retry-After")
            }
            Self::BatchAboveQuota(orders) => Cow::Owned(format!(
                "this caller's quota admits {orders} orders at once; send smaller batches; nothing \
                 was executed"
            )),
            Self::Overloaded { limit, limit_value } => Cow::Owned(format!(
                "{} of {limit_value}; nothing was executed; send the same request again after the \
                 time in Retry-After",
                match limit {
                    LimitKind::Lane => "the queue of one SKU is at its limit",
                    LimitKind::Process => "the process is at its limit",
                }
            )),
            Self::DatabaseUnavailable => Cow::Borrowed(
                "the database cannot be used now; nothing was executed; send the same request again \
                 after the time in Retry-After",
            ),
            Self::Draining => Cow::Borrowed(
                "this process is shutting down; nothing was executed; send the same request to \
                 another instance, or again after the time in Retry-After",
            ),
            Self::NotReady(readiness) => Cow::Owned(readiness.reasons.join("; ")),
            Self::OutcomeUnknown(id) => Cow::Owned(format!(
                "the commit was sent and its answer lost; send the same request with the same id \
                 {id} again: it is executed once"
            )),
            Self::StockOutcomeUnknown(_) => Cow::Borrowed(
                "the write was sent and its result not read; send the same request again: it is \
                 executed once",
            ),
        }
    }

    fn members(&self) -> ProblemMembers<'_> {
        match self {
            Self::InvalidValue(invalid) => ProblemMembers::Field { field: &invalid.field },
            Self::UnknownSku(sku) | Self::StockOutcomeUnknown(sku) => {
                ProblemMembers::Sku { sku: sku.as_str() }
            }
            Self::UnknownOrder(id) | Self::OutcomeUnknown(id) => {
                ProblemMembers::OrderId { order_id: id.as_str() }
            }
            Self::InsufficientStock { order_id, lines } => ProblemMembers::Shortfalls {
                order_id: order_id.as_str(),
                lines: lines.iter().map(ShortLine::from).collect(),
            },
            Self::PurchaseLimit { order_id, sku, limit, already } => {
                ProblemMembers::PurchaseLimit {
                    order_id: order_id.as_str(),
                    sku: sku.as_str(),
                    limit: *limit,
                    already: *already,
                }
            }
            Self::SaleNotOpen { sku, window } => ProblemMembers::sale_window(sku, *window),
            Self::OrderSettled(status) => ProblemMembers::order_status(*status),
            Self::Overloaded { limit, limit_value } => {
                ProblemMembers::Limit { limit: limit_name(*limit), limit_value: *limit_value }
            }
            Self::NotReady(readiness) => ProblemMembers::Readiness(readiness),
            Self::Malformed(_)
            | Self::Unauthorized
            | Self::Forbidden(_)
            | Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::BodyTooLarge(_)
            | Self::TooManyOrders
            | Self::UnsupportedMediaType(_)
            | Self::SkuExists(_)
            | Self::StockRowMissing
            | Self::OrderMismatch
            | Self::RateLimited(_)
            | Self::BatchAboveQuota(_)
            | Self::DatabaseUnavailable
            | Self::Draining => ProblemMembers::None {},
        }
    }
}

impl From<InvalidValue> for Problem {
    fn from(invalid: InvalidValue) -> Self {
        Self::InvalidValue(invalid)
    }
}

type Row = (StatusCode, &'static str, &'static str);

const DATABASE_UNAVAILABLE: Row = (
    StatusCode::SERVICE_UNAVAILABLE,
    "/problems/database-unavailable",
    "The database cannot be used",
);
const DRAINING: Row = (StatusCode::SERVICE_UNAVAILABLE, "/problems/draining", "Shutting down");

fn limit_name(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::Lane => "lane",
        LimitKind::Process => "process",
    }
}
