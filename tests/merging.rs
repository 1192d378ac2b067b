//! Merge modes in the combiner: who goes alone, in what order, what is counted, and what a change does to what is
//! under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotrow::domain::{Line, MergeMode, Operation, Order, OrderId, Quantity, Sku, Timestamp};
use hotrow::engine::{
    Action, Combiner, CommitOutcome, Execution, Failure, FlushId, LaneState, MergeCount,
    MergeModes, Plan, Policy, SkuLeft, Verdicts,
};

const POLICY: Policy =
    Policy { lane_depth_max: 1_000, flush_orders_max: 4, flights_max: 4, order_deadline_ms: 1_000 };

struct Desk {
    combiner: Combiner<usize>,
    modes: MergeModes,
    plans: BTreeMap<u64, Arc<Plan>>,
    arrived: usize,
    answered: Vec<usize>,
}

fn sku(name: &str) -> Sku {
    Sku::new(name).expect("valid")
}

impl Desk {
    fn new(flights_max: usize, whole: MergeMode, own: &[(&str, MergeMode)]) -> Self {
        let combiner = Combiner::new(Policy { flights_max, ..POLICY }, FlushId(1));
        let modes = MergeModes::default();
        let (plans, answered) = (BTreeMap::new(), Vec::new());
        let mut desk = Self { combiner, modes, plans, arrived: 0, answered };
        desk.set(whole, own);
        desk
    }

    fn set(&mut self, whole: MergeMode, own: &[(&str, MergeMode)]) {
        let own = own.iter().map(|&(name, mode)| (sku(name), mode)).collect();
        self.modes = MergeModes { whole, own };
        self.combiner.set_merge_modes(self.modes.clone());
    }

    fn arrive(&mut self, skus: &[&str], count: usize) {
        for _ in 0..count {
            let quantity = Quantity::new(1).expect("valid");
            let lines = skus.iter().map(|name| Line { sku: sku(name), quantity });
            let id = OrderId::new("order_id", &format!("o-{}", self.arrived)).expect("valid");
            let order = Order::new(id, lines).expect("valid");
            self.combiner.submit(0, Operation::Take(order), self.arrived);
            self.arrived += 1;
        }
    }

    /// What is started now: the verb, the flush and the orders of each.
    fn actions(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        for action in self.combiner.actions(0) {
            let (verb, plan) = match action {
                Action::Execute(plan) => ("execute", plan),
                Action::Prepare(plan) => ("prepare", plan),
                Action::Finish(plan) => ("finish", plan),
                Action::Commit(flush) => ("commit", Arc::clone(&self.plans[&flush.0])),
                Action::RollBack(flush) => ("roll back", Arc::clone(&self.plans[&flush.0])),
                Action::Probe => panic!("nothing fails here that would call for it"),
                Action::Answer(answers) => {
                    self.answered.extend(answers.iter().map(|(ticket, _)| ticket));
                    continue;
                }
            };
            let ids = plan.operations.iter().map(|operation| operation.id().as_str());
            let ids = ids.collect::<Vec<_>>().join(" ");
            words.push(format!("{verb} {}: {ids}", plan.id.0));
            self.plans.insert(plan.id.0, plan);
        }
        words
    }

    fn report(&mut self, flush: u64, execution: Execution) -> Vec<String> {
        self.combiner.executed(0, FlushId(flush), execution);
        self.actions()
    }

    /// It is committed in the message that writes it, and leaves so much.
    fn at_once(&mut self, flush: u64, left: i64) -> Vec<String> {
        let verdicts = Verdicts::AllDone(Timestamp::from_micros(1));
        let sku = self.plans[&flush].totals()[0].sku.clone();
        let left = vec![SkuLeft { sku, available: left, taken: None, on_terms: false }];
        self.report(flush, Execution::Committed { verdicts, left })
    }

