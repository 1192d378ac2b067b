//! The steps of one transaction.

use std::collections::VecDeque;
use std::sync::Arc;

use hotrow::domain::{Kind, Sku, Step, Timestamp};
use hotrow::engine::{Decision, Execution, Failure, Mode, Plan};

use super::{Lock, Session, SessionId, Store};
use crate::ledger::{ByHand, Planned, rows_as_planned};
use crate::plant::Plant;

/// What is left to do in a transaction.
#[derive(Debug)]
pub(super) enum Todo {
    Insert(Planned),
    ReadVersions,
    ReadKnown,
    Pause,
    LockStock(Sku),
    GuardedUpdate,
    Decide,
    /// What was decided is written, up to its stock rows.
    Conclude(Box<Decision>),
}

/// What one step came to.
#[derive(Debug)]
pub(crate) enum Progress {
    More,
    Blocked,
    /// What needs no stock rows is done.
    Prepared,
    /// Everything before the commit is done, or the transaction has failed and is over.
    Finished(Execution),
}

enum Taking {
    Mine,
    HeldByOther,
}

impl Store {
    /// A flush begins. With `ahead` it pauses after what needs no stock rows.
    pub(crate) fn begin(&mut self, plan: Arc<Plan>, now: Timestamp, ahead: bool) -> SessionId {
        let skus = plan.totals().into_iter().map(|total| Todo::LockStock(total.sku));
        let todo: VecDeque<Todo> = match plan.mode {
            Mode::AtOnce | Mode::Merged => {
                let rows = plan.operations.iter().flat_map(rows_as_planned);
                let pause = ahead.then_some(Todo::Pause);
                let rows = rows.map(Todo::Insert).chain(pause);
                rows.chain(skus).chain([Todo::GuardedUpdate]).collect()
            }
            Mode::Deciding if self.plant == Some(Plant::ResolveByPlainRead) && plan.resolving => {
                [Todo::Decide].into()
            }
            Mode::Deciding if ahead => {
                let foresees = [Todo::ReadVersions, Todo::ReadKnown, Todo::Pause];
                foresees.into_iter().chain(skus).chain([Todo::Decide]).collect()
            }
            Mode::Deciding => skus.chain([Todo::Decide]).collect(),
        };
        self.open(Some(plan), None, todo, now)
    }

    /// A DBA opens a session on one stock row.
    pub(crate) fn begin_by_hand(&mut self, by_hand: ByHand, now: Timestamp) -> SessionId {
        self.open(None, Some(by_hand), VecDeque::new(), now)
    }

    /// True when the DBA's session has the lock on its row now.
    pub(crate) fn lock_by_hand(&mut self, id: SessionId, now: Timestamp) -> bool {
        let by_hand = self.sessions[&id].by_hand.as_ref();
        let sku = by_hand.expect("it is a DBA's").sku.clone();
        match self.take_lock(id, Lock::Stock(sku), now) {
            Taking::Mine => {
                self.sessions.get_mut(&id).expect("it advances").ready = true;
                true
            }
            Taking::HeldByOther => false,
        }
    }

    /// What `available` and `held` would be after the DBA's commit.
    pub(crate) fn would_leave(&self, id: SessionId) -> Option<(i64, i64)> {
        let by_hand = self.sessions.get(&id)?.by_hand.as_ref()?;
        let stock = self.stock.get(&by_hand.sku)?;
        Some((stock.available + by_hand.available, stock.held + by_hand.held))
    }

