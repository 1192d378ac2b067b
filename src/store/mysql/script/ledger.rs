//! The statements that need no stock rows: movements, purchases, the deadlines of holds.

use rustc_hash::FxHashMap;

use super::takes::write_takes;
use super::{Script, Step as Part};
use crate::domain::{HoldSeconds, Kind, Operation, OrderId, Posting, Postings, Step, Timestamp};
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_rows, write_text};

/// An operation and the movements that it makes.
#[derive(Clone, Copy)]
pub(super) struct Posted<'p> {
    pub operation: &'p Operation,
    pub postings: Postings,
    /// The end of the hold that is settled, where it is not decided yet on which side of it we are.
    until: Option<Timestamp>,
}

impl<'p> Posted<'p> {
    pub(super) fn as_planned(operation: &'p Operation) -> Self {
        let until = match operation {
            Operation::Settle(settlement) => settlement.expires_at(),
            Operation::Take(_) | Operation::Adjust(_) => None,
        };
        Self { operation, postings: operation.postings(), until }
    }

    pub(super) fn as_decided(operation: &'p Operation, postings: Postings) -> Self {
        Self { operation, postings, until: None }
    }

    pub(super) fn rows(&self) -> u64 {
        (self.operation.width() * self.postings.len()) as u64
    }

    fn hold(&self) -> Option<HoldSeconds> {
        match self.operation {
            Operation::Take(order) => order.hold(),
            Operation::Settle(_) | Operation::Adjust(_) => None,
        }
    }
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Take => "take",
        Step::Settle => "settle",
        Step::Retake => "retake",
        Step::Return => "return",
        Step::Adjust => "adjust",
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Deduct => "deduct",
        Kind::Hold => "hold",
        Kind::Confirm => "confirm",
        Kind::Release => "release",
        Kind::Expire => "expire",
        Kind::Cancel => "cancel",
        Kind::Restock => "restock",
        Kind::WriteOff => "write_off",
    }
}

pub(super) fn write_movements(
    script: &mut String,
    flavor: Flavor,
    flush: u64,
    posted: &[Posted<'_>],
) {
    if posted.iter().all(|posted| posted.operation.is_plain_take()) {
        write_takes(script, flavor, flush, posted);
    } else if posted.iter().all(is_hold_of_one_line) {
        sql::INSERT_HOLDS.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, posted, |script, posted| {
                write_only_line(script, posted);
                script.push(',');
                let buyer = posted.operation.buyer();
                write_or_null(script, buyer, |script, buyer| write_id(script, buyer.as_str()));
                script.push(',');
                write_or_null(script, posted.hold(), |script, hold| {
                    write_int(script, hold.seconds())
                });
            }),
        });
    } else if let Some(way) = same_way(posted) {
        write_settles(script, flavor, flush, posted, way);
    } else {
        let rows = posted.iter().flat_map(|posted| {
            let lines = move |posting| (0..posted.operation.width()).map(move |at| (posting, at));
            let postings = posted.postings.iter().flat_map(lines);
            postings.map(move |(posting, at)| (posted, posting, at))
        });
        sql::INSERT_MOVEMENTS.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, rows.clone(), |script, (posted, posting, at)| {
                write_movement(script, posted, posting.step, posting.kind, at);
            }),
        });
    }
}

fn is_hold_of_one_line(posted: &Posted<'_>) -> bool {
    posted.hold().is_some() && posted.operation.width() == 1
}

fn write_only_line(script: &mut String, posted: &Posted<'_>) {
    let (sku, units) = posted.operation.line(0);
    write_id(script, posted.operation.id().as_str());
    script.push(',');
    write_id(script, sku.as_str());
    script.push(',');
    write_int(script, units);
}

/// The one movement that all of these make of their only line, when they settle orders in the same way.
fn same_way(posted: &[Posted<'_>]) -> Option<Posting> {
    let way = |posted: &Posted<'_>| match (posted.operation, posted.postings) {
        (Operation::Settle(settlement), [only]) if settlement.order().lines().len() == 1 => {
            Some(*only)
        }
        (Operation::Settle(_) | Operation::Take(_) | Operation::Adjust(_), _) => None,
    };
    let first = way(posted.first()?)?;
    posted.iter().all(|posted| way(posted) == Some(first)).then_some(first)
}

