//! What is right for one operation at one moment: a database that executes one after the other.

use hotrow::domain::{
    Adjustment, Buyer, Goal, Kind, Operation, Order, OrderStatus, Refusal, Settlement, Shortfall,
    Sku, Standing, Step, Timestamp,
};
use hotrow::limits::AVAILABLE_MAX;

use super::Oracle;
use super::history::Row;
use super::way::{self, Steps, Way};
use crate::ledger::{Lines, lines_of};
use crate::world::Call;

/// A place in the log, before the entry of this number, and what the clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) place: usize,
    pub(super) now: Timestamp,
    /// Whether holds that are confirmed in time later on count past their end: whoever takes must not
    /// take what they are going to have.
    pub(super) strict: bool,
    /// Entries from this one on may have come later: other SKUs are not locked, so what another content
    /// of the same id makes of them has no place among the entries of these.
    pub(super) unaware_from: Option<usize>,
}

impl Moment {
    fn is_aware_of(self, place: usize) -> bool {
        self.unaware_from.is_none_or(|from| place < from)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It gets these rows for each of its lines.
    Write(Steps),
    /// It was done before.
    Repeat {
        at: Timestamp,
        status: OrderStatus,
        expires_at: Option<Timestamp>,
    },
    Refuse(Refusal),
}

const DEDUCT: Steps = &[(Step::Take, Kind::Deduct)];
const HOLD: Steps = &[(Step::Take, Kind::Hold)];
const RESTOCK: Steps = &[(Step::Adjust, Kind::Restock)];
const WRITE_OFF: Steps = &[(Step::Adjust, Kind::WriteOff)];

impl Oracle<'_> {
    pub(super) fn ruling(&self, operation: &Operation, moment: Moment) -> Ruling {
        match operation {
            Operation::Take(order) => self.take(order, &lines_of(operation), moment),
            Operation::Settle(settlement) => self.settle(settlement, &lines_of(operation), moment),
            Operation::Adjust(adjustment) => self.adjust(adjustment, moment),
        }
    }

    fn row(&self, sku: &Sku, moment: Moment) -> Option<&Row> {
        self.history.states[moment.place].get(sku)
    }

    fn take(&self, order: &Order, lines: &Lines, moment: Moment) -> Ruling {
        let life = self.history.lives.get(order.id());
        if let Some((life, passage)) = life.and_then(|life| Some((life, life.at(moment.place)?))) {
            let same = life.lines == *lines
                && life.buyer.as_ref() == order.buyer()
                && life.expires_at.is_some() == order.hold().is_some();
            if same {
                return Ruling::Repeat {
                    at: life.taken_at,
                    status: way::status(passage.to),
                    expires_at: life.expires_at,
                };
            }
            if moment.is_aware_of(life.passages[0].place) {
                return Ruling::Refuse(Refusal::Mismatch);
            }
        }
        let steps = if order.hold().is_some() { HOLD } else { DEDUCT };
        let refusal = self
            .unknown(lines, moment)
            .or_else(|| self.closed(lines, moment))
            .or_else(|| self.over_limit(order.buyer(), lines, moment))
            .or_else(|| self.short(lines, moment));
        refusal.map_or(Ruling::Write(steps), Ruling::Refuse)
    }

    fn settle(&self, settlement: &Settlement, lines: &Lines, moment: Moment) -> Ruling {
        let (order, goal) = (settlement.order(), settlement.goal());
        let life = self.history.lives.get(order.id());
        let Some((life, passage)) = life.and_then(|life| Some((life, life.at(moment.place)?)))
        else {
            return Ruling::Refuse(Refusal::UnknownOrder);
        };
        if life.lines != *lines {
            return Ruling::Refuse(Refusal::Mismatch);
        }
        let over = life.expires_at.is_some_and(|end| end <= moment.now);
        let steps = match way::way(passage.to, goal, over) {
            Way::Go(steps) => steps,
            Way::There => {
                let (at, expires_at) = (passage.at, life.expires_at);
                return Ruling::Repeat { at, status: goal_status(goal), expires_at };
            }
            Way::Barred => return Ruling::Refuse(Refusal::Settled(way::status(passage.to))),
        };
        let takes_again = steps.iter().any(|(step, _)| *step == Step::Retake);
        let comes_back = goal != Goal::Confirm;
        let refusal = if takes_again {
            // What expires in the same go is there to be taken.
            let short = if passage.to == Standing::Held { None } else { self.short(lines, moment) };
            let refusal = self.over_limit(life.buyer.as_ref(), lines, moment).or(short);
            refusal.map(|_| Refusal::Settled(OrderStatus::Expired))
        } else if comes_back {
            self.over_ceiling(lines, moment)
        } else {
            None
        };
        refusal.map_or(Ruling::Write(steps), Ruling::Refuse)
    }

