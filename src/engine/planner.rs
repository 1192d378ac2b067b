//! Which waiting operations make up the next plan.
//!
//! Ready lanes stand in a ring and give in turn, each all that it has and the plan has room for: the more of a
//! lane shares a plan, the fewer rows a plan costs an operation. One that has more goes to the end of the ring, so
//! that no lane waits for more than one plan of each before it. An operation of several lanes goes only when it is
//! at the head of all of them and all are open, so that in every lane the order of arrival holds; the
//! last of its lanes to get there takes it along for the others. One that has a lane which is not merged goes
//! alone; plans of one and of several take turns.

use rustc_hash::FxHashSet;

use super::lane::{LaneIx, Lanes};
use super::plan::Mode;
use super::queue::{Member, Queue, Waiting};
use super::ring::Ring;
use crate::domain::{MergeMode, Operation};
use crate::limits::{ATTEMPTS_BEFORE_ALONE, ATTEMPTS_BEFORE_APART, FLUSH_ROWS_MAX};

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

impl Company {
    fn is_apart(self) -> bool {
        match self {
            Self::Merged | Self::Deciding => false,
            Self::Apart | Self::Alone => true,
        }
    }

    fn mode(self) -> Mode {
        match self {
            Self::Merged => Mode::Merged,
            Self::Deciding | Self::Apart | Self::Alone => Mode::Deciding,
        }
    }
}

/// The operations of the next plan.
#[derive(Debug)]
pub(super) struct Draft<T> {
    pub mode: Mode,
    pub operations: Vec<Operation>,
    pub members: Vec<Member<T>>,
    pub lanes: Vec<LaneIx>,
    /// Why its only operation had to go alone; [`MergeMode::On`] when it had not.
    pub merging: MergeMode,
}

/// Takes the next plan's operations out of the lanes, `None` when no open lane has any.
///
/// With `apart_allowed` false, operations that have to be flushed apart are left waiting.
pub(super) fn draft<T>(
    ring: &mut Ring,
    lanes: &mut Lanes,
    queue: &mut Queue<T>,
    orders_max: usize,
    apart_allowed: bool,
) -> Option<Draft<T>> {
    // Each may move lanes to the other.
    for turn in 0..3 {
        let alone = ring.alone_next ^ (turn == 1);
        let drafting = Drafting::new(lanes, queue, orders_max, apart_allowed);
        let draft = if alone { drafting.alone(ring) } else { drafting.shared(ring) };
        if draft.is_some() {
            ring.alone_next = !alone;
            return draft;
        }
    }
    None
}

