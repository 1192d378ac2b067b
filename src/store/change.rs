//! Committed changes in an order that can be resumed.

use std::fmt;
use std::str::FromStr;

use crate::domain::{InvalidValue, Sku};

/// A place in the change feed: that of one change, or before all. Opaque to clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64);

/// What one flush made of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in the feed.
    pub cursor: Cursor,
    /// Whose stock changed.
    pub sku: Sku,
    /// How many changes of the SKU there are up to this one; without gaps.
    pub version: u64,
    /// Units that could be taken after it.
    pub available: i64,
    /// By how many units that differs from before.
    pub delta: i64,
    /// Operations merged into it.
    pub orders: u64,
}

impl Cursor {
    /// Before the first change that there is.
    pub const BEGINNING: Self = Self(0);

    /// Reads what [`Display`](fmt::Display) has written; `field` is the name under which it came.
    ///
    /// # Errors
    /// [`InvalidValue`] for anything else.
    pub fn parse(field: &str, text: &str) -> Result<Self, InvalidValue> {
        let place = u64::from_str(text).ok().filter(|place| place.to_string() == text);
        place.map(Self).ok_or_else(|| InvalidValue {
            field: field.to_owned(),
            problem: "is not a cursor that the change feed has given".to_owned(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_shown() {
        for place in [0, 1, u64::MAX] {
            assert_eq!(Cursor::parse("after", &place.to_string()), Ok(Cursor(place)));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in ["", " ", "x", "-1", "+1", "01", "1.0", "1 ", "18446744073709551616"] {
            assert_eq!(Cursor::parse("after", bad).unwrap_err().field, "after", "{bad}");
        }
    }
}
