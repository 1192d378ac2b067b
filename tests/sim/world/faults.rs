//! Incidents: crashes, restarts, read-only servers, and hands on the database.

use rand::RngExt;

use super::{Event, World};
use crate::hits::Hit;
use crate::ledger::ByHand;
use crate::plant::Plant;
use crate::setting::{Incidents, pick, some_terms};
use crate::store::SessionId;
use hotrow::domain::Sku;
use hotrow::limits::AVAILABLE_MAX;

impl World {
    pub(super) fn plan_incidents(&mut self) {
        let Incidents {
            server_crashes,
            engine_crashes,
            engine_restarts,
            read_only,
            by_hand,
            merge_modes,
        } = self.setting.incidents;
        for _ in 0..server_crashes {
            self.before_peace(Event::ServerCrash);
        }
        for _ in 0..engine_crashes {
            self.before_peace(Event::EngineCrash);
        }
        for _ in 0..engine_restarts {
            self.before_peace(Event::EngineRestart);
        }
        for _ in 0..read_only {
            self.before_peace(Event::ReadOnly { on: true });
        }
        for _ in 0..by_hand {
            self.before_peace(Event::LockByHand);
        }
        for _ in 0..merge_modes {
            self.before_peace(Event::ChangeModes);
        }
    }

    fn before_peace(&mut self, event: Event) {
        let at_ms = self.rng.random_range(0..self.setting.peace_at_ms);
        self.at(at_ms, event);
    }

    /// A DBA opens a transaction on a stock row.
    pub(super) fn lock_by_hand(&mut self) {
        if !self.server_up {
            return;
        }
        let skus: Vec<_> = self.setting.opening.keys().cloned().collect();
        let sku = pick(&mut self.rng, &skus).clone();
        let by_hand = self.imagine_by_hand(sku);
        self.say(|_| format!("a DBA wants to lock a row: {by_hand:?}"));
        let now = self.clock();
        let session = self.store.begin_by_hand(by_hand, now);
        self.at(self.now_ms, Event::Step { session });
        self.soon(self.setting.lock_wait_ms * 2, Event::EndByHand { session });
    }

    fn imagine_by_hand(&mut self, sku: Sku) -> ByHand {
        let mut by_hand = ByHand { sku, available: 0, held: 0, terms: None };
        match self.rng.random_range(0..10) {
            0..3 => by_hand.available = *pick(&mut self.rng, &[-3, -1, 2, 5]),
            3..5 => {
                let held = self.store.stock[&by_hand.sku].held;
                by_hand.held = *pick(&mut self.rng, &[-held, -held, -1, 2]);
            }
            5..8 if self.setting.habits.new_terms => {
                by_hand.terms = Some(some_terms(&mut self.rng, self.setting.peace_at_ms));
            }
            _ => {}
        }
        by_hand
    }

    pub(super) fn step_by_hand(&mut self, id: SessionId) {
        let session = self.store.session(id).expect("the caller saw it");
        let waits_before = session.waits;
        let now = self.clock();
        if self.store.lock_by_hand(id, now) {
            self.hits.count(Hit::RowLockedByHand);
            self.say(|_| format!("{id:?} of the DBA has its lock"));
        } else {
            self.blocked(id, waits_before);
        }
    }

    pub(super) fn end_by_hand(&mut self, id: SessionId) {
        let Some(session) = self.store.session(id) else { return };
        let in_bounds =
            |(available, held): (i64, i64)| (0..=AVAILABLE_MAX).contains(&available) && held >= 0;
        if session.ready && self.store.would_leave(id).is_some_and(in_bounds) {
            self.say(|_| format!("{id:?} of the DBA commits"));
            self.hits.count(session.kind_by_hand());
            let now = self.clock();
            self.store.commit(id, now);
        } else {
            self.store.roll_back(id);
        }
        self.wake();
    }

    pub(super) fn server_crash(&mut self) {
        self.say(|_| "the server crashes".to_owned());
        self.hits.count(Hit::ServerCrash);
        self.server_up = false;
        if self.plant == Some(Plant::CommitNotDurable)
            && self.store.log.last().is_some_and(|entry| entry.written().is_some())
        {
            self.store.forget_newest();
        }
        for id in self.store.sessions() {
            let Some(session) = self.store.session(id) else { continue };
            if session.ready || session.paused {
                self.store.roll_back(id);
            } else {
                self.abort(id, hotrow::engine::Failure::Lost);
            }
        }
        self.soon(1_500, Event::ServerUp);
    }

    pub(super) fn server_up(&mut self) {
        self.say(|_| "the server is up".to_owned());
        self.server_up = true;
    }

    pub(super) fn read_only(&mut self, on: bool) {
        self.say(|_| format!("read_only = {on}"));
        self.writable = !on;
        if on {
            self.hits.count(Hit::ReadOnly);
            self.soon(1_500, Event::ReadOnly { on: false });
        }
    }

    /// kill -9: the callers learn nothing, the sessions live a little longer.
    pub(super) fn engine_crash(&mut self) {
        let engine = self.rng.random_range(0..self.engines.len());
        let Some(incarnation) = self.engines[engine].take() else { return };
        self.say(|_| format!("engine life {incarnation} crashes"));
        self.hits.count(Hit::EngineCrash);
        let life = &mut self.incarnations[incarnation];
        life.combiner = None;
        let sessions: Vec<_> = life.flights.values().filter_map(|flight| flight.session).collect();
        for id in sessions {
            if let Some(session) = self.store.session_mut(id) {
                session.abandoned = true;
                self.soon(self.setting.linger_ms, Event::Vanish { session: id });
            }
        }
        for call in 0..self.calls.len() {
            if self.calls[call].incarnation == incarnation && self.calls[call].answer.is_none() {
                self.lost(call);
            }
        }
        self.soon(400, Event::EngineUp { engine });
    }

    /// SIGTERM: drains, ends when idle, and comes back.
    pub(super) fn engine_restart(&mut self) {
        let engine = self.rng.random_range(0..self.engines.len());
        let Some(incarnation) = self.engines[engine] else { return };
        self.say(|_| format!("engine life {incarnation} drains"));
        let life = &mut self.incarnations[incarnation];
        let combiner = life.combiner.as_mut().expect("it runs");
        if !combiner.is_idle() {
            self.hits.count(Hit::EngineRestartUnderLoad);
        }
        combiner.drain();
        life.draining = true;
        self.nudge(incarnation);
    }

    /// From now on nothing fails any more.
    pub(super) fn make_peace(&mut self) {
        self.say(|_| "all faults end".to_owned());
        self.peace = true;
        self.server_up = true;
        self.writable = true;
    }
}
