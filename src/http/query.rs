//! Query strings. Unknown parameters are refused like unknown members.

use super::problem::Problem;
use crate::domain::{InvalidValue, Sku};
use crate::limits::{CHANGES_PAGE_MAX, LANES_TOP, LANES_TOP_MAX, STOCK_LIST_SKUS_MAX};
use crate::store::Cursor;

/// `?sku=A&sku=B…[&fresh=…]`: the SKUs in the order asked, each once, and whether MySQL is to be read.
///
/// # Errors
/// [`Problem::InvalidValue`] and [`Problem::Malformed`].
pub(super) fn stock_list(query: Option<&str>) -> Result<(Vec<Sku>, bool), Problem> {
    let (mut skus, mut fresh) = (Vec::new(), false);
    for (name, value) in pairs(query) {
        match &*name {
            "sku" => skus.push(Sku::new(&value)?),
            "fresh" => fresh = truth("fresh", &value)?,
            _ => return Err(unknown(&name)),
        }
        if skus.len() > STOCK_LIST_SKUS_MAX {
            break;
        }
    }
    if skus.is_empty() || skus.len() > STOCK_LIST_SKUS_MAX {
        let problem = match skus.len() {
            0 => format!("is missing; 1 to {STOCK_LIST_SKUS_MAX} are allowed"),
            _ => format!("is there more than {STOCK_LIST_SKUS_MAX} times; send several requests"),
        };
        return Err(invalid("sku", problem));
    }
    let mut seen = std::collections::HashSet::with_capacity(skus.len());
    skus.retain(|sku| seen.insert(sku.clone()));
    Ok((skus, fresh))
}

/// `?fresh=true`: whether MySQL is to be read.
///
/// # Errors
/// [`Problem::InvalidValue`] and [`Problem::Malformed`].
pub(super) fn stock_read(query: Option<&str>) -> Result<bool, Problem> {
    let mut fresh = false;
    for (name, value) in pairs(query) {
        match &*name {
            "fresh" => fresh = truth("fresh", &value)?,
            _ => return Err(unknown(&name)),
        }
    }
    Ok(fresh)
}

/// `?top=N`.
///
/// # Errors
/// [`Problem::InvalidValue`] and [`Problem::Malformed`].
pub(super) fn lanes(query: Option<&str>) -> Result<usize, Problem> {
    let mut top = LANES_TOP;
    for (name, value) in pairs(query) {
        match &*name {
            "top" => top = number("top", &value, LANES_TOP_MAX)?,
            _ => return Err(unknown(&name)),
        }
    }
    Ok(top)
}

/// `?after=CURSOR&limit=N`: from the beginning, and no limit, when they are not there.
///
/// # Errors
/// [`Problem::InvalidValue`] and [`Problem::Malformed`].
pub(super) fn changes(query: Option<&str>) -> Result<(Option<Cursor>, Option<usize>), Problem> {
    let (mut after, mut limit) = (None, None);
    for (name, value) in pairs(query) {
        match &*name {
            "after" => after = Some(Cursor::parse("after", &value)?),
            "limit" => limit = Some(number("limit", &value, CHANGES_PAGE_MAX)?),
            _ => return Err(unknown(&name)),
        }
    }
    Ok((after, limit))
}

fn number(field: &str, value: &str, most: usize) -> Result<usize, Problem> {
    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| invalid(field, format!("is not a number from 1 to {most}")))
}

fn pairs(query: Option<&str>) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

fn truth(field: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(field, "is neither true nor false".to_owned())),
    }
}

fn invalid(field: &str, problem: String) -> Problem {
    Problem::InvalidValue(InvalidValue { field: field.to_owned(), problem })
}

fn unknown(name: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::Malformed(format!("unknown query parameter {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(refused: Result<impl std::fmt::Debug, Problem>) -> String {
        match refused {
            Err(Problem::InvalidValue(invalid)) => invalid.field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn skus_keep_their_order_and_come_once() {
        let (skus, fresh) = stock_list(Some("sku=B&sku=A&fresh=true&sku=B&sku=a%3Ab")).unwrap();
        assert!(fresh);
        assert_eq!(skus.iter().map(Sku::as_str).collect::<Vec<_>>(), ["B", "A", "a:b"]);
    }

    #[test]
    fn one_to_a_thousand_skus() {
        let query = |skus: usize| "sku=A&".repeat(skus);
        assert!(stock_list(Some(&query(1_000))).is_ok());
        assert_eq!(field(stock_list(Some(&query(1_001)))), "sku");
        assert_eq!(field(stock_list(None)), "sku");
        assert_eq!(field(stock_list(Some("sku="))), "sku");
        assert_eq!(field(stock_list(Some("sku=%ff"))), "sku");
    }

    #[test]
    fn other_parameters_and_values_are_refused() {
        assert!(matches!(stock_list(Some("sku=A&skus=B")), Err(Problem::Malformed(_))));
        assert!(matches!(stock_read(Some("freah=true")), Err(Problem::Malformed(_))));
        assert_eq!(field(stock_read(Some("fresh=1"))), "fresh");
        assert!(stock_read(Some("fresh=true")).unwrap());
        assert!(!stock_read(Some("fresh=false")).unwrap());
        assert!(!stock_read(None).unwrap());
    }

    #[test]
    fn top_is_bounded() {
        assert_eq!(lanes(None).unwrap(), 20);
        assert_eq!(lanes(Some("top=1000")).unwrap(), 1_000);
        for bad in ["top=0", "top=1001", "top=-1", "top=x", "top=", "top=99999999999999999999"] {
            assert_eq!(field(lanes(Some(bad))), "top", "{bad}");
        }
        assert!(matches!(lanes(Some("limit=5")), Err(Problem::Malformed(_))));
    }

    #[test]
    fn a_place_in_the_changes_is_a_cursor_and_a_limit() {
        assert_eq!(changes(None).unwrap(), (None, None));
        let (after, limit) = changes(Some("limit=1000&after=72")).unwrap();
        assert_eq!((after.unwrap().to_string().as_str(), limit), ("72", Some(1_000)));
        for bad in ["limit=0", "limit=1001", "limit=", "limit=-1", "limit=x"] {
            assert_eq!(field(changes(Some(bad))), "limit", "{bad}");
        }
        for bad in ["after=", "after=x", "after=-7", "after=07"] {
            assert_eq!(field(changes(Some(bad))), "after", "{bad}");
        }
        assert!(matches!(changes(Some("before=72")), Err(Problem::Malformed(_))));
    }
}
