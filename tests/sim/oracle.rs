//! Judges a seed from its answers and the store's commit log alone: it replays the log and compares.
//! It knows nothing of how operations were merged, retried or decided.

mod answers;
mod order;

use std::collections::BTreeMap;

use hotrow::domain::{Refusal, Sku};
use hotrow::engine::FlushId;
use hotrow::limits::AVAILABLE_MAX;

use crate::ledger::{Changes, Entry, Key, changes_of};
use crate::rule::{Rule, Violation};
use crate::world::{Call, World};

/// The stock after each entry of the log; the first is the opening stock.
type States = Vec<BTreeMap<Sku, i64>>;

pub(crate) struct Oracle<'a> {
    world: &'a World,
    states: States,
    /// The place of each key in the log.
    places: BTreeMap<&'a Key, usize>,
}

/// Everything that has to hold at the end of a seed.
pub(crate) fn judge(world: &World) -> Result<(), Violation> {
    let oracle = Oracle { world, states: replay(world)?, places: places(world)? };
    oracle.check_books()?;
    oracle.check_versions()?;
    oracle.check_entries()?;
    for (number, call) in world.calls.iter().enumerate() {
        oracle.check_answer(call).map_err(|violation| {
            let Violation { rule, detail } = violation;
            Violation::new(rule, format!("call {number}, {call:?}: {detail}"))
        })?;
    }
    oracle.check_order()
}

fn replay(world: &World) -> Result<States, Violation> {
    let mut states = vec![world.setting.opening.clone()];
    for (place, entry) in world.store.log.iter().enumerate() {
        let mut state = states.last().expect("the opening is there").clone();
        let by_hand = match entry {
            Entry::ByHand { sku, delta } => Some((sku.clone(), *delta)),
            Entry::Written { .. } => None,
        };
        for (sku, delta) in entry.changes().iter().chain(&by_hand) {
            let available = state.get_mut(sku).ok_or_else(|| {
                Violation::new(
                    Rule::Books,
                    format!("entry {place} changes {sku}, which is unknown"),
                )
            })?;
            *available += delta;
            if !(0..=AVAILABLE_MAX).contains(available) {
                let detail = format!("entry {place}, {entry:?}, leaves {available} of {sku}");
                return Err(Violation::new(Rule::Bounds, detail));
            }
        }
        states.push(state);
    }
    Ok(states)
}

fn places(world: &World) -> Result<BTreeMap<&Key, usize>, Violation> {
    let mut places = BTreeMap::new();
    for (place, entry) in world.store.log.iter().enumerate() {
        let Entry::Written { key, .. } = entry else { continue };
        if let Some(first) = places.insert(key, place) {
            let detail = format!("{key:?} is in the ledger at {first} and {place}");
            return Err(Violation::new(Rule::ExecutedTwice, detail));
        }
    }
    Ok(places)
}

impl Oracle<'_> {
    /// The stock is the sum of its movements, and each flush is one version of it.
    fn check_books(&self) -> Result<(), Violation> {
        let last = self.states.last().expect("the opening is there");
        let mut versions: BTreeMap<&Sku, u64> = last.keys().map(|sku| (sku, 1)).collect();
        let mut newest: BTreeMap<&Sku, u64> = BTreeMap::new();
        for entry in &self.world.store.log {
            let Entry::Written { changes, commit, .. } = entry else { continue };
            for (sku, _) in changes {
                if newest.insert(sku, *commit) != Some(*commit) {
                    *versions.get_mut(sku).expect("replayed") += 1;
                }
            }
        }
        for (sku, stock) in &self.world.store.stock {
            if stock.available != last[sku] || stock.version != versions[sku] {
                let detail = format!(
                    "{sku} has {stock:?}, its movements say {} and version {}",
                    last[sku], versions[sku]
                );
                return Err(Violation::new(Rule::Books, detail));
            }
        }
        Ok(())
    }

    /// The movements of a version are those with its SKU and flush: a flush changes a SKU once.
    fn check_versions(&self) -> Result<(), Violation> {
        let mut commits: BTreeMap<(FlushId, &Sku), u64> = BTreeMap::new();
        for (place, entry) in self.world.store.log.iter().enumerate() {
            let Entry::Written { changes, commit, flush, .. } = entry else { continue };
            for (sku, _) in changes {
                let first = *commits.entry((*flush, sku)).or_insert(*commit);
                if first != *commit {
                    let detail = format!("entry {place}, {entry:?}: commit {first} had its name");
                    return Err(Violation::new(Rule::Version, detail));
                }
            }
        }
        Ok(())
    }

    /// The ledger holds what callers sent, whole, and nothing that they were told is not there.
    fn check_entries(&self) -> Result<(), Violation> {
        for (place, entry) in self.world.store.log.iter().enumerate() {
            let Entry::Written { key, changes, .. } = entry else { continue };
            if !self.callers(key, changes).any(|call| call.called_at <= place) {
                let detail = format!("entry {place}, {entry:?}, is not what anyone sent");
                return Err(Violation::new(Rule::Content, detail));
            }
            if !self.callers(key, changes).any(|call| self.may_have_written(call, place)) {
                let answers: Vec<_> =
                    self.callers(key, changes).map(|call| call.answer.clone()).collect();
                let detail = format!("entry {place}, {entry:?}, is nobody's: {answers:?}");
                return Err(Violation::new(Rule::ExecutedUnasked, detail));
            }
        }
        Ok(())
    }

    /// All calls of the same key and content.
    fn callers<'b>(&'b self, key: &'b Key, changes: &'b Changes) -> impl Iterator<Item = &'b Call> {
        let calls = self.world.calls.iter();
        calls.filter(move |call| call.key == *key && changes_of(&call.operation) == *changes)
    }

    /// True when a shortage or the ceiling makes this very refusal right at this place of the log.
    fn fits_refusal(&self, call: &Call, refusal: &Refusal, place: usize) -> bool {
        let state = &self.states[place];
        let changes = changes_of(&call.operation);
        if changes.iter().any(|(sku, _)| !state.contains_key(sku)) {
            return false;
        }
        let short: Vec<(&Sku, i64, i64)> = changes
            .iter()
            .filter(|(sku, delta)| *delta < 0 && state[sku] + delta < 0)
            .map(|(sku, delta)| (sku, -delta, state[sku]))
            .collect();
        match refusal {
            Refusal::InsufficientStock(told) => {
                let told = told.iter().map(|line| (&line.sku, line.requested, line.available));
                !short.is_empty() && told.eq(short.iter().copied())
            }
            Refusal::StockCeiling { sku, available } => {
                short.is_empty()
                    && state.get(sku) == Some(available)
                    && changes.iter().any(|(changed, delta)| {
                        changed == sku && *delta > 0 && available + delta > AVAILABLE_MAX
                    })
            }
            Refusal::UnknownSku(_) | Refusal::Mismatch | Refusal::UnknownOrder => false,
        }
    }
}
