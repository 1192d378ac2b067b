//! The ways that an order may go, written down once more: the oracle asks nobody but itself.

use hotrow::domain::{Goal, Kind, OrderStatus, Standing, Step};

/// Ledger rows, in their order, for each line of an order.
pub(super) type Steps = &'static [(Step, Kind)];

pub(super) enum Way {
    Go(Steps),
    There,
    Barred,
}

/// What leads from a standing to a goal; `over` when the time of the hold is.
pub(super) fn way(from: Standing, goal: Goal, over: bool) -> Way {
    use Standing::{Cancelled, Confirmed, Deducted, Expired, Held};
    match goal {
        Goal::Confirm => match from {
            Deducted | Confirmed => Way::There,
            Held if over => Way::Go(&[(Step::Settle, Kind::Expire), (Step::Retake, Kind::Deduct)]),
            Held => Way::Go(&[(Step::Settle, Kind::Confirm)]),
            Expired => Way::Go(&[(Step::Retake, Kind::Deduct)]),
            Cancelled => Way::Barred,
        },
        Goal::Cancel => match from {
            Cancelled => Way::There,
            Held => Way::Go(&[(Step::Settle, Kind::Release)]),
            Deducted => Way::Go(&[(Step::Settle, Kind::Cancel)]),
            Confirmed => Way::Go(&[(Step::Return, Kind::Cancel)]),
            Expired => Way::Barred,
        },
        Goal::Expire => match from {
            Expired => Way::There,
            Held if over => Way::Go(&[(Step::Settle, Kind::Expire)]),
            Held | Deducted | Confirmed | Cancelled => Way::Barred,
        },
    }
}

/// Everything that may happen to an order: from where, by which ledger row, to where.
const PASSAGES: &[(Option<Standing>, Step, Kind, Standing)] = &[
    (None, Step::Take, Kind::Deduct, Standing::Deducted),
    (None, Step::Take, Kind::Hold, Standing::Held),
    (Some(Standing::Held), Step::Settle, Kind::Confirm, Standing::Confirmed),
    (Some(Standing::Held), Step::Settle, Kind::Release, Standing::Cancelled),
    (Some(Standing::Held), Step::Settle, Kind::Expire, Standing::Expired),
    (Some(Standing::Deducted), Step::Settle, Kind::Cancel, Standing::Cancelled),
    (Some(Standing::Expired), Step::Retake, Kind::Deduct, Standing::Confirmed),
    (Some(Standing::Confirmed), Step::Return, Kind::Cancel, Standing::Cancelled),
];

/// Where an order stands after a ledger row, `None` when no order may get such a row there.
pub(super) fn after(from: Option<Standing>, step: Step, kind: Kind) -> Option<Standing> {
    let mine = |passage: &&(_, _, _, _)| (passage.0, passage.1, passage.2) == (from, step, kind);
    PASSAGES.iter().find(mine).map(|passage| passage.3)
}

/// What a unit does to `available` and `held`.
pub(super) fn effect(kind: Kind) -> (i64, i64) {
    match kind {
        Kind::Deduct | Kind::WriteOff => (-1, 0),
        Kind::Hold => (-1, 1),
        Kind::Confirm => (0, -1),
        Kind::Release | Kind::Expire => (1, -1),
        Kind::Cancel | Kind::Restock => (1, 0),
    }
}

/// Of each unit of an order: what is held for it, and what it has for good.
pub(super) fn share(standing: Option<Standing>) -> (i64, i64) {
    match standing {
        Some(Standing::Held) => (1, 0),
        Some(Standing::Deducted | Standing::Confirmed) => (0, 1),
        Some(Standing::Cancelled | Standing::Expired) | None => (0, 0),
    }
}

pub(super) fn status(standing: Standing) -> OrderStatus {
    match standing {
        Standing::Deducted | Standing::Confirmed => OrderStatus::Deducted,
        Standing::Held => OrderStatus::Held,
        Standing::Cancelled => OrderStatus::Cancelled,
        Standing::Expired => OrderStatus::Expired,
    }
}
