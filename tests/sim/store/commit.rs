//! What a commit makes of the tables.

use hotrow::domain::{Kind, OrderId, Sku, Step, Timestamp};

use super::{Purchase, SessionId, Store};
use crate::ledger::{ByHand, Entry, Row, What, Written};
use crate::plant::Plant;

impl Store {
    /// Makes the transaction's changes the database's.
    pub(crate) fn commit(&mut self, id: SessionId, now: Timestamp) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.locks.retain(|_, holder| *holder != id);
        let begun_at = session.begun_at;
        if let Some(by_hand) = session.by_hand {
            return self.change_by_hand(by_hand, begun_at, now);
        }
        for change in &session.changes {
            let stock = self.stock.get_mut(&change.sku).expect("only locked rows are changed");
            stock.available += change.available;
            stock.held += change.held;
            stock.version += 1;
        }
        self.append(session.rows, begun_at, now);
    }

    fn change_by_hand(&mut self, by_hand: ByHand, begun_at: Timestamp, committed_at: Timestamp) {
        let stock = self.stock.get_mut(&by_hand.sku).expect("only locked rows are changed");
        stock.available += by_hand.available;
        stock.held += by_hand.held;
        stock.terms = by_hand.terms.unwrap_or(stock.terms);
        self.log.push(Entry { what: What::ByHand(by_hand), begun_at, committed_at });
    }

    fn append(&mut self, rows: Vec<Row>, begun_at: Timestamp, committed_at: Timestamp) {
        self.commits += 1;
        let written_before = self.log.len();
        for row in rows {
            let line = (row.planned.sku.clone(), row.planned.units);
            match self.log[written_before..].last_mut().map(|entry| &mut entry.what) {
                Some(What::Written(written))
                    if written.key == row.planned.key && row.planned.line > 0 =>
                {
                    written.lines.push(line);
                }
                Some(What::Written(_) | What::ByHand(_)) | None => {
                    let written = Written {
                        key: row.planned.key.clone(),
                        kind: row.planned.kind,
                        lines: vec![line],
                        buyer: row.planned.buyer().cloned(),
                        expires_at: row.expires_at,
                        flush: row.flush,
                        at: row.at,
                        commit: self.commits,
                    };
                    self.log.push(Entry { what: What::Written(written), begun_at, committed_at });
                }
            }
            self.count_purchase(&row);
            self.ledger.insert((row.planned.key.clone(), row.planned.line), row);
        }
    }

    /// What a buyer gets, keeps and gives back.
    fn count_purchase(&mut self, row: &Row) {
        let Some(buyer) = row.planned.buyer() else { return };
        let place = (row.planned.sku.clone(), buyer.clone());
        let purchases = self.purchases.entry(place).or_default();
        let id = row.planned.key.id.clone();
        match row.planned.kind {
            Kind::Deduct | Kind::Hold => {
                let units = row.planned.units;
                purchases.insert(id, Purchase { units, expires_at: row.expires_at });
            }
            Kind::Confirm => {
                if let Some(purchase) = purchases.get_mut(&id) {
                    purchase.expires_at = None;
                }
            }
            Kind::Release | Kind::Expire | Kind::Cancel => {
                if self.plant != Some(Plant::PurchasesNotReleased) {
                    purchases.remove(&id);
                }
            }
            Kind::Restock | Kind::WriteOff => {}
        }
    }

    /// Units that count for a purchase limit.
    pub(super) fn bought(&self, place: &(Sku, hotrow::domain::Buyer), now: Timestamp) -> i64 {
        let counts = |purchase: &&Purchase| {
            self.plant == Some(Plant::OverdueHoldsCount)
                || purchase.expires_at.is_none_or(|expires_at| expires_at > now)
        };
        let purchases = self.purchases.get(place).into_iter();
        purchases.flat_map(|orders| orders.values()).filter(counts).map(|it| it.units).sum()
    }

    /// A crash that a server with weak settings does not survive whole.
    pub(crate) fn forget_newest(&mut self) {
        let Some(written) = self.log.last().and_then(Entry::written) else { return };
        let (key, kind, lines) = (written.key.clone(), written.kind, written.lines.clone());
        for (sku, units) in lines {
            let stock = self.stock.get_mut(&sku).expect("it was changed");
            stock.available -= kind.available(units);
            stock.held -= kind.held(units);
        }
        self.ledger.retain(|(row, _), _| *row != key);
        if key.step == Step::Take {
            self.forget_purchases(&key.id);
        }
        self.log.pop();
    }

    fn forget_purchases(&mut self, id: &OrderId) {
        for orders in self.purchases.values_mut() {
            orders.remove(id);
        }
    }
}
