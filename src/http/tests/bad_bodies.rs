//! Every kind of bad body, and what it is told.

use proptest::prelude::*;

use crate::domain::Sku;
use crate::http::orders;
use crate::http::problem::Problem;
use crate::http::wire::{self, AdjustmentBody, StockBody, order_id_if_readable, split_array};

/// What a bad body is answered: 400, or 422 with this field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    Malformed,
    Invalid(&'static str),
}
use Bad::{Invalid, Malformed};

fn assert_bad<T: std::fmt::Debug>(body: &str, parsed: Result<T, Problem>, expected: Bad) {
    match (parsed, expected) {
        (Err(Problem::Malformed(_)), Malformed) => {}
        (Err(Problem::InvalidValue(invalid)), Invalid(field)) => {
            assert_eq!(invalid.field, field, "{body}")
        }
        (other, expected) => panic!("{body}: {other:?} instead of {expected:?}"),
    }
}

const LINE: &str = r#"{"sku":"A","quantity":1}"#;

/// An order with these members after a good id and lines.
fn order_with(more: &str) -> String {
    format!(r#"{{"order_id":"o-1","lines":[{LINE}],{more}}}"#)
}

fn order_of(lines: &str) -> String {
    format!(r#"{{"order_id":"o-1","lines":{lines}}}"#)
}

fn one_line(members: &str) -> String {
    order_of(&format!("[{{{members}}}]"))
}

#[test]
fn good_orders_are_taken_as_meant() {
    let same = [
        order_of(&format!("[{LINE}]")),
        format!(r#"  {{ "lines" : [ {LINE} ] , "order_id" : "o-1" }} {}"#, "\n"),
        r#"{"order_id":"\u006f-1","lines":[{"quantity":1,"sku":"\u0041"}]}"#.to_owned(),
        order_with(r#""buyer":null,"hold_seconds":null"#),
    ];
    for body in same {
        let order = orders::parse(body.as_bytes()).unwrap_or_else(|bad| panic!("{body}: {bad:?}"));
        assert_eq!(order.id().as_str(), "o-1");
        assert_eq!(order.lines()[0].sku.as_str(), "A");
    }
}

#[test]
fn bad_orders_are_refused_by_kind() {
    let long = "x".repeat(65);
    for (body, expected) in [
        // Not JSON, not an object, or more than one.
        (String::new(), Malformed),
        ("null".to_owned(), Malformed),
        ("\"o-1\"".to_owned(), Malformed),
        ("[]".to_owned(), Malformed),
        (format!(r#"["o-1",[{LINE}]]"#), Malformed),
        (order_of(&format!("[{LINE}]")) + "x", Malformed),
        (order_of(&format!("[{LINE}]")) + "{}", Malformed),
        (order_of(&format!("[{LINE},]")), Malformed),
        (order_of("["), Malformed),
        ("{'order_id':'o-1'}".to_owned(), Malformed),
        (format!("\u{feff}{}", order_of(&format!("[{LINE}]"))), Malformed),
        ("[".repeat(50_000), Malformed),
        (r#"{"order_id":"#.to_owned() + &"[".repeat(50_000), Malformed),
        (order_with(&format!(r#""buyer":{}"#, "[".repeat(50_000))), Malformed),
        // Members.
        ("{}".to_owned(), Malformed),
        (r#"{"order_id":"o-1"}"#.to_owned(), Malformed),
        (format!(r#"{{"lines":[{LINE}]}}"#), Malformed),
        (order_with(r#""note":"x""#), Malformed),
        (order_with(r#""order_id":"o-1""#), Malformed),
        (order_with(&format!(r#""lines":[{LINE}]"#)), Malformed),
        (order_with(r#""Buyer":"b""#), Malformed),
        (one_line(r#""sku":"A""#), Malformed),
        (one_line(r#""quantity":1"#), Malformed),
        (one_line(r#""sku":"A","quantity":1,"price":3"#), Malformed),
        (one_line(r#""sku":"A","sku":"A","quantity":1"#), Malformed),
        // Types.
        (format!(r#"{{"order_id":7,"lines":[{LINE}]}}"#), Malformed),
        (format!(r#"{{"order_id":null,"lines":[{LINE}]}}"#), Malformed),
        (order_of("null"), Malformed),
        (order_of(LINE), Malformed),
        (order_of(r#"["A"]"#), Malformed),
        (order_of(r#"[["A",1]]"#), Malformed),
        (one_line(r#""sku":1,"quantity":1"#), Malformed),
        (one_line(r#""sku":"A","quantity":"1""#), Malformed),
        (one_line(r#""sku":"A","quantity":1.5"#), Malformed),
        (one_line(r#""sku":"A","quantity":1.0"#), Malformed),
        (one_line(r#""sku":"A","quantity":1e3"#), Malformed),
        (one_line(r#""sku":"A","quantity":true"#), Malformed),
        (one_line(r#""sku":"A","quantity":null"#), Malformed),
        (one_line(r#""sku":"A","quantity":01"#), Malformed),
        (one_line(r#""sku":"A","quantity":NaN"#), Malformed),
        (order_with(r#""buyer":7"#), Malformed),
        (order_with(r#""hold_seconds":"60""#), Malformed),
        (one_line(r#""sku":"\ud800","quantity":1"#), Malformed),
        // Values.
        (format!(r#"{{"order_id":"","lines":[{LINE}]}}"#), Invalid("order_id")),
        (format!(r#"{{"order_id":"{long}","lines":[{LINE}]}}"#), Invalid("order_id")),
        (format!(r#"{{"order_id":"a b","lines":[{LINE}]}}"#), Invalid("order_id")),
        (format!(r#"{{"order_id":"a\u0000","lines":[{LINE}]}}"#), Invalid("order_id")),
        (format!(r#"{{"order_id":"' OR 1=1 --","lines":[{LINE}]}}"#), Invalid("order_id")),
        (format!(r#"{{"order_id":"\u00e9","lines":[{LINE}]}}"#), Invalid("order_id")),
        (order_of("[]"), Invalid("lines")),
        (order_of(&format!("[{}]", vec![LINE; 51].join(","))), Invalid("lines")),
        (one_line(r#""sku":"","quantity":1"#), Invalid("lines[0].sku")),
        (one_line(r#""sku":"A;","quantity":1"#), Invalid("lines[0].sku")),
        (one_line(r#""sku":"A","quantity":0"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":-0"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":-1"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":1000001"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":9223372036854775808"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":99999999999999999999"#), Invalid("lines[0].quantity")),
        (one_line(r#""sku":"A","quantity":-99999999999999999999"#), Invalid("lines[0].quantity")),
        (
            order_of(&format!(r#"[{LINE},{{"sku":"B","quantity":0}}]"#)),
            Invalid("lines[1].quantity"),
        ),
        (
            order_of(r#"[{"sku":"A","quantity":1000000},{"sku":"A","quantity":1}]"#),
            Invalid("lines"),
        ),
        (order_with(r#""buyer":"a b""#), Invalid("buyer")),
        (order_with(r#""buyer":"""#), Invalid("buyer")),
        (order_with(r#""hold_seconds":0"#), Invalid("hold_seconds")),
        (order_with(r#""hold_seconds":86401"#), Invalid("hold_seconds")),
        (order_with(r#""hold_seconds":99999999999999999999"#), Invalid("hold_seconds")),
    ] {
        assert_bad(&body, orders::parse(body.as_bytes()), expected);
    }
    assert_bad("bytes", orders::parse(b"{\"order_id\":\"\xff\",\"lines\":[]}"), Malformed);
}

#[test]
fn bad_opening_stock_is_refused_by_kind() {
    let parse = |body: &str| Ok(wire::parse::<StockBody>(body.as_bytes())?.into_stock()?);
    assert_eq!(parse(r#"{"available":0,"purchase_limit":null}"#).unwrap().0.units(), 0);
    for (body, expected) in [
        ("{}", Malformed),
        ("[5]", Malformed),
        (r#"{"available":"5"}"#, Malformed),
        (r#"{"available":5.0}"#, Malformed),
        (r#"{"available":5,"held":0}"#, Malformed),
        (r#"{"available":-1}"#, Invalid("available")),
        (r#"{"available":1000000000000001}"#, Invalid("available")),
        (r#"{"available":99999999999999999999}"#, Invalid("available")),
        (r#"{"available":5,"purchase_limit":0}"#, Invalid("purchase_limit")),
        (r#"{"available":5,"purchase_limit":1000000000001}"#, Invalid("purchase_limit")),
        (r#"{"available":5,"sale_starts_at":"tomorrow"}"#, Invalid("sale_starts_at")),
        (r#"{"available":5,"sale_ends_at":"1969-12-31T23:59:59Z"}"#, Invalid("sale_ends_at")),
        (
            r#"{"available":5,"sale_starts_at":"2026-11-27T09:00:00Z","sale_ends_at":"2026-11-27T09:00:00Z"}"#,
            Invalid("sale_ends_at"),
        ),
    ] {
        assert_bad(body, parse(body), expected);
    }
}

#[test]
fn bad_adjustments_are_refused_by_kind() {
    let parse = |body: &str| {
        let sku = Sku::new("A").unwrap();
        Ok(wire::parse::<AdjustmentBody<'_>>(body.as_bytes())?.into_adjustment(sku)?)
    };
    let good = parse(r#"{"adjustment_id":"r-1","delta":-5,"reason":"broken \u00e9"}"#).unwrap();
    assert_eq!((good.delta.units(), good.reason.unwrap().as_str()), (-5, "broken é"));
    let long = format!(r#"{{"adjustment_id":"r-1","delta":1,"reason":"{}"}}"#, "é".repeat(256));
    for (body, expected) in [
        (r#"{"adjustment_id":"r-1"}"#, Malformed),
        (r#"{"delta":1}"#, Malformed),
        (r#"["r-1",1]"#, Malformed),
        (r#"{"adjustment_id":"r-1","delta":1e3}"#, Malformed),
        (r#"{"adjustment_id":"r-1","delta":1,"sku":"A"}"#, Malformed),
        (r#"{"adjustment_id":"r-1","delta":1,"reason":7}"#, Malformed),
        (r#"{"adjustment_id":"r 1","delta":1}"#, Invalid("adjustment_id")),
        (r#"{"adjustment_id":"r-1","delta":0}"#, Invalid("delta")),
        (r#"{"adjustment_id":"r-1","delta":1000000000001}"#, Invalid("delta")),
        (r#"{"adjustment_id":"r-1","delta":-9223372036854775809}"#, Invalid("delta")),
        (r#"{"adjustment_id":"r-1","delta":1,"reason":""}"#, Invalid("reason")),
        (r#"{"adjustment_id":"r-1","delta":1,"reason":"a\nb"}"#, Invalid("reason")),
        (&long, Invalid("reason")),
    ] {
        assert_bad(body, parse(body), expected);
    }
}

#[test]
fn a_complaint_names_the_member_and_stays_short() {
    let complaint = |body: String| match orders::parse(body.as_bytes()) {
        Err(Problem::Malformed(complaint)) => complaint,
        other => panic!("{other:?}"),
    };
    assert!(complaint(order_with(r#""note":"x""#)).contains("`note`"));
    assert!(complaint(r#"{"order_id":"o-1"}"#.to_owned()).contains("`lines`"));
    let name = "n".repeat(60_000);
    assert!(complaint(order_with(&format!(r#""{name}":1"#))).len() <= 300);
}

#[test]
fn the_order_id_of_a_bad_member_is_told_when_it_is_a_text() {
    for (json, expected) in [
        (order_with(r#""note":"x""#), Some("o-1")),
        (r#"{"order_id":"a b"}"#.to_owned(), Some("a b")),
        (r#"{"order_id":7}"#.to_owned(), None),
        (r#"["o-1"]"#.to_owned(), None),
        (r#"{"order_id":"o-1""#.to_owned(), None),
    ] {
        assert_eq!(order_id_if_readable(json.as_bytes()).as_deref(), expected, "{json}");
    }
}

/// Pieces of JSON that are likelier to get past the parser than random bytes.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(r#""order_id":"o-1","#.to_owned()),
        Just(r#""lines":["#.to_owned()),
        Just(LINE.to_owned()),
        Just(r#""buyer":"#.to_owned()),
        Just(r#""hold_seconds":"#.to_owned()),
        "[\\[\\]{},:\" 0-9eE.+-]{1,4}",
        "\"\\PC{0,8}\"",
        "-?[0-9]{1,25}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_body_panics_and_every_refusal_is_documented(
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), jsonish()],
    ) {
        let sku = Sku::new("A").unwrap();
        let refusals = [
            orders::parse(&body).err(),
            wire::parse::<StockBody>(&body).and_then(|stock| Ok(stock.into_stock()?)).err(),
            wire::parse::<AdjustmentBody<'_>>(&body)
                .and_then(|adjustment| Ok(adjustment.into_adjustment(sku)?))
                .err(),
            split_array(&body).err(),
        ];
        for problem in refusals.into_iter().flatten() {
            prop_assert!([400, 422].contains(&problem.status().as_u16()), "{problem:?}");
        }
        order_id_if_readable(&body);
    }
}
