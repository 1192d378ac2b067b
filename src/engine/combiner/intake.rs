//! How operations get into their lanes, and out again when they waited too long.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use super::Combiner;
use crate::domain::{LimitKind, NotExecuted, Operation, Verdict};
use crate::engine::lane::LaneIx;
use crate::engine::queue::{LaneSet, Member, Waiting};
use crate::limits::SETTLE_DOUBT_MS;

impl<T> Combiner<T> {
    /// An operation arrives.
    pub fn submit(&mut self, now_ms: u64, operation: Operation, ticket: T) {
        if let Some(reason) = self.refusal(now_ms, &operation) {
            self.answers.push((ticket, Verdict::NotExecuted(reason)));
            return;
        }
        let modes = &self.modes;
        let mut lane_of = |sku| self.lanes.find_or_create(sku, || modes.of(sku));
        let lanes = if operation.width() == 1 {
            LaneSet::One(lane_of(operation.change(0).sku))
        } else {
            LaneSet::Many(operation.changes().map(|change| lane_of(change.sku)).collect())
        };
        let arrival = self.next_arrival;
        self.next_arrival.0 += 1;
        let deadline_ms = now_ms + self.policy.order_deadline_ms;
        // Now, while the id is at hand.
        let id_hash = FxBuildHasher.hash_one(operation.id());
        let doubtful = now_ms < self.doubts_until_ms && matches!(operation, Operation::Settle(_));
        let attempts = u32::from(doubtful);
        let member = Member { ticket, id_hash, arrival, deadline_ms, attempts, lanes };
        self.enqueue(Waiting { operation, member });
    }

    pub(super) fn refusal(&self, now_ms: u64, operation: &Operation) -> Option<NotExecuted> {
        if self.draining {
            return Some(NotExecuted::Draining);
        }
        if self.is_down(now_ms) {
            return Some(NotExecuted::DatabaseUnavailable);
        }
        let limit_value = self.policy.lane_depth_max;
        let full = operation.changes().any(|change| {
            let lane = self.lanes.find(change.sku);
            lane.is_some_and(|ix| self.lanes.get(ix).queue.len() >= limit_value)
        });
        full.then_some(NotExecuted::Overloaded { limit: LimitKind::Lane, limit_value })
    }

    /// A session with the database has ended, and the server behind the next one may lack the newest commits: what a
    /// settlement was made from may not be there. So those that wait are decided by what is, and so are those that
    /// come back from a flush, and those that were made from what was read before and arrive only now.
    pub fn session_ended(&mut self, now_ms: u64) {
        self.doubts_until_ms = now_ms + SETTLE_DOUBT_MS;
        let waiting =
            self.queue.iter_mut().map(|waiting| (&waiting.operation, &mut waiting.member));
        let flying = self
            .flights
            .values_mut()
            .flat_map(|flight| flight.plan.operations.iter().zip(&mut flight.members));
        for (operation, member) in waiting.chain(flying) {
            if matches!(operation, Operation::Settle(_)) {
                member.attempts = member.attempts.max(1);
            }
        }
    }

    /// Puts the operation in its lanes, at the place of its arrival.
    pub(super) fn enqueue(&mut self, waiting: Waiting<T>) {
        let width = waiting.operation.width();
        let slot = self.queue.insert(waiting);
        for index in 0..width {
            let waiting = self.queue.get(slot).expect("inserted just now");
            let ix = waiting.member.lanes.as_slice()[index];
            let units = waiting.operation.change(index).delta;
            let lane = self.lanes.get_mut(ix);
            lane.wanted += (-units).max(0);
            // New arrivals go to the back at once; what waits again finds its place near the front.
            if lane.queue.back().is_none_or(|last| last.arrival < slot.arrival) {
                lane.queue.push_back(slot);
            } else {
                let place = lane.queue.partition_point(|other| other.arrival < slot.arrival);
                lane.queue.insert(place, slot);
            }
            self.ready(ix);
        }
    }

    pub(super) fn ready(&mut self, ix: LaneIx) {
        let lane = self.lanes.get_mut(ix);
        if !lane.in_ring && lane.ready() {
            lane.in_ring = true;
            self.ring.push(ix, lane.mode.merges());
        }
        self.crowd(ix);
    }

    pub(super) fn crowd(&mut self, ix: LaneIx) {
        let lane = self.lanes.get_mut(ix);
        if !lane.in_crowd && lane.is_crowded(self.policy.flush_orders_max) {
            lane.in_crowd = true;
            self.crowded.push_back(ix);
        }
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        let stale: Vec<LaneIx> = self
            .lanes
            .iter()
            .filter(|(_, lane)| {
                let head = lane.queue.front().and_then(|&slot| self.queue.get(slot));
                head.is_some_and(|waiting| waiting.member.deadline_ms <= now_ms)
            })
            .map(|(ix, _)| ix)
            .collect();
        for ix in stale {
            while let Some(&slot) = self.lanes.get(ix).queue.front() {
                // Whoever arrived earlier expires earlier, so an expired one is at the head of each
                // of its lanes once those before it are gone.
                let due = self.queue.get(slot).is_none_or(|w| w.member.deadline_ms <= now_ms);
                if !due {
                    break;
                }
                self.lanes.get_mut(ix).queue.pop_front();
                if let Some(waiting) = self.queue.remove(slot) {
                    let lanes = waiting.member.lanes.as_slice().iter();
                    for (&lane, change) in lanes.zip(waiting.operation.changes()) {
                        self.lanes.get_mut(lane).wanted -= (-change.delta).max(0);
                    }
                    let verdict = Verdict::NotExecuted(NotExecuted::DatabaseUnavailable);
                    self.answers.push((waiting.member.ticket, verdict));
                }
            }
            let lane = self.lanes.get_mut(ix);
            if lane.queue.is_empty() {
                lane.alone.end_flush();
            }
            self.ready(ix);
        }
    }
}
