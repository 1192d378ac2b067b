//! What has to hold when all faults are over: engines recover by themselves, and drain to nothing.

use hotrow::domain::{
    Adjustment, Delta, Line, NotExecuted, Operation, Order, Quantity, Refusal, Verdict,
};

use super::clients::{NO_INTENT, order_id};
use super::{SETTLE_MS, World};
use crate::rule::{Rule, Violation};
use crate::setting::sku;

/// Within this time after the end of all faults an engine has to know that it can execute orders.
const RECOVERY_MS: u64 = 5_000;

impl World {
    /// With all faults gone, every engine finds out by itself, without an order to help it, and executes
    /// orders at once from then on.
    pub(super) fn check_recovery(&mut self) -> Result<(), Violation> {
        let recovered_ms = self.setting.peace_at_ms + RECOVERY_MS;
        while self.now_ms < recovered_ms {
            self.next_event()?;
        }
        for engine in 0..self.engines.len() {
            let incarnation = self.engines[engine].expect("settled with all engines up");
            let restock = restock(engine);
            let verdict = self.ask(incarnation, &restock)?;
            if !matches!(verdict, Verdict::Done { .. }) {
                let detail = format!("engine {engine} still answers {verdict:?}");
                return Err(Violation::new(Rule::NoRecovery, detail));
            }
            let repeated = self.ask(incarnation, &restock)?;
            let refused = self.ask(incarnation, &too_much(engine))?;
            let down = self.calls.last().is_some_and(|call| call.down);
            if down
                || !matches!(repeated, Verdict::Done { .. })
                || !matches!(
                    refused,
                    Verdict::Refused(
                        Refusal::InsufficientStock(_)
                            | Refusal::BuyerNeeded(_)
                            | Refusal::SaleNotOpen { .. }
                    )
                )
            {
                let detail = format!("calm engine {engine} answers {repeated:?} and {refused:?}");
                return Err(Violation::new(Rule::NoRecovery, detail));
            }
        }
        Ok(())
    }

    fn ask(&mut self, incarnation: usize, operation: &Operation) -> Result<Verdict, Violation> {
        let call = self.call(incarnation, NO_INTENT, operation.clone());
        self.until_answered(call)
    }

    fn until_answered(&mut self, call: usize) -> Result<Verdict, Violation> {
        let limit_ms = self.now_ms + SETTLE_MS;
        loop {
            if let Some(verdict) = self.calls[call].answer.as_ref().and_then(|a| a.verdict.clone())
            {
                return Ok(verdict);
            }
            if self.now_ms > limit_ms {
                let detail = format!("call {call} has no answer at {limit_ms} ms");
                return Err(Violation::new(Rule::Stuck, detail));
            }
            self.next_event()?;
        }
    }

    /// A drained engine refuses, answers everyone, and holds nothing.
    pub(super) fn check_drain(&mut self) -> Result<(), Violation> {
        self.closing = true;
        for engine in 0..self.engines.len() {
            let incarnation = self.engines[engine].expect("recovered");
            let life = &mut self.incarnations[incarnation];
            life.combiner.as_mut().expect("it runs").drain();
            life.draining = true;
            let verdict = self.ask(incarnation, &restock(engine))?;
            if verdict != Verdict::NotExecuted(NotExecuted::Draining) {
                let detail = format!("a drained engine answers {verdict:?}");
                return Err(Violation::new(Rule::WrongNotExecuted, detail));
            }
            let limit_ms = self.now_ms + SETTLE_MS;
            while let Some(combiner) = &self.incarnations[incarnation].combiner {
                if self.now_ms > limit_ms {
                    let lanes = combiner.busiest(10);
                    let detail = format!("a drained engine does not end: {lanes:?}");
                    return Err(Violation::new(Rule::Leak, detail));
                }
                self.next_event()?;
            }
        }
        Ok(())
    }
}

fn restock(engine: usize) -> Operation {
    Operation::Adjust(Adjustment {
        id: order_id(&format!("probe-{engine}")),
        sku: sku(0),
        delta: Delta::new(1).expect("within its bounds"),
        reason: None,
    })
}

fn too_much(engine: usize) -> Operation {
    let quantity = Quantity::new(1_000_000).expect("within its bounds");
    let id = order_id(&format!("too-much-{engine}"));
    Operation::Take(Order::new(id, vec![Line { sku: sku(0), quantity }]).expect("one line"))
}
