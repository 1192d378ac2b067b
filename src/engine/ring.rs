//! The lanes whose heads may go into a plan, in turn.

use std::collections::VecDeque;

use super::lane::LaneIx;

/// Two rings: of the lanes whose heads may share a plan, and of those whose heads go alone. Plans are made from
/// one and from the other in turn, so that neither keeps the other from the database. A lane stands in one of them
/// at most once.
#[derive(Debug, Default)]
pub(super) struct Ring {
    pub shared: VecDeque<LaneIx>,
    pub alone: VecDeque<LaneIx>,
    /// Whose turn it is.
    pub alone_next: bool,
}

impl Ring {
    pub(super) fn push(&mut self, ix: LaneIx, merges: bool) {
        if merges {
            self.shared.push_back(ix);
        } else {
            self.alone.push_back(ix);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.alone.is_empty()
    }

    /// Gives memory back once nothing waits.
    pub(super) fn shrink(&mut self) {
        for ring in [&mut self.shared, &mut self.alone] {
            if ring.is_empty() {
                *ring = VecDeque::new();
            }
        }
    }
}
