//! The steps of one transaction.

use std::collections::VecDeque;
use std::sync::Arc;

use hotrow::domain::{Operation, Refusal, Shortfall, Sku, Timestamp, Verdict};
use hotrow::engine::{Execution, Failure, Ledger, Mode, Plan, Verdicts, decide};
use hotrow::limits::AVAILABLE_MAX;

use super::{Lock, Session, SessionId, Store};
use crate::ledger::{Row, rows_of};
use crate::plant::Plant;

/// What is left to do in a transaction.
#[derive(Debug)]
pub(super) enum Todo {
    Insert(Row),
    Pause,
    LockStock(Sku),
    GuardedUpdate,
    Decide,
}

/// What one step came to.
#[derive(Debug)]
pub(crate) enum Progress {
    More,
    Blocked,
    /// The ledger rows are written.
    Prepared,
    /// Everything before the commit is done, or the transaction has failed and is over.
    Finished(Execution),
}

enum Taking {
    Mine,
    HeldByOther,
}

impl Store {
    /// A flush begins. With `ahead` it pauses after its ledger rows.
    pub(crate) fn begin(&mut self, plan: Arc<Plan>, at: Timestamp, ahead: bool) -> SessionId {
        let skus = plan.totals(|_| true).into_iter().map(|total| Todo::LockStock(total.sku));
        let todo: VecDeque<Todo> = match plan.mode {
            Mode::AtOnce | Mode::Merged => {
                let rows = plan.operations.iter().flat_map(|op| rows_of(op, plan.id, at));
                let pause = ahead.then_some(Todo::Pause);
                let rows = rows.map(Todo::Insert).chain(pause);
                rows.chain(skus).chain([Todo::GuardedUpdate]).collect()
            }
            Mode::Deciding if self.plant == Some(Plant::ResolveByPlainRead) && plan.resolving => {
                [Todo::Decide].into()
            }
            Mode::Deciding => skus.chain([Todo::Decide]).collect(),
        };
        self.open(Some(plan), todo, at)
    }

    /// A DBA opens a session on one stock row. `delta` is what its commit will change.
    pub(crate) fn begin_by_hand(&mut self, sku: Sku, delta: i64) -> SessionId {
        let at = Timestamp::from_micros(0);
        let id = self.open(None, VecDeque::new(), at);
        self.sessions.get_mut(&id).expect("opened just now").changes.push((sku, delta));
        id
    }

    /// True when the DBA's session has the lock on its row now.
    pub(crate) fn lock_by_hand(&mut self, id: SessionId) -> bool {
        let sku = self.sessions[&id].changes[0].0.clone();
        match self.take_lock(id, Lock::Stock(sku)) {
            Taking::Mine => {
                self.sessions.get_mut(&id).expect("it advances").ready = true;
                true
            }
            Taking::HeldByOther => false,
        }
    }

    /// What `available` would be after the DBA's commit.
    pub(crate) fn would_leave(&self, id: SessionId) -> Option<i64> {
        let (sku, delta) = self.sessions.get(&id)?.changes.first()?;
        Some(self.stock.get(sku)?.available + delta)
    }

