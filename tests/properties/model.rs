//! A database that executes one operation after the other, at one moment.

use std::collections::BTreeMap;

use hotrow::domain::{
    Adjustment, Buyer, Goal, Kind, Operation, Order, OrderId, OrderStatus, Refusal, Settlement,
    Shortfall, Sku, Standing, Step, TakenOrder, Terms, Timestamp, Verdict,
};
use hotrow::limits::AVAILABLE_MAX;

/// When what is known was recorded, when the flush decides, and when it records, in microseconds.
pub(crate) const BEFORE_MICROS: i64 = 1_000_000;
pub(crate) const NOW_MICROS: i64 = 10_000_000;
pub(crate) const RECORDED_MICROS: i64 = 10_000_007;

pub(crate) type Lines = Vec<(Sku, i64)>;
pub(crate) type Steps = &'static [(Step, Kind)];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) terms: Terms,
}

/// An order that was taken, and what happened to it since.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) order: Order,
    pub(crate) at_micros: i64,
    pub(crate) steps: Vec<(Step, Kind, i64)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) stock: BTreeMap<Sku, Row>,
    pub(crate) orders: BTreeMap<OrderId, Taken>,
    pub(crate) adjusted: BTreeMap<OrderId, (Adjustment, i64)>,
}

/// What is to be written for an operation, or why nothing is.
type Ruling = Result<Steps, Verdict>;

pub(crate) fn lines_of(operation: &Operation) -> Lines {
    let line = |index| operation.line(index);
    (0..operation.width()).map(line).map(|(sku, units)| (sku.clone(), units)).collect()
}

/// What a unit does to `available` and `held`.
pub(crate) fn effect(kind: Kind) -> (i64, i64) {
    match kind {
        Kind::Deduct | Kind::WriteOff => (-1, 0),
        Kind::Hold => (-1, 1),
        Kind::Confirm => (0, -1),
        Kind::Release | Kind::Expire => (1, -1),
        Kind::Cancel | Kind::Restock => (1, 0),
    }
}

impl Taken {
    pub(crate) fn expires_at(&self) -> Option<i64> {
        let lasts = |seconds: u32| i64::from(seconds) * 1_000_000;
        self.order.hold().map(|hold| self.at_micros + lasts(hold.seconds()))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.expires_at().is_some_and(|end| end <= NOW_MICROS)
    }

    pub(crate) fn standing(&self) -> Standing {
        match self.steps.last().map(|(_, kind, _)| *kind) {
            None if self.order.hold().is_some() => Standing::Held,
            None => Standing::Deducted,
            Some(Kind::Confirm | Kind::Deduct) => Standing::Confirmed,
            Some(Kind::Expire) => Standing::Expired,
            Some(Kind::Release | Kind::Cancel) => Standing::Cancelled,
            Some(Kind::Hold | Kind::Restock | Kind::WriteOff) => panic!("nothing settles so"),
        }
    }

    /// As a lookup finds it, or found it when it had another standing.
    pub(crate) fn looked_up(&self, standing: Standing) -> TakenOrder {
        TakenOrder {
            order: self.order.clone(),
            standing,
            created_at: Timestamp::from_micros(self.at_micros),
            expires_at: self.expires_at().map(Timestamp::from_micros),
        }
    }

    fn repeat(&self, at_micros: i64) -> Verdict {
        Verdict::Done {
            at: Timestamp::from_micros(at_micros),
            replayed: true,
            status: self.standing().status(),
            expires_at: self.expires_at().map(Timestamp::from_micros),
        }
    }
}

/// What leads a standing to a goal; `Err(true)` where it is reached, `Err(false)` where no way leads.
pub(crate) fn way(from: Standing, goal: Goal, over: bool) -> Result<Steps, bool> {
    match (goal, from) {
        (Goal::Confirm, Standing::Held) if over => {
            Ok(&[(Step::Settle, Kind::Expire), (Step::Retake, Kind::Deduct)])
        }
        (Goal::Confirm, Standing::Held) => Ok(&[(Step::Settle, Kind::Confirm)]),
        (Goal::Confirm, Standing::Expired) => Ok(&[(Step::Retake, Kind::Deduct)]),
        (Goal::Confirm, Standing::Deducted | Standing::Confirmed) => Err(true),
        (Goal::Confirm, Standing::Cancelled) => Err(false),
        (Goal::Cancel, Standing::Held) => Ok(&[(Step::Settle, Kind::Release)]),
        (Goal::Cancel, Standing::Deducted) => Ok(&[(Step::Settle, Kind::Cancel)]),
        (Goal::Cancel, Standing::Confirmed) => Ok(&[(Step::Return, Kind::Cancel)]),
        (Goal::Cancel, Standing::Cancelled) => Err(true),
        (Goal::Cancel, Standing::Expired) => Err(false),
        (Goal::Expire, Standing::Held) if over => Ok(&[(Step::Settle, Kind::Expire)]),
        (Goal::Expire, Standing::Expired) => Err(true),
        (
            Goal::Expire,
            Standing::Held | Standing::Deducted | Standing::Confirmed | Standing::Cancelled,
        ) => Err(false),
    }
}

