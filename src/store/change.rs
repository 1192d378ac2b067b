//! Committed changes in an order that can be resumed.

use std::fmt;
use std::str::FromStr;

use crate::domain::{InvalidValue, Sku};

/// A place in the change feed: that of one change. Opaque to clients; shown as
/// `EPOCH.VERSION.SKU`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The epoch in which the change was written. An epoch is read once it is complete.
    pub epoch: u64,
    /// Whose stock changed.
    pub sku: Sku,
    /// Its version.
    pub version: u64,
}

/// How far a reader of the feed has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Everything of the epochs before it has been read.
    pub(in crate::store) epoch: u64,
    /// SKU and version of the last change of this epoch that has been read.
    pub(in crate::store) last: Option<(Sku, u64)>,
}

impl Place {
    /// Before the first change that there is.
    #[must_use]
    pub fn beginning() -> Self {
        Self { epoch: 0, last: None }
    }

    /// After the change of this cursor.
    #[must_use]
    pub fn after(cursor: Cursor) -> Self {
        Self { epoch: cursor.epoch, last: Some((cursor.sku, cursor.version)) }
    }
}

/// What one flush made of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in the feed; names the SKU and the version.
    pub cursor: Cursor,
    /// Units that could be taken after it.
    pub available: i64,
    /// By how many units that differs from before.
    pub delta: i64,
    /// Operations merged into it.
    pub orders: u64,
}

impl Cursor {
    /// Reads what [`Display`](fmt::Display) has written; `field` is the name under which it came.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn parse(field: &str, text: &str) -> Result<Self, InvalidValue> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().unwrap_or_default();
        let (epoch, version, sku) = (number(next()), number(next()), Sku::new(next()).ok());
        match (epoch, version, sku) {
            (Some(epoch), Some(version), Some(sku)) => Ok(Self { epoch, sku, version }),
            (None, _, _) | (_, None, _) | (_, _, None) => Err(InvalidValue {
                field: field.to_owned(),
                problem: "is not a cursor that the change feed has given".to_owned(),
            }),
        }
    }
}

/// A number as it is written here: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let number = u64::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.epoch, self.version, self.sku.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_shown() {
        for sku in ["a", "a.b", "1.2.3", "-", ".", "x:y_z", &"s".repeat(64)] {
            let sku = Sku::new(sku).unwrap();
            let cursor = Cursor { epoch: u64::MAX, sku, version: 1 };
            assert_eq!(Cursor::parse("after", &cursor.to_string()), Ok(cursor));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "", "1", "1.2", "1.2.", "x.2.a", "1.-2.a", "1.2.a b", "01.2.a", "1.+2.a", "1..a",
            "1.2.ä",
        ] {
            assert_eq!(Cursor::parse("after", bad).unwrap_err().field, "after", "{bad}");
        }
        let long = format!("1.2.{}", "s".repeat(65));
        assert!(Cursor::parse("after", &long).is_err());
        assert!(Cursor::parse("after", "18446744073709551616.1.a").is_err());
    }
}
