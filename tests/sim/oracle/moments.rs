//! The moments at which a decision can have been made: places in the log, and what the clock showed.

use hotrow::domain::Timestamp;

use super::Oracle;
use super::law::Moment;
use crate::world::{Answer, Call};

impl Oracle<'_> {
    /// All moments between a call and its answer at which anything can differ.
    pub(super) fn moments(&self, call: &Call, answer: &Answer) -> impl Iterator<Item = Moment> {
        let places = call.called_at..=answer.at.min(self.world.store.log.len());
        let (called, answered) = (call.called_clock, answer.clock);
        places.flat_map(move |place| {
            // What a flush has written already counts for what it decides next.
            let before = place.checked_sub(1).map(|before| self.world.store.log[before].begun_at);
            self.moments_of(place, before.map_or(called, |before| before.max(called)), answered)
        })
    }

    /// The moments at a place of the log, within some bounds of the clock.
    pub(super) fn moments_of(
        &self,
        place: usize,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = Moment> {
        let log = &self.world.store.log;
        let to = log.get(place).map_or(to, |next| next.committed_at.min(to));
        let edges = self.history.edges.iter().copied();
        let edges = edges.filter(move |edge| from < *edge && *edge <= to);
        [from].into_iter().chain(edges).map(move |now| Moment {
            place,
            now,
            strict: false,
            unaware_from: None,
        })
    }
}
