//! Operations and plans in few words.

use hotrow::domain::{
    Adjustment, Buyer, Delta, Goal, HoldSeconds, Line, Operation, Order, OrderId, Quantity, Reason,
    Settlement, Sku, Standing, TakenOrder, Timestamp,
};
use hotrow::engine::{FlushId, Mode, Plan};

pub(crate) fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

fn order(id: &str, lines: &[(&str, i64)]) -> Order {
    let lines = lines
        .iter()
        .map(|&(name, units)| Line { sku: sku(name), quantity: Quantity::new(units).unwrap() });
    Order::new(OrderId::new("order_id", id).unwrap(), lines).unwrap()
}

pub(crate) fn take(id: &str, lines: &[(&str, i64)]) -> Operation {
    Operation::Take(order(id, lines))
}

/// The same order for a buyer.
pub(crate) fn bought_by(buyer: &str, operation: Operation) -> Operation {
    let Operation::Take(order) = operation else { panic!("only orders are bought") };
    Operation::Take(order.for_buyer(Some(Buyer::new(buyer).unwrap())))
}

/// The same order, held for this long instead of deducted.
pub(crate) fn held_for(seconds: i64, operation: Operation) -> Operation {
    let Operation::Take(order) = operation else { panic!("only orders are held") };
    Operation::Take(order.held_for(Some(HoldSeconds::new(seconds).unwrap())))
}

/// Settles an order as if it had been seen in this standing, with a hold that ends far away.
pub(crate) fn settle(take: &Operation, standing: Standing, goal: Goal) -> Operation {
    settle_until(take, standing, goal, i64::MAX / 2)
}

/// The same, with a hold that ends at this time, in microseconds since 1970.
pub(crate) fn settle_until(
    take: &Operation,
    standing: Standing,
    goal: Goal,
    until: i64,
) -> Operation {
    let Operation::Take(order) = take else { panic!("only orders are settled") };
    let taken = TakenOrder {
        order: order.clone(),
        standing,
        created_at: Timestamp::from_micros(0),
        expires_at: order.hold().map(|_| Timestamp::from_micros(until)),
    };
    Operation::Settle(Settlement::new(taken, goal).unwrap())
}

/// Cancels an order that is seen as deducted.
pub(crate) fn cancel(id: &str, lines: &[(&str, i64)]) -> Operation {
    settle(&take(id, lines), Standing::Deducted, Goal::Cancel)
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
    let skus = plan.totals().len();
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
