//! Clients: what they send, again and again until they know, and what they do with the answers.

use hotrow::domain::{
    Adjustment, Buyer, Delta, HoldSeconds, Line, Operation, Order, OrderId, Quantity, Sku, Verdict,
};
use rand::RngExt;

use super::{Answer, Call, Event, World};
use crate::hits::Hit;
use crate::ledger::{Deed, Wish};
use crate::rule::{Rule, Violation};
use crate::setting::{pick, sku};

/// Most calls for one intent; then the client gives up.
const CALLS_PER_INTENT_MAX: u32 = 8;
/// An intent number that no client has: the call is the test's own, or a sweep's.
pub(super) const NO_INTENT: usize = usize::MAX;
/// Longest pause of a client before it tries again, in milliseconds.
const RETRY_PAUSE_MS: u64 = 400;

/// Something a client wants done, with one id, in however many calls.
#[derive(Debug)]
pub(super) struct Intent {
    operation: Operation,
    calls_left: u32,
    open: bool,
}

impl World {
    /// A burst of new intents.
    pub(super) fn arrive(&mut self) {
        for _ in 0..self.rng.random_range(1..=self.setting.burst_max) {
            let operation = self.imagine();
            // Some clients are impatient, or doubled by a proxy.
            let copies = if self.rng.random_bool(0.1) { 2 } else { 1 };
            for _ in 0..copies {
                self.intend(operation.clone());
            }
        }
        self.arrivals_left -= 1;
        if self.arrivals_left > 0 {
            self.soon(self.setting.gap_ms * 2, Event::Arrive);
        }
    }

    fn intend(&mut self, operation: Operation) {
        let intent = self.intents.len();
        self.intents.push(Intent { operation, calls_left: CALLS_PER_INTENT_MAX, open: true });
        self.soon(1, Event::Send { intent });
    }

    fn imagine(&mut self) -> Operation {
        let fresh = format!("o-{}", self.intents.len());
        match self.rng.random_range(0..100) {
            0..50 => self.imagine_order(&fresh),
            50..58 => self.imagine_adjustment(&fresh),
            58..82 => self.imagine_settlement().unwrap_or_else(|| self.imagine_order(&fresh)),
            82..92 if !self.intents.is_empty() => {
                let old = self.rng.random_range(0..self.intents.len());
                self.intents[old].operation.clone()
            }
            // An id used before, within its kind or in the other, with other content.
            92.. if !self.intents.is_empty() => {
                let old = self.rng.random_range(0..self.intents.len());
                let id = self.intents[old].operation.id().as_str().to_owned();
                if self.rng.random_bool(0.8) {
                    self.imagine_order(&id)
                } else {
                    self.imagine_adjustment(&id)
                }
            }
            _ => self.imagine_order(&fresh),
        }
    }

    fn some_sku(&mut self) -> Sku {
        if self.rng.random_bool(0.02) {
            return sku(99);
        }
        let known: Vec<&Sku> = self.setting.opening.keys().collect();
        // One of them is hotter than the others.
        let hot = self.rng.random_bool(0.4);
        if hot { known[0].clone() } else { (*pick(&mut self.rng, &known)).clone() }
    }

    fn imagine_order(&mut self, id: &str) -> Operation {
        let lines = self.rng.random_range(1..=self.setting.lines_max);
        let lines = (0..lines).map(|_| {
            let units = *pick(&mut self.rng, &[1, 1, 1, 2, 3, 12]);
            let quantity = Quantity::new(units).expect("within its bounds");
            Line { sku: self.some_sku(), quantity }
        });
        let order = Order::new(order_id(id), lines).expect("few lines");
        let (buyer, hold) = (self.some_buyer(), self.some_hold());
        Operation::Take(order.for_buyer(buyer).held_for(hold))
    }

    fn some_buyer(&mut self) -> Option<Buyer> {
        let buyers = self.setting.habits.buyers;
        let named = buyers > 0 && self.rng.random_bool(0.8);
        named.then(|| {
            let number = self.rng.random_range(0..buyers);
            Buyer::new(&format!("b-{number}")).expect("a valid identifier")
        })
    }

    fn some_hold(&mut self) -> Option<HoldSeconds> {
        let held = self.rng.random_bool(self.setting.habits.holds);
        held.then(|| {
            let seconds = *pick(&mut self.rng, self.setting.habits.hold_seconds);
            HoldSeconds::new(seconds).expect("within its bounds")
        })
    }

    fn imagine_adjustment(&mut self, id: &str) -> Operation {
        let delta = *pick(&mut self.rng, &[-4, -1, 1, 3, 8]);
        let delta = Delta::new(delta).expect("within its bounds");
        Operation::Adjust(Adjustment {
            id: order_id(id),
            sku: self.some_sku(),
            delta,
            reason: None,
        })
    }

