//! Decisions and totals, held against one operation after the other.

use std::collections::BTreeMap;

use hotrow::domain::{
    Goal, Kind, Operation, PurchaseLimit, Refusal, SaleWindow, Settlement, Sku, Standing, Step,
    Terms, Timestamp, Verdict,
};
use hotrow::engine::{FlushId, Mode, Plan, SkuTotal, decide};
use hotrow::limits::AVAILABLE_MAX;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{
    BEFORE_MICROS, Model, NOW_MICROS, RECORDED_MICROS, Row, Taken, effect, lines_of, way,
};
use crate::words::{adjustment, buyer, hold, id, order, sku};

/// The flush that decides.
const MINE: FlushId = FlushId(7);
const IDS: usize = 5;

fn plan_of(operations: Vec<Operation>) -> Plan {
    let mut skus: Vec<Sku> = operations.iter().flat_map(lines_of).map(|(sku, _)| sku).collect();
    skus.sort();
    skus.dedup();
    Plan { id: MINE, mode: Mode::Deciding, resolving: false, skus: skus.len(), operations }
}

/// An order as it is drawn: lines, buyer, and how long it is held.
type Wish = (Vec<(usize, i64)>, Option<usize>, Option<i64>);

/// Holds of five seconds are over when the flush decides.
fn wish() -> impl Strategy<Value = Wish> {
    let lines = vec((0..5usize, 1..6i64), 1..4);
    let buyer = proptest::option::weighted(0.7, 0..2usize);
    (lines, buyer, proptest::option::of(select(vec![5, 100])))
}

fn wished(number: usize, wish: &Wish) -> hotrow::domain::Order {
    let (lines, of, seconds) = wish;
    order(number, lines).for_buyer(of.map(buyer)).held_for(seconds.map(hold))
}

const GOALS: [Goal; 3] = [Goal::Confirm, Goal::Cancel, Goal::Expire];

/// What was done before: an order, and the goals it was led to, one after the other.
fn past() -> impl Strategy<Value = Vec<(Wish, Vec<Goal>)>> {
    vec((wish(), vec(select(GOALS.to_vec()), 0..3)), IDS)
}

/// What is asked: of an order that is known or new, a settlement of it, or an adjustment.
#[derive(Clone, Debug)]
enum Asked {
    Again(usize),
    Otherwise(usize, Wish),
    Settle(usize, Goal, Standing),
    Adjust(usize, usize, i64),
}

fn asked() -> impl Strategy<Value = Asked> {
    let standings = vec![
        Standing::Held,
        Standing::Deducted,
        Standing::Confirmed,
        Standing::Expired,
        Standing::Cancelled,
    ];
    let units = prop_oneof![-8..0i64, 1..9i64];
    prop_oneof![
        4 => (0..IDS).prop_map(Asked::Again),
        3 => (0..2 * IDS, wish()).prop_map(|(number, wish)| Asked::Otherwise(number, wish)),
        6 => (0..IDS, select(GOALS.to_vec()), select(standings))
            .prop_map(|(number, goal, standing)| Asked::Settle(number, goal, standing)),
        3 => (0..IDS, 0..5usize, units).prop_map(|(n, of, units)| Asked::Adjust(n, of, units)),
    ]
}

/// Nothing is asked where the caller knows already that there is nothing to settle.
fn operation(asked: &Asked, past: &[(Wish, Vec<Goal>)]) -> Option<Operation> {
    match asked {
        Asked::Again(number) => Some(Operation::Take(wished(*number, &past[*number].0))),
        Asked::Otherwise(number, wish) => Some(Operation::Take(wished(*number, wish))),
        Asked::Adjust(number, of, units) => Some(adjustment(*number, *of, *units)),
        Asked::Settle(number, goal, standing) => {
            let order = wished(*number, &past[*number].0);
            let taken = Taken { order, at_micros: BEFORE_MICROS, steps: Vec::new() };
            Settlement::new(taken.looked_up(*standing), *goal).ok().map(Operation::Settle)
        }
    }
}

/// Stock rows that are nearly empty or nearly full, some with terms. SKU 4 has none.
fn stock() -> impl Strategy<Value = BTreeMap<Sku, Row>> {
    let available =
        prop_oneof![4 => 0..20i64, 1 => (0..6i64).prop_map(|room| AVAILABLE_MAX - room)];
    let limit = proptest::option::of(1..9i64);
    let edge = || proptest::option::weighted(0.2, select(vec![-5, 0, 1, 5]));
    vec((available, 0..12i64, limit, edge(), edge()), 4).prop_map(|rows| {
        let rows = rows.into_iter().enumerate();
        rows.map(|(number, (available, held, limit, starts, ends))| {
            let at = |offset| Timestamp::from_micros(NOW_MICROS + offset);
            let terms = Terms {
                purchase_limit: limit.map(|units| PurchaseLimit::new(units).expect("in bounds")),
                window: SaleWindow::as_stored(starts.map(at), ends.map(at)),
            };
            (sku(number), Row { available, held, terms })
        })
        .collect()
    })
}