impl Model {
    /// Executes it and says what was written.
    pub(crate) fn execute(&mut self, operation: &Operation) -> (Verdict, Option<Steps>) {
        let steps = match self.ruling(operation) {
            Ok(steps) => steps,
            Err(verdict) => return (verdict, None),
        };
        for (_, kind) in steps {
            let effect = effect(*kind);
            for (sku, units) in lines_of(operation) {
                let row = self.stock.get_mut(&sku).expect("ruled upon");
                row.available += effect.0 * units;
                // Somebody may have lowered it by hand.
                row.held = (row.held + effect.1 * units).max(0);
            }
        }
        let id = operation.id().clone();
        let mut expires_at = None;
        match operation {
            Operation::Take(order) => {
                let (order, steps) = (order.clone(), Vec::new());
                let taken = Taken { order, at_micros: RECORDED_MICROS, steps };
                expires_at = taken.expires_at();
                self.orders.insert(id, taken);
            }
            Operation::Settle(_) => {
                let taken = self.orders.get_mut(&id).expect("ruled upon");
                expires_at = taken.expires_at();
                let now = steps.iter().map(|(step, kind)| (*step, *kind, RECORDED_MICROS));
                taken.steps.extend(now);
            }
            Operation::Adjust(adjustment) => {
                self.adjusted.insert(id, (adjustment.clone(), RECORDED_MICROS));
            }
        }
        let status = match operation {
            Operation::Take(_) | Operation::Settle(_) => {
                self.orders[operation.id()].standing().status()
            }
            Operation::Adjust(_) => OrderStatus::Deducted,
        };
        let at = Timestamp::from_micros(RECORDED_MICROS);
        let expires_at = expires_at.map(Timestamp::from_micros);
        (Verdict::Done { at, replayed: false, status, expires_at }, Some(steps))
    }

    fn ruling(&self, operation: &Operation) -> Ruling {
        let lines = lines_of(operation);
        match operation {
            Operation::Take(order) => self.take(order, &lines),
            Operation::Settle(settlement) => self.settle(settlement, &lines),
            Operation::Adjust(adjustment) => self.adjust(adjustment),
        }
    }

    fn take(&self, order: &Order, lines: &Lines) -> Ruling {
        if let Some(taken) = self.orders.get(order.id()) {
            let same = taken.order.lines() == order.lines()
                && taken.order.buyer() == order.buyer()
                && taken.order.hold().is_some() == order.hold().is_some();
            let repeat = || taken.repeat(taken.at_micros);
            return Err(if same { repeat() } else { Verdict::Refused(Refusal::Mismatch) });
        }
        let refusal = self
            .unknown(lines)
            .or_else(|| self.closed(lines))
            .or_else(|| self.over_limit(order.buyer(), lines))
            .or_else(|| self.short(lines));
        if let Some(refusal) = refusal {
            return Err(Verdict::Refused(refusal));
        }
        let hold = order.hold().is_some();
        Ok(if hold { &[(Step::Take, Kind::Hold)] } else { &[(Step::Take, Kind::Deduct)] })
    }

    fn settle(&self, settlement: &Settlement, lines: &Lines) -> Ruling {
        let order = settlement.order();
        let Some(taken) = self.orders.get(order.id()) else {
            return Err(Verdict::Refused(Refusal::UnknownOrder));
        };
        if taken.order.lines() != order.lines() {
            return Err(Verdict::Refused(Refusal::Mismatch));
        }
        let standing = taken.standing();
        let steps = way(standing, settlement.goal(), taken.is_over()).map_err(|reached| {
            if reached {
                let newest = taken.steps.last().map_or(taken.at_micros, |(_, _, at)| *at);
                taken.repeat(newest)
            } else {
                Verdict::Refused(Refusal::Settled(standing.status()))
            }
        })?;
        let over_limit = || self.over_limit(order.buyer(), lines);
        let short = || self.short(lines);
        // What expires in the same go is there to be taken again.
        let (limit, short) = match steps {
            [(Step::Settle, Kind::Expire), _] => (over_limit(), None),
            [(Step::Retake, _)] => (over_limit(), short()),
            [..] => (None, None),
        };
        let comes_back = settlement.goal() != Goal::Confirm;
        let refusal = limit
            .map(|_| Refusal::Settled(OrderStatus::Expired))
            .or_else(|| self.unknown(lines))
            .or(short.map(|_| Refusal::Settled(OrderStatus::Expired)))
            .or_else(|| if comes_back { self.over_ceiling(lines) } else { None });
        refusal.map_or(Ok(steps), |refusal| Err(Verdict::Refused(refusal)))
    }

