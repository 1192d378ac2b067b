//! The rules of domain and engine, held against naive models of them.

use std::collections::BTreeMap;

use hotrow::domain::{
    Adjustment, Available, Cancellation, Delta, Line, Operation, Order, OrderId, OrderStatus,
    Quantity, Refusal, Shortfall, Sku, Timestamp, Verdict,
};
use hotrow::engine::{FlushId, Known, KnownMovements, Ledger, Mode, Plan, SkuTotal, decide};
use hotrow::limits::{ADJUSTMENT_DELTA_MAX, AVAILABLE_MAX, ID_LEN_MAX, LINES_MAX, QUANTITY_MAX};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// The flush that decides.
const MINE: FlushId = FlushId(7);
/// A flush of somebody else.
const THEIRS: FlushId = FlushId(3);
/// When the deciding flush records, and when what is known was recorded, in microseconds.
const NOW_MICROS: i64 = 2_000;
const BEFORE_MICROS: i64 = 1_000;

type Changes = Vec<(Sku, i64)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Take,
    Settle,
    Adjust,
}

/// What the model knows under an id and step.
#[derive(Clone, Debug)]
struct Entry {
    changes: Changes,
    at: Timestamp,
}

/// A database that executes one operation after the other.
#[derive(Clone, Debug, Default)]
struct Model {
    stock: BTreeMap<Sku, i64>,
    ledger: BTreeMap<(OrderId, Step), Entry>,
}

fn changes_of(operation: &Operation) -> Changes {
    operation.changes().map(|change| (change.sku.clone(), change.delta)).collect()
}

fn step_of(operation: &Operation) -> Step {
    match operation {
        Operation::Take(_) => Step::Take,
        Operation::Cancel(_) => Step::Settle,
        Operation::Adjust(_) => Step::Adjust,
    }
}

impl Model {
    fn knows(&self, id: &OrderId, step: Step) -> bool {
        self.ledger.contains_key(&(id.clone(), step))
    }

    fn status(&self, operation: &Operation) -> OrderStatus {
        match step_of(operation) {
            Step::Adjust => OrderStatus::Deducted,
            Step::Take | Step::Settle if self.knows(operation.id(), Step::Settle) => {
                OrderStatus::Cancelled
            }
            Step::Take | Step::Settle => OrderStatus::Deducted,
        }
    }

    fn execute(&mut self, operation: &Operation) -> Verdict {
        let step = step_of(operation);
        if step == Step::Settle && !self.knows(operation.id(), Step::Take) {
            return Verdict::Refused(Refusal::UnknownOrder);
        }
        let status = self.status(operation);
        let changes = changes_of(operation);
        if let Some(entry) = self.ledger.get(&(operation.id().clone(), step)) {
            if entry.changes != changes {
                return Verdict::Refused(Refusal::Mismatch);
            }
            return Verdict::Done { at: entry.at, replayed: true, status };
        }
        if let Some(refusal) = self.refusal(&changes) {
            return Verdict::Refused(refusal);
        }
        for (sku, delta) in &changes {
            *self.stock.get_mut(sku).expect("looked at by refusal()") += delta;
        }
        let at = Timestamp::from_micros(NOW_MICROS);
        let entry = Entry { changes, at };
        self.ledger.insert((operation.id().clone(), step), entry);
        Verdict::Done { at, replayed: false, status: self.status(operation) }
    }

    fn refusal(&self, changes: &Changes) -> Option<Refusal> {
        if let Some((sku, _)) = changes.iter().find(|(sku, _)| !self.stock.contains_key(sku)) {
            return Some(Refusal::UnknownSku(sku.clone()));
        }
        let short: Vec<Shortfall> = changes
            .iter()
            .filter(|(sku, delta)| self.stock[sku] + delta < 0)
            .map(|(sku, delta)| Shortfall {
                sku: sku.clone(),
                requested: -delta,
                available: self.stock[sku],
            })
            .collect();
        if !short.is_empty() {
            return Some(Refusal::InsufficientStock(short));
        }
        let over = changes.iter().find(|(sku, delta)| self.stock[sku] + delta > AVAILABLE_MAX);
        over.map(|(sku, _)| Refusal::StockCeiling { sku: sku.clone(), available: self.stock[sku] })
    }

    /// The same as the engine is given it.
    fn as_ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.available.extend(self.stock.iter().map(|(sku, units)| (sku.clone(), *units)));
        for (key, entry) in &self.ledger {
            let known = Known { changes: entry.changes.clone(), flush: THEIRS, at: entry.at };
            let movements: &mut KnownMovements = ledger.known.entry(key.0.clone()).or_default();
            match key.1 {
                Step::Take => movements.take = Some(known),
                Step::Settle => movements.settle = Some(known),
                Step::Adjust => movements.adjust = Some(known),
            }
        }
        ledger
    }
}

fn plan_of(operations: Vec<Operation>) -> Plan {
    let mut skus: Vec<Sku> = operations.iter().flat_map(changes_of).map(|(sku, _)| sku).collect();
    skus.sort();
    skus.dedup();
    Plan { id: MINE, mode: Mode::Deciding, resolving: false, skus: skus.len(), operations }
}

