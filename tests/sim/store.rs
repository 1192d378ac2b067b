//! A MySQL as far as the engine can tell: stock rows, a ledger with a primary key, purchases, sessions
//! with row locks, and a log of what was committed, which is all that the oracle looks at.

mod commit;
mod decide;
mod merged;
mod orders;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hotrow::domain::{Buyer, OrderId, Sku, Terms, Timestamp};
use hotrow::engine::{Execution, FlushId, KnownMovements, Plan};
use rustc_hash::FxHashMap;

use crate::hits::Hit;
use crate::ledger::{ByHand, Entry, Key, Row};
use crate::plant::Plant;
use crate::setting::Opening;
pub(crate) use session::Progress;
use session::Todo;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(u32);

/// What a session can wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lock {
    Stock(Sku),
    LedgerRow(Key, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Stock {
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) terms: Terms,
    pub(crate) version: u64,
}

/// What a buyer has of a SKU by one order.
#[derive(Clone, Copy, Debug)]
struct Purchase {
    units: i64,
    expires_at: Option<Timestamp>,
}

/// What a transaction makes of a stock row.
#[derive(Clone, Debug)]
struct Change {
    sku: Sku,
    available: i64,
    held: i64,
}

/// What a flush to be decided reads before it has its locks.
#[derive(Debug)]
struct Foreseen {
    versions: Vec<Option<u64>>,
    known: FxHashMap<OrderId, KnownMovements>,
}

/// A transaction, from its begin to its end.
#[derive(Debug)]
pub(crate) struct Session {
    /// `None` for a DBA's session.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What a DBA's commit will change.
    by_hand: Option<ByHand>,
    /// True once everything is written and only the commit is missing.
    pub(crate) ready: bool,
    /// True while it has done what needs no stock rows and waits to be told to go on.
    pub(crate) paused: bool,
    /// True when nobody listens to it any more.
    pub(crate) abandoned: bool,
    pub(crate) waits_for: Option<Lock>,
    /// Waits so far; tells an outdated timeout.
    pub(crate) waits: u32,
    begun_at: Timestamp,
    /// When the statement began that writes the ledger rows.
    inserting_since: Option<Timestamp>,
    /// When the statement began that changes the stock rows.
    updating_since: Option<Timestamp>,
    /// When it had the newest of its locks on stock rows.
    locked_at: Timestamp,
    /// True when a statement wrote fewer rows than its plan says.
    missed: bool,
    foreseen: Option<Foreseen>,
    /// Whether that still held under the locks.
    pub(crate) foresaw_right: Option<bool>,
    todo: VecDeque<Todo>,
    rows: Vec<Row>,
    changes: Vec<Change>,
    /// Stock rows that were left out after a lock wait: one of the planted mistakes.
    skipped: Vec<Sku>,
    execution: Option<Execution>,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) stock: BTreeMap<Sku, Stock>,
    pub(crate) log: Vec<Entry>,
    ledger: BTreeMap<(Key, usize), Row>,
    purchases: BTreeMap<(Sku, Buyer), BTreeMap<OrderId, Purchase>>,
    sessions: BTreeMap<SessionId, Session>,
    locks: BTreeMap<Lock, SessionId>,
    next_session: u32,
    commits: u64,
    plant: Option<Plant>,
}

impl Session {
    /// What a DBA changes in it.
    pub(crate) fn kind_by_hand(&self) -> Hit {
        match &self.by_hand {
            Some(by_hand) if by_hand.terms.is_some() => Hit::TermsChangedByHand,
            Some(by_hand) if by_hand.held != 0 => Hit::HeldChangedByHand,
            Some(_) | None => Hit::StockChangedByHand,
        }
    }
}

impl Store {
    pub(crate) fn new(opening: &BTreeMap<Sku, Opening>, plant: Option<Plant>) -> Self {
        let stock = opening
            .iter()
            .map(|(sku, &Opening { available, terms })| {
                (sku.clone(), Stock { available, held: 0, terms, version: 1 })
            })
            .collect();
        Self {
            stock,
            log: Vec::new(),
            ledger: BTreeMap::new(),
            purchases: BTreeMap::new(),
            sessions: BTreeMap::new(),
            locks: BTreeMap::new(),
            next_session: 0,
            commits: 0,
            plant,
        }
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(crate) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// Sessions that wait for something which nobody holds any more.
    pub(crate) fn awake(&self) -> Vec<SessionId> {
        let free = |lock: &Lock| !self.locks.contains_key(lock);
        self.sessions
            .iter()
            .filter(|(_, session)| session.waits_for.as_ref().is_some_and(free))
            .map(|(&id, _)| id)
            .collect()
    }

    /// The holder of what this session waits for.
    pub(crate) fn blocker(&self, id: SessionId) -> Option<SessionId> {
        let lock = self.sessions.get(&id)?.waits_for.as_ref()?;
        self.locks.get(lock).copied()
    }

    /// Ends the sessions of a flush that nobody listens to, unless they are committing: KILL.
    pub(crate) fn end_abandoned(&mut self, flush: FlushId) -> usize {
        let ended = |session: &Session| {
            let mine = session.plan.as_ref().is_some_and(|plan| plan.id == flush);
            mine && session.abandoned && !session.ready
        };
        let ids: Vec<SessionId> =
            self.sessions.iter().filter(|(_, s)| ended(s)).map(|(&id, _)| id).collect();
        for &id in &ids {
            self.roll_back(id);
        }
        ids.len()
    }

    /// The sessions that wait for each other in a circle with this one.
    pub(crate) fn deadlock(&self, id: SessionId) -> Option<Vec<SessionId>> {
        let mut circle = vec![id];
        let mut next = self.blocker(id)?;
        while next != id {
            if circle.contains(&next) {
                return None;
            }
            circle.push(next);
            next = self.blocker(next)?;
        }
        Some(circle)
    }

    /// Ends the transaction without a trace.
    pub(crate) fn roll_back(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        self.locks.retain(|_, holder| *holder != id);
    }
}