    fn open(
        &mut self,
        plan: Option<Arc<Plan>>,
        by_hand: Option<ByHand>,
        todo: VecDeque<Todo>,
        now: Timestamp,
    ) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let session = Session {
            plan,
            by_hand,
            ready: false,
            paused: false,
            abandoned: false,
            waits_for: None,
            waits: 0,
            begun_at: now,
            inserting_since: None,
            updating_since: None,
            locked_at: now,
            missed: false,
            foreseen: None,
            foresaw_right: None,
            todo,
            rows: Vec::new(),
            changes: Vec::new(),
            skipped: Vec::new(),
            execution: None,
        };
        self.sessions.insert(id, session);
        id
    }

    /// Leaves out what the session waits for, as if it had it: one of the planted mistakes.
    pub(crate) fn skip_wait(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(&id).expect("the caller saw it wait");
        session.waits_for = None;
        if let Some(Todo::LockStock(sku)) = session.todo.pop_front() {
            session.skipped.push(sku);
        }
    }

    /// Does one step of the transaction. A failure ends it.
    ///
    /// # Panics
    /// When there is no such session, or it has nothing left to do.
    pub(crate) fn advance(&mut self, id: SessionId, now: Timestamp) -> Progress {
        let session = self.sessions.get_mut(&id).expect("the caller saw the session");
        let Some(todo) = session.todo.pop_front() else {
            session.ready = true;
            let execution = session.execution.take().expect("each plan ends in an execution");
            if !matches!(execution, Execution::Ready { .. }) {
                self.roll_back(id);
            }
            return Progress::Finished(execution);
        };
        match todo {
            Todo::Insert(row) => self.insert(id, row, now),
            Todo::ReadVersions => self.read_versions(id),
            Todo::ReadKnown => self.read_known(id),
            Todo::Pause if session.missed => self.fail(id, Failure::Guard),
            Todo::Pause => {
                session.paused = true;
                Progress::Prepared
            }
            Todo::LockStock(sku) => {
                session.updating_since.get_or_insert(now);
                match self.take_lock(id, Lock::Stock(sku.clone()), now) {
                    Taking::Mine => Progress::More,
                    Taking::HeldByOther => self.block(id, Todo::LockStock(sku)),
                }
            }
            Todo::GuardedUpdate => self.guarded_update(id, now),
            Todo::Decide => {
                self.decide(id);
                Progress::More
            }
            Todo::Conclude(decision) => self.conclude(id, *decision),
        }
    }

    fn take_lock(&mut self, id: SessionId, lock: Lock, now: Timestamp) -> Taking {
        let session = self.sessions.get_mut(&id).expect("it advances");
        match self.locks.get(&lock) {
            Some(&holder) if holder != id => {
                if session.waits_for.as_ref() != Some(&lock) {
                    session.waits_for = Some(lock);
                    session.waits += 1;
                }
                Taking::HeldByOther
            }
            Some(_) | None => {
                session.waits_for = None;
                session.locked_at = now;
                let unknown_sku =
                    matches!(&lock, Lock::Stock(sku) if !self.stock.contains_key(sku));
                if !unknown_sku {
                    self.locks.insert(lock, id);
                }
                Taking::Mine
            }
        }
    }

    fn block(&mut self, id: SessionId, todo: Todo) -> Progress {
        self.sessions.get_mut(&id).expect("it advances").todo.push_front(todo);
        Progress::Blocked
    }

    pub(super) fn fail(&mut self, id: SessionId, failure: Failure) -> Progress {
        self.roll_back(id);
        Progress::Finished(Execution::Failed(failure))
    }

    fn insert(&mut self, id: SessionId, row: Planned, now: Timestamp) -> Progress {
        let session = self.sessions.get_mut(&id).expect("it advances");
        let at = *session.inserting_since.get_or_insert(now);
        if self.is_out_of_time(&row, at) {
            self.sessions.get_mut(&id).expect("it advances").missed = true;
            return Progress::More;
        }
        let lock = Lock::LedgerRow(row.key.clone(), row.line);
        let mine = self.locks.get(&lock) == Some(&id);
        let has_key = match self.plant {
            Some(Plant::NoLedgerKey) => false,
            Some(Plant::NoSettleKey) => row.key.step != Step::Settle,
            Some(_) | None => true,
        };
        if !has_key {
            self.write(id, row, at);
            return Progress::More;
        }
        if mine || self.ledger.contains_key(&(row.key.clone(), row.line)) {
            if self.plant == Some(Plant::DuplicatesByAffectedRows) {
                return Progress::More;
            }
            return self.fail(id, Failure::Duplicate);
        }
        match self.take_lock(id, lock, now) {
            Taking::Mine => {
                self.write(id, row, at);
                Progress::More
            }
            Taking::HeldByOther => self.block(id, Todo::Insert(row)),
        }
    }

    fn write(&mut self, id: SessionId, row: Planned, at: Timestamp) {
        let session = self.sessions.get_mut(&id).expect("it advances");
        let flush = session.plan.as_ref().expect("only flushes write").id;
        session.rows.push(row.written(flush, at));
    }

    /// A confirm that comes too late for the hold as it was looked up, or an expiry that comes too early.
    fn is_out_of_time(&self, row: &Planned, at: Timestamp) -> bool {
        let Some(until) = row.until else { return false };
        let in_time = until > at;
        match row.kind {
            Kind::Confirm => !in_time && self.plant != Some(Plant::ConfirmWithoutClock),
            Kind::Expire => in_time && self.plant != Some(Plant::ExpireWithoutClock),
            Kind::Deduct
            | Kind::Hold
            | Kind::Release
            | Kind::Cancel
            | Kind::Restock
            | Kind::WriteOff => panic!("only these two depend on the time"),
        }
    }
}
