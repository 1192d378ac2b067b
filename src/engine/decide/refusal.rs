//! Why an operation that is new cannot be accepted.

use super::Desk;
use crate::domain::{Operation, OrderStatus, Postings, Refusal, Shortfall, Step};
use crate::limits::AVAILABLE_MAX;

impl Desk<'_> {
    pub(super) fn take_refusal(&self, operation: &Operation) -> Option<Refusal> {
        self.unknown_sku(operation)
            .or_else(|| self.window_refusal(operation))
            .or_else(|| self.limit_refusal(operation))
            .or_else(|| self.stock_refusal(operation, operation.postings()))
    }

    /// Where units are taken again, the order was expired, and stays so if they cannot be had.
    pub(super) fn settle_refusal(
        &self,
        operation: &Operation,
        postings: Postings,
    ) -> Option<Refusal> {
        let refusal = self.stock_refusal(operation, postings);
        let retakes = postings.iter().any(|posting| posting.step == Step::Retake);
        if !retakes {
            return refusal;
        }
        let cannot_be_had = matches!(refusal, Some(Refusal::InsufficientStock(_)))
            || self.limit_refusal(operation).is_some();
        if cannot_be_had { Some(Refusal::Settled(OrderStatus::Expired)) } else { refusal }
    }

    fn unknown_sku(&self, operation: &Operation) -> Option<Refusal> {
        let mut skus = operation.changes().map(|change| change.sku);
        let unknown = skus.find(|sku| !self.ledger.stock.contains_key(*sku))?;
        Some(Refusal::UnknownSku(unknown.clone()))
    }

    fn window_refusal(&self, operation: &Operation) -> Option<Refusal> {
        operation.changes().find_map(|change| {
            let window = self.ledger.stock.get(change.sku)?.terms.window;
            let sku = || change.sku.clone();
            let open = window.is_open(self.ledger.now);
            (!open).then(|| Refusal::SaleNotOpen { sku: sku(), window })
        })
    }

    /// Of the SKUs that have a limit, the first of which the buyer would have too much.
    fn limit_refusal(&self, operation: &Operation) -> Option<Refusal> {
        (0..operation.width()).find_map(|index| {
            let (sku, units) = operation.line(index);
            let limit = self.ledger.stock.get(sku)?.terms.purchase_limit?.units();
            let Some(buyer) = operation.buyer() else {
                return Some(Refusal::BuyerNeeded(sku.clone()));
            };
            let bought = self.ledger.bought.get(sku).and_then(|bought| bought.get(buyer));
            let already = bought.copied().unwrap_or(0);
            let fits = already + units <= limit;
            (!fits).then(|| Refusal::PurchaseLimit { sku: sku.clone(), limit, already })
        })
    }

    pub(super) fn stock_refusal(
        &self,
        operation: &Operation,
        postings: Postings,
    ) -> Option<Refusal> {
        let mut short = Vec::new();
        let mut ceiling = None;
        for index in 0..operation.width() {
            let change = operation.change_by(postings, index);
            let Some(stock) = self.ledger.stock.get(change.sku) else {
                return Some(Refusal::UnknownSku(change.sku.clone()));
            };
            let available = stock.available;
            let after = available + change.delta;
            if change.delta < 0 && after < 0 {
                let sku = change.sku.clone();
                short.push(Shortfall { sku, requested: -change.delta, available });
            } else if change.delta > 0 && after > AVAILABLE_MAX {
                ceiling = Some(Refusal::StockCeiling { sku: change.sku.clone(), available });
            }
        }
        if short.is_empty() { ceiling } else { Some(Refusal::InsufficientStock(short)) }
    }
}
