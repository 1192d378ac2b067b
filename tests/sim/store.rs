//! A MySQL as far as the engine can tell: stock rows, a ledger with a primary key, sessions with
//! row locks, and a log of what was committed, which is all that the oracle looks at.

mod session;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hotrow::domain::{OrderId, Sku, Timestamp};
use hotrow::engine::{Execution, FlushId, Known, KnownMovements, Plan};

use crate::ledger::{Changes, Entry, Key, Row, Step};
use crate::plant::Plant;
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
    pub(crate) version: u64,
}

/// A transaction, from its begin to its end.
#[derive(Debug)]
pub(crate) struct Session {
    /// `None` for a DBA's session.
    pub(crate) plan: Option<Arc<Plan>>,
    /// True once everything is written and only the commit is missing.
    pub(crate) ready: bool,
    /// True while it has written its ledger rows and waits to be told to go on.
    pub(crate) paused: bool,
    /// True when nobody listens to it any more.
    pub(crate) abandoned: bool,
    pub(crate) waits_for: Option<Lock>,
    /// Waits so far; tells an outdated timeout.
    pub(crate) waits: u32,
    at: Timestamp,
    todo: VecDeque<Todo>,
    rows: Vec<Row>,
    changes: Changes,
    execution: Option<Execution>,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) stock: BTreeMap<Sku, Stock>,
    pub(crate) log: Vec<Entry>,
    ledger: BTreeMap<(Key, usize), Row>,
    sessions: BTreeMap<SessionId, Session>,
    locks: BTreeMap<Lock, SessionId>,
    next_session: u32,
    commits: u64,
    plant: Option<Plant>,
}

impl Store {
    pub(crate) fn new(opening: &BTreeMap<Sku, i64>, plant: Option<Plant>) -> Self {
        let stock = opening
            .iter()
            .map(|(sku, &available)| (sku.clone(), Stock { available, version: 1 }))
            .collect();
        Self {
            stock,
            log: Vec::new(),
            ledger: BTreeMap::new(),
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

    /// The orders that are taken, with their lines, newest last within an id.
    pub(crate) fn taken(&self) -> Vec<(OrderId, Changes)> {
        let mut orders: Vec<(OrderId, Changes)> = Vec::new();
        for row in self.ledger.values().filter(|row| row.key.step == Step::Take) {
            match orders.last_mut() {
                Some((id, changes)) if *id == row.key.id => {
                    changes.push((row.sku.clone(), row.delta));
                }
                Some(_) | None => {
                    orders.push((row.key.id.clone(), vec![(row.sku.clone(), row.delta)]));
                }
            }
        }
        orders
    }

    /// What is committed under an id.
    fn known(&self, id: &OrderId) -> KnownMovements {
        let step = |step| {
            let key = Key { id: id.clone(), step };
            let mut known: Option<Known> = None;
            for (_, row) in self.ledger.range((key.clone(), 0)..=(key, usize::MAX)) {
                known
                    .get_or_insert_with(|| Known {
                        changes: Vec::new(),
                        flush: row.flush,
                        at: row.at,
                    })
                    .changes
                    .push((row.sku.clone(), row.delta));
            }
            known
        };
        KnownMovements {
            take: step(Step::Take),
            settle: step(Step::Settle),
            adjust: step(Step::Adjust),
        }
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

    /// Makes the transaction's changes the database's.
    pub(crate) fn commit(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.locks.retain(|_, holder| *holder != id);
        for (sku, delta) in &session.changes {
            let stock = self.stock.get_mut(sku).expect("only locked rows are changed");
            stock.available += delta;
            if session.plan.is_none() {
                self.log.push(Entry::ByHand { sku: sku.clone(), delta: *delta });
            } else {
                stock.version += 1;
            }
        }
        self.append(session.rows);
    }

    fn append(&mut self, rows: Vec<Row>) {
        self.commits += 1;
        let written_before = self.log.len();
        for row in rows {
            match self.log[written_before..].last_mut() {
                Some(Entry::Written { key, changes, .. }) if *key == row.key && row.line > 0 => {
                    changes.push((row.sku.clone(), row.delta));
                }
                Some(Entry::Written { .. } | Entry::ByHand { .. }) | None => {
                    self.log.push(Entry::Written {
                        key: row.key.clone(),
                        changes: vec![(row.sku.clone(), row.delta)],
                        flush: row.flush,
                        at: row.at,
                        commit: self.commits,
                    });
                }
            }
            self.ledger.insert((row.key.clone(), row.line), row);
        }
    }

    /// A crash that a server with weak settings does not survive whole.
    pub(crate) fn forget_newest(&mut self) {
        if let Some(Entry::Written { key, changes, .. }) = self.log.last() {
            for (sku, delta) in changes {
                self.stock.get_mut(sku).expect("it was changed").available -= delta;
            }
            let key = key.clone();
            self.ledger.retain(|(row, _), _| *row != key);
            self.log.pop();
        }
    }
}