/// Takes a flush of orders from a lane whose flushes before it, of this mode, are not executed yet, if it is
/// at least half full. It stops at whatever should not be prepared ahead: an order of several lanes, one that
/// failed before, an id of a flush before, which would wait for this one while this one waits for it, and
/// among orders to be decided one that may fit, since what it is decided from is read again once anything
/// is written.
pub(super) fn draft_ahead<'p, T: 'p>(
    ix: LaneIx,
    mode: Mode,
    before: impl Iterator<Item = &'p Member<T>>,
    lanes: &mut Lanes,
    queue: &mut Queue<T>,
    orders_max: usize,
) -> Option<Draft<T>> {
    // By their hashes alone, since the ids are long gone from the caches: two ids of one hash cost a
    // flush that is less full.
    let known: FxHashSet<u64> = before.map(|member| member.id_hash).collect();
    let mut drafting = Drafting::new(lanes, queue, orders_max, false);
    drafting.draft.mode = mode;
    let left = drafting.lanes.get(ix).left;
    let may_go = |waiting: &Waiting<T>| {
        let may_fit = left.is_none_or(|left| left >= -waiting.operation.change(0).delta);
        let goes = match drafting.company_of(waiting) {
            Company::Merged => mode == Mode::Merged,
            Company::Deciding => mode == Mode::Deciding && !may_fit,
            Company::Apart | Company::Alone => false,
        };
        goes && waiting.member.lanes.as_slice().len() == 1
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
    apart_allowed: bool,
    company: Option<Company>,
    rows: usize,
    draft: Draft<T>,
    /// Lanes that lost their head to another lane's turn.
    reopened: Vec<LaneIx>,
}

struct Turn {
    gave: bool,
    end: TurnEnd,
}

enum TurnEnd {
    /// The lane is empty or its head waits for another lane.
    Leaves,
    /// It has more for this plan's neighbours.
    Stays,
    /// Its head goes alone.
    GoesAlone,
}

impl<'a, T> Drafting<'a, T> {
    fn new(
        lanes: &'a mut Lanes,
        queue: &'a mut Queue<T>,
        orders_max: usize,
        apart_allowed: bool,
    ) -> Self {
        let draft = Draft {
            mode: Mode::Merged,
            operations: Vec::new(),
            members: Vec::new(),
            lanes: Vec::new(),
            merging: MergeMode::On,
        };
        let (company, rows, reopened) = (None, 0, Vec::new());
        Self { lanes, queue, orders_max, apart_allowed, company, rows, draft, reopened }
    }

    /// As many as go together.
    fn shared(mut self, ring: &mut Ring) -> Option<Draft<T>> {
        // Lanes in a row that stay and gave nothing: when all have, the plan is as full as it gets.
        let mut idle_turns = 0;
        while idle_turns < ring.shared.len() && !self.full() {
            let Some(ix) = ring.shared.pop_front() else { break };
            if !self.lanes.get(ix).open() {
                self.lanes.get_mut(ix).in_ring = false;
                continue;
            }
            let turn = self.take_turn(ix);
            if turn.gave {
                idle_turns = 0;
            }
            match turn.end {
                TurnEnd::Leaves => self.lanes.get_mut(ix).in_ring = false,
                TurnEnd::Stays => {
                    idle_turns += usize::from(!turn.gave);
                    ring.shared.push_back(ix);
                }
                TurnEnd::GoesAlone => ring.alone.push_back(ix),
            }
            self.reopen(ring);
        }
        self.finish()
    }

    /// One whose lanes are not all merged.
    fn alone(mut self, ring: &mut Ring) -> Option<Draft<T>> {
        for _ in 0..ring.alone.len() {
            let ix = ring.alone.pop_front()?;
            let head = if self.lanes.get(ix).open() { self.head(ix) } else { None };
            let Some((waiting, merging)) = head else {
                self.lanes.get_mut(ix).in_ring = false;
                continue;
            };
            if merging.merges() {
                ring.shared.push_back(ix);
                continue;
            }
            let company = self.company_of(waiting);
            if company.is_apart() && !self.apart_allowed {
                ring.alone.push_back(ix);
                continue;
            }
            self.draft.mode = company.mode();
            self.draft.merging = merging;
            self.take_head(ix);
            if self.lanes.get(ix).queue.is_empty() {
                self.lanes.get_mut(ix).in_ring = false;
            } else {
                ring.alone.push_back(ix);
            }
            self.reopen(ring);
            break;
        }
        self.finish()
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

    /// The head of an open lane and the merge mode that it goes by, `None` when there is none or when it waits
    /// for another lane.
    fn head(&self, ix: LaneIx) -> Option<(&Waiting<T>, MergeMode)> {
        let &slot = self.lanes.get(ix).queue.front()?;
        let waiting = self.queue.get(slot).expect("what stands in an open lane waits");
        let mut merging = MergeMode::On;
        for &other in waiting.member.lanes.as_slice() {
            let lane = self.lanes.get(other);
            if !lane.open() || lane.queue.front().is_none_or(|head| head.arrival != slot.arrival) {
                return None;
            }
            merging = merging.max(lane.mode);
        }
        Some((waiting, merging))
    }

    fn take_turn(&mut self, ix: LaneIx) -> Turn {
        let mut gave = false;
        loop {
            let Some((waiting, merging)) = self.head(ix) else {
                return Turn { gave, end: TurnEnd::Leaves };
            };
            if !merging.merges() {
                return Turn { gave, end: TurnEnd::GoesAlone };
            }
            let company = self.company_of(waiting);
            let rows = waiting.operation.rows();
            let fits = match self.company {
                None => self.apart_allowed || !company.is_apart(),
                Some(Company::Alone) => false,
                Some(current) => {
                    company == current
                        && self.draft.operations.len() < self.orders_max
                        && self.rows + rows <= FLUSH_ROWS_MAX
                }
            };
            if !fits {
                return Turn { gave, end: TurnEnd::Stays };
            }
            self.company = Some(company);
            self.draft.mode = company.mode();
            self.rows += rows;
            self.take_head(ix);
            gave = true;
        }
    }

    fn company_of(&self, waiting: &Waiting<T>) -> Company {
        let Member { attempts, ref lanes, .. } = waiting.member;
        // Where nothing is merged, what waits behind takes nothing from the same flush.
        let low = |(index, &ix): (usize, &LaneIx)| {
            let lane = self.lanes.get(ix);
            let wanted = || match lane.mode {
                MergeMode::On => lane.wanted,
                MergeMode::Off | MergeMode::DryRun => -waiting.operation.change(index).delta,
            };
            lane.on_terms || lane.left.is_some_and(|left| left < wanted())
        };
        if attempts >= ATTEMPTS_BEFORE_ALONE {
            Company::Alone
        } else if attempts >= ATTEMPTS_BEFORE_APART {
            Company::Apart
        } else if attempts > 0 || lanes.as_slice().iter().enumerate().any(low) {
            Company::Deciding
        } else {
            Company::Merged
        }
    }

    /// Puts back in a ring the lanes that have another head now.
    fn reopen(&mut self, ring: &mut Ring) {
        for other in std::mem::take(&mut self.reopened) {
            let lane = self.lanes.get_mut(other);
            if lane.ready() && !lane.in_ring {
                lane.in_ring = true;
                ring.push(other, lane.mode.merges());
            }
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
