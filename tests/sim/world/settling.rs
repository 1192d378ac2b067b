//! Who settles orders: clients that have looked them up, and sweeps of holds whose time is over.

use hotrow::domain::{Goal, Operation, Order, Settlement, Standing, TakenOrder};
use rand::RngExt;

use super::clients::NO_INTENT;
use super::{Call, Event, World};
use crate::hits::Hit;
use crate::ledger::{Deed, Wish};
use crate::setting::pick;

/// Most holds of one sweep.
const SWEEP_MAX: usize = 4;
/// Between two sweeps when all faults are over, in milliseconds.
const PEACE_SWEEP_MS: u64 = 100;

impl World {
    /// What shall become of an order that the ledger has, as it stands, or as it stood a while ago.
    pub(super) fn imagine_settlement(&mut self) -> Option<Operation> {
        let ids = self.store.taken();
        if ids.is_empty() {
            return None;
        }
        let id = pick(&mut self.rng, &ids).clone();
        let mut taken = self.store.order(&id).expect("it is taken");
        if self.rng.random_bool(0.2) {
            taken.standing = first_standing(&taken.order);
        }
        let goals = [Goal::Confirm, Goal::Confirm, Goal::Cancel, Goal::Cancel, Goal::Expire];
        let goal = *pick(&mut self.rng, &goals);
        Settlement::new(taken, goal).ok().map(Operation::Settle)
    }

    /// Most clients look an order up whenever they call. `None` when it is settled then.
    pub(super) fn looked_up_again(&mut self, operation: Operation) -> Option<Operation> {
        let Operation::Settle(settlement) = &operation else { return Some(operation) };
        if self.rng.random_bool(0.4) {
            return Some(operation);
        }
        let taken = self.store.order(settlement.order().id())?;
        Settlement::new(taken, settlement.goal()).ok().map(Operation::Settle)
    }

    /// An engine lets the holds expire that are due, if it has the right to sweep; rights overlap for a
    /// while when one process takes over from another.
    pub(super) fn sweep(&mut self, engine: usize) {
        if self.closing {
            return;
        }
        let sweeps = self.peace || self.setting.sweep_ms > 0;
        let now = self.clock();
        let due: Vec<TakenOrder> =
            if sweeps && self.server_up { self.store.due(now) } else { Vec::new() };
        if let Some(incarnation) = self.engines[engine] {
            let mut swept = 0;
            for taken in due {
                let wish = Wish { id: taken.order.id().clone(), deed: Deed::Settle(Goal::Expire) };
                let sweeps = |call: &Call| call.intent == NO_INTENT && call.wish == wish;
                let open = self.calls.iter().filter(|call| call.answer.is_none());
                let open: Vec<usize> =
                    open.filter(|call| sweeps(call)).map(|c| c.incarnation).collect();
                if open.contains(&incarnation) || swept == SWEEP_MAX {
                    continue;
                }
                if !open.is_empty() {
                    self.hits.count(Hit::SameHoldSweptTwice);
                }
                swept += 1;
                let settlement = Settlement::new(taken, Goal::Expire).expect("it is held");
                self.hits.count(Hit::Swept);
                self.call(incarnation, NO_INTENT, Operation::Settle(settlement));
            }
        }
        let pause_ms = if self.peace { PEACE_SWEEP_MS } else { self.setting.sweep_ms.max(20) };
        self.soon(pause_ms, Event::Sweep { engine });
    }
}

fn first_standing(order: &Order) -> Standing {
    if order.hold().is_some() { Standing::Held } else { Standing::Deducted }
}
