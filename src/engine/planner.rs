//! Which waiting operations make up the next plan.
//!
//! Ready lanes stand in a ring and give in turn. An operation of several lanes goes only when it is
//! at the head of all of them and all are open, so that in every lane the order of arrival holds; the
//! last of its lanes to get there takes it along for the others.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::lane::{Lane, LaneIx, Lanes};
use super::plan::Mode;
use super::queue::{Member, Queue, Waiting};
use crate::domain::Operation;
use crate::limits::{
    ATTEMPTS_BEFORE_ALONE, ATTEMPTS_BEFORE_APART, FLUSH_ROWS_MAX, LANE_TURN_ORDERS_MAX,
};

/// With whom an operation may share a flush. Failed attempts make it lonelier, so that what ails one
/// order or one row does not keep failing its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// With everyone, all or nothing.
    Merged,
    /// With everyone, each decided on its own.
    Deciding,
    /// With its own lane only.
    Apart,
    /// With nobody.
    Alone,
}

/// The operations of the next plan.
#[derive(Debug)]
pub(super) struct Draft<T> {
    pub mode: Mode,
    pub operations: Vec<Operation>,
    pub members: Vec<Member<T>>,
    pub lanes: Vec<LaneIx>,
}

/// Takes the next plan's operations out of the lanes, `None` when no open lane has any.
///
/// With `apart_allowed` false, operations that have to be flushed apart are left waiting.
pub(super) fn draft<T>(
    ring: &mut VecDeque<LaneIx>,
    lanes: &mut Lanes,
    queue: &mut Queue<T>,
    orders_max: usize,
    apart_allowed: bool,
) -> Option<Draft<T>> {
    let mut drafting = Drafting::new(lanes, queue, orders_max);
    // Lanes in a row that gave nothing: when all have, the plan is as full as it gets.
    let mut idle_turns = 0;
    while idle_turns < ring.len() && !drafting.full() {
        let Some(ix) = ring.pop_front() else { break };
        if !drafting.lanes.get(ix).open() {
            drafting.lanes.get_mut(ix).in_ring = false;
            continue;
        }
        let turn = drafting.take_turn(ix, apart_allowed);
        idle_turns = if turn.taken == 0 { idle_turns + 1 } else { 0 };
        if turn.more {
            ring.push_back(ix);
        } else {
            drafting.lanes.get_mut(ix).in_ring = false;
        }
        for other in std::mem::take(&mut drafting.reopened) {
            let lane = drafting.lanes.get_mut(other);
            if lane.ready() && !lane.in_ring {
                lane.in_ring = true;
                ring.push_back(other);
            }
        }
    }
    drafting.finish()
}

/// Takes a flush of orders from a lane whose flushes before it are not executed yet, if it is at least
/// half full. It stops at whatever should not be written ahead: an order of several lanes, one that
/// failed before, and an id of a flush before, which would wait for this one while this one waits for it.
pub(super) fn draft_ahead<'p, T: 'p>(
    ix: LaneIx,
    before: impl Iterator<Item = &'p Member<T>>,
    lanes: &mut Lanes,
    queue: &mut Queue<T>,
    orders_max: usize,
) -> Option<Draft<T>> {
    // By their hashes alone, since the ids are long gone from the caches: two ids of one hash cost a
    // flush that is less full.
    let known: FxHashSet<u64> = before.map(|member| member.id_hash).collect();
    let mut drafting = Drafting::new(lanes, queue, orders_max);
    let may_go = |waiting: &Waiting<T>| {
        let lanes = waiting.member.lanes.as_slice();
        lanes.len() == 1
            && drafting.company_of(waiting.member.attempts, lanes) == Company::Merged
            && !known.contains(&waiting.member.id_hash)
    };
    let heads = drafting.lanes.get(ix).queue.iter().take(orders_max);
    let count = heads.take_while(|&&slot| drafting.queue.get(slot).is_some_and(may_go)).count();
    if count < orders_max / 2 {
        return None;
    }
    for _ in 0..count {
        drafting.take_head(ix);
    }
    drafting.finish()
}

