//! Latencies: recorded by many, merged, never averaged, and kept whole.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use parking_lot::Mutex;

use crate::outcome::Outcome;

/// Recorders that do not wait for one another.
const SHARDS: usize = 4;
/// Longest latency that is told from longer ones, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// Microseconds from 1 to two minutes, exact to three digits.
pub(crate) type Times = Histogram<u64>;

/// An empty histogram.
pub(crate) fn no_times() -> Times {
    Histogram::new_with_max(LONGEST_US, 3).expect("the bounds are constants that fit")
}

/// A histogram that many clients record into.
#[derive(Debug)]
pub(crate) struct Latencies {
    shards: Vec<Mutex<Times>>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(no_times())).collect() }
    }

    /// `count` orders of the client with this number took so long.
    pub(crate) fn record(&self, client: usize, latency: Duration, count: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        self.shards[client % SHARDS].lock().saturating_record_n(micros.max(1), count);
    }

    /// All of them.
    pub(crate) fn merged(&self) -> Outcome<Times> {
        let mut merged = no_times();
        for shard in &self.shards {
            merged.add(&*shard.lock())?;
        }
        Ok(merged)
    }

    /// All of them; what is recorded from now on begins anew.
    pub(crate) fn take(&self) -> Outcome<Times> {
        let mut merged = no_times();
        for shard in &self.shards {
            let mut shard = shard.lock();
            merged.add(&*shard)?;
            shard.reset();
        }
        Ok(merged)
    }
}

/// The histogram in the interchange format of HdrHistogram, V2, base64.
pub(crate) fn to_base64(times: &Times) -> Outcome<String> {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(times, &mut bytes).map_err(|error| format!("{error:?}"))?;
    Ok(STANDARD.encode(bytes))
}

/// The histogram that [`to_base64`] wrote.
pub(crate) fn from_base64(text: &str) -> Outcome<Times> {
    let bytes = STANDARD.decode(text)?;
    Ok(Deserializer::new().deserialize(&mut bytes.as_slice())?)
}

/// The value at a quantile, in milliseconds.
pub(crate) fn quantile_ms(times: &Times, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_every_value_where_averaging_percentiles_would_not() {
        let latencies = Latencies::new();
        for _ in 0..99 {
            latencies.record(0, Duration::from_millis(1), 1);
        }
        latencies.record(1, Duration::from_secs(1), 1);
        let merged = latencies.merged().unwrap();
        assert_eq!(merged.len(), 100);
        assert!((quantile_ms(&merged, 0.99) - 1.0).abs() < 0.01);
        assert!(quantile_ms(&merged, 1.0) > 999.0);
    }

    #[test]
    fn what_was_taken_is_not_there_any_more() {
        let latencies = Latencies::new();
        for client in 0..8 {
            latencies.record(client, Duration::from_millis(1), 1);
        }
        assert_eq!(latencies.take().unwrap().len(), 8);
        latencies.record(0, Duration::from_millis(2), 1);
        assert_eq!(latencies.take().unwrap().len(), 1);
        assert!(latencies.take().unwrap().is_empty());
    }

    #[test]
    fn a_histogram_survives_the_report() {
        let mut times = no_times();
        for value in [1, 17, 1_000, 123_456] {
            times.record_n(value, value).unwrap();
        }
        assert_eq!(from_base64(&to_base64(&times).unwrap()).unwrap(), times);
    }
}