    fn open(&mut self, plan: Option<Arc<Plan>>, todo: VecDeque<Todo>, at: Timestamp) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let session = Session {
            plan,
            ready: false,
            paused: false,
            abandoned: false,
            waits_for: None,
            waits: 0,
            at,
            todo,
            rows: Vec::new(),
            changes: Vec::new(),
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
            // The guarded update will not find the row among its locks.
            session.changes.push((sku, 0));
        }
    }

    /// Does one step of the transaction. A failure ends it.
    ///
    /// # Panics
    /// When there is no such session, or it has nothing left to do.
    pub(crate) fn advance(&mut self, id: SessionId) -> Progress {
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
            Todo::Insert(row) => self.insert(id, row),
            Todo::Pause => {
                session.paused = true;
                Progress::Prepared
            }
            Todo::LockStock(sku) => match self.take_lock(id, Lock::Stock(sku.clone())) {
                Taking::Mine => Progress::More,
                Taking::HeldByOther => self.block(id, Todo::LockStock(sku)),
            },
            Todo::GuardedUpdate => self.guarded_update(id),
            Todo::Decide => {
                self.decide(id);
                Progress::More
            }
        }
    }

    fn take_lock(&mut self, id: SessionId, lock: Lock) -> Taking {
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

    fn fail(&mut self, id: SessionId, failure: Failure) -> Progress {
        self.roll_back(id);
        Progress::Finished(Execution::Failed(failure))
    }

    fn insert(&mut self, id: SessionId, row: Row) -> Progress {
        let lock = Lock::LedgerRow(row.key.clone(), row.line);
        let mine = self.locks.get(&lock) == Some(&id);
        if self.plant == Some(Plant::NoLedgerKey) {
            self.sessions.get_mut(&id).expect("it advances").rows.push(row);
            return Progress::More;
        }
        if mine || self.ledger.contains_key(&(row.key.clone(), row.line)) {
            if self.plant == Some(Plant::DuplicatesByAffectedRows) {
                return Progress::More;
            }
            return self.fail(id, Failure::Duplicate);
        }
        match self.take_lock(id, lock) {
            Taking::Mine => {
                self.sessions.get_mut(&id).expect("it advances").rows.push(row);
                Progress::More
            }
            Taking::HeldByOther => self.block(id, Todo::Insert(row)),
        }
    }

    fn guarded_update(&mut self, id: SessionId) -> Progress {
        let session = &self.sessions[&id];
        let plan = Arc::clone(session.plan.as_ref().expect("only flushes update"));
        let skipped: Vec<Sku> = session.changes.iter().map(|(sku, _)| sku.clone()).collect();
        let mut totals = plan.totals(|_| true);
        totals.retain(|total| !skipped.contains(&total.sku));
        let fits = |sku: &Sku, need: i64, rise: i64| {
            self.stock.get(sku).is_some_and(|stock| {
                stock.available >= need && stock.available <= AVAILABLE_MAX - rise
            })
        };
        let guarded = self.plant != Some(Plant::NoGuard);
        if totals.iter().any(|t| !self.stock.contains_key(&t.sku))
            || guarded && !totals.iter().all(|t| fits(&t.sku, t.need, t.rise))
        {
            if self.plant == Some(Plant::NeighbourRefuses) {
                let execution = self.refuse_all(&plan);
                self.roll_back(id);
                return Progress::Finished(execution);
            }
            return self.fail(id, Failure::Guard);
        }
        let left = totals
            .iter()
            .map(|t| (t.sku.clone(), self.stock[&t.sku].available + t.delta))
            .collect();
        let session = self.sessions.get_mut(&id).expect("it advances");
        session.changes = totals.into_iter().map(|t| (t.sku, t.delta)).collect();
        let verdicts = Verdicts::AllDone(session.at);
        session.execution = Some(Execution::Ready { verdicts, left });
        Progress::More
    }

    fn refuse_all(&self, plan: &Plan) -> Execution {
        let refuse = |operation: &Operation| {
            let change = operation.change(0);
            let available = self.stock.get(change.sku).map_or(0, |stock| stock.available);
            let sku = change.sku.clone();
            let short = Shortfall { sku, requested: -change.delta, available };
            Verdict::Refused(Refusal::InsufficientStock(vec![short]))
        };
        let verdicts = Verdicts::Each(plan.operations.iter().map(refuse).collect());
        Execution::NothingToWrite { verdicts, left: Vec::new() }
    }

    fn decide(&mut self, id: SessionId) {
        let session = &self.sessions[&id];
        let plan = Arc::clone(session.plan.as_ref().expect("only flushes decide"));
        let mut ledger = Ledger::default();
        for operation in &plan.operations {
            for change in operation.changes() {
                if let Some(stock) = self.stock.get(change.sku) {
                    ledger.available.insert(change.sku.clone(), stock.available);
                }
            }
            if self.plant != Some(Plant::NoLedgerKey) {
                ledger.known.insert(operation.id().clone(), self.known(operation.id()));
            }
        }
        let looks = self.plant != Some(Plant::DecideAgainWhatLanded);
        if looks
            && plan.resolving
            && let Some(at) = ledger.landed(plan.id)
        {
            let session = self.sessions.get_mut(&id).expect("it advances");
            session.execution = Some(Execution::Landed { at });
            return;
        }
        let decision = decide(&plan, ledger);
        let left = decision.left.clone();
        let plain_read = self.plant == Some(Plant::ResolveByPlainRead) && plan.resolving;
        let session = self.sessions.get_mut(&id).expect("it advances");
        let at = session.at;
        let accepted: Vec<bool> =
            (0..plan.operations.len()).map(|index| decision.accepts(index)).collect();
        let writes = decision.writes() && !plain_read;
        let mut verdicts = decision.verdicts(at);
        if plain_read {
            for (verdict, _) in
                verdicts.iter_mut().zip(&accepted).filter(|(_, accepted)| **accepted)
            {
                let reason = hotrow::domain::NotExecuted::DatabaseUnavailable;
                *verdict = Verdict::NotExecuted(reason);
            }
        }
        let verdicts = Verdicts::Each(verdicts);
        if writes {
            let operations = plan.operations.iter().zip(&accepted).filter(|(_, yes)| **yes);
            let rows = operations.flat_map(|(operation, _)| rows_of(operation, plan.id, at));
            session.todo.extend(rows.map(Todo::Insert));
            let totals = plan.totals(|index| accepted[index]);
            session.changes = totals.into_iter().map(|t| (t.sku, t.delta)).collect();
            session.execution = Some(Execution::Ready { verdicts, left });
        } else {
            session.execution = Some(Execution::NothingToWrite { verdicts, left });
        }
    }
}