    fn adjust(&self, adjustment: &Adjustment) -> Ruling {
        let delta = adjustment.delta.units();
        if let Some((known, at)) = self.adjusted.get(&adjustment.id) {
            let same = known.sku == adjustment.sku && known.delta == adjustment.delta;
            let (at, status) = (Timestamp::from_micros(*at), OrderStatus::Deducted);
            let repeat = Verdict::Done { at, replayed: true, status, expires_at: None };
            return Err(if same { repeat } else { Verdict::Refused(Refusal::Mismatch) });
        }
        let lines = vec![(adjustment.sku.clone(), delta.abs())];
        let takes = delta < 0;
        let refusal = self
            .unknown(&lines)
            .or_else(|| if takes { self.short(&lines) } else { self.over_ceiling(&lines) });
        match refusal {
            Some(refusal) => Err(Verdict::Refused(refusal)),
            None if takes => Ok(&[(Step::Adjust, Kind::WriteOff)]),
            None => Ok(&[(Step::Adjust, Kind::Restock)]),
        }
    }

    fn unknown(&self, lines: &Lines) -> Option<Refusal> {
        let unknown = lines.iter().find(|(sku, _)| !self.stock.contains_key(sku));
        unknown.map(|(sku, _)| Refusal::UnknownSku(sku.clone()))
    }

    fn closed(&self, lines: &Lines) -> Option<Refusal> {
        let now = Timestamp::from_micros(NOW_MICROS);
        lines.iter().find_map(|(sku, _)| {
            let window = self.stock[sku].terms.window;
            let early = window.starts_at().is_some_and(|start| now < start);
            let late = window.ends_at().is_some_and(|end| end <= now);
            (early || late).then(|| Refusal::SaleNotOpen { sku: sku.clone(), window })
        })
    }

    fn over_limit(&self, buyer: Option<&Buyer>, lines: &Lines) -> Option<Refusal> {
        lines.iter().find_map(|(sku, units)| {
            let limit = self.stock.get(sku)?.terms.purchase_limit?.units();
            let Some(buyer) = buyer else { return Some(Refusal::BuyerNeeded(sku.clone())) };
            let already = self.bought(sku, buyer);
            let sku = || sku.clone();
            (already + units > limit).then(|| Refusal::PurchaseLimit { sku: sku(), limit, already })
        })
    }

    /// What is the buyer's, and what is held for them and not over.
    pub(crate) fn bought(&self, sku: &Sku, buyer: &Buyer) -> i64 {
        let mine = self.orders.values().filter(|taken| taken.order.buyer() == Some(buyer));
        let counts = mine.filter(|taken| match taken.standing() {
            Standing::Deducted | Standing::Confirmed => true,
            Standing::Held => !taken.is_over(),
            Standing::Cancelled | Standing::Expired => false,
        });
        let lines = counts.flat_map(|taken| taken.order.lines());
        lines.filter(|line| line.sku == *sku).map(|line| line.quantity.units()).sum()
    }

    fn short(&self, lines: &Lines) -> Option<Refusal> {
        let short = lines.iter().filter_map(|(sku, requested)| {
            let available = self.stock.get(sku)?.available;
            let (sku, requested) = (sku.clone(), *requested);
            (available < requested).then_some(Shortfall { sku, requested, available })
        });
        let short: Vec<Shortfall> = short.collect();
        (!short.is_empty()).then_some(Refusal::InsufficientStock(short))
    }

    fn over_ceiling(&self, lines: &Lines) -> Option<Refusal> {
        lines.iter().find_map(|(sku, units)| {
            let available = self.stock[sku].available;
            (available + units > AVAILABLE_MAX)
                .then(|| Refusal::StockCeiling { sku: sku.clone(), available })
        })
    }
}
