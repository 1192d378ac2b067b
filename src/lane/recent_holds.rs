//! Holds that this process took lately, so that settling one needs no look into the ledger first.
//!
//! What an order holds never changes, so it can be remembered; where it stands can, and is decided under the
//! locks whatever is remembered here. Everything is forgotten when a session with the server is lost: behind
//! the next one may be another server, which does not have all that the first one had.

use std::collections::HashMap;
use std::mem;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::domain::{Order, OrderId, OrderStatus, Standing, TakenOrder, Verdict};
use crate::limits::RECENT_HOLD_LINES_MAX;

/// The newest holds, by their lines between half of the limit and all of it.
#[derive(Debug, Default)]
pub(super) struct RecentHolds(Mutex<Generations>);

/// When the young ones are half of the limit, they become the old ones, and those are forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<OrderId, Remembered>,
    young_lines: usize,
    old: HashMap<OrderId, Remembered>,
}

/// A hold, and until when it is remembered: as long as it lasts. A merged settlement rests on the rows that the
/// hold has in the ledger, and these may be archived later.
#[derive(Debug)]
struct Remembered {
    hold: TakenOrder,
    until: Instant,
}

impl RecentHolds {
    /// Remembers those of these orders that are held now.
    pub(super) fn note(&self, taken: impl Iterator<Item = (Box<Order>, Verdict)>) {
        let mut holds = taken.filter_map(|(order, verdict)| match verdict {
            Verdict::Done { at, status: OrderStatus::Held, expires_at, .. } => Some(TakenOrder {
                order: *order,
                standing: Standing::Held,
                created_at: at,
                expires_at,
            }),
            Verdict::Done { .. }
            | Verdict::Refused(_)
            | Verdict::NotExecuted(_)
            | Verdict::Unknown => None,
        });
        let Some(first) = holds.next() else { return };
        let now = Instant::now();
        let mut generations = self.0.lock();
        generations.add(first, now);
        holds.for_each(|hold| generations.add(hold, now));
    }

    /// The order, if it is remembered, and for this once: whoever asks again is to look it up, since it is
    /// settled by then.
    pub(super) fn take(&self, id: &OrderId) -> Option<TakenOrder> {
        self.take_at(id, Instant::now())
    }

    fn take_at(&self, id: &OrderId, now: Instant) -> Option<TakenOrder> {
        let mut generations = self.0.lock();
        let remembered = generations.young.remove(id).or_else(|| generations.old.remove(id))?;
        (now < remembered.until).then_some(remembered.hold)
    }

    pub(super) fn forget_all(&self) {
        *self.0.lock() = Generations::default();
    }
}

impl Generations {
    fn add(&mut self, hold: TakenOrder, now: Instant) {
        let seconds = hold.order.hold().map_or(0, |hold| hold.seconds());
        let until = now + Duration::from_secs(seconds.into());
        self.young_lines += hold.order.lines().len();
        self.young.insert(hold.order.id().clone(), Remembered { hold, until });
        if self.young_lines >= RECENT_HOLD_LINES_MAX / 2 {
            self.old = mem::take(&mut self.young);
            self.young_lines = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{HoldSeconds, Line, Quantity, Sku, Timestamp};

    fn id(number: usize) -> OrderId {
        OrderId::new("order_id", &format!("o-{number}")).unwrap()
    }

    fn held(number: usize, lines: usize) -> (Box<Order>, Verdict) {
        let line = |line| Line {
            sku: Sku::new(&format!("s-{line}")).unwrap(),
            quantity: Quantity::new(1).unwrap(),
        };
        let order = Order::new(id(number), (0..lines).map(line)).unwrap();
        let order = order.held_for(Some(HoldSeconds::new(60).unwrap()));
        (Box::new(order), done(OrderStatus::Held))
    }

    fn done(status: OrderStatus) -> Verdict {
        let (at, expires_at) =
            (Timestamp::from_micros(5), Some(Timestamp::from_micros(60_000_005)));
        Verdict::Done { at, replayed: false, status, expires_at }
    }

    #[test]
    fn a_hold_is_remembered_as_it_was_taken_and_for_once() {
        let recent = RecentHolds::default();
        let (order, verdict) = held(1, 2);
        recent.note(std::iter::once((order.clone(), verdict)));
        let expected = TakenOrder {
            order: *order,
            standing: Standing::Held,
            created_at: Timestamp::from_micros(5),
            expires_at: Some(Timestamp::from_micros(60_000_005)),
        };
        assert_eq!(recent.take(&id(1)), Some(expected));
        assert_eq!(recent.take(&id(1)), None);
    }

    #[test]
    fn a_hold_that_is_over_is_looked_up() {
        let recent = RecentHolds::default();
        recent.note([held(1, 1), held(2, 1)].into_iter());
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(recent.take_at(&id(1), after(50)).is_some());
        assert_eq!(recent.take_at(&id(2), after(61)), None);
    }

    #[test]
    fn what_is_not_held_is_not_remembered() {
        let recent = RecentHolds::default();
        let verdicts = [done(OrderStatus::Expired), done(OrderStatus::Deducted), Verdict::Unknown];
        for (number, verdict) in verdicts.into_iter().enumerate() {
            recent.note(std::iter::once((held(number, 1).0, verdict)));
            assert_eq!(recent.take(&id(number)), None);
        }
    }

    #[test]
    fn the_number_of_lines_has_a_bound_and_the_newest_stay() {
        let recent = RecentHolds::default();
        let (lines, half) = (50, RECENT_HOLD_LINES_MAX / 2 / 50 + 1);
        recent.note((0..3 * half).map(|number| held(number, lines)));
        let known = (0..3 * half).filter(|number| recent.take(&id(*number)).is_some());
        let known: Vec<usize> = known.collect();
        assert!(known.len() * lines <= RECENT_HOLD_LINES_MAX + 2 * lines, "{}", known.len());
        assert!(known.len() >= half - 1);
        assert_eq!(known.last(), Some(&(3 * half - 1)));
    }

    #[test]
    fn a_lost_session_takes_all_with_it() {
        let recent = RecentHolds::default();
        recent.note([held(1, 1), held(2, 1)].into_iter());
        recent.forget_all();
        assert_eq!((recent.take(&id(1)), recent.take(&id(2))), (None, None));
    }
}
