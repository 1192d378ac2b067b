//! Judges a seed from its answers and the store's commit log alone: it replays the log and compares.
//! It knows nothing of how operations were merged, retried or decided.

mod answers;
mod done;
mod entries;
mod history;
mod law;
mod moments;
mod order;
mod way;

use std::collections::BTreeMap;

use hotrow::domain::{OrderId, Sku};

use crate::rule::{Rule, Violation};
use crate::world::{Call, World};
use history::{History, replay};

pub(crate) struct Oracle<'a> {
    world: &'a World,
    history: History,
    /// The calls with each id.
    calls: BTreeMap<&'a OrderId, Vec<&'a Call>>,
}

/// Everything that has to hold at the end of a seed.
pub(crate) fn judge(world: &World) -> Result<(), Violation> {
    let mut calls: BTreeMap<&OrderId, Vec<&Call>> = BTreeMap::new();
    for call in &world.calls {
        calls.entry(&call.wish.id).or_default().push(call);
    }
    let oracle = Oracle { world, history: replay(world)?, calls };
    oracle.check_books()?;
    oracle.check_versions()?;
    oracle.check_entries()?;
    for (number, call) in world.calls.iter().enumerate() {
        oracle.check_answer(call).map_err(|violation| explained(number, call, violation))?;
    }
    oracle.check_order()
}

fn explained(number: usize, call: &Call, violation: Violation) -> Violation {
    let Violation { rule, detail } = violation;
    Violation::new(rule, format!("call {number}, {call:?}: {detail}"))
}

impl Oracle<'_> {
    /// The stock is the sum of its movements, and each flush is one version of it.
    fn check_books(&self) -> Result<(), Violation> {
        let last = self.history.states.last().expect("the opening is there");
        let mut versions: BTreeMap<&Sku, u64> = last.keys().map(|sku| (sku, 1)).collect();
        let mut newest: BTreeMap<&Sku, u64> = BTreeMap::new();
        for written in self.world.store.log.iter().filter_map(|entry| entry.written()) {
            for (sku, _) in &written.lines {
                if newest.insert(sku, written.commit) != Some(written.commit) {
                    *versions.get_mut(sku).expect("replayed") += 1;
                }
            }
        }
        for (sku, stock) in &self.world.store.stock {
            let row = &last[sku];
            let same = (stock.available, stock.held) == (row.available, row.held);
            if !same || stock.version != versions[sku] {
                let detail = format!(
                    "{sku} has {stock:?}, its movements say {row:?} and version {}",
                    versions[sku]
                );
                return Err(Violation::new(Rule::Books, detail));
            }
        }
        Ok(())
    }
}
