//! The deciding transaction: what it reads under the locks, and what it writes of it.

use std::sync::Arc;

use hotrow::domain::{NotExecuted, Timestamp, Verdict};
use hotrow::engine::{
    Decision, Execution, Failure, Ledger, LockedStock, Plan, SkuTotal, Verdicts, decide,
};
use rustc_hash::FxHashMap;

use super::merged::change;
use super::session::{Progress, Todo};
use super::{Foreseen, SessionId, Store};
use crate::ledger::rows_as_decided;
use crate::plant::Plant;

impl Store {
    pub(super) fn decide(&mut self, id: SessionId) {
        let session = &self.sessions[&id];
        let plan = Arc::clone(session.plan.as_ref().expect("only flushes decide"));
        let mut ledger = self.read(&plan, session.locked_at);
        let versions = self.versions(&plan);
        let session = self.sessions.get_mut(&id).expect("it advances");
        if let Some(foreseen) = session.foreseen.take() {
            session.foresaw_right = Some(foreseen.versions == versions);
            if foreseen.versions == versions {
                ledger.known = foreseen.known;
            }
        }
        let looks = self.plant != Some(Plant::DecideAgainWhatLanded);
        if looks
            && plan.resolving
            && let Some(at) = ledger.landed(plan.id)
        {
            self.sessions.get_mut(&id).expect("it advances").execution =
                Some(Execution::Landed { at });
            return;
        }
        let decision = decide(&plan, ledger);
        let plain_read = self.plant == Some(Plant::ResolveByPlainRead) && plan.resolving;
        let session = self.sessions.get_mut(&id).expect("it advances");
        if decision.writes() && !plain_read {
            let all = plan.operations.iter().enumerate();
            let accepted =
                all.filter_map(|(at, operation)| Some((operation, decision.postings(at)?)));
            let rows = accepted.flat_map(|(operation, by)| rows_as_decided(operation, by));
            session.todo.extend(rows.map(Todo::Insert));
            session.todo.push_back(Todo::Conclude(Box::new(decision)));
        } else {
            let left = decision.left.clone();
            let verdicts = decision.verdicts(Timestamp::from_micros(0));
            let verdicts = if plain_read { not_found(verdicts) } else { verdicts };
            let verdicts = Verdicts::Each(verdicts);
            session.execution = Some(Execution::NothingToWrite { verdicts, left });
        }
    }

    /// What the versions of the plan's stock rows are, as anybody can see.
    fn versions(&self, plan: &Plan) -> Vec<Option<u64>> {
        let version = |total: SkuTotal| Some(self.stock.get(&total.sku)?.version);
        plan.totals().into_iter().map(version).collect()
    }

    pub(super) fn read_versions(&mut self, id: SessionId) -> Progress {
        let plan = Arc::clone(self.sessions[&id].plan.as_ref().expect("only flushes foresee"));
        let foreseen = Foreseen { versions: self.versions(&plan), known: FxHashMap::default() };
        self.sessions.get_mut(&id).expect("it advances").foreseen = Some(foreseen);
        Progress::More
    }

    pub(super) fn read_known(&mut self, id: SessionId) -> Progress {
        let plan = Arc::clone(self.sessions[&id].plan.as_ref().expect("only flushes foresee"));
        let known = self.read(&plan, self.sessions[&id].begun_at).known;
        let session = self.sessions.get_mut(&id).expect("it advances");
        session.foreseen.as_mut().expect("versions are read first").known = known;
        Progress::More
    }

    /// What is read under the locks of the stock rows, the newest of which was taken at `now`.
    fn read(&self, plan: &Plan, now: Timestamp) -> Ledger {
        let mut ledger = Ledger { now, ..Ledger::default() };
        for operation in &plan.operations {
            for change in operation.changes() {
                let Some(stock) = self.stock.get(change.sku) else { continue };
                let (available, held, terms) = (stock.available, stock.held, stock.terms);
                ledger.stock.insert(change.sku.clone(), LockedStock { available, held, terms });
                if let (Some(buyer), Some(_)) = (operation.buyer(), terms.purchase_limit) {
                    let units = self.bought(&(change.sku.clone(), buyer.clone()), now);
                    let bought = ledger.bought.entry(change.sku.clone()).or_default();
                    bought.insert(buyer.clone(), units);
                }
            }
            if self.plant != Some(Plant::NoLedgerKey) {
                ledger.known.insert(operation.id().clone(), self.known(operation.id()));
            }
        }
        ledger
    }

    /// The update of what was decided goes by the same guard; it cannot miss, except that somebody takes
    /// no lock.
    pub(super) fn conclude(&mut self, id: SessionId, mut decision: Decision) -> Progress {
        let session = &self.sessions[&id];
        let now = session.updating_since.expect("its rows are locked");
        let skipped = !session.skipped.is_empty();
        if !skipped && !decision.totals.iter().all(|total| self.passes(total, now)) {
            if self.plant.is_none() {
                panic!("what was decided misses its rows: {:?} of {:?}", decision, self.stock);
            }
            return self.fail(id, Failure::Statement);
        }
        let session = self.sessions.get_mut(&id).expect("it advances");
        session.changes = std::mem::take(&mut decision.totals).into_iter().map(change).collect();
        let left = std::mem::take(&mut decision.left);
        let at = session.inserting_since.expect("its rows are written");
        let verdicts = Verdicts::Each(decision.verdicts(at));
        session.execution = Some(Execution::Ready { verdicts, left });
        Progress::More
    }
}

/// What a plain read makes of an order that it does not find: one of the planted mistakes.
fn not_found(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    verdicts
        .into_iter()
        .map(|verdict| match verdict {
            Verdict::Done { replayed: false, .. } => {
                Verdict::NotExecuted(NotExecuted::DatabaseUnavailable)
            }
            other @ (Verdict::Done { .. }
            | Verdict::Refused(_)
            | Verdict::NotExecuted(_)
            | Verdict::Unknown) => other,
        })
        .collect()
}
