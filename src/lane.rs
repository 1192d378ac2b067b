//! The lanes: where operations wait, are merged, flushed and answered.

mod ticket;

pub use ticket::{BatchTicket, Ticket};

use crate::domain::{Operation, Sku};

/// The handle through which operations are submitted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lanes {}

/// One lane as `/v1/lanes` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneReport {
    /// Whose lane.
    pub sku: Sku,
    /// Orders waiting.
    pub depth: usize,
    /// Flushes in the air.
    pub in_flight: usize,
    /// Mean orders per flush since the lane was last idle.
    pub merged_per_flush: f64,
    /// Stock after the newest flush whose outcome told it, in units.
    pub last_available: Option<i64>,
}

/// How full the lanes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Operations accepted and not yet answered.
    pub depth: usize,
    /// True once draining began.
    pub draining: bool,
    /// True while the database cannot be reached.
    pub database_down: bool,
}

impl Lanes {
    /// Submits one operation. Never waits: at a limit the ticket already holds the refusal.
    #[must_use = "the verdict arrives through the ticket"]
    pub fn submit(&self, operation: Operation) -> Ticket {
        let _ = operation;
        unimplemented!()
    }

    /// Submits operations together; each stands alone and gets its own verdict, in the order given.
    #[must_use = "the verdicts arrive through the ticket"]
    pub fn submit_all(&self, operations: Vec<Operation>) -> BatchTicket {
        let _ = operations;
        unimplemented!()
    }

    /// The busiest lanes, deepest first, at most `top`.
    pub async fn busiest(&self, top: usize) -> Vec<LaneReport> {
        let _ = top;
        unimplemented!()
    }

    /// How full the lanes are now.
    #[must_use]
    pub fn load(&self) -> Load {
        unimplemented!()
    }

    /// Stops accepting, flushes what waits, and returns when everything accepted is answered.
    pub async fn drain(&self) {
        unimplemented!()
    }
}
