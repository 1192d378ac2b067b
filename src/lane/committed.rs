//! What a cache is told, once a flush: nothing when there is none.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::crew::Done;
use crate::cache::Commits;
use crate::engine::{CommitOutcome, Execution, FlushId, Plan};

/// The plans in the air, kept only when somebody wants to know.
#[derive(Debug)]
pub(super) struct Committed {
    told: Option<Commits>,
    plans: FxHashMap<FlushId, Arc<Plan>>,
}

impl Committed {
    pub(super) fn new(told: Option<Commits>) -> Self {
        Self { told, plans: FxHashMap::default() }
    }

    pub(super) fn started(&mut self, plan: &Arc<Plan>) {
        if self.told.is_some() {
            self.plans.insert(plan.id, Arc::clone(plan));
        }
    }

    pub(super) fn reported(&mut self, done: &Done) {
        let Some(told) = &self.told else { return };
        let (flush, committed) = match done {
            Done::Prepared(_, Ok(())) | Done::Executed(_, Execution::Ready { .. }) => return,
            Done::Executed(flush, Execution::Committed { .. } | Execution::Landed { .. })
            | Done::Committed(flush, CommitOutcome::Committed) => (flush, true),
            Done::Prepared(flush, Err(_))
            | Done::Executed(
                flush,
                Execution::NothingToWrite { .. } | Execution::CommitUnknown | Execution::Failed(_),
            )
            | Done::Committed(flush, CommitOutcome::NotCommitted | CommitOutcome::Unknown)
            | Done::RolledBack(flush) => (flush, false),
            Done::Probed { .. } | Done::SessionEnded => return,
        };
        if let Some(plan) = self.plans.remove(flush)
            && committed
        {
            told.committed(&plan);
        }
    }
}