    fn executed(&mut self, flush: u64) -> Vec<String> {
        let verdicts = Verdicts::AllDone(Timestamp::from_micros(1));
        self.report(flush, Execution::Ready { verdicts, left: Vec::new() })
    }

    fn committed(&mut self, flush: u64, outcome: CommitOutcome) -> Vec<String> {
        self.combiner.committed(0, FlushId(flush), outcome);
        self.actions()
    }

    fn lane(&self, name: &str) -> LaneState {
        let lanes = self.combiner.busiest(10);
        lanes.into_iter().find(|lane| lane.sku == sku(name)).expect("it has traffic")
    }
}

#[test]
fn orders_of_a_lane_that_is_off_go_one_by_one_in_their_order() {
    let mut desk = Desk::new(4, MergeMode::On, &[("a", MergeMode::Off)]);
    desk.arrive(&["a"], 3);
    desk.arrive(&["b"], 2);
    desk.arrive(&["c"], 1);
    assert_eq!(desk.actions(), ["execute 1: o-3 o-4 o-5", "execute 2: o-0"]);
    assert_eq!(desk.at_once(2, 90), ["execute 3: o-1"]);
    assert_eq!(desk.at_once(3, 89), ["execute 4: o-2"]);
    assert_eq!(desk.at_once(4, 88), [""; 0]);
    assert_eq!(desk.answered, [0, 1, 2]);
    let (a, b) = (desk.lane("a"), desk.lane("b"));
    assert_eq!((a.mode, a.flushes, a.flushed_orders), (MergeMode::Off, 3, 3));
    assert_eq!(a.alone, MergeCount { off: 3, ..MergeCount::default() });
    assert_eq!((b.mode, b.alone), (MergeMode::On, MergeCount::default()));
}

/// One connection, a lane that is never empty on either side: each has every second flush.
#[test]
fn lanes_that_are_off_and_lanes_that_are_on_take_turns() {
    let mut desk = Desk::new(1, MergeMode::On, &[("a", MergeMode::Off), ("b", MergeMode::Off)]);
    for name in ["a", "b", "c", "d"] {
        desk.arrive(&[name], 16);
    }
    let mut merged = Vec::new();
    let mut alone = BTreeMap::<String, usize>::new();
    let mut started = desk.actions();
    for flush in 1..=12 {
        assert_eq!(started.len(), 1, "{started:?}");
        let plan = Arc::clone(&desk.plans[&flush]);
        if plan.operations.len() == 1 {
            *alone.entry(plan.totals()[0].sku.to_string()).or_default() += 1;
            started = desk.at_once(flush, 1_000);
        } else {
            merged.push(flush);
            desk.executed(flush);
            started = desk.committed(flush, CommitOutcome::Committed);
        }
    }
    assert_eq!(merged, [1, 3, 5, 7, 9, 11]);
    assert_eq!(alone, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]));
}

#[test]
fn an_order_of_several_lines_is_alone_when_one_of_its_skus_is_not_merged() {
    let mut desk = Desk::new(4, MergeMode::On, &[("b", MergeMode::DryRun)]);
    desk.arrive(&["a"], 1);
    desk.arrive(&["a", "b"], 1);
    desk.arrive(&["a"], 2);
    desk.arrive(&["c"], 1);
    // Behind it waits what arrived later; before it goes what arrived earlier.
    assert_eq!(desk.actions(), ["execute 1: o-0 o-4"]);
    assert_eq!(desk.executed(1), ["commit 1: o-0 o-4", "execute 2: o-1"]);
    assert_eq!(desk.committed(1, CommitOutcome::Committed), [""; 0]);
    assert_eq!(desk.executed(2), ["commit 2: o-1", "execute 3: o-2 o-3"]);
    assert_eq!(desk.lane("b").alone.dry_run, 1);
    assert_eq!(desk.lane("a").alone, MergeCount::default());
}

