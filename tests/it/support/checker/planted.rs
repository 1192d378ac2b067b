//! The checker bites: a sound run passes, and each kind of planted fault is found under its own
//! rule.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Rule, violations};
use crate::support::books::{Books, MovementRow, Step, StockRow, VersionRow};
use crate::support::history::{Answer, Call, Lines, Request};

/// A run of two SKUs: opened with 5 and 9, then `a` and `b` take in one flush each, `m` takes of
/// both in a third, `low` is refused, `a` is cancelled, and 4 of `x` come in.
struct Run {
    calls: Vec<Call>,
    books: Books,
}

fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

fn lines(of: &[(&str, i64)]) -> Lines {
    of.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect()
}

fn call(from: u64, to: u64, request: Request, status: u16, body: Value) -> Call {
    Call { request, invoked: ms(from), returned: ms(to), answer: Answer::Http { status, body } }
}

fn order(from: u64, to: u64, id: &str, of: &[(&str, i64)]) -> Call {
    let body_lines: Vec<_> =
        of.iter().map(|(sku, units)| json!({"sku": sku, "quantity": units})).collect();
    let body =
        json!({"order_id": id, "status": "deducted", "lines": body_lines, "created_at": "t"});
    call(from, to, Request::Order { id: id.to_owned(), lines: lines(of) }, 201, body)
}

fn refused(from: u64, to: u64, id: &str, sku: &str, requested: i64, available: i64) -> Call {
    let request = Request::Order { id: id.to_owned(), lines: lines(&[(sku, requested)]) };
    let short = json!([{"sku": sku, "requested": requested, "available": available}]);
    call(from, to, request, 409, json!({"type": "/problems/insufficient-stock", "lines": short}))
}

fn movement(order_id: &str, step: Step, sku: &str, delta: i64, flush_id: u64) -> MovementRow {
    MovementRow { order_id: order_id.to_owned(), step, sku: sku.to_owned(), delta, flush_id }
}

fn version(sku: &str, version: u64, flush_id: u64, available: i64, delta: i64) -> VersionRow {
    VersionRow { sku: sku.to_owned(), version, flush_id, available, delta, orders: 1 }
}

fn sound() -> Run {
    let open = |sku: &str, available| Request::Open { sku: sku.to_owned(), available };
    let adjust = Request::Adjust { id: "r".to_owned(), sku: "x".to_owned(), delta: 4 };
    let stock = |sku: &str, available, version| StockRow {
        sku: sku.to_owned(),
        available,
        held: 0,
        version,
    };
    Run {
        calls: vec![
            call(0, 10, open("x", 5), 201, json!({})),
            call(0, 10, open("y", 9), 201, json!({})),
            order(20, 30, "a", &[("x", 2)]),
            order(40, 50, "b", &[("x", 1)]),
            order(60, 70, "m", &[("x", 1), ("y", 3)]),
            refused(80, 90, "low", "x", 2, 1),
            call(100, 110, Request::Cancel { id: "a".to_owned() }, 200, json!({})),
            call(120, 130, adjust, 201, json!({})),
        ],
        books: Books {
            stock: vec![stock("x", 7, 6), stock("y", 6, 2)],
            movements: vec![
                movement("x", Step::Opening, "x", 5, 1),
                movement("y", Step::Opening, "y", 9, 2),
                movement("a", Step::Take, "x", -2, 3),
                movement("b", Step::Take, "x", -1, 4),
                movement("m", Step::Take, "x", -1, 5),
                movement("m", Step::Take, "y", -3, 5),
                movement("a", Step::Settle, "x", 2, 6),
                movement("r", Step::Adjust, "x", 4, 7),
            ],
            versions: vec![
                version("x", 1, 1, 5, 5),
                version("x", 2, 3, 3, -2),
                version("x", 3, 4, 2, -1),
                version("x", 4, 5, 1, -1),
                version("x", 5, 6, 3, 2),
                version("x", 6, 7, 7, 4),
                version("y", 1, 2, 9, 9),
                version("y", 2, 5, 6, -3),
            ],
        },
    }
}

#[track_caller]
fn assert_found(rule: Rule, plant: impl FnOnce(&mut Run)) {
    let mut run = sound();
    plant(&mut run);
    let found = violations(&run.calls, &run.books);
    assert!(
        found.iter().any(|violation| violation.rule == rule),
        "{rule:?} was not found, but: {found:?}"
    );
}

