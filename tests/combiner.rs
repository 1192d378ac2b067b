//! The combiner step by step: which flush starts when, how it goes on, and who is told what.

use std::sync::Arc;

use hotrow::domain::{
    Goal, HoldSeconds, Line, NotExecuted, Operation, Order, OrderId, Quantity, Refusal, Settlement,
    Sku, Standing, TakenOrder, Timestamp, Verdict,
};
use hotrow::engine::{
    Action, Combiner, CommitOutcome, Execution, Failure, FlushId, Plan, Policy, SkuLeft, Verdicts,
};
use hotrow::limits::SLOW_FLUSH_MS;

const POLICY: Policy =
    Policy { lane_depth_max: 1_000, flush_orders_max: 4, flights_max: 4, order_deadline_ms: 1_000 };

struct Desk {
    combiner: Combiner<usize>,
    arrived: usize,
    answers: Vec<(usize, Verdict)>,
    now_ms: u64,
}

impl Desk {
    fn new() -> Self {
        let combiner = Combiner::new(POLICY, FlushId(1));
        Self { combiner, arrived: 0, answers: Vec::new(), now_ms: 0 }
    }

    /// As many orders of the SKU, each with an id of its own.
    fn arrive(&mut self, sku: &str, count: usize) {
        for _ in 0..count {
            self.arrive_as(&format!("o-{}", self.arrived), sku);
        }
    }

    fn arrive_as(&mut self, id: &str, sku: &str) {
        let sku = Sku::new(sku).expect("valid");
        let line = Line { sku, quantity: Quantity::new(1).expect("valid") };
        let id = OrderId::new("order_id", id).expect("valid");
        let order = Order::new(id, vec![line]).expect("valid");
        self.combiner.submit(self.now_ms, Operation::Take(order), self.arrived);
        self.arrived += 1;
    }

    /// A hold of the SKU `a` is confirmed.
    fn confirm(&mut self, id: &str) {
        let line =
            Line { sku: Sku::new("a").expect("valid"), quantity: Quantity::new(1).expect("valid") };
        let id = OrderId::new("order_id", id).expect("valid");
        let order = Order::new(id, vec![line]).expect("valid");
        let hold = HoldSeconds::new(60).expect("valid");
        let taken = TakenOrder {
            order: order.held_for(Some(hold)),
            standing: Standing::Held,
            created_at: Timestamp::from_micros(0),
            expires_at: Some(Timestamp::from_micros(i64::MAX / 2)),
        };
        let settlement = Settlement::new(taken, Goal::Confirm).expect("is held");
        self.combiner.submit(self.now_ms, Operation::Settle(settlement), self.arrived);
        self.arrived += 1;
    }

    /// What is to be done now, in words; answers are put aside.
    fn actions(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        for action in self.combiner.actions(self.now_ms) {
            let of = |verb: &str, plan: &Arc<Plan>| {
                format!("{verb} {} {:?} {}", plan.id.0, plan.mode, plan.operations.len())
            };
            match action {
                Action::Execute(plan) => words.push(of("execute", &plan)),
                Action::Prepare(plan) => words.push(of("prepare", &plan)),
                Action::Finish(plan) => words.push(format!("finish {}", plan.id.0)),
                Action::Commit(flush) => words.push(format!("commit {}", flush.0)),
                Action::RollBack(flush) => words.push(format!("roll back {}", flush.0)),
                Action::Probe => words.push("probe".to_owned()),
                Action::Answer(answers) => self.answers.extend(answers),
            }
        }
        words
    }

    fn executed(&mut self, flush: u64) -> Vec<String> {
        self.executed_leaving(flush, Vec::new())
    }

    fn executed_leaving(&mut self, flush: u64, left: Vec<SkuLeft>) -> Vec<String> {
        let verdicts = Verdicts::AllDone(Timestamp::from_micros(1));
        let execution = Execution::Ready { verdicts, left };
        self.combiner.executed(self.now_ms, FlushId(flush), execution);
        self.actions()
    }

    /// Each of its four orders is refused, and so much is left.
    fn refused(&mut self, flush: u64, available: i64) -> Vec<String> {
        let verdicts = Verdicts::Each(vec![Verdict::Refused(Refusal::Mismatch); 4]);
        let left = vec![left_of_a(available, None)];
        let execution = Execution::NothingToWrite { verdicts, left };
        self.combiner.executed(self.now_ms, FlushId(flush), execution);
        self.actions()
    }

    fn failed(&mut self, flush: u64, failure: Failure) -> Vec<String> {
        self.combiner.executed(self.now_ms, FlushId(flush), Execution::Failed(failure));
        self.actions()
    }

    fn prepared(&mut self, flush: u64) -> Vec<String> {
        self.combiner.prepared(self.now_ms, FlushId(flush), Ok(()));
        self.actions()
    }

