//! The database side: how flushes execute, wait, commit and get lost.

use std::sync::Arc;

use hotrow::domain::Verdict;
use hotrow::engine::{CommitOutcome, Execution, Failure, FlushId, Left, Mode, Plan, Verdicts};
use rand::RngExt;

use super::engines::{incarnation_of, name};
use super::{Ailment, Event, Stage, World};
use crate::hits::Hit;
use crate::ledger::Wish;
use crate::plant::Plant;
use crate::store::{Lock, Progress, SessionId};

impl World {
    /// The first statements of a flush reach the server.
    pub(super) fn begin(&mut self, incarnation: usize, plan: Arc<Plan>, ahead: bool) {
        let life = &mut self.incarnations[incarnation];
        if life.combiner.is_none() {
            return;
        }
        let flush = plan.id;
        let odds = self.setting.odds.clone();
        if !self.server_up || self.happens(odds.connect_failed) {
            self.hits.count(Hit::ConnectFailed);
            let wait_ms = self.rng.random_range(0..100);
            let failed = self.report_of(flush, Execution::Failed(Failure::Lost));
            return self.at(self.now_ms + wait_ms, failed);
        }
        if plan.resolving && self.store.end_abandoned(flush) > 0 {
            self.hits.count(Hit::AbandonedSessionEnded);
            self.wake();
        }
        if !self.writable {
            return self.report_failure(flush, Failure::NotWritable);
        }
        if self.happens(odds.statement) {
            self.hits.count(Hit::StatementRefused);
            return self.report_failure(flush, Failure::Statement);
        }
        let now = self.clock();
        let session = self.store.begin(plan, now, ahead);
        let life = &mut self.incarnations[incarnation];
        life.flights.get_mut(&flush).expect("it was launched").session = Some(session);
        if self.happens(odds.lost_in_execution) {
            let after = self.rng.random_range(0..12);
            self.ailing.insert(session, (after, Ailment::LosesClient));
        } else if self.happens(odds.conflict) {
            let after = self.rng.random_range(0..6);
            self.ailing.insert(session, (after, Ailment::Conflict));
        }
        self.over_network(Event::Step { session });
    }

    /// A prepared flush is told to go on.
    pub(super) fn finish(&mut self, incarnation: usize, flush: FlushId) {
        if self.incarnations[incarnation].combiner.is_none() {
            return;
        }
        let session = self.incarnations[incarnation].flights[&flush].session;
        match session.filter(|&id| self.store.session(id).is_some()) {
            Some(id) => {
                self.store.session_mut(id).expect("seen just now").paused = false;
                self.step(id);
            }
            // The server has crashed since.
            None => self.report_failure(flush, Failure::Lost),
        }
    }

    fn report(&mut self, flush: FlushId, execution: Execution) {
        let report = self.report_of(flush, execution);
        self.over_network(report);
    }

    fn report_failure(&mut self, flush: FlushId, failure: Failure) {
        self.report(flush, Execution::Failed(failure));
    }

    /// The report fits what the flush was asked to do.
    fn report_of(&self, flush: FlushId, execution: Execution) -> Event {
        let incarnation = incarnation_of(flush);
        let stage = self.incarnations[incarnation].flights[&flush].stage;
        match (stage, execution) {
            (Stage::Preparing, Execution::Failed(failure)) => {
                Event::Prepared { incarnation, flush, outcome: Err(failure) }
            }
            (_, execution) => Event::Executed { incarnation, flush, execution },
        }
    }

    /// A session goes on until it waits, pauses or is done.
    pub(super) fn step(&mut self, id: SessionId) {
        loop {
            let Some(session) = self.store.session(id) else { return };
            if session.ready || session.paused {
                return;
            }
            let waits_before = session.waits;
            let Some(plan) = session.plan.clone() else { return self.step_by_hand(id) };
            if self.falls_ill(id, plan.id) {
                return;
            }
            let abandoned = self.store.session(id).is_some_and(|session| session.abandoned);
            let now = self.clock();
            match self.store.advance(id, now) {
                Progress::More => {
                    let session = self.store.session_mut(id).expect("it goes on");
                    match session.foresaw_right.take() {
                        Some(true) => self.hits.count(Hit::ForesawRight),
                        Some(false) => self.hits.count(Hit::ForesawWrong),
                        None => {}
                    }
                    if self.rng.random_bool(self.setting.pause) {
                        return self.over_network(Event::Step { session: id });
                    }
                }
                Progress::Prepared => {
                    let (incarnation, flush) = (incarnation_of(plan.id), plan.id);
                    if !abandoned {
                        self.over_network(Event::Prepared { incarnation, flush, outcome: Ok(()) });
                    }
                    return self.wake();
                }
                Progress::Blocked => return self.blocked(id, waits_before),
                Progress::Finished(execution) => {
                    match (plan.mode == Mode::AtOnce, execution) {
                        (true, Execution::Ready { verdicts, left }) => {
                            self.commit_at_once(id, plan.id, verdicts, left, abandoned);
                        }
                        (_, execution) if !abandoned => self.finished(id, plan.id, execution),
                        (..) => {}
                    }
                    return self.wake();
                }
            }
        }
    }

