//! What the answers claim about each thing that may happen once, against the ledger's rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Rule, Violation};
use crate::support::books::{Books, MovementRow, Step};
use crate::support::history::{Answer, Call, Lines, Outcome, Request};

/// What may happen once: an order's take, its settle, an adjustment, a SKU's opening.
pub(super) type Key = (Step, String);

/// What the history says about one of them.
#[derive(Debug)]
pub(super) struct Claim {
    /// The earliest call that may have done it.
    pub(super) invoked: Duration,
    /// The earliest answer that said it is done.
    pub(super) acknowledged: Option<Duration>,
    /// When the calls that may have done it were sent, in order of recording.
    invocations: Vec<Duration>,
    /// What the calls that may have done it asked for.
    contents: BTreeSet<Lines>,
    firsts: usize,
}

#[derive(Debug)]
pub(super) struct Claims {
    /// Only of calls that may have changed something.
    by_key: BTreeMap<Key, Claim>,
    /// The deltas of each key, as the ledger has them.
    rows: BTreeMap<Key, Vec<MovementRow>>,
}

impl Claims {
    pub(super) fn of(calls: &[Call], books: &Books) -> Self {
        let mut rows: BTreeMap<Key, Vec<MovementRow>> = BTreeMap::new();
        for movement in &books.movements {
            rows.entry(key_of_row(movement)).or_default().push(movement.clone());
        }
        let mut by_key: BTreeMap<Key, Claim> = BTreeMap::new();
        for call in calls {
            let outcome = call.answer.outcome();
            if !outcome.may_have_executed() {
                continue;
            }
            let claim = by_key.entry(key_of_request(&call.request)).or_insert_with(|| Claim {
                invoked: call.invoked,
                acknowledged: None,
                invocations: Vec::new(),
                contents: BTreeSet::new(),
                firsts: 0,
            });
            claim.invoked = claim.invoked.min(call.invoked);
            claim.invocations.push(call.invoked);
            claim.contents.insert(deltas_of_request(&call.request, &rows));
            if let Outcome::Executed { first } = outcome {
                claim.firsts += usize::from(first);
                claim.acknowledged = Some(
                    claim.acknowledged.map_or(call.returned, |earlier| earlier.min(call.returned)),
                );
            }
        }
        Self { by_key, rows }
    }

    /// What the history says about the movement's order, step and so on; `None` for a phantom.
    pub(super) fn of_row(&self, movement: &MovementRow) -> Option<&Claim> {
        self.by_key.get(&key_of_row(movement))
    }

    pub(super) fn check(&self, calls: &[Call], books: &Books) -> Vec<Violation> {
        let mut found = Vec::new();
        for (key, rows) in &self.rows {
            self.check_rows(key, rows, &mut found);
        }
        for (key, claim) in &self.by_key {
            // A SKU may be opened again with the same stock and be told 200; only orders promise a
            // first.
            if claim.firsts > 1 {
                found.push(Violation::new(
                    Rule::TakenTwice,
                    format!("{key:?} was first {} times", claim.firsts),
                ));
            }
        }
        let mut bodies = BTreeMap::new();
        for call in calls {
            self.check_answer(call, &mut bodies, &mut found);
        }
        self.check_cancellations(books, &mut found);
        found
    }

    fn check_rows(&self, key: &Key, rows: &[MovementRow], found: &mut Vec<Violation>) {
        let Some(claim) = self.by_key.get(key) else {
            found.push(Violation::new(Rule::PhantomOrder, format!("{key:?} has {rows:?}")));
            return;
        };
        let deltas = deltas_of_rows(rows);
        if deltas.len() != rows.len() {
            found.push(Violation::new(Rule::TakenTwice, format!("{rows:?}")));
        }
        if rows.iter().any(|row| row.flush_id != rows[0].flush_id) {
            found.push(Violation::new(Rule::TornOrder, format!("{rows:?}")));
        }
        if !claim.contents.contains(&deltas) {
            let is_part =
                |asked: &&Lines| deltas.iter().all(|(sku, units)| asked.get(sku) == Some(units));
            let rule = match claim.contents.iter().find(is_part) {
                Some(_) => Rule::TornOrder,
                None => Rule::ContentDiffers,
            };
            found.push(Violation::new(rule, format!("{rows:?}, asked for {:?}", claim.contents)));
        }
    }