    fn committed(&mut self, flush: u64) -> Vec<String> {
        self.combiner.committed(self.now_ms, FlushId(flush), CommitOutcome::Committed);
        self.actions()
    }

    fn answered(&self) -> Vec<usize> {
        self.answers.iter().map(|(ticket, _)| *ticket).collect()
    }
}

/// So much is left of the SKU `a`, and so much was taken.
fn left_of_a(available: i64, taken: Option<i64>) -> SkuLeft {
    SkuLeft { sku: Sku::new("a").expect("valid"), available, taken, on_terms: false }
}

/// What a settlement was made from was read over a session that has ended.
#[test]
fn settlements_are_decided_once_a_session_has_ended() {
    for ends in [false, true] {
        let mut desk = Desk::new();
        desk.confirm("h-1");
        desk.confirm("h-2");
        if ends {
            desk.combiner.session_ended(desk.now_ms);
        }
        let how = if ends { "Deciding" } else { "Merged" };
        assert_eq!(desk.actions(), [format!("execute 1 {how} 2")]);
    }
}

/// They were read before, and were on their way.
#[test]
fn settlements_that_arrive_soon_after_a_session_has_ended_are_decided() {
    let decided: &[_] = &["execute 1 Deciding 1", "execute 2 AtOnce 1"];
    for (later_ms, started) in [(0, decided), (9_999, decided), (10_000, &["execute 1 Merged 2"])] {
        let mut desk = Desk::new();
        desk.combiner.session_ended(desk.now_ms);
        desk.now_ms += later_ms;
        desk.confirm("h-1");
        desk.arrive("b", 1);
        assert_eq!(desk.actions(), started, "{later_ms}");
    }
}

/// Also of a flush that is undone because the one before it is gone, and so has not failed itself.
#[test]
fn settlements_that_come_back_are_decided_once_a_session_has_ended() {
    for ends in [false, true] {
        let mut desk = Desk::new();
        for n in 0..8 {
            desk.confirm(&format!("h-{n}"));
        }
        assert_eq!(desk.actions(), ["execute 1 Merged 4", "prepare 2 Merged 4"]);
        desk.prepared(2);
        if ends {
            desk.combiner.session_ended(desk.now_ms);
        }
        assert_eq!(desk.failed(1, Failure::Conflict), ["roll back 2"]);
        desk.combiner.rolled_back(0, FlushId(2));
        let mut started = desk.actions();
        started.extend(desk.executed(3));
        started.extend(desk.committed(3));
        let how = if ends { "Deciding" } else { "Merged" };
        let expected = ["execute 3 Deciding 4", "commit 3", &format!("execute 4 {how} 4")];
        assert_eq!(started, expected);
    }
}

#[test]
fn an_order_that_is_alone_is_committed_at_once() {
    let mut desk = Desk::new();
    desk.arrive("a", 1);
    assert_eq!(desk.actions(), ["execute 1 AtOnce 1"]);
    let verdicts = Verdicts::AllDone(Timestamp::from_micros(7));
    let execution = Execution::Committed { verdicts, left: Vec::new() };
    desk.combiner.executed(0, FlushId(1), execution);
    assert_eq!(desk.actions(), [""; 0]);
    assert!(matches!(desk.answers[..], [(0, Verdict::Done { replayed: false, .. })]));
}

/// Its answer was lost: it is executed again, decided under the locks, and with the ledger's own time
/// when it is found there.
#[test]
fn an_order_that_was_committed_at_once_without_an_answer_is_resolved() {
    let mut desk = Desk::new();
    desk.arrive("a", 1);
    desk.actions();
    desk.combiner.executed(0, FlushId(1), Execution::CommitUnknown);
    assert_eq!(desk.actions(), ["execute 1 Deciding 1"]);
    let at = Timestamp::from_micros(9);
    desk.combiner.executed(0, FlushId(1), Execution::Landed { at });
    desk.actions();
    assert!(matches!(desk.answers[..], [(0, Verdict::Done { at: told, replayed: false, .. })]
        if told == at));
}

#[test]
fn while_a_flush_commits_the_next_starts_once_as_many_wait() {
    let mut desk = Desk::new();
    desk.arrive("a", 3);
    assert_eq!(desk.actions(), ["execute 1 Merged 3"]);
    assert_eq!(desk.executed(1), ["commit 1"]);
    desk.arrive("a", 2);
    assert_eq!(desk.actions(), [""; 0], "two are cheaper together with those that follow");
    desk.arrive("a", 1);
    assert_eq!(desk.actions(), ["execute 2 Merged 3"]);
    // What waits less starts when the one before has landed.
    desk.arrive("a", 1);
    assert_eq!(desk.executed(2), [""; 0], "it commits after the one before");
    assert_eq!(desk.committed(1), ["commit 2"]);
    assert_eq!(desk.committed(2), ["execute 3 AtOnce 1"]);
    assert_eq!(desk.answered(), [0, 1, 2, 3, 4, 5]);
}

