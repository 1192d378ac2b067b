//! The text of a flush: what is sent in its one message before the commit.

use super::flavor::Flavor;
use super::statement as sql;
use super::statement::{write_id, write_int, write_rows, write_text};
use crate::domain::{Operation, OrderId, Sku};
use crate::engine::{FlushId, Plan, SkuTotal};
use crate::limits::AVAILABLE_MAX;

/// Of this many SKUs at most a flush reads what it leaves, as a hint for the next.
const LEFT_SKUS_MAX: usize = 8;

/// A text of several statements, and what their answers have to be.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub text: String,
    /// One for each statement.
    pub steps: Vec<Expected>,
}

/// A statement of a writing script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub step: Step,
    /// Rows that it has to affect; `None` where nothing follows from it.
    pub affects: Option<u64>,
}

/// Which statement of a writing script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    Movements,
    Stock,
    Versions,
    Written,
    Commit,
}

impl Script {
    fn begin(operations: usize) -> Self {
        let mut script =
            Self { text: String::with_capacity(512 + operations * 64), steps: Vec::new() };
        script.add(Step::Begin, None, |text| text.push_str("BEGIN"));
        script
    }

    fn add(&mut self, step: Step, affects: Option<u64>, write: impl FnOnce(&mut String)) {
        if !self.text.is_empty() {
            self.text.push_str(";\n");
        }
        write(&mut self.text);
        self.steps.push(Expected { step, affects });
    }

    fn add_movements(&mut self, flavor: Flavor, flush: FlushId, operations: &[&Operation]) {
        let rows = operations.iter().map(|operation| operation.width() as u64).sum();
        self.add(Step::Movements, Some(rows), |text| {
            write_movements(text, flavor, flush.0, operations);
        });
    }

    /// Everything that needs the stock rows.
    fn add_stock(&mut self, flavor: Flavor, flush: FlushId, totals: &[SkuTotal]) {
        let skus = Some(totals.len() as u64);
        self.add(Step::Stock, skus, |text| write_stock(text, flavor, totals));
        self.add(Step::Versions, skus, |text| write_versions(text, flavor, flush.0, totals));
    }

    /// The same, and what the flush has to tell.
    fn add_stock_and_read(
        &mut self,
        flavor: Flavor,
        flush: FlushId,
        first: &Operation,
        totals: &[SkuTotal],
    ) {
        self.add_stock(flavor, flush, totals);
        self.add(Step::Written, None, |text| write_read_back(text, first, totals));
    }
}

/// Everything a plan writes, in a transaction of its own: ledger rows first, hot rows last.
pub(super) fn merged(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = prepared(flavor, plan);
    script.add_stock_and_read(flavor, plan.id, &plan.operations[0], &plan.totals(|_| true));
    script
}

/// The whole transaction of an order that is alone, with its commit: two of its statements hand over what
/// others read, and the last before the commit fails if the stock was not changed.
pub(super) fn at_once(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = prepared(flavor, plan);
    script.add_stock(flavor, plan.id, &plan.totals(|_| true));
    script.add(Step::Commit, None, |text| text.push_str("COMMIT"));
    script
}

/// The first part of [`merged`]: the ledger rows.
pub(super) fn prepared(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = Script::begin(plan.operations.len());
    script.add_movements(flavor, plan.id, &plan.operations.iter().collect::<Vec<_>>());
    script
}

/// The second part of [`merged`]: the stock rows.
pub(super) fn finished(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = Script::default();
    script.add_stock_and_read(flavor, plan.id, &plan.operations[0], &plan.totals(|_| true));
    script
}

/// What the accepted operations of a plan write, in the transaction that is open.
pub(super) fn accepted(flavor: Flavor, plan: &Plan, accepts: impl Fn(usize) -> bool) -> Script {
    let all = plan.operations.iter().enumerate();
    let operations: Vec<&Operation> =
        all.filter(|(index, _)| accepts(*index)).map(|(_, operation)| operation).collect();
    let mut script = Script::default();
    script.add_movements(flavor, plan.id, &operations);
    script.add_stock_and_read(flavor, plan.id, operations[0], &plan.totals(&accepts));
    script
}

/// The statements of [`lock_and_read`].
pub(super) const LOCK_AND_READ_STATEMENTS: usize = 3;

