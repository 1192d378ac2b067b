//! The examples of the document. Requests are texts that the tests send; answers are written by the
//! wire types.

use serde::Serialize;
use serde_json::Value;

use crate::cache::Source;
use crate::domain::{Available, MergeMode, Order, OrderStatus, Sku, Timestamp};
use crate::http::orders;
use crate::http::problem::Problem;
use crate::http::wire::{
    self, AdjustmentAnswer, AdjustmentBody, ChangeAnswer, HealthAnswer, LaneAnswer, MemberProblem,
    OrderAnswer, StockAnswer,
};
use crate::lane::LaneReport;
use crate::store::{Change, Cursor, StockRecord};

pub(super) const ORDER: &str = r#"{"order_id":"o-1","lines":[{"sku":"ticket","quantity":2}]}"#;
pub(super) const HOLD: &str = r#"{"order_id":"o-2","lines":[{"sku":"shirt","quantity":1},{"sku":"ticket","quantity":1}],"buyer":"b-1","hold_seconds":600}"#;
pub(super) const BATCH: &str = r#"[{"order_id":"o-3","lines":[{"sku":"ticket","quantity":1}]},{"order_id":"o-4","lines":[{"sku":"tikcet","quantity":1}]}]"#;
pub(super) const BATCH_LINES: &str = concat!(
    r#"{"order_id":"o-5","lines":[{"sku":"ticket","quantity":1}]}"#,
    "\n",
    r#"{"order_id":"o-6","lines":[{"sku":"shirt","quantity":2}]}"#,
    "\n",
);
pub(super) const STOCK: &str = r#"{"available":1000}"#;
pub(super) const STOCK_WITH_TERMS: &str = r#"{"available":1000,"purchase_limit":4,"sale_starts_at":"2026-11-27T09:00:00Z","sale_ends_at":"2026-11-30T09:00:00Z"}"#;
pub(super) const ADJUSTMENT: &str =
    r#"{"adjustment_id":"restock-1","delta":50,"reason":"found in the other store"}"#;

/// 2026-11-27, a moment after nine.
const NOW: i64 = 1_795_770_000_123_456;

pub(super) fn now() -> Timestamp {
    Timestamp::from_micros(NOW)
}

/// The text of an example as JSON.
pub(super) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("the examples are JSON")
}

pub(super) fn written(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).expect("answers have text keys")
}

fn order_of(text: &str) -> Order {
    orders::parse(text.as_bytes()).expect("the examples are good orders")
}

pub(super) fn sku(name: &str) -> Sku {
    Sku::new(name).expect("the examples have good SKUs")
}

/// The order of this text in this state.
pub(super) fn order(text: &str, status: OrderStatus) -> Value {
    let order = order_of(text);
    let expires_at = order.hold().map(|hold| now().after(hold));
    written(&OrderAnswer::new(&order, status, now(), expires_at))
}

/// The results of [`BATCH`].
pub(super) fn results() -> Value {
    let member = |text: &Value| {
        let order = order_of(&text.to_string());
        let first = &order.lines()[0].sku;
        if *first == sku("ticket") {
            let answer = OrderAnswer::new(&order, OrderStatus::Deducted, now(), None);
            return written(&answer.with_http_status(201));
        }
        let problem = Problem::UnknownSku(first.clone());
        written(&MemberProblem::new(Some(order.id().as_str()), problem.body(&problem.detail())))
    };
    parsed(BATCH).as_array().into_iter().flatten().map(member).collect()
}

/// The results of [`BATCH_LINES`], a line each.
pub(super) fn result_lines() -> String {
    let line = |text: &str| {
        let order = order_of(text);
        let answer = OrderAnswer::new(&order, OrderStatus::Deducted, now(), None);
        format!("{}\n", written(&answer.with_http_status(201)))
    };
    BATCH_LINES.lines().map(line).collect()
}

pub(super) fn stock(name: &str, available: i64, version: u64) -> Value {
    let available = Available::new(available).expect("the examples have good stock").units();
    let record = StockRecord { sku: sku(name), available, held: 0, version, as_of: now() };
    written(&StockAnswer::new(&record, Source::MySql))
}

pub(super) fn change() -> Value {
    let change = Change {
        cursor: Cursor(72),
        sku: sku("ticket"),
        version: 3,
        available: 1_048,
        delta: -2,
        orders: 1,
    };
    written(&ChangeAnswer::from(&change))
}

pub(super) fn adjustment() -> Value {
    let body = wire::parse::<AdjustmentBody<'_>>(ADJUSTMENT.as_bytes());
    let body = body.expect("the example is an adjustment");
    let adjustment = body.into_adjustment(sku("ticket")).expect("the example is a good adjustment");
    written(&AdjustmentAnswer::new(&adjustment, now()))
}

pub(super) fn lane() -> Value {
    let report = LaneReport {
        sku: sku("ticket"),
        depth: 1_824,
        in_flight: 2,
        merged_per_flush: 512.5,
        last_available: Some(998),
        mode: MergeMode::On,
        would_be_per_flush: None,
    };
    written(&LaneAnswer::from(&report))
}

pub(super) fn health() -> Value {
    written(&HealthAnswer { status: "ok" })
}
