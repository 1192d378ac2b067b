//! A flush from its start to its last answer.

use std::sync::Arc;

use super::lane::LaneIx;
use super::outcome::{Left, Verdicts};
use super::plan::{FlushId, Mode, Plan};
use super::queue::Member;
use crate::limits::SLOW_FLUSH_MS;

/// A flush in the air.
#[derive(Debug)]
pub(super) struct Flight<T> {
    /// When it started.
    pub since_ms: u64,
    pub plan: Arc<Plan>,
    /// Whom to answer, in the plan's order.
    pub members: Vec<Member<T>>,
    /// All lanes of the plan, each once.
    pub lanes: Vec<LaneIx>,
    /// Flushes of the same lanes that started before and have no outcome yet.
    pub before: Vec<FlushId>,
    /// True when it carries orders that must not share a flush with other lanes.
    pub apart: bool,
    /// What its members are told if the commit that had no answer is found to have landed.
    pub unanswered: Option<Outcome>,
    pub stage: Stage,
}

/// How far a flight is.
#[derive(Debug)]
pub(super) enum Stage {
    /// A connection does what needs no stock rows, ahead of the flush before it.
    Preparing,
    /// The same, but a flush before it came to nothing, so that it has to be undone.
    PreparingDoomed,
    /// That is done; waits until the flushes before it have changed the stock rows.
    Prepared,
    /// A connection executes the plan.
    Executing,
    /// The same, but a flush before it came to nothing, so that it has to be undone.
    ExecutingDoomed,
    /// Executed; waits for the flushes before it.
    Holding(Outcome),
    /// The commit was sent.
    Committing(Outcome),
    /// The rollback was sent; its operations will wait again.
    RollingBack,
    /// The commit had no answer; to be executed again at this time.
    Unresolved { retry_at_ms: u64 },
}

/// What the members are to be told, if nothing goes wrong.
#[derive(Debug)]
pub(super) struct Outcome {
    pub verdicts: Verdicts,
    pub left: Left,
    /// False when there is nothing to commit.
    pub commits: bool,
}

impl<T> Flight<T> {
    /// True while no flush may start in its lanes: what it carries may have to be executed (again)
    /// before anything that arrived later.
    pub(super) fn keeps_lanes_closed(&self) -> bool {
        match self.stage {
            Stage::Preparing
            | Stage::PreparingDoomed
            | Stage::Prepared
            | Stage::Executing
            | Stage::ExecutingDoomed
            | Stage::RollingBack
            | Stage::Unresolved { .. } => true,
            Stage::Holding(_) | Stage::Committing(_) => self.plan.resolving,
        }
    }

    /// True once its stock rows are changed, so that what is executed next comes after it.
    pub(super) fn is_executed(&self) -> bool {
        matches!(self.stage, Stage::Holding(_) | Stage::Committing(_))
    }

    /// True while the next flush of its lane may be prepared beside it: should it fail, what it carries
    /// goes first again.
    pub(super) fn can_be_followed(&self) -> bool {
        matches!(self.stage, Stage::Executing | Stage::Preparing | Stage::Prepared)
            && !matches!(self.plan.mode, Mode::AtOnce)
            && !self.plan.resolving
    }

    /// True once it takes so long that another may take its place.
    pub(super) fn is_slow(&self, now_ms: u64) -> bool {
        now_ms >= self.since_ms + SLOW_FLUSH_MS
    }

    /// When the last of the members has waited long enough.
    pub(super) fn give_up_at_ms(&self) -> u64 {
        self.members.iter().map(|member| member.deadline_ms).max().unwrap_or(0)
    }
}
