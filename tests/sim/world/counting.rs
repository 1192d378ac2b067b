//! What clients were told, counted.

use hotrow::domain::{Goal, NotExecuted, Operation, OrderStatus, Refusal, Verdict};

use super::World;
use crate::hits::Hit;
use crate::ledger::Deed;

impl World {
    pub(super) fn count_verdict(&mut self, call: usize, verdict: &Verdict) {
        let call = &self.calls[call];
        let take = call.wish.deed == Deed::Take;
        let hit = match verdict {
            Verdict::Done { status: OrderStatus::Cancelled, .. } if take => Hit::DoneCancelledSince,
            Verdict::Done { status: OrderStatus::Expired, .. } if take => Hit::DoneExpiredSince,
            Verdict::Done { replayed: true, .. } => match call.wish.deed {
                Deed::Settle(_) => Hit::SettlementReplayed,
                Deed::Take | Deed::Adjust => Hit::DoneReplayed,
            },
            Verdict::Done { replayed: false, .. } => {
                if call.operation.width() > 1 {
                    self.hits.count(Hit::OrderOfSeveralLinesDone);
                }
                match &call.operation {
                    Operation::Take(order) if order.hold().is_some() => Hit::HoldDone,
                    Operation::Take(_) => Hit::DoneFresh,
                    Operation::Settle(settlement) => match settlement.goal() {
                        Goal::Confirm => Hit::ConfirmDone,
                        Goal::Cancel => Hit::CancelDone,
                        Goal::Expire => Hit::ExpiryDone,
                    },
                    Operation::Adjust(_) => Hit::AdjustmentDone,
                }
            }
            Verdict::Refused(Refusal::UnknownSku(_)) => Hit::RefusedUnknownSku,
            Verdict::Refused(Refusal::InsufficientStock(_)) => Hit::RefusedInsufficientStock,
            Verdict::Refused(Refusal::StockCeiling { .. }) => Hit::RefusedStockCeiling,
            Verdict::Refused(Refusal::Mismatch) => Hit::RefusedMismatch,
            Verdict::Refused(Refusal::PurchaseLimit { .. }) => Hit::RefusedPurchaseLimit,
            Verdict::Refused(Refusal::BuyerNeeded(_)) => Hit::RefusedBuyerNeeded,
            Verdict::Refused(Refusal::SaleNotOpen { .. }) => Hit::RefusedSaleNotOpen,
            Verdict::Refused(Refusal::Settled(OrderStatus::Held)) => Hit::RefusedNotDue,
            Verdict::Refused(Refusal::Settled(OrderStatus::Expired)) => {
                if call.wish.deed == Deed::Settle(Goal::Confirm) {
                    Hit::RefusedConfirmOfExpired
                } else {
                    Hit::RefusedSettled
                }
            }
            Verdict::Refused(Refusal::Settled(_)) => Hit::RefusedSettled,
            // Wrong here: only orders that the ledger has are settled. The oracle says so.
            Verdict::Refused(Refusal::UnknownOrder) => return,
            Verdict::NotExecuted(NotExecuted::Overloaded { .. }) => Hit::NotExecutedLaneFull,
            Verdict::NotExecuted(NotExecuted::Draining) => Hit::NotExecutedDraining,
            Verdict::NotExecuted(NotExecuted::DatabaseUnavailable) => {
                if call.down {
                    Hit::NotExecutedDatabaseDown
                } else if self.now_ms - call.called_ms >= self.setting.policy.order_deadline_ms {
                    Hit::NotExecutedDeadline
                } else {
                    Hit::NotExecutedStatement
                }
            }
            Verdict::Unknown => Hit::Unknown,
        };
        self.hits.count(hit);
    }
}