    /// The commit is in the text that the session runs.
    fn commit_at_once(
        &mut self,
        id: SessionId,
        flush: FlushId,
        verdicts: Verdicts,
        left: Left,
        abandoned: bool,
    ) {
        let ailment = self.ailing.remove(&id).map(|(_, ailment)| ailment);
        if abandoned || ailment == Some(Ailment::LosesClient) {
            if !abandoned {
                self.lose_client(id, flush);
            }
            // Else it vanishes before it gets there.
            if self.rng.random_bool(0.5) {
                self.hits.count(Hit::CommittedWithoutClient);
                self.commit_in_store(id);
            }
            return;
        }
        let execution = match self.commit_session(id, flush) {
            CommitOutcome::Committed => Execution::Committed { verdicts, left },
            CommitOutcome::NotCommitted => Execution::Failed(Failure::Conflict),
            CommitOutcome::Unknown => Execution::CommitUnknown,
        };
        self.report(flush, execution);
    }

    /// True when the session is over.
    fn falls_ill(&mut self, id: SessionId, flush: FlushId) -> bool {
        let Some((after, ailment)) = self.ailing.get_mut(&id) else { return false };
        if *after > 0 {
            *after -= 1;
            return false;
        }
        let ailment = *ailment;
        self.ailing.remove(&id);
        match ailment {
            Ailment::LosesClient => {
                self.lose_client(id, flush);
                false
            }
            Ailment::Conflict => {
                self.hits.count(Hit::ConflictInjected);
                self.store.roll_back(id);
                self.report_failure(flush, Failure::Conflict);
                self.wake();
                true
            }
        }
    }

    /// The connection breaks; the server does not notice for a while and keeps the locks.
    fn lose_client(&mut self, id: SessionId, flush: FlushId) {
        self.hits.count(Hit::ConnectionLostInExecution);
        self.say(|_| format!("flush {}: {id:?} loses its client", name(flush)));
        let mut at_once = false;
        if let Some(session) = self.store.session_mut(id) {
            session.abandoned = true;
            at_once = session.plan.as_ref().is_some_and(|plan| plan.mode == Mode::AtOnce);
            self.soon(self.setting.linger_ms, Event::Vanish { session: id });
        }
        if at_once {
            self.report(flush, Execution::CommitUnknown);
        } else {
            self.report_failure(flush, Failure::Lost);
        }
    }

    fn finished(&mut self, id: SessionId, flush: FlushId, execution: Execution) {
        let ailment = self.ailing.remove(&id).map(|(_, ailment)| ailment);
        if ailment == Some(Ailment::LosesClient) {
            self.lose_client(id, flush);
        } else {
            self.report(flush, execution);
        }
    }

    pub(super) fn blocked(&mut self, id: SessionId, waits_before: u32) {
        let session = self.store.session(id).expect("it waits");
        let (waits, lock) = (session.waits, session.waits_for.clone());
        if waits == waits_before {
            return;
        }
        let timeout_ms = self.now_ms + self.setting.lock_wait_ms;
        self.at(timeout_ms, Event::LockTimeout { session: id, waits });
        let blocker = self.store.blocker(id).expect("somebody holds it");
        self.say(|_| format!("{id:?} waits for {lock:?} of {blocker:?}"));
        match lock.expect("it waits") {
            Lock::Stock(_) => self.hits.count(Hit::RowWait),
            Lock::LedgerRow(..) => self.hits.count(Hit::LedgerRowWait),
        }
        let flush = |session| {
            self.store.session(session)?.plan.as_ref().map(|plan| (plan.id, plan.resolving))
        };
        if let (Some((mine, true)), Some((theirs, _))) = (flush(id), flush(blocker))
            && mine == theirs
        {
            self.hits.count(Hit::ResolverWaitedForLostSession);
        }
        if let Some(circle) = self.store.deadlock(id) {
            self.hits.count(Hit::Deadlock);
            let victim = circle[self.rng.random_range(0..circle.len())];
            self.abort(victim, Failure::Conflict);
        }
    }

    pub(super) fn lock_timeout(&mut self, id: SessionId, waits: u32) {
        let Some(session) = self.store.session(id) else { return };
        if session.waits != waits || session.waits_for.is_none() {
            return;
        }
        if self.plant == Some(Plant::GoOnAfterLockWait) && session.plan.is_some() {
            self.store.skip_wait(id);
            self.at(self.now_ms, Event::Step { session: id });
            return;
        }
        self.abort(id, Failure::LockWait);
    }

