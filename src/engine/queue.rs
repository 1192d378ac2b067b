//! Operations that wait, each stored once however many lanes it waits in.

use super::lane::LaneIx;
use crate::domain::Operation;

/// An operation that waits, with what is needed to answer it.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub operation: Operation,
    pub member: Member<T>,
}

/// The part of a waiting operation that stays behind when the operation goes into a plan.
#[derive(Debug)]
pub(super) struct Member<T> {
    pub ticket: T,
    /// Of its id: what differs here has another id.
    pub id_hash: u64,
    pub arrival: Arrival,
    pub deadline_ms: u64,
    pub attempts: u32,
    pub lanes: LaneSet,
}

/// The place in the order of arrival, over all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival(pub u64);

/// The lanes of one operation; most have one.
#[derive(Debug)]
pub(super) enum LaneSet {
    One(LaneIx),
    Many(Box<[LaneIx]>),
}

impl LaneSet {
    pub(super) fn as_slice(&self) -> &[LaneIx] {
        match self {
            Self::One(lane) => std::slice::from_ref(lane),
            Self::Many(lanes) => lanes,
        }
    }
}

/// Where a waiting operation is stored. Outdated once it left; the arrival tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    index: usize,
    pub arrival: Arrival,
}

/// All operations that wait.
#[derive(Debug)]
pub(super) struct Queue<T> {
    slots: Vec<Option<Waiting<T>>>,
    free: Vec<usize>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, waiting: Waiting<T>) -> Slot {
        let arrival = waiting.member.arrival;
        let index = if let Some(index) = self.free.pop() {
            self.slots[index] = Some(waiting);
            index
        } else {
            self.slots.push(Some(waiting));
            self.slots.len() - 1
        };
        Slot { index, arrival }
    }

    /// What waits in the slot, `None` when it has left.
    pub(super) fn get(&self, slot: Slot) -> Option<&Waiting<T>> {
        let waiting = self.slots.get(slot.index)?.as_ref()?;
        (waiting.member.arrival == slot.arrival).then_some(waiting)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Waiting<T>> {
        self.slots.iter_mut().flatten()
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Waiting<T>> {
        self.get(slot)?;
        self.free.push(slot.index);
        self.slots[slot.index].take()
    }

    /// Gives memory back once nothing waits.
    pub(super) fn shrink(&mut self) {
        if self.len() == 0 {
            self.slots = Vec::new();
            self.free = Vec::new();
        }
    }
}
