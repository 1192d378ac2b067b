//! The statements that need the stock rows.

use super::ledger::write_or_null;
use super::{Script, Step};
use crate::engine::{FlushId, SkuTotal};
use crate::limits::AVAILABLE_MAX;
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_rows};

/// Of this many SKUs at most a flush reads what it leaves, as a hint for the next.
const LEFT_SKUS_MAX: usize = 8;
/// With fewer SKUs no second statement is sent for what one can do.
const APART_SKUS_MIN: usize = 64;
/// What some SKUs give beyond the others is taken apart if they are at most one of so many; where they are one of four,
/// it costs as much as a join for all.
const FURTHER_SHARE: usize = 8;

/// Adds the change of the stock rows.
pub(super) fn add_stock(script: &mut Script, flavor: Flavor, totals: &[SkuTotal]) {
    let mut add = |skus: usize, write: &dyn Fn(&mut String)| {
        script.add(Step::Stock, Some(skus as u64), write);
    };
    let only_takes = totals.iter().all(only_takes);
    if let [total] = totals {
        add(1, &|text| write_one(text, total, only_takes));
    } else if !only_takes {
        add(totals.len(), &|text| write_any(text, flavor, totals));
    } else if let Some(units) = common_units(totals).filter(|_| flavor.gains_by_equal_forms()) {
        add(totals.len(), &|text| {
            sql::UPDATE_STOCK_EQUAL_TAKES.write(text, |hole, text| match hole {
                "skus" => write_skus(text, totals),
                _ => write_int(text, units),
            });
        });
        let further: Vec<&SkuTotal> = totals.iter().filter(|total| total.need > units).collect();
        if !further.is_empty() {
            add(further.len(), &|text| {
                sql::UPDATE_STOCK_FURTHER_TAKES.write(text, |_, text| {
                    write_rows(text, flavor, &further, |text, total| {
                        write_units(text, total, total.need - units);
                    });
                });
            });
        }
    } else {
        add(totals.len(), &|text| {
            sql::UPDATE_STOCK_TAKES.write(text, |_, text| {
                write_rows(text, flavor, totals, |text, total| {
                    write_units(text, total, total.need);
                });
            });
        });
    }
}

/// What every SKU gives, where few give more. Only for totals that only take.
fn common_units(totals: &[SkuTotal]) -> Option<i64> {
    let units = totals.iter().map(|total| total.need).min()?;
    let further = totals.iter().filter(|total| total.need > units).count();
    let few = totals.len() >= APART_SKUS_MIN && further <= totals.len() / FURTHER_SHARE;
    (further == 0 || few).then_some(units)
}

fn write_one(text: &mut String, total: &SkuTotal, only_takes: bool) {
    let statement = if only_takes { &sql::UPDATE_STOCK_TAKE_ONE } else { &sql::UPDATE_STOCK_ONE };
    statement.write(text, |hole, text| match hole {
        "sku" => write_id(text, total.sku.as_str()),
        "units" | "need" => write_int(text, total.need),
        "delta" => write_int(text, total.delta),
        "held" => write_int(text, total.held),
        "room" => write_int(text, AVAILABLE_MAX - total.rise),
        "held_need" => write_int(text, total.held_need),
        "on_terms" => write_int(text, i32::from(total.on_terms)),
        _ => write_until(text, total),
    });
}

fn write_any(text: &mut String, flavor: Flavor, totals: &[SkuTotal]) {
    sql::UPDATE_STOCK.write(text, |_, text| {
        write_rows(text, flavor, totals, |text, total| {
            write_id(text, total.sku.as_str());
            text.push(',');
            let room = AVAILABLE_MAX - total.rise;
            for value in [total.delta, total.held, total.need, room, total.held_need] {
                write_int(text, value);
                text.push(',');
            }
            write_int(text, i32::from(total.on_terms));
            text.push(',');
            write_until(text, total);
        });
    });
}

fn write_units(text: &mut String, total: &SkuTotal, units: i64) {
    write_id(text, total.sku.as_str());
    text.push(',');
    write_int(text, units);
}

/// True when all that has to hold before is that so much is there and on sale as is taken.
pub(super) fn only_takes(total: &SkuTotal) -> bool {
    let SkuTotal { delta, held, need, rise, held_need, on_terms, until, sku: _, orders: _ } =
        *total;
    on_terms && need == -delta && (held, rise, held_need, until) == (0, 0, 0, None)
}

/// Adds the new versions, with the stock that they have.
pub(super) fn add_versions(
    script: &mut Script,
    flavor: Flavor,
    flush: FlushId,
    totals: &[SkuTotal],
) {
    if let [total] = totals {
        script.add(Step::Versions, Some(1), |text| {
            sql::INSERT_VERSION_ONE.write(text, |hole, text| match hole {
                "sku" => write_id(text, total.sku.as_str()),
                "flush_id" => write_int(text, flush.0),
                "delta" => write_int(text, total.delta),
                _ => write_int(text, total.orders),
            });
        });
        return;
    }
    // A change of most SKUs of a spread load: one order, of as little as any.
    let delta = totals.iter().map(|total| total.delta).max().unwrap_or(0);
    let is_equal = |total: &&SkuTotal| total.delta == delta && total.orders == 1;
    let count = totals.iter().filter(is_equal).count();
    let most = totals.len() >= APART_SKUS_MIN && count >= totals.len() / 2;
    let apart = flavor.gains_by_equal_forms() && (count == totals.len() || most);
    let (equal, others): (Vec<&SkuTotal>, Vec<&SkuTotal>) =
        totals.iter().partition(|total| apart && is_equal(total));
    if !equal.is_empty() {
        script.add(Step::Versions, Some(equal.len() as u64), |text| {
            sql::INSERT_EQUAL_VERSIONS.write(text, |hole, text| match hole {
                "flush_id" => write_int(text, flush.0),
                "delta" => write_int(text, delta),
                _ => write_rows(text, flavor, &equal, |text, total| {
                    write_id(text, total.sku.as_str());
                }),
            });
        });
    }
    if !others.is_empty() {
        script.add(Step::Versions, Some(others.len() as u64), |text| {
            sql::INSERT_VERSIONS.write(text, |hole, text| match hole {
                "flush_id" => write_int(text, flush.0),
                _ => write_rows(text, flavor, &others, |text, total| {
                    write_id(text, total.sku.as_str());
                    text.push(',');
                    write_int(text, total.delta);
                    text.push(',');
                    write_int(text, total.orders);
                }),
            });
        });
    }
}

/// Adds a look at what is left.
pub(super) fn add_left(script: &mut Script, totals: &[SkuTotal]) {
    let first = &totals[..totals.len().min(LEFT_SKUS_MAX)];
    script.add(Step::Left, None, |text| {
        sql::SELECT_LEFT.write(text, |_, text| write_skus(text, first));
    });
}

fn write_skus(text: &mut String, totals: &[SkuTotal]) {
    for (index, total) in totals.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_id(text, total.sku.as_str());
    }
}

fn write_until(text: &mut String, total: &SkuTotal) {
    write_or_null(text, total.until, |text, until| write_int(text, until.micros()));
}
