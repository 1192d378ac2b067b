//! The database's clock as this process knows it: how old is what was read?
//!
//! Every read of stock tells the database's time, which was then at most as long ago as the read was asked
//! for. So the clock is now at the latest what was told plus the time since; against that, entries are never
//! taken for younger than they are.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::domain::Timestamp;

/// A reading is replaced by one that tells less after this time: clocks drift, and are set.
const KEPT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct DatabaseClock(Mutex<Option<Reading>>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    asked: Instant,
    told: Timestamp,
}

impl Reading {
    /// The database's clock at this time, at the latest.
    fn latest_at(self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.asked).as_micros();
        self.told.micros().saturating_add(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

impl DatabaseClock {
    /// A read that was asked for at `asked` told this time.
    pub(super) fn learn(&self, asked: Instant, told: Timestamp) {
        let (new, now) = (Reading { asked, told }, Instant::now());
        let mut reading = self.0.lock();
        let keep = reading.is_some_and(|old| {
            let young = now.saturating_duration_since(old.asked) < KEPT;
            young && old.latest_at(now) <= new.latest_at(now)
        });
        if !keep {
            *reading = Some(new);
        }
    }

    /// How old what was read at this time is at most; `None` when that is not known, or it is from a time
    /// to come.
    pub(super) fn age(&self, as_of: Timestamp) -> Option<Duration> {
        let reading = (*self.0.lock())?;
        let age = reading.latest_at(Instant::now()).saturating_sub(as_of.micros());
        u64::try_from(age).ok().map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(ms: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_millis(ms)).unwrap()
    }

    fn age_ms(clock: &DatabaseClock, as_of_ms: i64) -> Option<u128> {
        clock.age(Timestamp::from_micros(as_of_ms * 1_000)).map(|age| age.as_millis())
    }

    #[test]
    fn nothing_is_known_before_the_first_read() {
        assert_eq!(DatabaseClock::default().age(Timestamp::from_micros(0)), None);
    }

    #[test]
    fn an_entry_is_as_old_as_it_can_be() {
        let clock = DatabaseClock::default();
        clock.learn(before(300), Timestamp::from_micros(5_000_000));
        assert!((300..20_000).contains(&age_ms(&clock, 5_000).unwrap()));
        assert!((1_300..21_000).contains(&age_ms(&clock, 4_000).unwrap()));
        assert_eq!(age_ms(&clock, 60_000_000), None);
    }

    #[test]
    fn the_read_that_tells_most_is_kept_for_a_while() {
        let clock = DatabaseClock::default();
        clock.learn(before(1_000), Timestamp::from_micros(5_000_000));
        // Read by a slow statement: it would make everything five seconds older.
        clock.learn(before(6_000), Timestamp::from_micros(5_000_000));
        assert!(age_ms(&clock, 5_000).unwrap() < 5_000);
        // By a quick one.
        clock.learn(before(0), Timestamp::from_micros(5_500_000));
        assert!(age_ms(&clock, 5_000).unwrap() < 1_000);
        // The clock was set forward, which is believed when what is known gets old.
        let old = DatabaseClock::default();
        old.learn(before(11_000), Timestamp::from_micros(0));
        old.learn(before(0), Timestamp::from_micros(99_000_000));
        assert!(age_ms(&old, 99_000).unwrap() < 11_000);
    }
}