    /// A client calls an engine, whichever is up.
    pub(super) fn send(&mut self, intent: usize) {
        let engine = self.rng.random_range(0..self.engines.len());
        let Some(incarnation) = self.engines[engine] else {
            self.soon(RETRY_PAUSE_MS, Event::Send { intent });
            return;
        };
        self.intents[intent].calls_left -= 1;
        let operation = self.intents[intent].operation.clone();
        let Some(operation) = self.looked_up_again(operation) else {
            self.intents[intent].open = false;
            return;
        };
        self.call(incarnation, intent, operation);
    }

    /// Makes the call and returns its number.
    pub(super) fn call(
        &mut self,
        incarnation: usize,
        intent: usize,
        operation: Operation,
    ) -> usize {
        let call = self.calls.len();
        let wish = Wish::of(&operation);
        let elsewhere = |other: &Call| {
            other.answer.is_none() && other.wish == wish && other.incarnation != incarnation
        };
        if self.calls.iter().any(elsewhere) {
            self.hits.count(Hit::SameIdOnTwoInstances);
        }
        let rivals = |other: &Call| {
            other.answer.is_none()
                && other.wish.id == wish.id
                && matches!((other.wish.deed, wish.deed), (Deed::Settle(a), Deed::Settle(b)) if a != b)
        };
        if self.calls.iter().any(rivals) {
            self.hits.count(Hit::SettledConcurrently);
        }
        let called_clock = self.clock();
        let engine = &mut self.incarnations[incarnation];
        let combiner = engine.combiner.as_mut().expect("only running engines are called");
        let mut crowd = 0;
        for change in operation.changes() {
            let waiting = engine.waiting.entry(change.sku.clone()).or_default();
            crowd = crowd.max(*waiting);
            *waiting += 1;
        }
        self.calls.push(Call {
            incarnation,
            wish,
            called_at: self.store.log.len(),
            called_clock,
            called_ms: self.now_ms,
            down: combiner.is_down(self.now_ms),
            draining: engine.draining,
            crowd,
            answer: None,
            operation: operation.clone(),
            intent,
        });
        combiner.submit(self.now_ms, operation, call);
        self.say(|world| {
            let Call { operation, .. } = &world.calls[call];
            format!("call {call} to engine life {incarnation}: {operation:?}")
        });
        self.nudge(incarnation);
        call
    }

    pub(super) fn answered(&mut self, call: usize, verdict: Verdict) -> Result<(), Violation> {
        self.say(|world| {
            let tries = world.calls[call].intent;
            format!("call {call} (intent {tries}) is answered: {verdict:?}")
        });
        if let Some(earlier) = &self.calls[call].answer {
            let detail = format!("call {call} was answered {earlier:?}, then {verdict:?}");
            return Err(Violation::new(Rule::OneAnswer, detail));
        }
        self.count_verdict(call, &verdict);
        let at = self.store.log.len();
        let clock = self.clock();
        self.calls[call].answer =
            Some(Answer { verdict: Some(verdict.clone()), at, at_ms: self.now_ms, clock });
        let Call { incarnation, ref operation, .. } = self.calls[call];
        for change in operation.changes() {
            let waiting = self.incarnations[incarnation].waiting.get_mut(change.sku);
            *waiting.expect("counted when called") -= 1;
        }
        let again = match verdict {
            Verdict::NotExecuted(_) | Verdict::Unknown => true,
            Verdict::Done { .. } => self.rng.random_bool(0.03),
            Verdict::Refused(_) => self.rng.random_bool(0.1),
        };
        self.go_on(call, again);
        Ok(())
    }

    /// The engine died with the answer.
    pub(super) fn lost(&mut self, call: usize) {
        self.hits.count(Hit::AnswerLostWithEngine);
        let at = self.store.log.len();
        let clock = self.clock();
        self.calls[call].answer = Some(Answer { verdict: None, at, at_ms: self.now_ms, clock });
        self.go_on(call, true);
    }

    fn go_on(&mut self, call: usize, again: bool) {
        let intent = self.calls[call].intent;
        let Some(wish) = self.intents.get_mut(intent) else { return };
        if again && wish.calls_left > 0 {
            self.soon(RETRY_PAUSE_MS, Event::Send { intent });
        } else {
            wish.open = false;
        }
    }

    pub(super) fn clients_are_done(&self) -> bool {
        self.arrivals_left == 0 && self.intents.iter().all(|intent| !intent.open)
    }
}

pub(super) fn order_id(text: &str) -> OrderId {
    OrderId::new("order_id", text).expect("a valid identifier")
}