    fn check_answer<'a>(
        &self,
        call: &'a Call,
        bodies: &mut BTreeMap<Key, &'a Call>,
        found: &mut Vec<Violation>,
    ) {
        let key = key_of_request(&call.request);
        match call.answer.outcome() {
            Outcome::Executed { first } => {
                if !first && !self.has_earlier(&key, call) {
                    found.push(Violation::new(Rule::FalseReplay, format!("{call:?}")));
                }
                match self.rows.get(&key) {
                    None => found.push(Violation::new(Rule::LostOrder, format!("{call:?}"))),
                    Some(rows)
                        if deltas_of_rows(rows) != deltas_of_request(&call.request, &self.rows) =>
                    {
                        found.push(Violation::new(
                            Rule::ContentDiffers,
                            format!("{rows:?} for {call:?}"),
                        ));
                    }
                    Some(_) => {}
                }
                if let Request::Order { lines, .. } = &call.request {
                    check_body(call, lines, bodies.entry(key).or_insert(call), found);
                }
            }
            Outcome::Refused(slug) => self.check_refusal(call, &key, &slug, found),
            Outcome::NotExecuted(_) | Outcome::Unknown => {}
            Outcome::Undocumented(detail) => {
                found.push(Violation::new(
                    Rule::UndocumentedAnswer,
                    format!("{detail} for {:?}", call.request),
                ));
            }
        }
    }

    /// True when another call than this one may have done it before this one was answered. Only
    /// orders and adjustments tell a repeat from the first time.
    fn has_earlier(&self, key: &Key, call: &Call) -> bool {
        let candidates = self.by_key.get(key).map_or(&[][..], |claim| &claim.invocations);
        let others = candidates.iter().filter(|&&invoked| invoked < call.returned).count() > 1;
        others || matches!(key.0, Step::Opening | Step::Settle)
    }

    fn check_refusal(&self, call: &Call, key: &Key, slug: &str, found: &mut Vec<Violation>) {
        let done_before = self
            .by_key
            .get(key)
            .is_some_and(|claim| claim.acknowledged.is_some_and(|at| at < call.invoked));
        let own_content = deltas_of_request(&call.request, &self.rows);
        let same_content =
            self.rows.get(key).is_some_and(|rows| deltas_of_rows(rows) == own_content);
        let other_content = self
            .by_key
            .get(key)
            .is_some_and(|claim| claim.contents.iter().any(|asked| *asked != own_content));
        match slug {
            "insufficient-stock" | "unknown-sku" | "order-settled"
                if done_before && same_content =>
            {
                found.push(Violation::new(
                    Rule::AnswersDiffer,
                    format!("done earlier, then {call:?}"),
                ));
            }
            "order-mismatch" if same_content || !other_content => {
                found.push(Violation::new(
                    Rule::WrongRefusal,
                    format!("nobody asked otherwise: {call:?}"),
                ));
            }
            "unknown-order" => {
                if let Request::Cancel { id } = &call.request
                    && let Some(take) = self.by_key.get(&(Step::Take, id.clone()))
                    && take.acknowledged.is_some_and(|at| at < call.invoked)
                {
                    found.push(Violation::new(
                        Rule::WrongRefusal,
                        format!("the order was known: {call:?}"),
                    ));
                }
            }
            "unknown-sku" => {
                let sku = problem_text(&call.answer, "sku");
                let opening = self.by_key.get(&(Step::Opening, sku.clone()));
                if opening
                    .is_some_and(|claim| claim.acknowledged.is_some_and(|at| at < call.invoked))
                {
                    found.push(Violation::new(
                        Rule::WrongRefusal,
                        format!("{sku} was known: {call:?}"),
                    ));
                }
            }
            _ => {}
        }
    }

    /// A settle gives back exactly what the take took.
    fn check_cancellations(&self, books: &Books, found: &mut Vec<Violation>) {
        let settled: BTreeSet<&str> = books
            .movements
            .iter()
            .filter(|row| row.step == Step::Settle)
            .map(|row| row.order_id.as_str())
            .collect();
        for id in settled {
            if !self.rows.contains_key(&(Step::Take, id.to_owned())) {
                found.push(Violation::new(
                    Rule::PhantomOrder,
                    format!("{id} was settled and never taken"),
                ));
            }
        }
    }
}

/// The answers of one order are one: same lines, same time of creation, and the lines that were
/// asked for.
fn check_body(call: &Call, lines: &Lines, earlier: &Call, found: &mut Vec<Violation>) {
    let (Answer::Http { body, .. }, Answer::Http { body: other, .. }) =
        (&call.answer, &earlier.answer)
    else {
        return;
    };
    if ["order_id", "lines", "created_at"]
        .iter()
        .any(|member| body.get(member) != other.get(member))
    {
        found.push(Violation::new(Rule::AnswersDiffer, format!("{call:?} and {earlier:?}")));
    }
    let answered: Option<Lines> = body.get("lines").and_then(|lines| {
        let line = |line: &serde_json::Value| {
            Some((line.get("sku")?.as_str()?.to_owned(), line.get("quantity")?.as_i64()?))
        };
        lines.as_array()?.iter().map(line).collect()
    });
    if answered.as_ref() != Some(lines) {
        found.push(Violation::new(Rule::ContentDiffers, format!("{call:?}")));
    }
}

fn problem_text(answer: &Answer, member: &str) -> String {
    match answer {
        Answer::Http { body, .. } => {
            body.get(member).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        }
        Answer::Lost(_) => String::new(),
    }
}

fn key_of_row(row: &MovementRow) -> Key {
    match row.step {
        Step::Opening => (row.step, row.sku.clone()),
        Step::Adjust | Step::Take | Step::Settle => (row.step, row.order_id.clone()),
    }
}

fn key_of_request(request: &Request) -> Key {
    match request {
        Request::Order { id, .. } => (Step::Take, id.clone()),
        Request::Cancel { id } => (Step::Settle, id.clone()),
        Request::Open { sku, .. } => (Step::Opening, sku.clone()),
        Request::Adjust { id, .. } => (Step::Adjust, id.clone()),
    }
}

fn deltas_of_rows(rows: &[MovementRow]) -> Lines {
    rows.iter().map(|row| (row.sku.clone(), row.delta)).collect()
}

/// By how much each SKU is to change. A cancellation names only the order: its lines are those of
/// the take.
fn deltas_of_request(request: &Request, rows: &BTreeMap<Key, Vec<MovementRow>>) -> Lines {
    match request {
        Request::Order { lines, .. } => {
            lines.iter().map(|(sku, units)| (sku.clone(), -units)).collect()
        }
        Request::Cancel { id } => rows
            .get(&(Step::Take, id.clone()))
            .map(|rows| rows.iter().map(|row| (row.sku.clone(), -row.delta)).collect())
            .unwrap_or_default(),
        Request::Open { sku, available } => Lines::from([(sku.clone(), *available)]),
        Request::Adjust { sku, delta, .. } => Lines::from([(sku.clone(), *delta)]),
    }
}