    /// The server gives up a transaction and says so to whoever listens.
    pub(super) fn abort(&mut self, id: SessionId, failure: Failure) {
        let Some(session) = self.store.session(id) else { return };
        let listener = session.plan.as_ref().filter(|_| !session.abandoned).map(|plan| plan.id);
        self.store.roll_back(id);
        self.ailing.remove(&id);
        if let Some(flush) = listener {
            self.report_failure(flush, failure);
        }
        self.wake();
    }

    /// Lets those go on whose lock has become free, in an order of chance.
    pub(super) fn wake(&mut self) {
        for session in self.store.awake() {
            self.soon(1, Event::Step { session });
        }
    }

    /// A COMMIT reaches the server, or does not.
    pub(super) fn commit(&mut self, incarnation: usize, flush: FlushId) {
        let session = self.incarnations[incarnation].flights[&flush].session;
        let outcome = match session.filter(|&id| self.store.session(id).is_some()) {
            Some(id) => self.commit_session(id, flush),
            None => {
                // The server has crashed since; the driver may have noticed before it sent anything.
                self.hits.count(Hit::CommitOnDeadConnection);
                let noticed = self.rng.random_bool(0.5);
                if noticed { CommitOutcome::NotCommitted } else { CommitOutcome::Unknown }
            }
        };
        self.wake();
        if self.plant != Some(Plant::AnswerBeforeCommit) {
            self.over_network(Event::Committed { incarnation, flush, outcome });
        }
    }

    fn commit_in_store(&mut self, id: SessionId) {
        let now = self.clock();
        self.store.commit(id, now);
    }

    fn commit_session(&mut self, id: SessionId, flush: FlushId) -> CommitOutcome {
        let odds = self.setting.odds.clone();
        let (hit, outcome) = if !self.writable || self.happens(odds.commit_refused) {
            self.store.roll_back(id);
            (Some(Hit::CommitRefused), CommitOutcome::NotCommitted)
        } else if self.happens(odds.commit_lost) {
            self.store.roll_back(id);
            (Some(Hit::CommitLostBeforeServer), CommitOutcome::Unknown)
        } else if self.happens(odds.commit_lands_late) {
            self.store.session_mut(id).expect("the caller saw it").abandoned = true;
            self.soon(self.setting.linger_ms, Event::LandLate { session: id });
            (None, CommitOutcome::Unknown)
        } else if self.happens(odds.commit_vanishes_late) {
            self.store.session_mut(id).expect("the caller saw it").abandoned = true;
            self.soon(self.setting.linger_ms, Event::Vanish { session: id });
            (Some(Hit::CommitVanishedLate), CommitOutcome::Unknown)
        } else if self.happens(odds.commit_landed) {
            self.commit_in_store(id);
            (Some(Hit::CommitLandedUnanswered), CommitOutcome::Unknown)
        } else {
            self.commit_in_store(id);
            (None, CommitOutcome::Committed)
        };
        self.say(|_| format!("flush {}: the server makes of the commit {hit:?}", name(flush)));
        if let Some(hit) = hit {
            self.hits.count(hit);
        }
        outcome
    }

    pub(super) fn roll_back(&mut self, incarnation: usize, flush: FlushId) {
        if let Some(id) = self.incarnations[incarnation].flights[&flush].session {
            self.store.roll_back(id);
        }
        self.wake();
        self.over_network(Event::RolledBack { incarnation, flush });
    }

    /// A commit whose client is long gone gets through after all.
    pub(super) fn land_late(&mut self, id: SessionId) {
        let Some(session) = self.store.session(id) else { return };
        let plan = Arc::clone(session.plan.as_ref().expect("only flushes commit late"));
        let incarnation = incarnation_of(plan.id);
        let wishes: Vec<Wish> = plan.operations.iter().map(Wish::of).collect();
        let told_unknown = self.calls.iter().any(|call| {
            let verdict = call.answer.as_ref().and_then(|answer| answer.verdict.as_ref());
            call.incarnation == incarnation
                && verdict == Some(&Verdict::Unknown)
                && wishes.contains(&call.wish)
        });
        if told_unknown {
            self.hits.count(Hit::LandedAfterUnknownWasAnswered);
        }
        self.hits.count(Hit::CommitLandedLate);
        self.say(|_| format!("flush {}: {id:?} lands late", name(plan.id)));
        self.commit_in_store(id);
        self.wake();
    }

    /// The server notices that a client is gone.
    pub(super) fn vanish(&mut self, id: SessionId) {
        if self.store.session(id).is_none() {
            return;
        }
        self.hits.count(Hit::SessionOfLostClientVanished);
        self.say(|_| format!("{id:?} vanishes"));
        self.store.roll_back(id);
        self.wake();
    }
}