struct Drafting<'a, T> {
    lanes: &'a mut Lanes,
    queue: &'a mut Queue<T>,
    orders_max: usize,
    company: Option<Company>,
    rows: usize,
    draft: Draft<T>,
    /// Lanes that lost their head to another lane's turn.
    reopened: Vec<LaneIx>,
}

struct Turn {
    taken: usize,
    /// False when the lane is empty or its head waits for another lane.
    more: bool,
}

impl<'a, T> Drafting<'a, T> {
    fn new(lanes: &'a mut Lanes, queue: &'a mut Queue<T>, orders_max: usize) -> Self {
        let draft = Draft {
            mode: Mode::Merged,
            operations: Vec::new(),
            members: Vec::new(),
            lanes: Vec::new(),
        };
        Self { lanes, queue, orders_max, company: None, rows: 0, draft, reopened: Vec::new() }
    }

    fn finish(self) -> Option<Draft<T>> {
        (!self.draft.operations.is_empty()).then_some(self.draft)
    }

    fn full(&self) -> bool {
        let taken = self.draft.operations.len();
        match self.company {
            None => false,
            Some(Company::Merged | Company::Deciding) => {
                taken >= self.orders_max || self.rows >= FLUSH_ROWS_MAX
            }
            // The lane had its turn.
            Some(Company::Apart | Company::Alone) => true,
        }
    }

    fn take_turn(&mut self, ix: LaneIx, apart_allowed: bool) -> Turn {
        let mut taken = 0;
        loop {
            let lane = self.lanes.get(ix);
            let Some(&slot) = lane.queue.front() else {
                return Turn { taken, more: false };
            };
            let waiting = self.queue.get(slot).expect("what stands in an open lane waits");
            let lanes = waiting.member.lanes.as_slice();
            let at_all_heads = lanes.iter().all(|&other| {
                let lane = self.lanes.get(other);
                lane.open() && lane.queue.front().is_some_and(|head| head.arrival == slot.arrival)
            });
            if !at_all_heads {
                return Turn { taken, more: false };
            }
            let company = self.company_of(waiting.member.attempts, lanes);
            let rows = waiting.operation.rows();
            let fits = match self.company {
                None => apart_allowed || matches!(company, Company::Merged | Company::Deciding),
                Some(Company::Alone) => false,
                Some(current) => {
                    company == current
                        && taken < LANE_TURN_ORDERS_MAX
                        && self.draft.operations.len() < self.orders_max
                        && self.rows + rows <= FLUSH_ROWS_MAX
                }
            };
            if !fits {
                return Turn { taken, more: true };
            }
            self.company = Some(company);
            self.draft.mode = match company {
                Company::Merged => Mode::Merged,
                Company::Deciding | Company::Apart | Company::Alone => Mode::Deciding,
            };
            self.rows += rows;
            self.take_head(ix);
            taken += 1;
        }
    }

    fn company_of(&self, attempts: u32, lanes: &[LaneIx]) -> Company {
        let low = |lane: &Lane| lane.on_terms || lane.left.is_some_and(|left| left < lane.wanted);
        if attempts >= ATTEMPTS_BEFORE_ALONE {
            Company::Alone
        } else if attempts >= ATTEMPTS_BEFORE_APART {
            Company::Apart
        } else if attempts > 0 || lanes.iter().any(|&ix| low(self.lanes.get(ix))) {
            Company::Deciding
        } else {
            Company::Merged
        }
    }

    fn take_head(&mut self, ix: LaneIx) {
        let slot = self.lanes.get(ix).queue.front().copied().expect("the caller saw the head");
        let waiting = self.queue.remove(slot).expect("what stands in an open lane waits");
        let lanes = waiting.member.lanes.as_slice();
        for (index, &other) in lanes.iter().enumerate() {
            let lane = self.lanes.get_mut(other);
            lane.queue.pop_front();
            lane.wanted -= (-waiting.operation.change(index).delta).max(0);
            if other != ix {
                self.reopened.push(other);
            }
        }
        // A lane's operations come in a row: comparing with the newest entry keeps this list short.
        for &lane in lanes {
            if self.draft.lanes.last() != Some(&lane) {
                self.draft.lanes.push(lane);
            }
        }
        self.draft.operations.push(waiting.operation);
        self.draft.members.push(waiting.member);
    }
}
