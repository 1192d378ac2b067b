//! Identifiers: 1 to 64 of `A-Z a-z 0-9 . _ : -`, compared byte by byte.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::InvalidValue;
use crate::limits::ID_LEN_MAX;

/// The caller's name for an order or an adjustment; the key of its idempotency.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(Box<str>);

/// A stock keeping unit: the key of one stock row and of one lane. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sku(Arc<str>);

/// The caller's name for a person or account that buys; purchase limits count by it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Buyer(Box<str>);

impl OrderId {
    /// # Errors
    /// [`InvalidValue`] for `field` when the text is not an identifier.
    pub fn new(field: &str, text: &str) -> Result<Self, InvalidValue> {
        check(field, text)?;
        Ok(Self(text.into()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Sku {
    /// # Errors
    /// [`InvalidValue`] for the field `sku` when the text is not an identifier.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        check("sku", text)?;
        Ok(Self(text.into()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Both are hashed and compared as text, so that a map of SKUs can be asked for a text.
impl Borrow<str> for Sku {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Buyer {
    /// # Errors
    /// [`InvalidValue`] for the field `buyer` when the text is not an identifier.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        check("buyer", text)?;
        Ok(Self(text.into()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(field: &str, text: &str) -> Result<(), InvalidValue> {
    if text.is_empty() || text.len() > ID_LEN_MAX {
        return Err(InvalidValue::new(
            field,
            format!("has {} bytes; 1 to {ID_LEN_MAX} are allowed", text.len()),
        ));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidValue::new(field, "has a character outside A-Z a-z 0-9 . _ : -"))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_one_to_64_of_the_allowed_bytes() {
        for good in ["a", "A.b_c:d-9", &"x".repeat(64)] {
            assert_eq!(Sku::new(good).unwrap().as_str(), good);
        }
        for bad in ["", &"x".repeat(65), "a b", "a'b", "a\\b", "ä", "a\0", "a\n"] {
            assert!(OrderId::new("order_id", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn case_matters() {
        assert_ne!(Sku::new("A").unwrap(), Sku::new("a").unwrap());
    }
}
