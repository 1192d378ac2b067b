//! Writing JSON, and reading it strictly.
//!
//! serde's derived structs would also take an array for an object, and serde_json turns an integer
//! beyond 64 bits into a float. Both are closed here.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::InvalidValue;
use crate::http::problem::Problem;
use crate::limits::{BATCH_ORDERS_MAX, COMPLAINT_CHARS_MAX};

/// Reads one JSON object with nothing after it.
///
/// # Errors
/// [`Problem::Malformed`] with the member or the place that is wrong.
pub(in crate::http) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    match serde_json::from_slice::<Object<T>>(json) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(malformed(&error)),
    }
}

/// Splits a JSON array into its members without looking into them.
///
/// # Errors
/// [`Problem::Malformed`] when it is not an array, [`Problem::TooManyOrders`] past 10,000 members.
pub(in crate::http) fn split_array(json: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let Members(members) = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
    if members.len() > BATCH_ORDERS_MAX {
        return Err(Problem::TooManyOrders);
    }
    Ok(members)
}

fn malformed(error: &serde_json::Error) -> Problem {
    // The parser quotes the caller's text, which can be as long as the body.
    Problem::Malformed(error.to_string().chars().take(COMPLAINT_CHARS_MAX).collect())
}

/// One of our own answers as JSON.
pub(in crate::http) fn render(answer: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(256);
    render_into(&mut json, answer);
    json
}

/// Appends one of our own answers as JSON.
pub(in crate::http) fn render_into(json: &mut Vec<u8>, answer: &impl Serialize) {
    serde_json::to_writer(json, answer).expect("answers have text keys, and memory does not fail");
}

/// A value written as a JSON object.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A number written as an integer: digits with at most a minus before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// It fits 64 bits.
    Fits(i64),
    /// It is an integer, and outside every bound of the contract.
    Beyond,
}

impl Whole {
    /// The units, for a constructor of the domain to judge.
    pub(super) fn units(self, field: &str) -> Result<i64, InvalidValue> {
        match self {
            Self::Fits(units) => Ok(units),
            Self::Beyond => Err(InvalidValue {
                field: field.to_owned(),
                problem: "is an integer of more than 64 bits; see the bounds of this member"
                    .to_owned(),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(D::Error::custom(
                "expected an integer, written as digits without quotes, fraction or exponent",
            ));
        }
        Ok(text.parse().map_or(Self::Beyond, Self::Fits))
    }
}

/// The members of an array, at most one more than a batch may have.
struct Members<'a>(Vec<&'a [u8]>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON array of orders")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = array.next_element::<&RawValue>()? {
                    members.push(member.get().as_bytes());
                    if members.len() > BATCH_ORDERS_MAX {
                        while array.next_element::<IgnoredAny>()?.is_some() {}
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_seq(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_told_from_everything_else() {
        let whole = |text: &str| serde_json::from_str::<Whole>(text);
        for (text, units) in [("0", 0), ("-0", 0), ("7", 7), ("-9223372036854775808", i64::MIN)] {
            assert_eq!(whole(text).unwrap(), Whole::Fits(units), "{text}");
        }
        for text in ["9223372036854775808", "99999999999999999999", "-99999999999999999999"] {
            assert_eq!(whole(text).unwrap(), Whole::Beyond, "{text}");
        }
        for text in
            ["1.5", "1.0", "1e3", "1E3", "\"1\"", "null", "true", "[]", "{}", "01", "+1", "-"]
        {
            assert!(whole(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_array_is_split_and_its_members_are_left_alone() {
        let members = split_array(br#" [ {"a": 1} , "x",null, [[]] ] "#).unwrap();
        let expected: [&[u8]; 4] = [br#"{"a": 1}"#, br#""x""#, b"null", b"[[]]"];
        assert_eq!(members, expected);
    }

    #[test]
    fn an_array_past_the_bound_is_too_large_and_a_broken_one_malformed() {
        let array = |members: usize| format!("[{}]", vec!["0"; members].join(","));
        assert_eq!(
            split_array(array(BATCH_ORDERS_MAX).as_bytes()).unwrap().len(),
            BATCH_ORDERS_MAX
        );
        let over = array(BATCH_ORDERS_MAX + 1);
        let over = split_array(over.as_bytes());
        assert!(matches!(over, Err(Problem::TooManyOrders)));
        for broken in ["", "[", "[1", "[1,]", "[1] x", "{}", "1"] {
            let split = split_array(broken.as_bytes());
            assert!(matches!(split, Err(Problem::Malformed(_))), "{broken}");
        }
    }
}
