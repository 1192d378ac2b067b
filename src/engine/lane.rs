//! One lane a SKU, as long as the SKU has traffic.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::merging::Estimate;
use super::outcome::SkuLeft;
use super::plan::FlushId;
use super::queue::Slot;
use crate::domain::{MergeMode, Sku};
use crate::limits::{LANE_FLIGHTS_MAX, LANES_RESTED_MAX};

/// Names a lane while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LaneIx(usize);

#[derive(Debug)]
pub(super) struct Lane {
    pub sku: Sku,
    /// Whether its operations may share a flush.
    pub mode: MergeMode,
    /// In order of arrival.
    pub queue: VecDeque<Slot>,
    /// Units that the waiting operations take.
    pub wanted: i64,
    /// Flushes in the air, oldest first.
    pub flights: Vec<FlushId>,
    /// Operations of this lane in the newest of them, about.
    pub newest_orders: usize,
    /// The flush that keeps the lane closed: it executes, or its commit is not resolved.
    pub closed_by: Option<FlushId>,
    /// True while the lane stands in the ring of lanes that may give to the next plan.
    pub in_ring: bool,
    /// True while it stands among the lanes that may have a full flush waiting.
    pub in_crowd: bool,
    /// What the newest flush left. A hint for the choice of mode, never an answer.
    pub left: Option<i64>,
    /// True when its orders have to be decided one by one. A hint like the one before.
    pub on_terms: bool,
    /// The flush that left it, by its place among those that have landed.
    left_by: Option<u64>,
    /// True when others took units between its two newest flushes, and at least half as many as the newest: other
    /// processes sell it as well. A flush then waits for a turn at the stock row anyhow. Those that this process
    /// would have in the air besides would only wait too, and take processors from the one whose turn it is.
    pub contended: bool,
    pub flushed_orders: u64,
    pub flushes: u64,
    /// What had to go alone.
    pub alone: Estimate,
    /// True when it was idle at the last sweep and nothing came since.
    pub rested: bool,
}

impl Lane {
    /// True when its head may go into a plan now.
    pub(super) fn open(&self) -> bool {
        self.closed_by.is_none() && self.has_room() && !self.queue.is_empty()
    }

    /// True when one more flush of it may be in the air.
    fn has_room(&self) -> bool {
        self.flights.len() < if self.contended { 1 } else { LANE_FLIGHTS_MAX }
    }

    /// True when its head should go into a plan now. While a flush commits, the next is worth its own
    /// commit once as many wait as went before; else what waits is cheaper together, when that has landed.
    pub(super) fn ready(&self) -> bool {
        self.open() && (self.flights.is_empty() || self.queue.len() >= self.newest_orders)
    }

    /// True when a full flush waits behind one that keeps the lane closed, and there is room in the air.
    pub(super) fn is_crowded(&self, orders_max: usize) -> bool {
        self.mode.merges()
            && self.closed_by.is_some()
            && self.has_room()
            && self.queue.len() >= orders_max
    }

    /// Notes what the flush that lands now has left.
    pub(super) fn note_left(&mut self, newest: &SkuLeft) {
        let follows = self.left_by.is_some_and(|flush| flush + 1 == self.flushes);
        let by_others = |taken| self.left.map_or(0, |left| left - newest.available - taken);
        self.contended =
            follows && newest.taken.is_some_and(|taken| taken > 0 && 2 * by_others(taken) >= taken);
        self.left = Some(newest.available);
        self.left_by = Some(self.flushes);
        self.on_terms = newest.on_terms;
    }

    fn idle(&self) -> bool {
        self.queue.is_empty() && self.flights.is_empty() && !self.in_ring && !self.in_crowd
    }
}

/// All lanes with traffic.
#[derive(Debug)]
pub(super) struct Lanes {
    by_sku: FxHashMap<Sku, LaneIx>,
    lanes: Vec<Option<Lane>>,
    free: Vec<LaneIx>,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { by_sku: FxHashMap::default(), lanes: Vec::new(), free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_sku.len()
    }

    pub(super) fn find(&self, sku: &Sku) -> Option<LaneIx> {
        self.by_sku.get(sku).copied()
    }

