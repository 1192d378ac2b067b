//! Answer bodies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::form::{
    CacheState, Durability, Identifier, MergeModeName, OrderState, Quantity, Source, Time,
};
use crate::cache;
use crate::domain::{Adjustment, Buyer, Line, Order, OrderStatus, Timestamp};
use crate::lane::LaneReport;
use crate::store::{Change, StockRecord};

/// An order, alone or as the success of a batch member, which carries its status code along.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct OrderAnswer<'a> {
    #[schemars(with = "Identifier")]
    order_id: &'a str,
    /// In the answer to a batch: the status that the order would have had alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u16")]
    http_status: Option<u16>,
    #[schemars(with = "OrderState")]
    status: &'static str,
    /// One for each SKU, in the order of the SKUs.
    #[serde(serialize_with = "lines")]
    #[schemars(with = "Vec<LineAnswer<'_>>")]
    lines: &'a [Line],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Identifier")]
    buyer: Option<&'a str>,
    created_at: Rfc3339,
    /// The end of the hold, while it matters: of an order that is held or has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Rfc3339")]
    expires_at: Option<Rfc3339>,
}

/// One line of an order.
#[derive(Serialize, JsonSchema)]
struct LineAnswer<'a> {
    #[schemars(with = "Identifier")]
    sku: &'a str,
    #[schemars(with = "Quantity")]
    quantity: i64,
}

impl<'a> OrderAnswer<'a> {
    /// `expires_at` is the end of its hold, if it was taken as one; told while it matters.
    pub(in crate::http) fn new(
        order: &'a Order,
        status: OrderStatus,
        at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Self {
        let matters = matches!(status, OrderStatus::Held | OrderStatus::Expired);
        Self {
            order_id: order.id().as_str(),
            http_status: None,
            status: status_name(status),
            lines: order.lines(),
            buyer: order.buyer().map(Buyer::as_str),
            created_at: Rfc3339(at),
            expires_at: expires_at.filter(|_| matters).map(Rfc3339),
        }
    }

    pub(in crate::http) fn with_http_status(mut self, http_status: u16) -> Self {
        self.http_status = Some(http_status);
        self
    }
}

/// The name of an order's status in the contract.
pub(super) fn status_name(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Deducted => "deducted",
        OrderStatus::Held => "held",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Expired => "expired",
    }
}

fn lines<S: Serializer>(lines: &[Line], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        lines
            .iter()
            .map(|line| LineAnswer { sku: line.sku.as_str(), quantity: line.quantity.units() }),
    )
}

/// An adjustment that is done.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct AdjustmentAnswer<'a> {
    #[schemars(with = "Identifier")]
    adjustment_id: &'a str,
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Units.
    delta: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    reason: Option<&'a str>,
    created_at: Rfc3339,
}

impl<'a> AdjustmentAnswer<'a> {
    pub(in crate::http) fn new(adjustment: &'a Adjustment, at: Timestamp) -> Self {
        Self {
            adjustment_id: adjustment.id.as_str(),
            sku: adjustment.sku.as_str(),
            delta: adjustment.delta.units(),
            reason: adjustment.reason.as_ref().map(|reason| reason.as_str()),
            created_at: Rfc3339(at),
        }
    }
}

/// The stock of one SKU.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct StockAnswer<'a> {
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Units that can be taken.
    available: i64,
    /// Units that are held.
    held: i64,
    /// How many flushes have changed it.
    version: u64,
    #[schemars(with = "Source")]
    source: &'static str,
    /// When it was read from MySQL, by the database's clock.
    as_of: Rfc3339,
}

impl<'a> StockAnswer<'a> {
    pub(in crate::http) fn new(record: &'a StockRecord, source: cache::Source) -> Self {
        Self {
            sku: record.sku.as_str(),
            available: record.available,
            held: record.held,
            version: record.version,
            source: match source {
                cache::Source::MySql => "mysql",
                cache::Source::Redis => "redis",
            },
            as_of: Rfc3339(record.as_of),
        }
    }
}

/// One change of the feed.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct ChangeAnswer<'a> {
    /// Where it stands; send it as `after` to go on behind it.
    cursor: String,
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Counts the changes of this SKU, without gaps.
    version: u64,
    /// Units that could be taken after it.
    available: i64,
    /// By how many units `available` changed.
    delta: i64,
    /// How many operations were merged into it.
    orders: u64,
}