/// Begins a transaction, locks the stock rows of a plan, and reads what is known of its ids.
pub(super) fn lock_and_read(flavor: Flavor, plan: &Plan) -> String {
    let mut skus: Vec<&Sku> =
        plan.operations.iter().flat_map(|op| op.changes().map(|change| change.sku)).collect();
    skus.sort_unstable();
    skus.dedup();
    let mut ids: Vec<&OrderId> = plan.operations.iter().map(Operation::id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut script = String::with_capacity(256 + skus.len() * 32 + ids.len() * 32);
    script.push_str("BEGIN;\n");
    sql::LOCK_STOCK.write(&mut script, |_, script| {
        write_rows(script, flavor, &skus, |script, sku| write_id(script, sku.as_str()));
    });
    script.push_str(";\n");
    sql::SELECT_KNOWN.write(&mut script, |_, script| {
        write_rows(script, flavor, &ids, |script, id| write_id(script, id.as_str()));
    });
    script
}

fn write_movements(script: &mut String, flavor: Flavor, flush: u64, operations: &[&Operation]) {
    let single_takes = operations
        .iter()
        .all(|operation| matches!(operation, Operation::Take(order) if order.lines().len() == 1));
    if let (true, [operation]) = (single_takes, operations) {
        let change = operation.change(0);
        sql::INSERT_TAKE_ONE.write(script, |hole, script| match hole {
            "order_id" => write_id(script, operation.id().as_str()),
            "sku" => write_id(script, change.sku.as_str()),
            "delta" => write_int(script, change.delta),
            _ => write_int(script, flush),
        });
    } else if single_takes {
        sql::INSERT_TAKES.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, operations, |script, operation| {
                let change = operation.change(0);
                write_id(script, operation.id().as_str());
                script.push(',');
                write_id(script, change.sku.as_str());
                script.push(',');
                write_int(script, change.delta);
            }),
        });
    } else {
        let lines = operations
            .iter()
            .flat_map(|operation| (0..operation.width()).map(move |line| (*operation, line)));
        sql::INSERT_MOVEMENTS.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, lines.clone(), |script, (operation, line)| {
                write_movement(script, operation, line);
            }),
        });
    }
}

fn write_movement(script: &mut String, operation: &Operation, index: usize) {
    let change = operation.change(index);
    write_id(script, operation.id().as_str());
    script.push(',');
    write_id(script, step_of(operation));
    script.push(',');
    write_int(script, index + 1);
    script.push(',');
    let (kind, reason) = match operation {
        Operation::Take(_) => ("deduct", None),
        Operation::Cancel(_) => ("cancel", None),
        Operation::Adjust(adjustment) => {
            let kind = if change.delta > 0 { "restock" } else { "write_off" };
            (kind, adjustment.reason.as_ref())
        }
    };
    write_id(script, kind);
    script.push(',');
    write_id(script, change.sku.as_str());
    script.push(',');
    write_int(script, change.delta);
    script.push(',');
    match reason {
        Some(reason) => write_text(script, reason.as_str()),
        None => script.push_str("NULL"),
    }
}

/// The step under which an operation is recorded.
fn step_of(operation: &Operation) -> &'static str {
    match operation {
        Operation::Take(_) => "take",
        Operation::Cancel(_) => "settle",
        Operation::Adjust(_) => "adjust",
    }
}

fn write_stock(script: &mut String, flavor: Flavor, totals: &[SkuTotal]) {
    if let [total] = totals {
        sql::UPDATE_STOCK_ONE.write(script, |hole, script| match hole {
            "sku" => write_id(script, total.sku.as_str()),
            "delta" => write_int(script, total.delta),
            "need" => write_int(script, total.need),
            _ => write_int(script, AVAILABLE_MAX - total.rise),
        });
    } else {
        sql::UPDATE_STOCK.write(script, |_, script| {
            write_rows(script, flavor, totals, |script, total| {
                write_id(script, total.sku.as_str());
                script.push(',');
                write_int(script, total.delta);
                script.push(',');
                write_int(script, total.need);
                script.push(',');
                write_int(script, AVAILABLE_MAX - total.rise);
            });
        });
    }
}

fn write_versions(script: &mut String, flavor: Flavor, flush: u64, totals: &[SkuTotal]) {
    if let [total] = totals {
        sql::INSERT_VERSION_ONE.write(script, |hole, script| match hole {
            "sku" => write_id(script, total.sku.as_str()),
            "flush_id" => write_int(script, flush),
            "delta" => write_int(script, total.delta),
            _ => write_int(script, total.orders),
        });
    } else {
        sql::INSERT_VERSIONS.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, totals, |script, total| {
                write_id(script, total.sku.as_str());
                script.push(',');
                write_int(script, total.delta);
                script.push(',');
                write_int(script, total.orders);
            }),
        });
    }
}

fn write_read_back(script: &mut String, operation: &Operation, totals: &[SkuTotal]) {
    sql::SELECT_WRITTEN.write(script, |hole, script| match hole {
        "order_id" => write_id(script, operation.id().as_str()),
        "step" => write_id(script, step_of(operation)),
        _ => {
            for (index, total) in totals.iter().take(LEFT_SKUS_MAX).enumerate() {
                if index > 0 {
                    script.push(',');
                }
                write_id(script, total.sku.as_str());
            }
        }
    });
}