    fn adjust(&self, adjustment: &Adjustment, moment: Moment) -> Ruling {
        let delta = adjustment.delta.units();
        let known = self.history.adjusted.get(&adjustment.id);
        if let Some(known) = known.filter(|known| known.place < moment.place) {
            let same = known.sku == adjustment.sku && known.delta == delta;
            if same {
                let status = OrderStatus::Deducted;
                return Ruling::Repeat { at: known.at, status, expires_at: None };
            }
            if moment.is_aware_of(known.place) {
                return Ruling::Refuse(Refusal::Mismatch);
            }
        }
        let lines = vec![(adjustment.sku.clone(), delta.abs())];
        let refusal = self.unknown(&lines, moment).or_else(|| {
            if delta < 0 { self.short(&lines, moment) } else { self.over_ceiling(&lines, moment) }
        });
        let steps = if delta < 0 { WRITE_OFF } else { RESTOCK };
        refusal.map_or(Ruling::Write(steps), Ruling::Refuse)
    }

    fn unknown(&self, lines: &Lines, moment: Moment) -> Option<Refusal> {
        let unknown = lines.iter().find(|(sku, _)| self.row(sku, moment).is_none());
        unknown.map(|(sku, _)| Refusal::UnknownSku(sku.clone()))
    }

    fn closed(&self, lines: &Lines, moment: Moment) -> Option<Refusal> {
        lines.iter().find_map(|(sku, _)| {
            let window = self.row(sku, moment)?.terms.window;
            let early = window.starts_at().is_some_and(|start| moment.now < start);
            let late = window.ends_at().is_some_and(|end| end <= moment.now);
            (early || late).then(|| Refusal::SaleNotOpen { sku: sku.clone(), window })
        })
    }

    fn over_limit(&self, buyer: Option<&Buyer>, lines: &Lines, moment: Moment) -> Option<Refusal> {
        lines.iter().find_map(|(sku, units)| {
            let limit = self.row(sku, moment)?.terms.purchase_limit?.units();
            let Some(buyer) = buyer else { return Some(Refusal::BuyerNeeded(sku.clone())) };
            let already = self.already(buyer, sku, moment);
            (already + units > limit).then(|| Refusal::PurchaseLimit {
                sku: sku.clone(),
                limit,
                already,
            })
        })
    }

    /// What a buyer has of a SKU: what is sold to them, and what is held for them and not over.
    fn already(&self, buyer: &Buyer, sku: &Sku, moment: Moment) -> i64 {
        let orders = self.history.of_buyer.get(buyer).into_iter().flatten();
        let units = orders.filter_map(|id| {
            let life = &self.history.lives[id];
            let counts = match life.at(moment.place)?.to {
                Standing::Deducted | Standing::Confirmed => true,
                Standing::Held => {
                    life.expires_at.is_none_or(|end| moment.now < end)
                        || moment.strict && life.is_confirmed_in_time()
                }
                Standing::Cancelled | Standing::Expired => false,
            };
            let line = life.lines.iter().find(|(other, _)| other == sku)?;
            counts.then_some(line.1)
        });
        units.sum()
    }

    fn short(&self, lines: &Lines, moment: Moment) -> Option<Refusal> {
        let short = lines.iter().filter_map(|(sku, requested)| {
            let available = self.row(sku, moment)?.available;
            let (sku, requested) = (sku.clone(), *requested);
            (available < requested).then_some(Shortfall { sku, requested, available })
        });
        let short: Vec<Shortfall> = short.collect();
        (!short.is_empty()).then_some(Refusal::InsufficientStock(short))
    }

    fn over_ceiling(&self, lines: &Lines, moment: Moment) -> Option<Refusal> {
        lines.iter().find_map(|(sku, units)| {
            let available = self.row(sku, moment)?.available;
            (available + units > AVAILABLE_MAX)
                .then(|| Refusal::StockCeiling { sku: sku.clone(), available })
        })
    }

    /// True when the law says so at this moment; where several SKUs would pass the ceiling, any may be
    /// named.
    pub(super) fn refuses(&self, call: &Call, told: &Refusal, moment: Moment) -> bool {
        let unaware = Moment { unaware_from: Some(call.called_at), ..moment };
        [moment, unaware].into_iter().any(|moment| self.rules(&call.operation, told, moment))
    }

    fn rules(&self, operation: &Operation, told: &Refusal, moment: Moment) -> bool {
        match (self.ruling(operation, moment), told) {
            (
                Ruling::Refuse(Refusal::StockCeiling { .. }),
                Refusal::StockCeiling { sku, available },
            ) => {
                let line = lines_of(operation).into_iter().find(|(other, _)| other == sku);
                line.is_some_and(|(_, units)| available + units > AVAILABLE_MAX)
                    && self.row(sku, moment).is_some_and(|row| row.available == *available)
            }
            (Ruling::Refuse(refusal), told) => refusal == *told,
            (Ruling::Write(_) | Ruling::Repeat { .. }, _) => false,
        }
    }
}

fn goal_status(goal: Goal) -> OrderStatus {
    match goal {
        Goal::Confirm => OrderStatus::Deducted,
        Goal::Cancel => OrderStatus::Cancelled,
        Goal::Expire => OrderStatus::Expired,
    }
}