/// It fills a flush, and then it is the turn of those that came after it.
#[test]
fn a_lane_with_more_than_a_flush_of_orders_lets_the_others_go_next() {
    let mut desk = Desk::new();
    desk.combiner = Combiner::new(Policy { flights_max: 1, ..POLICY }, FlushId(1));
    desk.arrive("a", 8);
    desk.arrive("b", 1);
    desk.arrive("c", 1);
    assert_eq!(desk.actions(), ["execute 1 Merged 4"]);
    desk.executed(1);
    assert_eq!(desk.committed(1), ["execute 2 Merged 4"]);
    desk.executed(2);
    desk.committed(2);
    assert_eq!(desk.answered(), [0, 1, 2, 3, 8, 9, 4, 5]);
}

#[test]
fn full_flushes_are_prepared_ahead_and_go_on_in_order() {
    let mut desk = Desk::new();
    desk.arrive("a", 13);
    assert_eq!(desk.actions(), ["execute 1 Merged 4", "prepare 2 Merged 4", "prepare 3 Merged 4"]);
    // The last one alone is not a full flush.
    assert_eq!(desk.prepared(3), [""; 0]);
    assert_eq!(desk.prepared(2), [""; 0]);
    assert_eq!(desk.executed(1), ["commit 1", "finish 2"]);
    assert_eq!(desk.executed(2), ["finish 3"]);
    assert_eq!(desk.committed(1), ["commit 2"]);
    assert_eq!(desk.executed(3), [""; 0]);
    assert_eq!(desk.committed(2), ["commit 3"]);
    assert_eq!(desk.committed(3), ["execute 4 AtOnce 1"]);
    assert_eq!(desk.answered(), (0..12).collect::<Vec<_>>());
}

/// Others took half as many units or more since the flush before.
#[test]
fn of_a_sku_that_others_sell_as_well_one_flush_at_a_time_is_in_the_air() {
    for (others, alone) in [(0, false), (1, false), (2, true), (4, true)] {
        let mut desk = Desk::new();
        desk.arrive("a", 4);
        assert_eq!(desk.actions(), ["execute 1 Merged 4"]);
        desk.executed_leaving(1, vec![left_of_a(100, Some(4))]);
        desk.committed(1);
        desk.arrive("a", 4);
        assert_eq!(desk.actions(), ["execute 2 Merged 4"]);
        desk.executed_leaving(2, vec![left_of_a(96 - others, Some(4))]);
        desk.committed(2);
        desk.arrive("a", 12);
        if !alone {
            let ahead = ["execute 3 Merged 4", "prepare 4 Merged 4", "prepare 5 Merged 4"];
            assert_eq!(desk.actions(), ahead, "{others}");
            continue;
        }
        assert_eq!(desk.actions(), ["execute 3 Merged 4"], "{others}");
        assert_eq!(desk.executed_leaving(3, vec![left_of_a(92 - others, Some(4))]), ["commit 3"]);
        // Nobody else has taken any: it is this process's own again.
        assert_eq!(desk.committed(3), ["execute 4 Merged 4", "prepare 5 Merged 4"]);
    }
}

#[test]
fn what_was_prepared_behind_a_flush_that_failed_is_undone() {
    let mut desk = Desk::new();
    desk.arrive("a", 12);
    desk.actions();
    desk.prepared(2);
    assert_eq!(desk.failed(1, Failure::Guard), ["roll back 2"]);
    // It was still being prepared.
    assert_eq!(desk.prepared(3), ["roll back 3"]);
    desk.combiner.rolled_back(0, FlushId(3));
    assert_eq!(desk.actions(), [""; 0], "nothing overtakes what is being undone");
    desk.combiner.rolled_back(0, FlushId(2));
    assert_eq!(desk.actions(), ["execute 4 Deciding 4"]);
    assert_eq!(desk.answered(), [0_usize; 0]);
}

/// Each would wait for the other: for the ledger row, and for its turn.
#[test]
fn an_id_of_the_flush_before_is_not_prepared_beside_it() {
    let mut desk = Desk::new();
    for id in ["o-a", "o-b", "o-c", "o-d", "o-e", "o-f", "o-a", "o-g"] {
        desk.arrive_as(id, "a");
    }
    assert_eq!(desk.actions(), ["execute 1 Merged 4", "prepare 2 Merged 2"]);
}

