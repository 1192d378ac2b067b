//! What a decision is made from, as it was read after all locks were taken.

use rustc_hash::FxHashMap;

use super::plan::FlushId;
use crate::domain::{Buyer, Kind, OrderId, Sku, Standing, Terms, Timestamp};

/// The stock rows of a plan, and everything that is known of its ids and buyers.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By the database's clock, when the rows were locked.
    pub now: Timestamp,
    /// The row of every SKU of the plan that exists.
    pub stock: FxHashMap<Sku, LockedStock>,
    /// Units that buyers of the plan have of SKUs with a purchase limit; holds whose time is over are
    /// left out.
    pub bought: FxHashMap<Sku, FxHashMap<Buyer, i64>>,
    /// What is known of the plan's ids.
    pub known: FxHashMap<OrderId, KnownMovements>,
}

/// A stock row under its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedStock {
    /// Units that can be taken.
    pub available: i64,
    /// Units that are held.
    pub held: i64,
    /// What it is sold under.
    pub terms: Terms,
}

/// Everything the ledger has under one id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMovements {
    /// The take of an order.
    pub take: Option<KnownTake>,
    /// How it was settled.
    pub settle: Option<KnownStep>,
    /// That it was confirmed after its hold had expired.
    pub retake: Option<KnownStep>,
    /// That it was cancelled after it had been confirmed.
    pub returned: Option<KnownStep>,
    /// An adjustment.
    pub adjust: Option<KnownAdjustment>,
}

/// How an order was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTake {
    /// What was taken, in units, sorted by SKU.
    pub lines: Vec<(Sku, i64)>,
    /// For whom.
    pub buyer: Option<Buyer>,
    /// When its hold is over, if it was taken as one.
    pub expires_at: Option<Timestamp>,
    /// The flush that recorded it.
    pub flush: FlushId,
    /// When.
    pub at: Timestamp,
}

/// A step that an order went after it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownStep {
    /// Which way.
    pub kind: Kind,
    /// The flush that recorded it.
    pub flush: FlushId,
    /// When.
    pub at: Timestamp,
}

/// An adjustment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAdjustment {
    /// Whose stock.
    pub sku: Sku,
    /// By how many units.
    pub delta: i64,
    /// The flush that recorded it.
    pub flush: FlushId,
    /// When.
    pub at: Timestamp,
}

impl Ledger {
    /// When a flush of this name has written any of it. A flush is one transaction: then it has written
    /// everything that it accepted.
    #[must_use]
    pub fn landed(&self, flush: FlushId) -> Option<Timestamp> {
        self.known
            .values()
            .flat_map(KnownMovements::records)
            .find(|(recorded_by, _)| *recorded_by == flush)
            .map(|(_, at)| at)
    }
}

impl KnownMovements {
    /// Who recorded each step, and when.
    fn records(&self) -> impl Iterator<Item = (FlushId, Timestamp)> {
        let take = self.take.as_ref().map(|take| (take.flush, take.at));
        let steps = [self.settle, self.retake, self.returned];
        let steps = steps.into_iter().flatten().map(|step| (step.flush, step.at));
        let adjust = self.adjust.as_ref().map(|adjust| (adjust.flush, adjust.at));
        take.into_iter().chain(steps).chain(adjust)
    }

    /// Where an order stands that was taken like this.
    #[must_use]
    pub fn standing(&self, take: &KnownTake) -> Standing {
        if self.returned.is_some() {
            return Standing::Cancelled;
        }
        if self.retake.is_some() {
            return Standing::Confirmed;
        }
        match self.settle.map(|settle| settle.kind) {
            Some(Kind::Confirm) => Standing::Confirmed,
            Some(Kind::Expire) => Standing::Expired,
            Some(
                Kind::Release
                | Kind::Cancel
                | Kind::Deduct
                | Kind::Hold
                | Kind::Restock
                | Kind::WriteOff,
            ) => Standing::Cancelled,
            None if take.expires_at.is_some() => Standing::Held,
            None => Standing::Deducted,
        }
    }

    /// The newest step of an order that was taken like this.
    #[must_use]
    pub fn newest(&self, take: &KnownTake) -> (FlushId, Timestamp) {
        let steps = [self.returned, self.retake, self.settle];
        let newest = steps.into_iter().flatten().next();
        newest.map_or((take.flush, take.at), |step| (step.flush, step.at))
    }
}

impl KnownTake {
    /// True when it was a hold whose time is over.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}