fn sku(number: usize) -> Sku {
    Sku::new(&format!("sku-{number}")).expect("a valid identifier")
}

fn id(number: usize) -> OrderId {
    OrderId::new("order_id", &format!("o-{number}")).expect("a valid identifier")
}

fn order(number: usize, lines: &[(usize, i64)]) -> Order {
    let line = |&(number, units): &(usize, i64)| Line {
        sku: sku(number),
        quantity: Quantity::new(units).expect("within its bounds"),
    };
    Order::new(id(number), lines.iter().map(line).collect()).expect("few lines")
}

fn adjustment(number: usize, of: usize, units: i64) -> Operation {
    let delta = Delta::new(units).expect("within its bounds");
    Operation::Adjust(Adjustment { id: id(number), sku: sku(of), delta, reason: None })
}

/// Operations over few ids and SKUs, so that they meet. SKU 4 has no stock row, see [`stock`].
fn operation(ids: usize) -> impl Strategy<Value = Operation> {
    let lines = || vec((0..5usize, 1..6i64), 1..4);
    let units = prop_oneof![-8..0i64, 1..9i64];
    prop_oneof![
        6 => (0..ids, lines()).prop_map(|(n, lines)| Operation::Take(order(n, &lines))),
        2 => (0..ids, lines())
            .prop_map(|(n, lines)| Operation::Cancel(Cancellation(order(n, &lines)))),
        3 => (0..ids, 0..5usize, units).prop_map(|(n, of, units)| adjustment(n, of, units)),
    ]
}

/// Stock rows that are nearly empty or nearly full.
fn stock() -> impl Strategy<Value = BTreeMap<Sku, i64>> {
    let units = prop_oneof![4 => 0..20i64, 1 => (0..6i64).prop_map(|room| AVAILABLE_MAX - room)];
    btree_map((0..4usize).prop_map(sku), units, 3..=4)
}

/// A ledger with some of the operations done before.
fn known_from(done: Vec<Operation>) -> Model {
    let mut model = Model::default();
    for operation in done {
        let key = (operation.id().clone(), step_of(&operation));
        if key.1 == Step::Settle && !model.knows(&key.0, Step::Take) {
            continue;
        }
        let at = Timestamp::from_micros(BEFORE_MICROS);
        model.ledger.insert(key, Entry { changes: changes_of(&operation), at });
    }
    model
}

fn assert_same(engine: &Verdict, model: &Verdict, stock: &BTreeMap<Sku, i64>) {
    match (engine, model) {
        // Where several SKUs would pass the ceiling, any of them may be named.
        (
            Verdict::Refused(Refusal::StockCeiling { sku, available }),
            Verdict::Refused(Refusal::StockCeiling { .. }),
        ) => assert_eq!(stock.get(sku), Some(available)),
        (engine, model) => assert_eq!(engine, model),
    }
}

fn brute_force(plan: &Plan, accepted: &[bool]) -> Vec<SkuTotal> {
    let mut movements: BTreeMap<Sku, Vec<i64>> = BTreeMap::new();
    for (operation, _) in plan.operations.iter().zip(accepted).filter(|(_, yes)| **yes) {
        for (sku, delta) in changes_of(operation) {
            movements.entry(sku).or_default().push(delta);
        }
    }
    let total = |(sku, deltas): (Sku, Vec<i64>)| {
        let on_the_way = || (0..=deltas.len()).map(|count| deltas[..count].iter().sum::<i64>());
        SkuTotal {
            sku,
            delta: deltas.iter().sum(),
            need: on_the_way().map(|sum| -sum).max().expect("the start is there"),
            rise: on_the_way().max().expect("the start is there"),
            orders: u32::try_from(deltas.len()).expect("few operations"),
        }
    };
    movements.into_iter().map(total).collect()
}

