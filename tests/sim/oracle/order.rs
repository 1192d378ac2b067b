//! Within one life of an engine, a lane's operations are decided in the order of their arrival.

use std::collections::BTreeMap;

use hotrow::domain::{Refusal, Sku, Verdict};

use super::Oracle;
use super::done::Told;
use super::law::Moment;
use crate::rule::{Rule, Violation};

impl Oracle<'_> {
    /// Finds for each decided operation the earliest moment that is not before the one of its
    /// predecessor in the lane. What was in a flush with an unanswered commit is left out: it may have
    /// landed, or been decided again, after those behind it.
    pub(super) fn check_order(&self) -> Result<(), Violation> {
        let mut lanes: BTreeMap<(usize, &Sku), (usize, usize)> = BTreeMap::new();
        for (number, call) in self.world.calls.iter().enumerate() {
            let Some(answer) = &call.answer else { continue };
            let resolved = (call.incarnation, call.wish.clone());
            if self.world.unanswered_commits.contains(&resolved) {
                continue;
            }
            for change in call.operation.changes() {
                let lane = (call.incarnation, change.sku);
                let (earlier, after) = lanes.get(&lane).copied().unwrap_or((number, 0));
                let moment = match answer.verdict.as_ref() {
                    Some(&Verdict::Done { at, replayed: false, status, expires_at }) => {
                        let told = Told { at, replayed: false, status, expires_at };
                        let place = self.place_of(&call.operation, told).expect("checked before");
                        (place >= after).then_some(place + 1)
                    }
                    Some(Verdict::Refused(refusal)) => {
                        if !is_about_stock(refusal) {
                            continue;
                        }
                        let mut moments = self.moments(call, answer);
                        let right = |moment: &Moment| {
                            moment.place >= after && self.refuses(call, refusal, *moment)
                        };
                        moments.find(right).map(|moment| moment.place)
                    }
                    Some(
                        Verdict::Done { replayed: true, .. }
                        | Verdict::NotExecuted(_)
                        | Verdict::Unknown,
                    )
                    | None => continue,
                };
                let Some(moment) = moment else {
                    let detail = format!(
                        "in lane {lane:?} call {number}, {call:?}, was not decided after call \
                         {earlier}, {:?}",
                        self.world.calls[earlier]
                    );
                    return Err(Violation::new(Rule::Order, detail));
                };
                lanes.insert(lane, (number, moment));
            }
        }
        Ok(())
    }
}

fn is_about_stock(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::InsufficientStock(_)
        | Refusal::StockCeiling { .. }
        | Refusal::PurchaseLimit { .. }
        | Refusal::Settled(_) => true,
        Refusal::UnknownSku(_)
        | Refusal::Mismatch
        | Refusal::UnknownOrder
        | Refusal::BuyerNeeded(_)
        | Refusal::SaleNotOpen { .. } => false,
    }
}
