//! The guarded update of a plan that is executed all or nothing.

use std::sync::Arc;

use hotrow::domain::{Operation, Refusal, Shortfall, Terms, Timestamp, Verdict};
use hotrow::engine::{Execution, Failure, Plan, SkuLeft, SkuTotal, Verdicts};
use hotrow::limits::AVAILABLE_MAX;

use super::session::Progress;
use super::{Change, SessionId, Store};
use crate::plant::Plant;

impl Store {
    pub(super) fn guarded_update(&mut self, id: SessionId, locked_at: Timestamp) -> Progress {
        let session = &self.sessions[&id];
        let plan = Arc::clone(session.plan.as_ref().expect("only flushes update"));
        let mut totals = plan.totals();
        totals.retain(|total| !session.skipped.contains(&total.sku));
        let now = session.updating_since.expect("its rows are locked");
        let fits =
            totals.iter().all(|total| self.passes(total, now) && self.is_in_time(total, locked_at));
        if session.missed || !fits {
            if self.plant == Some(Plant::NeighbourRefuses) {
                let execution = self.refuse_all(&plan);
                self.roll_back(id);
                return Progress::Finished(execution);
            }
            return self.fail(id, Failure::Guard);
        }
        let left = totals.iter().map(|total| self.left(total, now)).collect();
        let session = self.sessions.get_mut(&id).expect("it advances");
        session.changes = totals.into_iter().map(change).collect();
        let verdicts = Verdicts::AllDone(session.inserting_since.expect("its rows are written"));
        session.execution = Some(Execution::Ready { verdicts, left });
        Progress::More
    }

    /// The condition of `update_stock.sql`.
    pub(super) fn passes(&self, total: &SkuTotal, now: Timestamp) -> bool {
        let Some(stock) = self.stock.get(&total.sku) else { return false };
        let enough = stock.available >= total.need && stock.available <= AVAILABLE_MAX - total.rise;
        let held = stock.held >= total.held_need;
        (enough || self.plant == Some(Plant::NoGuard))
            && (held || self.plant == Some(Plant::NoHeldGuard))
            && (!total.on_terms
                || !needs_decision(stock.terms, now)
                || self.plant == Some(Plant::NoTerms))
    }

    /// The part of it that goes by the clock once the lock is had.
    fn is_in_time(&self, total: &SkuTotal, locked_at: Timestamp) -> bool {
        total.until.is_none_or(|until| until > locked_at)
            || self.plant == Some(Plant::ConfirmWithoutClock)
    }

    fn left(&self, total: &SkuTotal, now: Timestamp) -> SkuLeft {
        let stock = &self.stock[&total.sku];
        SkuLeft {
            sku: total.sku.clone(),
            available: stock.available + total.delta,
            taken: Some(-total.delta),
            on_terms: needs_decision(stock.terms, now),
        }
    }

    fn refuse_all(&self, plan: &Plan) -> Execution {
        let refuse = |operation: &Operation| {
            let change = operation.change(0);
            let available = self.stock.get(change.sku).map_or(0, |stock| stock.available);
            let sku = change.sku.clone();
            let short = Shortfall { sku, requested: -change.delta, available };
            Verdict::Refused(Refusal::InsufficientStock(vec![short]))
        };
        let verdicts = Verdicts::Each(plan.operations.iter().map(refuse).collect());
        Execution::NothingToWrite { verdicts, left: Vec::new() }
    }
}

pub(super) fn change(total: SkuTotal) -> Change {
    Change { sku: total.sku, available: total.delta, held: total.held }
}

/// True when orders have to be decided one by one.
fn needs_decision(terms: Terms, now: Timestamp) -> bool {
    let starts_later = terms.window.starts_at().is_some_and(|starts_at| starts_at > now);
    let is_over = terms.window.ends_at().is_some_and(|ends_at| ends_at <= now);
    terms.purchase_limit.is_some() || starts_later || is_over
}