fn write_settles(
    script: &mut String,
    flavor: Flavor,
    flush: u64,
    posted: &[Posted<'_>],
    way: Posting,
) {
    let ends = posted.iter().filter_map(|posted| posted.until);
    let until = match way.kind {
        Kind::Confirm => ends.min(),
        Kind::Expire => ends.max(),
        Kind::Deduct
        | Kind::Hold
        | Kind::Release
        | Kind::Cancel
        | Kind::Restock
        | Kind::WriteOff => None,
    };
    sql::INSERT_SETTLES.write(script, |hole, script| match hole {
        "step" => write_id(script, step_name(way.step)),
        "kind" => write_id(script, kind_name(way.kind)),
        "available" => write_int(script, way.kind.available(1)),
        "held" => {
            let held = way.kind.held(1);
            write_or_null(script, (held != 0).then_some(held), write_int);
        }
        "until" => write_or_null(script, until, |script, until| write_int(script, until.micros())),
        "flush_id" => write_int(script, flush),
        _ => write_rows(script, flavor, posted, write_only_line),
    });
}

fn write_movement(script: &mut String, posted: &Posted<'_>, step: Step, kind: Kind, at: usize) {
    let (sku, units) = posted.operation.line(at);
    write_id(script, posted.operation.id().as_str());
    script.push(',');
    write_id(script, step_name(step));
    script.push(',');
    write_int(script, at + 1);
    script.push(',');
    write_id(script, kind_name(kind));
    script.push(',');
    write_id(script, sku.as_str());
    script.push(',');
    write_int(script, kind.available(units));
    script.push(',');
    let held = kind.held(units);
    write_or_null(script, (held != 0).then_some(held), write_int);
    script.push(',');
    let buyer = posted.operation.buyer().filter(|_| matches!(step, Step::Take));
    write_or_null(script, buyer, |script, buyer| write_id(script, buyer.as_str()));
    script.push(',');
    write_or_null(script, posted.hold(), |script, hold| write_int(script, hold.seconds()));
    script.push(',');
    let timed = matches!(kind, Kind::Confirm | Kind::Expire);
    let until = posted.until.filter(|_| timed);
    write_or_null(script, until, |script, until| write_int(script, until.micros()));
    script.push(',');
    let reason = match posted.operation {
        Operation::Adjust(adjustment) => adjustment.reason.as_ref(),
        Operation::Take(_) | Operation::Settle(_) => None,
    };
    write_or_null(script, reason, |script, reason| write_text(script, reason.as_str()));
}

/// Whether a buyer has the units of an order: before a flush and after it.
struct Possession<'p> {
    newest: Posted<'p>,
    before: bool,
    after: bool,
}

/// What buyers get, keep and give back, each order once however often the flush changes it.
pub(super) fn add_purchases(script: &mut Script, flavor: Flavor, posted: &[Posted<'_>]) {
    if posted.iter().all(|posted| posted.operation.buyer().is_none()) {
        return;
    }
    let mut places: FxHashMap<&OrderId, usize> = FxHashMap::default();
    let mut possessions: Vec<Possession<'_>> = Vec::new();
    for posted in posted.iter().filter(|posted| posted.operation.buyer().is_some()) {
        // Who takes, or takes again, had nothing before; who settles had it.
        let takes = matches!(posted.postings[0].step, Step::Take | Step::Retake);
        let newest = posted.postings[posted.postings.len() - 1];
        let after = takes || newest.kind == Kind::Confirm || newest.step == Step::Retake;
        let place = *places.entry(posted.operation.id()).or_insert_with(|| {
            possessions.push(Possession { newest: *posted, before: !takes, after });
            possessions.len() - 1
        });
        possessions[place].newest = *posted;
        possessions[place].after = after;
    }
    let of = |before, after| {
        let wanted = move |it: &&Possession<'_>| (it.before, it.after) == (before, after);
        possessions.iter().filter(wanted).flat_map(|possession| {
            (0..possession.newest.operation.width()).map(move |at| (possession.newest, at))
        })
    };
    let rows = of(false, true);
    let count = rows.clone().count() as u64;
    if count > 0 {
        script.add(Part::Purchases, Some(count), |text| {
            sql::INSERT_PURCHASES.write(text, |_, text| {
                write_rows(text, flavor, rows.clone(), |text, (posted, at)| {
                    write_purchase_key(text, &posted, at);
                    text.push(',');
                    write_int(text, posted.operation.line(at).1);
                    text.push(',');
                    write_or_null(text, posted.hold(), |text, hold| {
                        write_int(text, hold.seconds())
                    });
                });
            });
        });
    }
    // A row that somebody has deleted is not missed.
    for (statement, after) in [(&sql::KEEP_PURCHASES, true), (&sql::DELETE_PURCHASES, false)] {
        let rows = of(true, after);
        if rows.clone().next().is_some() {
            script.add(Part::Purchases, None, |text| {
                statement.write(text, |_, text| {
                    write_rows(text, flavor, rows.clone(), |text, (posted, at)| {
                        write_purchase_key(text, &posted, at);
                    });
                });
            });
        }
    }
}

fn write_purchase_key(script: &mut String, posted: &Posted<'_>, at: usize) {
    let buyer = posted.operation.buyer().expect("only orders with a buyer are purchases");
    write_id(script, posted.operation.line(at).0.as_str());
    script.push(',');
    write_id(script, buyer.as_str());
    script.push(',');
    write_id(script, posted.operation.id().as_str());
}

pub(super) fn add_hold_deadlines(script: &mut Script, flavor: Flavor, posted: &[Posted<'_>]) {
    let holds = posted.iter().filter_map(|posted| Some((posted.operation.id(), posted.hold()?)));
    let count = holds.clone().count() as u64;
    if count == 0 {
        return;
    }
    script.add(Part::Deadlines, Some(count), |text| {
        sql::INSERT_HOLD_DEADLINES.write(text, |_, text| {
            write_rows(text, flavor, holds.clone(), |text, (id, hold)| {
                write_id(text, id.as_str());
                text.push(',');
                write_int(text, hold.seconds());
            });
        });
    });
}

pub(super) fn write_or_null<T>(
    script: &mut String,
    value: Option<T>,
    write: impl FnOnce(&mut String, T),
) {
    match value {
        Some(value) => write(script, value),
        None => script.push_str("NULL"),
    }
}