#[test]
fn a_sound_run_passes() {
    let run = sound();
    let found = violations(&run.calls, &run.books);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn stock_below_zero_is_found() {
    assert_found(Rule::BelowZero, |run| run.books.stock[0].available = -1);
    assert_found(Rule::BelowZero, |run| run.books.versions[3].available = -1);
}

#[test]
fn books_out_of_balance_are_found() {
    assert_found(Rule::BooksDoNotBalance, |run| run.books.stock[0].available += 1);
    assert_found(Rule::BooksDoNotBalance, |run| run.books.stock[0].held = 1);
    assert_found(Rule::BooksDoNotBalance, |run| {
        run.books.movements.push(movement("z", Step::Take, "z", -1, 9))
    });
}

#[test]
fn a_broken_version_chain_is_found() {
    assert_found(Rule::VersionGap, |run| drop(run.books.versions.remove(2)));
    assert_found(Rule::VersionGap, |run| run.books.stock[0].version = 7);
    assert_found(Rule::VersionChain, |run| run.books.versions[2].available = 1);
    assert_found(Rule::VersionChain, |run| run.books.stock[1].available = 9);
    assert_found(Rule::VersionDelta, |run| run.books.versions[2].delta = -2);
    assert_found(Rule::VersionDelta, |run| run.books.versions[2].orders = 2);
    assert_found(Rule::VersionDelta, |run| drop(run.books.versions.pop()));
}

#[test]
fn a_lost_order_is_found() {
    assert_found(Rule::LostOrder, |run| run.calls.push(order(140, 150, "gone", &[("x", 1)])));
}

#[test]
fn other_content_than_asked_for_is_found() {
    assert_found(Rule::ContentDiffers, |run| run.books.movements[3].delta = -2);
    assert_found(Rule::ContentDiffers, |run| run.books.movements[3].sku = "y".to_owned());
    assert_found(Rule::ContentDiffers, |run| {
        let Answer::Http { body, .. } = &mut run.calls[2].answer else {
            unreachable!("it is an answer")
        };
        body["lines"][0]["quantity"] = json!(1);
    });
    // The same id, other content, and told that it is done.
    assert_found(Rule::ContentDiffers, |run| run.calls.push(order(140, 150, "b", &[("x", 2)])));
}

#[test]
fn a_phantom_is_found() {
    assert_found(Rule::PhantomOrder, |run| {
        run.books.movements.push(movement("ghost", Step::Take, "x", -1, 4))
    });
    assert_found(Rule::PhantomOrder, |run| {
        run.books.movements.push(movement("low", Step::Take, "x", -2, 4))
    });
    assert_found(Rule::PhantomOrder, |run| {
        run.books.movements.push(movement("b2", Step::Settle, "x", 1, 4))
    });
    assert_found(Rule::PhantomOrder, |run| {
        run.calls[3].answer =
            Answer::Http { status: 503, body: json!({"type": "/problems/database-unavailable"}) };
    });
}

#[test]
fn an_order_taken_twice_is_found() {
    assert_found(Rule::TakenTwice, |run| {
        run.books.movements.push(movement("b", Step::Take, "x", -1, 4))
    });
    assert_found(Rule::TakenTwice, |run| run.calls.push(order(140, 150, "b", &[("x", 1)])));
}

#[test]
fn a_repeat_without_a_first_is_found() {
    assert_found(Rule::FalseReplay, |run| {
        let Answer::Http { status, .. } = &mut run.calls[3].answer else {
            unreachable!("it is an answer")
        };
        *status = 200;
    });
}

#[test]
fn a_torn_order_is_found() {
    assert_found(Rule::TornOrder, |run| drop(run.books.movements.remove(5)));
    assert_found(Rule::TornOrder, |run| run.books.movements[5].flush_id = 4);
}

#[test]
fn contradicting_answers_are_found() {
    assert_found(Rule::AnswersDiffer, |run| {
        let mut again = order(140, 150, "b", &[("x", 1)]);
        let Answer::Http { status, body } = &mut again.answer else {
            unreachable!("it is an answer")
        };
        *status = 200;
        body["created_at"] = json!("later");
        run.calls.push(again);
    });
    assert_found(Rule::AnswersDiffer, |run| run.calls.push(refused(75, 80, "b", "x", 1, 0)));
}

#[test]
fn an_order_against_real_time_is_found() {
    // `b` was answered before `a` was sent, and comes after it in commit order.
    assert_found(Rule::RealTimeOrder, |run| {
        (run.calls[3].invoked, run.calls[3].returned) = (ms(15), ms(18));
    });
    // Answered before the other was sent, and in the same flush.
    assert_found(Rule::RealTimeOrder, |run| {
        run.books.movements[3].flush_id = 3;
        run.books.versions.remove(2);
    });
}

#[test]
fn a_wrong_refusal_is_found() {
    // Three were there until 40 at least, and again from 110 on.
    assert_found(Rule::WrongRefusal, |run| run.calls.push(refused(31, 39, "low", "x", 3, 0)));
    assert_found(Rule::WrongRefusal, |run| run.calls.push(refused(111, 119, "low", "x", 3, 0)));
    assert_found(Rule::WrongRefusal, |run| run.calls.push(refused(80, 90, "low", "x", 1, 1)));
    assert_found(Rule::WrongRefusal, |run| run.calls.push(refused(80, 90, "low", "nowhere", 1, 0)));
    assert_found(Rule::WrongRefusal, |run| {
        let request = Request::Order { id: "new".to_owned(), lines: lines(&[("x", 1)]) };
        run.calls.push(call(
            80,
            90,
            request.clone(),
            422,
            json!({"type": "/problems/order-mismatch"}),
        ));
    });
    assert_found(Rule::WrongRefusal, |run| {
        let body = json!({"type": "/problems/unknown-sku", "sku": "x"});
        let request = Request::Order { id: "new".to_owned(), lines: lines(&[("x", 1)]) };
        run.calls.push(call(80, 90, request, 404, body));
    });
    assert_found(Rule::WrongRefusal, |run| {
        let body = json!({"type": "/problems/unknown-order"});
        run.calls.push(call(80, 90, Request::Cancel { id: "b".to_owned() }, 404, body));
    });
}

#[test]
fn refusals_that_may_be_right_pass() {
    for (from, to, requested) in [
        // While `b` commits.
        (45, 46, 3),
        // From the flush of `m` until the cancellation.
        (75, 76, 2),
        // Overlaps that time by its end only, and by its start only.
        (51, 61, 2),
        (109, 119, 2),
    ] {
        let mut run = sound();
        run.calls.push(refused(from, to, "new", "x", requested, 0));
        let found = violations(&run.calls, &run.books);
        assert!(found.is_empty(), "{from} to {to}: {found:?}");
    }
}

#[test]
fn an_undocumented_answer_is_found() {
    assert_found(Rule::UndocumentedAnswer, |run| {
        let request = Request::Order { id: "odd".to_owned(), lines: lines(&[("x", 1)]) };
        run.calls.push(call(80, 90, request, 500, json!({})));
    });
}