    /// `mode` is asked for when there is no lane yet.
    pub(super) fn find_or_create(&mut self, sku: &Sku, mode: impl FnOnce() -> MergeMode) -> LaneIx {
        if let Some(ix) = self.find(sku) {
            self.get_mut(ix).rested = false;
            return ix;
        }
        let lane = Lane {
            sku: sku.clone(),
            mode: mode(),
            queue: VecDeque::new(),
            wanted: 0,
            flights: Vec::new(),
            newest_orders: 0,
            closed_by: None,
            in_ring: false,
            in_crowd: false,
            left: None,
            on_terms: false,
            left_by: None,
            contended: false,
            flushed_orders: 0,
            flushes: 0,
            alone: Estimate::default(),
            rested: false,
        };
        let ix = if let Some(ix) = self.free.pop() {
            self.lanes[ix.0] = Some(lane);
            ix
        } else {
            self.lanes.push(Some(lane));
            LaneIx(self.lanes.len() - 1)
        };
        self.by_sku.insert(sku.clone(), ix);
        ix
    }

    pub(super) fn get(&self, ix: LaneIx) -> &Lane {
        self.lanes[ix.0].as_ref().expect("a lane outlives what waits and flies in it")
    }

    pub(super) fn get_mut(&mut self, ix: LaneIx) -> &mut Lane {
        self.lanes[ix.0].as_mut().expect("a lane outlives what waits and flies in it")
    }

    /// Forgets the lanes that were idle at the sweep before and still are: a SKU without traffic
    /// costs no memory, and one with traffic keeps its figures from flush to flush. Of too many it forgets whatever is
    /// idle.
    pub(super) fn sweep(&mut self) {
        let too_many = self.len() > LANES_RESTED_MAX;
        for (index, place) in self.lanes.iter_mut().enumerate() {
            let Some(lane) = place else { continue };
            if !lane.idle() {
                continue;
            }
            if lane.rested || too_many {
                self.by_sku.remove(&lane.sku);
                self.free.push(LaneIx(index));
                *place = None;
            } else {
                lane.rested = true;
            }
        }
        if self.by_sku.is_empty() {
            *self = Self::new();
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.lanes.iter_mut().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LaneIx, &Lane)> {
        self.lanes
            .iter()
            .enumerate()
            .filter_map(|(index, lane)| lane.as_ref().map(|lane| (LaneIx(index), lane)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(count: usize) -> Lanes {
        let mut lanes = Lanes::new();
        for n in 0..count {
            lanes.find_or_create(&Sku::new(&format!("s-{n}")).unwrap(), || MergeMode::On);
        }
        lanes
    }

    #[test]
    fn others_take_units_only_between_flushes_that_follow_each_other() {
        let mut lanes = idle(1);
        let lane = lanes.iter_mut().next().unwrap();
        let lands = |lane: &mut Lane, available, taken| {
            let sku = lane.sku.clone();
            lane.note_left(&SkuLeft { sku, available, taken, on_terms: false });
            lane.flushes += 1;
            lane.contended
        };
        assert!(!lands(lane, 100, Some(10)), "nothing is known of before");
        assert!(lands(lane, 85, Some(10)));
        assert!(!lands(lane, 71, Some(10)), "4 of others are fewer than half");
        assert!(!lands(lane, 171, Some(-100)), "a restock");
        assert!(!lands(lane, 100, None), "it does not tell");
        lane.flushes += 1;
        assert!(!lands(lane, 60, Some(10)), "the flush between did not tell");
    }

    #[test]
    fn what_is_idle_twice_is_forgotten() {
        let mut lanes = idle(LANES_RESTED_MAX);
        lanes.sweep();
        assert_eq!(lanes.len(), LANES_RESTED_MAX);
        let back = Sku::new("s-7").unwrap();
        lanes.find_or_create(&back, || MergeMode::On);
        lanes.sweep();
        assert_eq!((lanes.len(), lanes.find(&back).is_some()), (1, true));
    }

    #[test]
    fn of_too_many_all_are_forgotten_that_are_idle() {
        let mut lanes = idle(LANES_RESTED_MAX + 1);
        let busy = lanes.find(&Sku::new("s-7").unwrap()).unwrap();
        lanes.get_mut(busy).in_ring = true;
        lanes.sweep();
        assert_eq!((lanes.len(), lanes.get(busy).sku.as_str()), (1, "s-7"));
    }
}
