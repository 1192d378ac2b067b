//! The text of a flush: what is sent in its one message before the commit.

mod ledger;
mod stock;
mod takes;

use super::connect::Session;
use super::flavor::Flavor;
use super::procedures::write_take_one;
use super::statement as sql;
use super::statement::{write_id, write_rows};
use crate::domain::{Buyer, Operation, OrderId, Sku};
use crate::engine::{Decision, FlushId, Plan, SkuTotal};
use ledger::Posted;
use stock::only_takes;

/// A text of several statements, and what their answers have to be.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub text: String,
    /// One for each answer.
    pub steps: Vec<Expected>,
    /// The only SKU that it changes and the units that it takes, if the update says enough about what it leaves.
    pub told_by_update: Option<(Sku, i64)>,
}

/// An answer to a writing script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub step: Step,
    /// Rows that it has to affect; `None` where nothing follows from it.
    pub affects: Option<u64>,
}

/// Which statement of a writing script answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    /// The call of the procedure, which stands for all that follow up to the commit.
    TakeOne,
    Movements,
    Purchases,
    Deadlines,
    Stock,
    Versions,
    Left,
    Commit,
}

impl Script {
    fn begin(operations: usize) -> Self {
        let mut script =
            Self { text: String::with_capacity(512 + operations * 64), ..Self::default() };
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

    /// Everything that needs no stock rows.
    fn add_ledger(&mut self, flavor: Flavor, flush: FlushId, posted: &[Posted<'_>]) {
        let rows = posted.iter().map(Posted::rows).sum();
        self.add(Step::Movements, Some(rows), |text| {
            ledger::write_movements(text, flavor, flush.0, posted);
        });
        ledger::add_purchases(self, flavor, posted);
        ledger::add_hold_deadlines(self, flavor, posted);
    }

    /// Everything that needs the stock rows.
    fn add_stock(&mut self, flavor: Flavor, flush: FlushId, totals: &[SkuTotal]) {
        stock::add_stock(self, flavor, totals);
        stock::add_versions(self, flavor, flush, totals);
        if let [SkuTotal { sku, delta, on_terms: true, .. }] = totals {
            self.told_by_update = Some((sku.clone(), -delta));
        }
    }

    /// The same, and what is left, if that does not tell it.
    fn add_stock_and_left(&mut self, flavor: Flavor, flush: FlushId, totals: &[SkuTotal]) {
        self.add_stock(flavor, flush, totals);
        if self.told_by_update.is_none() {
            stock::add_left(self, totals);
        }
    }
}

/// Everything a plan writes, in a transaction of its own: ledger rows first, hot rows last.
pub(super) fn merged(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = prepared(flavor, plan);
    script.add_stock_and_left(flavor, plan.id, &plan.totals());
    script
}

/// The whole transaction of an order that is alone, with its commit: the last statement before that fails if
/// the stock was not changed.
pub(super) fn at_once(session: &Session, plan: &Plan) -> Script {
    let totals = plan.totals();
    let mut script = match (&*plan.operations, &*totals) {
        ([take], [total]) if session.can_call && take.is_plain_take() && only_takes(total) => {
            take_one(plan.id, take, total)
        }
        (_, totals) => {
            let mut script = prepared(session.flavor, plan);
            script.add_stock(session.flavor, plan.id, totals);
            script
        }
    };
    script.add(Step::Commit, None, |text| text.push_str("COMMIT"));
    script
}

/// An order of one line that deducts at once, by the procedure for it.
fn take_one(flush: FlushId, take: &Operation, total: &SkuTotal) -> Script {
    let mut script = Script::default();
    script.add(Step::TakeOne, None, |text| {
        write_take_one(text, take.id(), &total.sku, total.need, flush);
    });
    // What it selects is one answer, its end another.
    script.steps.push(Expected { step: Step::TakeOne, affects: None });
    script.told_by_update = Some((total.sku.clone(), total.need));
    script
}

/// The first part of [`merged`]: the ledger rows.
pub(super) fn prepared(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = Script::begin(plan.operations.len());
    let posted: Vec<Posted<'_>> = plan.operations.iter().map(Posted::as_planned).collect();
    script.add_ledger(flavor, plan.id, &posted);
    script
}

/// The second part of [`merged`]: the stock rows.
pub(super) fn finished(flavor: Flavor, plan: &Plan) -> Script {
    let mut script = Script::default();
    script.add_stock_and_left(flavor, plan.id, &plan.totals());
    script
}

/// What the accepted operations of a plan write, in the transaction that is open.
pub(super) fn accepted(flavor: Flavor, plan: &Plan, decision: &Decision) -> Script {
    let all = plan.operations.iter().enumerate();
    let posted: Vec<Posted<'_>> = all
        .filter_map(|(index, operation)| {
            Some(Posted::as_decided(operation, decision.postings(index)?))
        })
        .collect();
    let mut script = Script::default();
    script.add_ledger(flavor, plan.id, &posted);
    script.add_stock(flavor, plan.id, &decision.totals);
    script
}

/// Begins a transaction, locks the stock rows of a plan, and reads what is known of its buyers and, unless
/// that was read before, of its ids. The second value is the number of its statements.
pub(super) fn lock_and_read(flavor: Flavor, plan: &Plan, reads_known: bool) -> (String, usize) {
    let skus = skus_of(plan);
    let buyers: Vec<(&Sku, &Buyer)> = sorted(plan.operations.iter().flat_map(|operation| {
        let buyer = operation.buyer().into_iter();
        buyer.flat_map(|buyer| operation.changes().map(move |change| (change.sku, buyer)))
    }));
    let mut script = String::with_capacity(512 + skus.len() * 32);
    script.push_str("BEGIN;\n");
    sql::LOCK_STOCK.write(&mut script, |_, script| {
        write_rows(script, flavor, &skus, |script, sku| write_id(script, sku.as_str()));
    });
    let mut statements = 2;
    if !buyers.is_empty() {
        statements += 1;
        script.push_str(";\n");
        sql::SELECT_BOUGHT.write(&mut script, |_, script| {
            write_rows(script, flavor, &buyers, |script, (sku, buyer)| {
                write_id(script, sku.as_str());
                script.push(',');
                write_id(script, buyer.as_str());
            });
        });
    }
    if reads_known {
        statements += 1;
        script.push_str(";\n");
        script.push_str(&select_known(flavor, plan));
    }
    (script, statements)
}

/// Reads, without a lock, the versions of the stock rows of a plan and then what is known of its ids.
pub(super) fn foresee(flavor: Flavor, plan: &Plan) -> String {
    let mut script = String::new();
    sql::SELECT_VERSIONS.write(&mut script, |_, script| {
        write_rows(script, flavor, &skus_of(plan), |script, sku| write_id(script, sku.as_str()));
    });
    script.push_str(";\n");
    script.push_str(&select_known(flavor, plan));
    script
}

/// Reads what is known of the ids of a plan.
pub(super) fn select_known(flavor: Flavor, plan: &Plan) -> String {
    let ids: Vec<&OrderId> = sorted(plan.operations.iter().map(Operation::id));
    let mut script = String::with_capacity(1_024 + ids.len() * 48);
    write_select_known(&mut script, flavor, &ids);
    if let [first, .., last] = ids[..] {
        script.push('\n');
        sql::ANY_KNOWN.write(&mut script, |hole, script| match hole {
            "first" => write_id(script, first.as_str()),
            _ => write_id(script, last.as_str()),
        });
    }
    script
}

fn skus_of(plan: &Plan) -> Vec<&Sku> {
    let changes = plan.operations.iter().flat_map(|operation| operation.changes());
    sorted(changes.map(|change| change.sku))
}

/// Reads everything that the ledger has under these ids.
pub(super) fn write_select_known(script: &mut String, flavor: Flavor, ids: &[&OrderId]) {
    sql::SELECT_KNOWN.write(script, |_, script| {
        write_rows(script, flavor, ids, |script, id| write_id(script, id.as_str()));
    });
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