/// What is known of the ids of a sold-out lane is read ahead.
#[test]
fn refusals_are_prepared_ahead() {
    let mut desk = Desk::new();
    desk.arrive("a", 4);
    desk.actions();
    assert_eq!(desk.failed(1, Failure::Guard), ["execute 2 Deciding 4"]);
    desk.refused(2, 0);
    desk.arrive("a", 12);
    let started = ["execute 3 Deciding 4", "prepare 4 Deciding 4", "prepare 5 Deciding 4"];
    assert_eq!(desk.actions(), started);
    assert_eq!(desk.prepared(4), [""; 0]);
    assert_eq!(desk.refused(3, 0), ["finish 4"]);
    assert_eq!(desk.failed(4, Failure::Conflict), [""; 0], "what follows is still being prepared");
    assert_eq!(desk.prepared(5), ["roll back 5"]);
    desk.combiner.rolled_back(0, FlushId(5));
    assert_eq!(desk.actions()[0], "execute 6 Deciding 4");
}

/// It would be read again once the flush before has taken something.
#[test]
fn nothing_is_prepared_behind_a_decision_while_something_may_fit() {
    let mut desk = Desk::new();
    desk.arrive("a", 4);
    desk.actions();
    desk.failed(1, Failure::Guard);
    desk.refused(2, 1);
    desk.arrive("a", 16);
    assert_eq!(desk.actions(), ["execute 3 Deciding 4"]);
}

/// Nobody waits for ever only because a flush fails at once, again and again.
#[test]
fn whoever_is_overdue_is_answered_when_the_flush_fails() {
    let mut desk = Desk::new();
    desk.arrive("a", 2);
    desk.actions();
    desk.now_ms = POLICY.order_deadline_ms - 1;
    assert_eq!(desk.failed(1, Failure::Conflict), ["execute 2 Deciding 2"]);
    desk.now_ms += 1;
    assert_eq!(desk.failed(2, Failure::Conflict), [""; 0]);
    let unavailable = Verdict::NotExecuted(NotExecuted::DatabaseUnavailable);
    assert_eq!(desk.answers, [(0, unavailable.clone()), (1, unavailable)]);
    assert!(desk.combiner.is_idle());
}

/// Rows that somebody has locked hold up flushes, not the orders of other SKUs, nor more flushes than there are
/// connections for.
#[test]
fn others_step_in_for_slow_flushes() {
    let mut desk = Desk::new();
    for (flush, sku) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        desk.arrive(sku, 2);
        assert_eq!(desk.actions(), [format!("execute {flush} Merged 2")]);
    }
    desk.arrive("e", 2);
    assert_eq!(desk.actions(), [""; 0], "as many as there may be");
    desk.now_ms += SLOW_FLUSH_MS - 1;
    assert_eq!(desk.actions(), [""; 0], "none of them is slow");
    desk.now_ms += 1;
    assert_eq!(desk.actions(), ["execute 5 Merged 2"]);
    desk.arrive("f", 2);
    assert_eq!(desk.actions(), ["execute 6 Merged 2"]);
    desk.arrive("g", 2);
    assert_eq!(desk.actions(), [""; 0], "all four are slow, but two step in");
    assert_eq!(desk.executed(1), ["commit 1"]);
    assert_eq!(desk.committed(1), ["execute 7 Merged 2"], "three are slow");
    desk.arrive("h", 2);
    desk.executed(2);
    assert_eq!(desk.committed(2), ["execute 8 Merged 2"], "two are slow");
    desk.arrive("i", 2);
    desk.executed(3);
    assert_eq!(desk.committed(3), [""; 0], "one is slow, and five are in the air");
    desk.executed(4);
    assert_eq!(desk.committed(4), [""; 0], "none is slow any more");
    desk.executed(5);
    assert_eq!(desk.committed(5), ["execute 9 Merged 2"]);
}

/// A database that is gone is found again without any order.
#[test]
fn an_outage_is_probed_until_it_is_over() {
    let mut desk = Desk::new();
    desk.arrive("a", 1);
    desk.actions();
    assert_eq!(desk.failed(1, Failure::Lost), [""; 0]);
    desk.now_ms = POLICY.order_deadline_ms;
    desk.combiner.tick(desk.now_ms);
    assert_eq!(desk.actions(), ["probe"]);
    assert_eq!(desk.answered(), [0]);
    assert_eq!(desk.actions(), [""; 0], "one at a time");
    desk.combiner.probed(desk.now_ms, false);
    assert!(desk.combiner.is_down(desk.now_ms) && !desk.combiner.is_at_rest());
    desk.now_ms += 1_000;
    assert_eq!(desk.actions(), ["probe"]);
    desk.combiner.probed(desk.now_ms, true);
    assert!(!desk.combiner.is_down(desk.now_ms));
    desk.arrive("a", 1);
    assert_eq!(desk.actions(), ["execute 2 AtOnce 1"]);
}
