//! What the ledger records: steps of an order, and what each kind of movement does to stock.

use super::{Goal, OrderStatus};

/// A step of an id; each is recorded once, which makes everything idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An order takes its stock, or holds it.
    Take,
    /// A hold is confirmed, released or expires, or a deducted order is cancelled.
    Settle,
    /// A hold that had expired is confirmed after all, and takes its stock again.
    Retake,
    /// An order that was confirmed is cancelled.
    Return,
    /// A restock or write-off.
    Adjust,
}

/// What a movement does; how it changes `available` and `held` follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Units leave for good.
    Deduct,
    /// Units leave `available` and are held.
    Hold,
    /// Held units leave for good.
    Confirm,
    /// Held units come back because their order was cancelled.
    Release,
    /// Held units come back because their time was over.
    Expire,
    /// Deducted units come back because their order was cancelled.
    Cancel,
    /// Units are added.
    Restock,
    /// Units are written off.
    WriteOff,
}

impl Kind {
    /// By how much `available` changes when this many units move.
    #[must_use]
    pub fn available(self, units: i64) -> i64 {
        match self {
            Self::Deduct | Self::Hold | Self::WriteOff => -units,
            Self::Release | Self::Expire | Self::Cancel | Self::Restock => units,
            Self::Confirm => 0,
        }
    }

    /// By how much `held` changes when this many units move.
    #[must_use]
    pub fn held(self, units: i64) -> i64 {
        match self {
            Self::Hold => units,
            Self::Confirm | Self::Release | Self::Expire => -units,
            Self::Deduct | Self::Cancel | Self::Restock | Self::WriteOff => 0,
        }
    }
}

/// One movement that an operation makes of each of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Under which step it is recorded.
    pub step: Step,
    /// What it does.
    pub kind: Kind,
}

/// All movements that an operation makes of each of its lines, in their order.
pub type Postings = &'static [Posting];

const fn posting(step: Step, kind: Kind) -> [Posting; 1] {
    [Posting { step, kind }]
}

pub(super) const TAKE_DEDUCT: Postings = &posting(Step::Take, Kind::Deduct);
pub(super) const TAKE_HOLD: Postings = &posting(Step::Take, Kind::Hold);
pub(super) const RESTOCK: Postings = &posting(Step::Adjust, Kind::Restock);
pub(super) const WRITE_OFF: Postings = &posting(Step::Adjust, Kind::WriteOff);
const CONFIRM: Postings = &posting(Step::Settle, Kind::Confirm);
const RELEASE: Postings = &posting(Step::Settle, Kind::Release);
const EXPIRE: Postings = &posting(Step::Settle, Kind::Expire);
const CANCEL: Postings = &posting(Step::Settle, Kind::Cancel);
const RETAKE: Postings = &posting(Step::Retake, Kind::Deduct);
const RETURN: Postings = &posting(Step::Return, Kind::Cancel);
const EXPIRE_AND_RETAKE: Postings = &[EXPIRE[0], RETAKE[0]];

/// Where an order stands, in the steps that its ledger rows have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Deducted when it was taken.
    Deducted,
    /// Held; nothing has settled it yet.
    Held,
    /// Deducted after it was held.
    Confirmed,
    /// Its stock has come back.
    Cancelled,
    /// Its time was over and its stock has come back.
    Expired,
}

/// What it takes to reach a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// These movements lead there.
    Write(Postings),
    /// The order is there.
    Reached,
    /// The order stands where no way leads there.
    Barred,
}

impl Standing {
    /// The status of the contract.
    #[must_use]
    pub fn status(self) -> OrderStatus {
        match self {
            Self::Deducted | Self::Confirmed => OrderStatus::Deducted,
            Self::Held => OrderStatus::Held,
            Self::Cancelled => OrderStatus::Cancelled,
            Self::Expired => OrderStatus::Expired,
        }
    }

    /// What leads from here to the goal; `overdue` when the time of a hold is over.
    #[must_use]
    pub fn toward(self, goal: Goal, overdue: bool) -> Transition {
        match (self, goal) {
            (Self::Held, Goal::Confirm) if overdue => Transition::Write(EXPIRE_AND_RETAKE),
            (Self::Held, Goal::Confirm) => Transition::Write(CONFIRM),
            (Self::Held, Goal::Cancel) => Transition::Write(RELEASE),
            (Self::Held, Goal::Expire) if overdue => Transition::Write(EXPIRE),
            (Self::Expired, Goal::Confirm) => Transition::Write(RETAKE),
            (Self::Deducted, Goal::Cancel) => Transition::Write(CANCEL),
            (Self::Confirmed, Goal::Cancel) => Transition::Write(RETURN),
            (Self::Deducted | Self::Confirmed, Goal::Confirm)
            | (Self::Cancelled, Goal::Cancel)
            | (Self::Expired, Goal::Expire) => Transition::Reached,
            (Self::Held | Self::Deducted | Self::Confirmed, Goal::Expire)
            | (Self::Cancelled, Goal::Confirm | Goal::Expire)
            | (Self::Expired, Goal::Cancel) => Transition::Barred,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDINGS: [Standing; 5] = [
        Standing::Deducted,
        Standing::Held,
        Standing::Confirmed,
        Standing::Cancelled,
        Standing::Expired,
    ];
    const GOALS: [Goal; 3] = [Goal::Confirm, Goal::Cancel, Goal::Expire];

    /// What an order in this standing has of the stock: `(available, held)` for one unit.
    fn share(standing: Standing) -> (i64, i64) {
        match standing {
            Standing::Deducted | Standing::Confirmed => (-1, 0),
            Standing::Held => (-1, 1),
            Standing::Cancelled | Standing::Expired => (0, 0),
        }
    }

    /// The standing after these movements.
    fn after(goal: Goal) -> Standing {
        match goal {
            Goal::Confirm => Standing::Confirmed,
            Goal::Cancel => Standing::Cancelled,
            Goal::Expire => Standing::Expired,
        }
    }

    #[test]
    fn every_transition_moves_exactly_the_difference_of_the_shares() {
        for standing in STANDINGS {
            for goal in GOALS {
                for overdue in [false, true] {
                    let Transition::Write(postings) = standing.toward(goal, overdue) else {
                        continue;
                    };
                    let moved =
                        postings.iter().fold(share(standing), |(available, held), posting| {
                            (available + posting.kind.available(1), held + posting.kind.held(1))
                        });
                    assert_eq!(moved, share(after(goal)), "{standing:?} {goal:?} {overdue}");
                }
            }
        }
    }

    #[test]
    fn what_is_reached_has_the_status_of_the_goal_and_stays() {
        for standing in STANDINGS {
            for goal in GOALS {
                if standing.toward(goal, true) == Transition::Reached {
                    assert_eq!(standing.status(), after(goal).status());
                }
            }
        }
        assert_eq!(Standing::Cancelled.toward(Goal::Confirm, false), Transition::Barred);
        assert_eq!(Standing::Held.toward(Goal::Expire, false), Transition::Barred);
    }
}
