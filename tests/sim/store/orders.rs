//! What the ledger tells of orders.

use hotrow::domain::{
    HoldSeconds, Kind, Line, Order, OrderId, Quantity, Standing, Step, TakenOrder, Timestamp,
};
use hotrow::engine::{KnownAdjustment, KnownMovements, KnownStep, KnownTake};

use super::Store;
use crate::ledger::{Key, Row};

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Store {
    /// The ids that the ledger has a take of.
    pub(crate) fn taken(&self) -> Vec<OrderId> {
        let takes = self.ledger.keys().filter(|(key, line)| key.step == Step::Take && *line == 0);
        takes.map(|(key, _)| key.id.clone()).collect()
    }

    /// Holds that nothing has settled and whose time is over, in the order of their ids.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<TakenOrder> {
        let over = |row: &Row| row.expires_at.is_some_and(|expires_at| expires_at <= now);
        let first = |row: &&Row| row.planned.line == 0 && over(row);
        let orders = self.ledger.values().filter(first);
        orders
            .filter_map(|row| self.order(&row.planned.key.id))
            .filter(|order| order.standing == Standing::Held)
            .collect()
    }

    /// The order as a lookup finds it now.
    pub(crate) fn order(&self, id: &OrderId) -> Option<TakenOrder> {
        let known = self.known(id);
        let take = known.take.as_ref()?;
        let line = |(sku, units): &(_, i64)| Line {
            sku: Clone::clone(sku),
            quantity: Quantity::new(*units).expect("it was taken"),
        };
        let seconds = |end: Timestamp| (end.micros() - take.at.micros()) / MICROS_PER_SECOND;
        let hold = take
            .expires_at
            .map(|end| HoldSeconds::new(seconds(end)).expect("it was held for as long"));
        let order = Order::new(id.clone(), take.lines.iter().map(line));
        Some(TakenOrder {
            order: order.expect("it was one").for_buyer(take.buyer.clone()).held_for(hold),
            standing: known.standing(take),
            created_at: take.at,
            expires_at: take.expires_at,
        })
    }

    fn rows(&self, id: &OrderId, step: Step) -> impl Iterator<Item = &Row> {
        let key = Key { id: id.clone(), step };
        self.ledger.range((key.clone(), 0)..=(key, usize::MAX)).map(|(_, row)| row)
    }

    /// What is committed under an id.
    pub(super) fn known(&self, id: &OrderId) -> KnownMovements {
        let step = |step| {
            let row = self.rows(id, step).next()?;
            Some(KnownStep { kind: row.planned.kind, flush: row.flush, at: row.at })
        };
        let take = self.rows(id, Step::Take).next().map(|first| KnownTake {
            lines: self
                .rows(id, Step::Take)
                .map(|row| (row.planned.sku.clone(), row.planned.units))
                .collect(),
            buyer: first.planned.buyer().cloned(),
            expires_at: first.expires_at,
            flush: first.flush,
            at: first.at,
        });
        let adjust = self.rows(id, Step::Adjust).next().map(|row| KnownAdjustment {
            sku: row.planned.sku.clone(),
            delta: match row.planned.kind {
                Kind::Restock => row.planned.units,
                Kind::WriteOff => -row.planned.units,
                Kind::Deduct
                | Kind::Hold
                | Kind::Confirm
                | Kind::Release
                | Kind::Expire
                | Kind::Cancel => panic!("an adjustment is no order"),
            },
            flush: row.flush,
            at: row.at,
        });
        KnownMovements {
            take,
            settle: step(Step::Settle),
            retake: step(Step::Retake),
            returned: step(Step::Return),
            adjust,
        }
    }
}
