//! One entry of the cache: how it is written, and how it stands to what MySQL has.

use std::fmt;

use crate::domain::{Sku, Timestamp};
use crate::store::StockRecord;
use crate::telemetry::metrics::CacheEntry;

/// The number of this form; the scripts know it, too.
const FORM: &str = "1";

/// What `read.lua` returns for a key of another type; somebody may have written the same as a string.
const ANOTHER_TYPE: &[u8] = b"?";

/// What the cache has of one SKU.
#[derive(Clone, PartialEq, Eq)]
pub struct Cached {
    pub(super) sku: Sku,
    /// The start of the value, as long as an entry can be.
    pub(super) raw: Vec<u8>,
    record: Option<StockRecord>,
}

/// The value of a record: form, version, available, held, and when it was read.
pub(super) fn written(record: &StockRecord) -> String {
    let StockRecord { version, available, held, as_of, .. } = record;
    format!("{FORM} {version} {available} {held} {}", as_of.micros())
}

impl Cached {
    /// What there is as a value; `None` for none.
    pub(super) fn read(sku: Sku, raw: Vec<u8>) -> Option<Self> {
        if raw.is_empty() {
            return None;
        }
        let record = parse(&sku, &raw);
        Some(Self { sku, raw, record })
    }

    /// Whose stock it should be.
    #[must_use]
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    /// What it says; `None` when it is no entry.
    #[must_use]
    pub fn record(&self) -> Option<&StockRecord> {
        self.record.as_ref()
    }

    /// What is there, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let doubt =
            if self.raw == ANOTHER_TYPE { " or a key of another type than a string" } else { "" };
        format!("{text:?}{doubt}")
    }

    /// How it stands to what MySQL had when it was asked after the cache.
    ///
    /// The cache is filled after the commit, with what was read then: a version, or a time, that is higher
    /// than what MySQL shows afterwards was never true.
    #[must_use]
    pub fn against(&self, stock: &StockRecord) -> CacheEntry {
        let Some(record) = &self.record else { return CacheEntry::Malformed };
        if (record.version, record.as_of) > (stock.version, stock.as_of) {
            CacheEntry::Ahead
        } else if record.version < stock.version {
            CacheEntry::Behind
        } else if (record.available, record.held) == (stock.available, stock.held) {
            CacheEntry::Same
        } else {
            CacheEntry::Wrong
        }
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.sku, String::from_utf8_lossy(&self.raw))
    }
}

/// Reads only what [`written`] writes, byte for byte.
fn parse(sku: &Sku, raw: &[u8]) -> Option<StockRecord> {
    let text = std::str::from_utf8(raw).ok()?;
    let mut parts = text.strip_prefix(FORM)?.strip_prefix(' ')?.split(' ');
    let record = StockRecord {
        sku: sku.clone(),
        version: parts.next()?.parse().ok()?,
        available: parts.next()?.parse().ok()?,
        held: parts.next()?.parse().ok()?,
        as_of: Timestamp::from_micros(parts.next()?.parse().ok()?),
    };
    let sound = record.available >= 0 && record.held >= 0 && record.as_of.micros() >= 0;
    (sound && written(&record) == text).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku() -> Sku {
        Sku::new("a").unwrap()
    }

    fn record(version: u64, available: i64, as_of: i64) -> StockRecord {
        let as_of = Timestamp::from_micros(as_of);
        StockRecord { sku: sku(), available, held: 2, version, as_of }
    }

    fn cached(text: &str) -> Cached {
        Cached::read(sku(), text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        for record in [record(7, 998, 1_795_770_000_123_456), record(u64::MAX, i64::MAX, 0)] {
            assert_eq!(cached(&written(&record)).record(), Some(&record));
        }
        assert_eq!(written(&record(7, 998, 60)), "1 7 998 2 60");
        assert_eq!(Cached::read(sku(), Vec::new()), None);
    }

    #[test]
    fn whatever_else_is_there_is_no_entry() {
        for text in [
            "1 7 998 2",
            "1 7 998 2 60 1",
            "2 7 998 2 60",
            "1 07 998 2 60",
            "1 7 -1 2 60",
            "1 7 998 -2 60",
            "1 7 998 2 -60",
            "1 7 998 2 60\n",
            "1  7 998 2 60",
            "1 +7 998 2 60",
            "17 998 2 60",
            "?",
            "\0",
            "hello",
            "1 18446744073709551616 998 2 60",
        ] {
            assert_eq!(cached(text).record(), None, "{text:?}");
            assert_eq!(cached(text).against(&record(7, 998, 60)), CacheEntry::Malformed);
        }
        assert_eq!(Cached::read(sku(), vec![0xff; 128]).unwrap().record(), None);
    }

    #[test]
    fn what_was_never_true_is_told_from_what_is_late() {
        let stock = record(7, 998, 60);
        for (text, expected) in [
            ("1 7 998 2 60", CacheEntry::Same),
            ("1 7 998 2 59", CacheEntry::Same),
            ("1 6 999 2 59", CacheEntry::Behind),
            ("1 6 999 2 61", CacheEntry::Behind),
            ("1 8 997 2 59", CacheEntry::Ahead),
            ("1 7 998 2 61", CacheEntry::Ahead),
            ("1 7 997 2 61", CacheEntry::Ahead),
            ("1 7 997 2 60", CacheEntry::Wrong),
            ("1 7 998 3 59", CacheEntry::Wrong),
        ] {
            assert_eq!(cached(text).against(&stock), expected, "{text}");
        }
    }
}
