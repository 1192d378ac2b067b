//! The rules of merging and deciding, as plain code: events in, actions out.
//!
//! Nothing here does I/O, reads a clock, or knows threads, SQL or JSON, so the whole of it runs in a
//! seeded simulation.
//!
//! [`Combiner`] queues operations in the lane of each SKU they touch and merges what waits into a
//! [`Plan`], which a flush connection executes as one transaction. [`decide`] answers each operation
//! on its own when a plan does not go through whole.
//!
//! What holds at every moment:
//!
//! - A lane's operations are executed in the order of their arrival. A lane has at most one flush
//!   that changes its stock row; the next may start while the one before commits, and commits only
//!   after it. While a lane has full flushes waiting, the next ones write their ledger rows ahead.
//! - An operation is answered once, after the outcome of its flush is known, or when its deadline
//!   passes.
//! - An operation of a lane that is not to be merged is alone in its flush, in the same order.
//! - A flush whose commit has no answer keeps its lanes closed until it is resolved by executing the
//!   same plan again under the locks of all its stock rows.

mod combiner;
mod decide;
mod flight;
mod lane;
mod ledger;
mod merging;
mod outcome;
mod plan;
mod planner;
mod queue;
mod ring;

pub use combiner::{Action, Combiner, LaneState, Policy};
pub use decide::{Decision, decide};
pub use ledger::{KnownAdjustment, KnownMovements, KnownStep, KnownTake, Ledger, LockedStock};
pub use merging::{MergeCount, MergeCounts, MergeModes};
pub use outcome::{CommitOutcome, Execution, Failure, Left, SkuLeft, Verdicts};
pub use plan::{FlushId, Mode, Plan, SkuTotal};