impl<'a> From<&'a Change> for ChangeAnswer<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            cursor: change.cursor.to_string(),
            sku: change.sku.as_str(),
            version: change.version,
            available: change.available,
            delta: change.delta,
            orders: change.orders,
        }
    }
}

/// One lane.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct LaneAnswer<'a> {
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Orders that wait.
    depth: usize,
    /// Flushes in the air.
    in_flight: usize,
    /// Mean orders of a flush since the lane last began to have traffic.
    merged_per_flush: f64,
    /// Stock after the newest flush that told it, in units.
    last_available: Option<i64>,
    /// Whether what waits together is one transaction, see `hotrow merge-mode`.
    #[schemars(with = "MergeModeName")]
    mode: &'static str,
    /// Mean orders of a flush, had the orders of a dry run been merged; only when there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    would_be_per_flush: Option<f64>,
}

impl<'a> From<&'a LaneReport> for LaneAnswer<'a> {
    fn from(lane: &'a LaneReport) -> Self {
        Self {
            sku: lane.sku.as_str(),
            depth: lane.depth,
            in_flight: lane.in_flight,
            merged_per_flush: lane.merged_per_flush,
            last_available: lane.last_available,
            mode: lane.mode.name(),
            would_be_per_flush: lane.would_be_per_flush,
        }
    }
}

/// The process is alive.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct HealthAnswer {
    /// `ok`.
    pub(in crate::http) status: &'static str,
}

/// Whether orders can be taken; what could not be read is left out.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct ReadinessAnswer {
    pub(in crate::http) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Durability")]
    pub(in crate::http) durability: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(in crate::http) server_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(in crate::http) writable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(in crate::http) migrations_current: Option<bool>,
    pub(in crate::http) draining: bool,
    /// `up` or `down`, where there is a read cache; orders do not need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CacheState")]
    pub(in crate::http) cache: Option<&'static str>,
    /// The server's settings that the durability was read from.
    pub(in crate::http) settings: BTreeMap<String, String>,
    /// Why orders cannot be taken.
    pub(in crate::http) reasons: Vec<&'static str>,
}

/// A time as RFC 3339 in UTC with microseconds.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(in crate::http) struct Rfc3339(#[schemars(with = "Time")] pub(super) Timestamp);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&super::time::write(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderId, Quantity, Sku};

    fn order() -> Order {
        let line = |sku: &str, units| Line {
            sku: Sku::new(sku).unwrap(),
            quantity: Quantity::new(units).unwrap(),
        };
        let id = OrderId::new("order_id", "o-1").unwrap();
        Order::new(id, vec![line("b", 1), line("a", 2)]).unwrap()
    }

    #[test]
    fn an_order_has_exactly_the_members_of_the_contract() {
        let order = order();
        let answer = OrderAnswer::new(
            &order,
            OrderStatus::Deducted,
            Timestamp::from_micros(1_000_000),
            None,
        );
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"order_id":"o-1","status":"deducted","lines":[{"sku":"a","quantity":2},{"sku":"b","quantity":1}],"created_at":"1970-01-01T00:00:01.000000Z"}"#
        );
        let member = serde_json::to_value(answer.with_http_status(201)).unwrap();
        assert_eq!(member["http_status"], 201);
    }

    #[test]
    fn a_hold_tells_its_buyer_and_its_end_until_it_is_settled() {
        let order = order().for_buyer(Some(Buyer::new("b-1").unwrap()));
        let json = |status| {
            let at = Timestamp::from_micros(0);
            let answer = OrderAnswer::new(&order, status, at, Some(Timestamp::from_micros(60)));
            serde_json::to_value(answer).unwrap()
        };
        assert_eq!(json(OrderStatus::Held)["buyer"], "b-1");
        assert_eq!(json(OrderStatus::Held)["expires_at"], "1970-01-01T00:00:00.000060Z");
        assert_eq!(json(OrderStatus::Expired)["expires_at"], "1970-01-01T00:00:00.000060Z");
        assert!(json(OrderStatus::Deducted).get("expires_at").is_none());
        assert!(json(OrderStatus::Cancelled).get("expires_at").is_none());
    }
}