#[test]
fn off_for_the_whole_server_leaves_out_the_skus_that_are_on() {
    let mut desk = Desk::new(4, MergeMode::Off, &[("hot", MergeMode::On)]);
    desk.arrive(&["hot"], 3);
    desk.arrive(&["a"], 2);
    desk.arrive(&["b"], 1);
    assert_eq!(desk.actions(), ["execute 1: o-0 o-1 o-2", "execute 2: o-3", "execute 3: o-5"]);
}

/// Written ahead while it was on, undone when it is off: what went together waits again, and goes one by one.
#[test]
fn what_is_in_the_air_when_it_is_switched_off_goes_on_and_what_comes_back_goes_alone() {
    let mut desk = Desk::new(4, MergeMode::On, &[]);
    desk.arrive(&["a"], 12);
    assert_eq!(
        desk.actions(),
        [
            "execute 1: o-0 o-1 o-2 o-3",
            "prepare 2: o-4 o-5 o-6 o-7",
            "prepare 3: o-8 o-9 o-10 o-11"
        ]
    );
    desk.set(MergeMode::Off, &[]);
    desk.arrive(&["a"], 4);
    assert_eq!(desk.actions(), [""; 0], "nothing is written ahead any more, nothing overtakes");
    desk.combiner.prepared(0, FlushId(2), Ok(()));
    desk.combiner.prepared(0, FlushId(3), Ok(()));
    assert_eq!(desk.executed(1), ["commit 1: o-0 o-1 o-2 o-3", "finish 2: o-4 o-5 o-6 o-7"]);
    assert_eq!(desk.committed(1, CommitOutcome::Committed), [""; 0]);
    assert_eq!(
        desk.report(2, Execution::Failed(Failure::Guard)),
        ["roll back 3: o-8 o-9 o-10 o-11"]
    );
    desk.combiner.rolled_back(0, FlushId(3));
    assert_eq!(desk.actions(), ["execute 4: o-4"], "decided for itself, as the first of those");
    assert_eq!(desk.executed(4), ["commit 4: o-4", "execute 5: o-5"]);
    assert_eq!(desk.answered, [0, 1, 2, 3]);
}

/// The plan must stay what it was, however the mode is now.
#[test]
fn a_lost_commit_is_resolved_whole_after_it_is_switched_off() {
    let mut desk = Desk::new(4, MergeMode::On, &[]);
    desk.arrive(&["a"], 3);
    desk.actions();
    assert_eq!(desk.executed(1), ["commit 1: o-0 o-1 o-2"]);
    desk.arrive(&["a"], 2);
    desk.set(MergeMode::DryRun, &[]);
    assert_eq!(desk.committed(1, CommitOutcome::Unknown), ["execute 1: o-0 o-1 o-2"]);
    let at = Timestamp::from_micros(4);
    assert_eq!(desk.report(1, Execution::Landed { at }), ["execute 2: o-3"]);
    assert_eq!(desk.answered, [0, 1, 2]);
}

#[test]
fn switched_on_again_it_merges_what_waits_and_writes_ahead() {
    let mut desk = Desk::new(4, MergeMode::Off, &[]);
    desk.arrive(&["a"], 13);
    assert_eq!(desk.actions(), ["execute 1: o-0"]);
    desk.set(MergeMode::On, &[]);
    assert_eq!(desk.actions(), [""; 0]);
    assert_eq!(
        desk.at_once(1, 1_000),
        [
            "execute 2: o-1 o-2 o-3 o-4",
            "prepare 3: o-5 o-6 o-7 o-8",
            "prepare 4: o-9 o-10 o-11 o-12"
        ]
    );
    assert_eq!(desk.lane("a").alone, MergeCount::default());
}