/// Of the orders, those with an even number were taken, and went some way.
fn known(stock: BTreeMap<Sku, Row>, past: &[(Wish, Vec<Goal>)]) -> Model {
    let mut model = Model { stock, ..Model::default() };
    for (number, (wish, goals)) in past.iter().enumerate().step_by(2) {
        let order = wished(number, wish);
        let mut taken = Taken { order, at_micros: BEFORE_MICROS, steps: Vec::new() };
        for goal in goals {
            let steps = way(taken.standing(), *goal, taken.is_over()).unwrap_or(&[]);
            taken.steps.extend(steps.iter().map(|(step, kind)| (*step, *kind, BEFORE_MICROS + 1)));
        }
        model.orders.insert(id(number), taken);
    }
    model
}

fn assert_same(engine: &Verdict, model: &Verdict, stock: &BTreeMap<Sku, Row>) {
    match (engine, model) {
        // Where several SKUs would pass the ceiling, any of them may be named.
        (
            Verdict::Refused(Refusal::StockCeiling { sku, available }),
            Verdict::Refused(Refusal::StockCeiling { .. }),
        ) => assert_eq!(stock[sku].available, *available),
        (engine, model) => assert_eq!(engine, model),
    }
}

/// For each SKU what the operations do to `available` and `held`, one after the other.
type Moves = BTreeMap<Sku, Vec<(i64, i64)>>;

fn summed(
    moves: Moves,
    on_terms: impl Fn(&Sku) -> bool,
    until: impl Fn(&Sku) -> Option<Timestamp>,
) -> Vec<SkuTotal> {
    let total = |(sku, moves): (Sku, Vec<(i64, i64)>)| {
        let sums = |pick: fn(&(i64, i64)) -> i64| -> Vec<i64> {
            (0..=moves.len()).map(|count| moves[..count].iter().map(pick).sum()).collect()
        };
        let (available, held) = (sums(|it| it.0), sums(|it| it.1));
        let lowest = |sums: &[i64]| -sums.iter().min().expect("the start is there");
        SkuTotal {
            delta: *available.last().expect("the start is there"),
            held: *held.last().expect("the start is there"),
            need: lowest(&available),
            rise: *available.iter().max().expect("the start is there"),
            held_need: lowest(&held),
            on_terms: on_terms(&sku),
            until: until(&sku),
            orders: u32::try_from(moves.len()).expect("few operations"),
            sku,
        }
    };
    moves.into_iter().map(total).collect()
}

fn planned_steps(operation: &Operation) -> Vec<(Step, Kind)> {
    operation.postings().iter().map(|posting| (posting.step, posting.kind)).collect()
}

