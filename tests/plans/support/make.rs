//! Operations and plans in few words.

use hotrow::domain::{
    Adjustment, Cancellation, Delta, Line, Operation, Order, OrderId, Quantity, Reason, Sku,
};
use hotrow::engine::{FlushId, Mode, Plan};

pub(crate) fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

fn order(id: &str, lines: &[(&str, i64)]) -> Order {
    let lines = lines
        .iter()
        .map(|&(name, units)| Line { sku: sku(name), quantity: Quantity::new(units).unwrap() })
        .collect();
    Order::new(OrderId::new("order_id", id).unwrap(), lines).unwrap()
}

pub(crate) fn take(id: &str, lines: &[(&str, i64)]) -> Operation {
    Operation::Take(order(id, lines))
}

pub(crate) fn cancel(id: &str, lines: &[(&str, i64)]) -> Operation {
    Operation::Cancel(Cancellation(order(id, lines)))
}

pub(crate) fn adjust(id: &str, name: &str, units: i64, reason: Option<&str>) -> Operation {
    Operation::Adjust(Adjustment {
        id: OrderId::new("adjustment_id", id).unwrap(),
        sku: sku(name),
        delta: Delta::new(units).unwrap(),
        reason: reason.map(|text| Reason::new(text).unwrap()),
    })
}

fn plan(flush: u64, mode: Mode, operations: Vec<Operation>) -> Plan {
    let plan = Plan { id: FlushId(flush), mode, resolving: false, skus: 0, operations };
    let skus = plan.totals(|_| true).len();
    Plan { skus, ..plan }
}

/// All of it or nothing.
pub(crate) fn merged(flush: u64, operations: Vec<Operation>) -> Plan {
    plan(flush, Mode::Merged, operations)
}

/// Each operation on its own.
pub(crate) fn deciding(flush: u64, operations: Vec<Operation>) -> Plan {
    plan(flush, Mode::Deciding, operations)
}

/// The plan as it is run again after its commit had no answer.
pub(crate) fn resolving(plan: &Plan) -> Plan {
    Plan { mode: Mode::Deciding, resolving: true, ..plan.clone() }
}