/// Four wait at the start, then two, then one: three flushes would have done for seven orders.
#[test]
fn a_dry_run_tells_what_merging_would_have_made() {
    let mut desk = Desk::new(1, MergeMode::DryRun, &[("a", MergeMode::DryRun)]);
    desk.arrive(&["a"], 4);
    desk.actions();
    for flush in 1..=3 {
        desk.at_once(flush, 1_000);
    }
    desk.arrive(&["a"], 2);
    for flush in 4..=6 {
        desk.at_once(flush, 1_000);
    }
    desk.arrive(&["a"], 1);
    desk.actions();
    desk.at_once(7, 1_000);
    let count = MergeCount { off: 0, dry_run: 7, would_be_flushes: 3 };
    assert_eq!(desk.lane("a").alone, count);
    let counts = desk.combiner.merge_counts();
    assert_eq!((counts.mode, counts.whole), (MergeMode::DryRun, count));
    assert_eq!(desk.combiner.merge_total(), count);
    assert_eq!(counts.own, [(sku("a"), MergeMode::DryRun, count)]);
}

/// One flush carries many lanes: ten SKUs with an order each are three flushes of four at most, not ten.
#[test]
fn lanes_that_wait_at_the_same_time_would_have_shared_a_flush() {
    let mut desk =
        Desk::new(1, MergeMode::DryRun, &[("on", MergeMode::On), ("off", MergeMode::Off)]);
    for number in 0..10 {
        desk.arrive(&[&format!("s-{number}")], 1);
    }
    desk.arrive(&["off"], 1);
    desk.arrive(&["on"], 1);
    desk.actions();
    for flush in 1..=12 {
        desk.at_once(flush, 1_000);
    }
    assert_eq!(desk.answered.len(), 12);
    let counts = desk.combiner.merge_counts();
    assert_eq!(counts.whole, MergeCount { off: 1, dry_run: 10, would_be_flushes: 3 });
    let lane = MergeCount { off: 0, dry_run: 1, would_be_flushes: 1 };
    assert_eq!(desk.lane("s-4").alone, lane);
}

#[test]
fn counts_begin_anew_with_each_mode_and_outlive_the_lane() {
    let mut desk = Desk::new(4, MergeMode::On, &[("a", MergeMode::DryRun), ("b", MergeMode::Off)]);
    desk.arrive(&["a"], 1);
    desk.arrive(&["b"], 1);
    desk.actions();
    desk.at_once(1, 1_000);
    desk.at_once(2, 1_000);
    for round in 1..=4 {
        desk.combiner.tick(round * 2_000);
    }
    assert_eq!(desk.combiner.lanes(), 0, "nobody needs them");
    let of = |desk: &Desk, name| {
        let counts = desk.combiner.merge_counts();
        let own = counts.own.into_iter().find(|(own, ..)| *own == sku(name));
        own.map(|(_, mode, count)| (mode, count.off + count.dry_run))
    };
    assert_eq!(of(&desk, "a"), Some((MergeMode::DryRun, 1)));
    desk.set(MergeMode::On, &[("a", MergeMode::Off), ("b", MergeMode::Off)]);
    assert_eq!(of(&desk, "a"), Some((MergeMode::Off, 0)), "changed");
    assert_eq!(of(&desk, "b"), Some((MergeMode::Off, 1)), "not changed");
    assert_eq!(desk.combiner.merge_counts().whole.off, 1);
    desk.set(MergeMode::Off, &[("b", MergeMode::Off)]);
    assert_eq!(of(&desk, "a"), None);
    assert_eq!(desk.combiner.merge_counts().whole.off, 0);
    assert_eq!(desk.combiner.merge_total().off, 1);
}

/// Behind it waits more than there is; it takes what is there without locking and reading first.
#[test]
fn an_order_alone_is_low_only_when_it_wants_more_than_is_left() {
    let mut desk = Desk::new(1, MergeMode::Off, &[]);
    desk.arrive(&["a"], 5);
    desk.actions();
    let mode = |desk: &Desk, flush| format!("{:?}", desk.plans[&flush].mode);
    desk.at_once(1, 2);
    assert_eq!(mode(&desk, 2), "AtOnce");
    desk.at_once(2, 0);
    assert_eq!(mode(&desk, 3), "Deciding");
}
