//! The commit log replayed: the stock after each entry, and the life of each order.

use std::collections::{BTreeMap, BTreeSet};

use hotrow::domain::{Buyer, OrderId, Sku, Standing, Step, Terms, Timestamp};
use hotrow::limits::AVAILABLE_MAX;

use super::way;
use crate::ledger::{ByHand, Lines, What, Written};
use crate::rule::{Rule, Violation};
use crate::world::World;

/// A stock row between two entries of the log.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) terms: Terms,
}

/// What the ledger tells of an order.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) lines: Lines,
    pub(super) buyer: Option<Buyer>,
    pub(super) taken_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) passages: Vec<Passage>,
}

#[derive(Debug)]
pub(super) struct Passage {
    pub(super) place: usize,
    pub(super) step: Step,
    pub(super) to: Standing,
    pub(super) at: Timestamp,
}

/// What the ledger tells of an adjustment.
#[derive(Debug)]
pub(super) struct Adjusted {
    pub(super) place: usize,
    pub(super) sku: Sku,
    pub(super) delta: i64,
    pub(super) at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct History {
    /// The stock after each entry of the log; the first is the opening stock.
    pub(super) states: Vec<BTreeMap<Sku, Row>>,
    pub(super) lives: BTreeMap<OrderId, Life>,
    pub(super) adjusted: BTreeMap<OrderId, Adjusted>,
    /// The orders of each buyer.
    pub(super) of_buyer: BTreeMap<Buyer, Vec<OrderId>>,
    /// Moments at which the clock alone changes what is right: ends of holds and of windows.
    pub(super) edges: BTreeSet<Timestamp>,
    /// What open holds have, in units.
    open_holds: BTreeMap<Sku, i64>,
    /// SKUs of which a DBA has changed `held`.
    held_by_hand: BTreeSet<Sku>,
}

/// Which rule is broken, and how.
type Broken = (Rule, &'static str);

impl Life {
    /// Where it stood before the entry at `moment`, and how it got there.
    pub(super) fn at(&self, moment: usize) -> Option<&Passage> {
        self.passages.iter().rev().find(|passage| passage.place < moment)
    }

    /// True when it is confirmed in the end by whoever came in time.
    pub(super) fn is_confirmed_in_time(&self) -> bool {
        let confirms =
            |passage: &Passage| passage.step == Step::Settle && passage.to == Standing::Confirmed;
        self.passages.iter().any(confirms)
    }
}

pub(super) fn replay(world: &World) -> Result<History, Violation> {
    let mut history = History::default();
    let opening = world.setting.opening.iter().map(|(sku, opening)| {
        let row = Row { available: opening.available, held: 0, terms: opening.terms };
        (sku.clone(), row)
    });
    history.states.push(opening.collect());
    let terms: Vec<Terms> = world.setting.opening.values().map(|opening| opening.terms).collect();
    terms.into_iter().for_each(|terms| history.note_terms(terms));
    let log = &world.store.log;
    for (place, entry) in log.iter().enumerate() {
        let explain = |rule, detail: &str| {
            Violation::new(rule, format!("entry {place}, {entry:?}: {detail}"))
        };
        let mut state = history.states.last().expect("the opening is there").clone();
        match &entry.what {
            What::ByHand(by_hand) => history.change_by_hand(&mut state, by_hand),
            What::Written(written) => {
                history
                    .write(&mut state, place, written)
                    .map_err(|(rule, detail)| explain(rule, detail))?;
            }
        }
        // What expires and is taken again in one go is never there for others.
        let goes_on = match (entry.written(), log.get(place + 1).and_then(|next| next.written())) {
            (Some(this), Some(next)) => {
                this.commit == next.commit
                    && this.key.id == next.key.id
                    && next.key.step == Step::Retake
            }
            (Some(_) | None, Some(_) | None) => false,
        };
        for (sku, row) in &state {
            if !goes_on && !(0..=AVAILABLE_MAX).contains(&row.available) || row.held < 0 {
                return Err(explain(Rule::Bounds, &format!("it leaves {row:?} of {sku}")));
            }
            let open = history.open_holds.get(sku).copied().unwrap_or(0);
            if row.held != open && !history.held_by_hand.contains(sku) {
                let detail = format!("{row:?} of {sku}, of which {open} are in open holds");
                return Err(explain(Rule::Held, &detail));
            }
        }
        history.states.push(state);
    }
    Ok(history)
}

impl History {
    fn note_terms(&mut self, terms: Terms) {
        self.edges.extend(terms.window.starts_at());
        self.edges.extend(terms.window.ends_at());
    }

    fn change_by_hand(&mut self, state: &mut BTreeMap<Sku, Row>, by_hand: &ByHand) {
        let row = state.get_mut(&by_hand.sku).expect("a DBA changes what is there");
        row.available += by_hand.available;
        row.held += by_hand.held;
        if by_hand.held != 0 {
            self.held_by_hand.insert(by_hand.sku.clone());
        }
        if let Some(terms) = by_hand.terms {
            row.terms = terms;
            self.note_terms(terms);
        }
    }

    fn write(
        &mut self,
        state: &mut BTreeMap<Sku, Row>,
        place: usize,
        written: &Written,
    ) -> Result<(), (Rule, &'static str)> {
        let (from, to) = self.pass(place, written)?;
        let effect = way::effect(written.kind);
        let (before, after) = (way::share(from), way::share(to));
        for (sku, units) in &written.lines {
            let row = state.get_mut(sku).ok_or((Rule::Books, "it changes an unknown SKU"))?;
            row.available += effect.0 * units;
            row.held += effect.1 * units;
            // What a DBA has taken away cannot be given back.
            if self.held_by_hand.contains(sku) {
                row.held = row.held.max(0);
            }
            *self.open_holds.entry(sku.clone()).or_default() += (after.0 - before.0) * units;
            let is_order = written.key.step != Step::Adjust;
            let moved = effect.0 + effect.1 + (after.1 - before.1);
            if is_order && moved != 0 {
                return Err((Rule::Held, "available + held + deducted has changed"));
            }
        }
        Ok(())
    }

    /// The order goes on by one step.
    fn pass(
        &mut self,
        place: usize,
        written: &Written,
    ) -> Result<(Option<Standing>, Option<Standing>), Broken> {
        let Written { key, kind, lines, buyer, expires_at, at, .. } = written;
        if key.step == Step::Adjust {
            let (sku, units) = lines.first().expect("no entry is empty").clone();
            let adjusted = Adjusted { place, sku, delta: way::effect(*kind).0 * units, at: *at };
            if self.adjusted.insert(key.id.clone(), adjusted).is_some() {
                return Err((Rule::ExecutedTwice, "it is in the ledger already"));
            }
            return Ok((None, None));
        }
        let life = self.lives.get(&key.id);
        let passages = life.map_or(&[][..], |life| &life.passages);
        if passages.iter().any(|passage| passage.step == key.step) {
            return Err((Rule::ExecutedTwice, "it is in the ledger already"));
        }
        let from = passages.last().map(|passage| passage.to);
        let to = way::after(from, key.step, *kind);
        let Some(to) = to else { return Err((Rule::Life, "no order goes this way")) };
        let passage = Passage { place, step: key.step, to, at: *at };
        match self.lives.get_mut(&key.id) {
            Some(life) if life.lines != *lines => {
                return Err((Rule::Content, "it was taken otherwise"));
            }
            Some(life) => life.passages.push(passage),
            None => {
                self.edges.extend(*expires_at);
                if let Some(buyer) = buyer {
                    self.of_buyer.entry(buyer.clone()).or_default().push(key.id.clone());
                }
                let life = Life {
                    lines: lines.clone(),
                    buyer: buyer.clone(),
                    taken_at: *at,
                    expires_at: *expires_at,
                    passages: vec![passage],
                };
                self.lives.insert(key.id.clone(), life);
            }
        }
        Ok((from, Some(to)))
    }
}