/// The guard of `update_stock.sql`.
fn passes_guard(totals: &[SkuTotal], stock: &BTreeMap<Sku, Row>) -> bool {
    let now = Timestamp::from_micros(NOW_MICROS);
    totals.iter().all(|total| {
        stock.get(&total.sku).is_some_and(|row| {
            row.available >= total.need
                && row.available <= AVAILABLE_MAX - total.rise
                && row.held >= total.held_need
                && (!total.on_terms
                    || row.terms.purchase_limit.is_none() && row.terms.window.is_open(now))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_decision_is_what_one_after_the_other_would_give(
        stock in stock(),
        past in past(),
        asked in vec(asked(), 1..14),
    ) {
        let mut model = known(stock.clone(), &past);
        let asked = asked.iter().filter_map(|asked| operation(asked, &past));
        let plan = plan_of(asked.collect());
        let decision = decide(&plan, model.as_ledger());

        let mut expected = Vec::new();
        let mut moves = Moves::new();
        let mut stocks = Vec::new();
        for (index, operation) in plan.operations.iter().enumerate() {
            stocks.push(model.stock.clone());
            let (verdict, steps) = model.execute(operation);
            expected.push(verdict);
            let written = decision.postings(index).map(|postings| {
                postings.iter().map(|posting| (posting.step, posting.kind)).collect::<Vec<_>>()
            });
            prop_assert_eq!(written.as_deref(), steps, "{:?}", operation);
            if steps.is_some() {
                let before = stocks.last().expect("pushed just now");
                for (sku, _) in lines_of(operation) {
                    let (old, new) = (&before[&sku], &model.stock[&sku]);
                    let moved = (new.available - old.available, new.held - old.held);
                    moves.entry(sku).or_default().push(moved);
                }
            }
        }
        prop_assert_eq!(decision.writes(), !moves.is_empty());
        prop_assert_eq!(&decision.totals, &summed(moves, |_| false, |_| None));
        // What is accepted fits as a whole, so that it can be written with one guarded update.
        prop_assert!(passes_guard(&decision.totals, &stock));
        let now = Timestamp::from_micros(NOW_MICROS);
        for left in &decision.left {
            let row = &model.stock[&left.sku];
            prop_assert_eq!(left.available, row.available);
            let open = row.terms.window.is_open(now);
            prop_assert_eq!(left.on_terms, row.terms.purchase_limit.is_some() || !open);
        }
        let verdicts = decision.verdicts(Timestamp::from_micros(RECORDED_MICROS));
        prop_assert_eq!(verdicts.len(), expected.len());
        for ((engine, model), stock) in verdicts.iter().zip(&expected).zip(&stocks) {
            assert_same(engine, model, stock);
        }
    }

    /// New ids throughout, and settlements of orders that stand where their caller saw them.
    #[test]
    fn the_guard_passes_exactly_when_every_operation_fits(
        stock in stock(),
        past in past(),
        settled in vec(select(GOALS.to_vec()), IDS),
        wishes in vec((wish(), -8..9i64), 0..6),
    ) {
        let mut model = known(stock.clone(), &past);
        // What nobody may sell under a limit is decided one by one: leave limits to that.
        for row in model.stock.values_mut() {
            row.terms.purchase_limit = None;
        }
        let stock = model.stock.clone();
        let mut operations = Vec::new();
        for (number, goal) in settled.iter().enumerate().step_by(2) {
            let taken = &model.orders[&id(number)];
            // The insert sees to the time: here, who lets a hold expire has seen that it is over.
            let in_time = *goal == Goal::Cancel || taken.standing() != Standing::Held;
            let settlement = Settlement::new(taken.looked_up(taken.standing()), *goal);
            operations.extend(settlement.ok().filter(|_| in_time).map(Operation::Settle));
        }
        for (number, (wish, units)) in wishes.iter().enumerate() {
            let number = number + 10;
            operations.push(if number % 3 == 2 && *units != 0 {
                adjustment(number, wish.0[0].0, *units)
            } else {
                Operation::Take(wished(number, wish))
            });
        }
        let plan = plan_of(operations);
        let retakes = |operation: &Operation| {
            let retake = |(step, _): &(Step, Kind)| *step == Step::Retake;
            planned_steps(operation).iter().any(retake)
        };
        let closed = |operation: &Operation| {
            let now = Timestamp::from_micros(NOW_MICROS);
            let open = |sku: &Sku| stock.get(sku).is_some_and(|row| row.terms.window.is_open(now));
            retakes(operation) && !lines_of(operation).iter().all(|(sku, _)| open(sku))
        };
        let held = |stock: &BTreeMap<Sku, Row>| -> i64 { stock.values().map(|row| row.held).sum() };
        let mut all_fit = true;
        for operation in &plan.operations {
            let before = held(&model.stock);
            let (verdict, steps) = model.execute(operation);
            let moved: i64 = steps.into_iter().flatten().map(|(_, kind)| effect(*kind).1).sum();
            let units: i64 = lines_of(operation).iter().map(|(_, units)| units).sum();
            let whole = held(&model.stock) == before + moved * units;
            // Whoever takes again outside of the sale is decided on their own.
            all_fit &= matches!(verdict, Verdict::Done { .. }) && whole && !closed(operation);
        }
        prop_assert_eq!(passes_guard(&plan.totals(), &stock), all_fit);
    }

    #[test]
    fn totals_are_those_of_brute_force(past in past(), asked in vec(asked(), 0..40)) {
        let asked = asked.iter().filter_map(|asked| operation(asked, &past));
        let plan = plan_of(asked.collect());
        let mut moves = Moves::new();
        let mut takers: Vec<Sku> = Vec::new();
        let mut rows = 0;
        for operation in &plan.operations {
            let steps = planned_steps(operation);
            rows += steps.len() * lines_of(operation).len();
            let takes = steps.iter().any(|(step, _)| matches!(step, Step::Take | Step::Retake));
            for (sku, units) in lines_of(operation) {
                let sum = steps.iter().fold((0, 0), |sum, (_, kind)| {
                    let effect = effect(*kind);
                    (sum.0 + effect.0 * units, sum.1 + effect.1 * units)
                });
                takers.extend(takes.then(|| sku.clone()));
                moves.entry(sku).or_default().push(sum);
            }
        }
        let until = |sku: &Sku| {
            let confirmed = plan.operations.iter().filter(|operation| {
                planned_steps(operation) == [(Step::Settle, Kind::Confirm)]
                    && lines_of(operation).iter().any(|(line, _)| line == sku)
            });
            let end = |operation: &Operation| match operation {
                Operation::Settle(settlement) => settlement.expires_at(),
                Operation::Take(_) | Operation::Adjust(_) => None,
            };
            confirmed.filter_map(end).min()
        };
        prop_assert_eq!(plan.totals(), summed(moves, |sku| takers.contains(sku), until));
        prop_assert_eq!(plan.rows(), rows);
    }
}