fn passes_guard(totals: &[SkuTotal], stock: &BTreeMap<Sku, i64>) -> bool {
    totals.iter().all(|total| {
        stock.get(&total.sku).is_some_and(|&available| {
            available >= total.need && available <= AVAILABLE_MAX - total.rise
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_decision_is_what_one_after_the_other_would_give(
        stock in stock(),
        done in vec(operation(5), 0..6),
        operations in vec(operation(5), 1..14),
    ) {
        let mut model = known_from(done);
        model.stock = stock.clone();
        let plan = plan_of(operations);
        let decision = decide(&plan, model.as_ledger());

        let mut expected = Vec::new();
        let mut written = Vec::new();
        let mut stocks = Vec::new();
        for operation in &plan.operations {
            stocks.push(model.stock.clone());
            let entries = model.ledger.len();
            expected.push(model.execute(operation));
            written.push(model.ledger.len() > entries);
        }
        let accepted: Vec<bool> =
            (0..plan.operations.len()).map(|index| decision.accepts(index)).collect();
        prop_assert_eq!(&accepted, &written);
        prop_assert_eq!(decision.writes(), written.contains(&true));
        let left: BTreeMap<Sku, i64> = decision.left.iter().cloned().collect();
        prop_assert_eq!(left, model.stock);
        // What is accepted fits as a whole, so that it can be written with one guarded update.
        prop_assert!(passes_guard(&plan.totals(|index| accepted[index]), &stock));
        let verdicts = decision.verdicts(Timestamp::from_micros(NOW_MICROS));
        prop_assert_eq!(verdicts.len(), expected.len());
        for ((engine, model), stock) in verdicts.iter().zip(&expected).zip(&stocks) {
            assert_same(engine, model, stock);
        }
    }

    #[test]
    fn the_guard_passes_exactly_when_every_operation_fits(
        stock in stock(),
        takes in vec((vec((0..5usize, 1..6i64), 1..4), -8..9i64), 1..10),
    ) {
        // New ids throughout: some restocks and write-offs among the orders.
        let mut operations = Vec::new();
        for (number, (lines, units)) in takes.iter().enumerate() {
            operations.push(if number % 3 == 2 && *units != 0 {
                adjustment(number, lines[0].0, *units)
            } else {
                Operation::Take(order(number, lines))
            });
        }
        let plan = plan_of(operations);
        let mut model = Model { stock: stock.clone(), ledger: BTreeMap::new() };
        let all_fit = plan
            .operations
            .iter()
            .all(|operation| matches!(model.execute(operation), Verdict::Done { .. }));
        prop_assert_eq!(passes_guard(&plan.totals(|_| true), &stock), all_fit);
    }

    #[test]
    fn totals_are_those_of_brute_force(
        operations in vec((operation(50), any::<bool>()), 0..40),
    ) {
        let (operations, accepted): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
        let plan = plan_of(operations);
        prop_assert_eq!(plan.totals(|index| accepted[index]), brute_force(&plan, &accepted));
        let rows: usize = plan.operations.iter().map(|operation| changes_of(operation).len()).sum();
        prop_assert_eq!(plan.rows(), rows);
    }

    #[test]
    fn an_identifier_is_1_to_64_of_the_allowed_bytes(
        text in prop_oneof!["[A-Za-z0-9._:-]{0,70}", "[ -~]{1,8}", "\\PC{0,8}", ".{0,8}"],
    ) {
        let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
        let good = (1..=ID_LEN_MAX).contains(&text.len())
            && text.chars().all(|char| allowed.contains(char));
        prop_assert_eq!(OrderId::new("order_id", &text).is_ok(), good);
        prop_assert_eq!(Sku::new(&text).is_ok(), good);
        if let Ok(id) = OrderId::new("order_id", &text) {
            prop_assert_eq!(id.as_str(), text);
        }
    }

    #[test]
    fn numbers_keep_their_bounds(
        units in prop_oneof![
            any::<i64>(),
            -2..3i64,
            (-2..3i64).prop_map(|n| n + i64::from(QUANTITY_MAX)),
            (-2..3i64).prop_map(|n| n + ADJUSTMENT_DELTA_MAX),
            (-2..3i64).prop_map(|n| n - ADJUSTMENT_DELTA_MAX),
            (-2..3i64).prop_map(|n| n + AVAILABLE_MAX),
        ],
    ) {
        let quantity = (1..=i64::from(QUANTITY_MAX)).contains(&units);
        prop_assert_eq!(Quantity::new(units).ok().map(Quantity::units), quantity.then_some(units));
        let delta = units != 0 && (-ADJUSTMENT_DELTA_MAX..=ADJUSTMENT_DELTA_MAX).contains(&units);
        prop_assert_eq!(Delta::new(units).ok().map(Delta::units), delta.then_some(units));
        let available = (0..=AVAILABLE_MAX).contains(&units);
        prop_assert_eq!(
            Available::new(units).ok().map(Available::units),
            available.then_some(units)
        );
    }

    #[test]
    fn an_order_is_its_lines_summed_and_sorted(
        lines in vec((0..6usize, prop_oneof![1..9i64, 300_000..400_000i64]), 0..=LINES_MAX + 2),
    ) {
        let mut sums: BTreeMap<Sku, i64> = BTreeMap::new();
        for (number, units) in &lines {
            *sums.entry(sku(*number)).or_default() += units;
        }
        let good = (1..=LINES_MAX).contains(&lines.len())
            && sums.values().all(|&units| units <= i64::from(QUANTITY_MAX));
        let to_lines = |lines: &[(usize, i64)]| -> Vec<Line> {
            let quantity = |units| Quantity::new(units).expect("within its bounds");
            lines
                .iter()
                .map(|&(number, units)| Line { sku: sku(number), quantity: quantity(units) })
                .collect()
        };
        let made = Order::new(id(1), to_lines(&lines));
        prop_assert_eq!(made.is_ok(), good, "{:?}", made);
        let Ok(made) = made else { return Ok(()) };
        let summed = made.lines().iter().map(|line| (line.sku.clone(), line.quantity.units()));
        prop_assert!(summed.eq(sums));
        let mut backwards = lines;
        backwards.reverse();
        prop_assert_eq!(Order::new(id(1), to_lines(&backwards)), Ok(made));
    }
}
