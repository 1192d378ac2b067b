//! Points in time, always from the database's clock.

use super::HoldSeconds;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The end of a hold that begins now.
    #[must_use]
    pub fn after(self, hold: HoldSeconds) -> Self {
        Self(self.0.saturating_add(i64::from(hold.seconds()) * 1_000_000))
    }
}
