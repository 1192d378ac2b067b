//! The statements that need the stock rows.

use super::ledger::write_or_null;
use crate::engine::SkuTotal;
use crate::limits::AVAILABLE_MAX;
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_rows};

/// Of this many SKUs at most a flush reads what it leaves, as a hint for the next.
const LEFT_SKUS_MAX: usize = 8;

pub(super) fn write_stock(script: &mut String, flavor: Flavor, totals: &[SkuTotal]) {
    let only_takes = totals.iter().all(only_takes);
    if let [total] = totals {
        let statement =
            if only_takes { &sql::UPDATE_STOCK_TAKE_ONE } else { &sql::UPDATE_STOCK_ONE };
        statement.write(script, |hole, script| match hole {
            "sku" => write_id(script, total.sku.as_str()),
            "units" | "need" => write_int(script, total.need),
            "delta" => write_int(script, total.delta),
            "held" => write_int(script, total.held),
            "room" => write_int(script, AVAILABLE_MAX - total.rise),
            "held_need" => write_int(script, total.held_need),
            "on_terms" => write_int(script, i32::from(total.on_terms)),
            _ => write_until(script, total),
        });
    } else if only_takes {
        sql::UPDATE_STOCK_TAKES.write(script, |_, script| {
            write_rows(script, flavor, totals, |script, total| {
                write_id(script, total.sku.as_str());
                script.push(',');
                write_int(script, total.need);
            });
        });
    } else {
        sql::UPDATE_STOCK.write(script, |_, script| {
            write_rows(script, flavor, totals, |script, total| {
                write_id(script, total.sku.as_str());
                script.push(',');
                let room = AVAILABLE_MAX - total.rise;
                for value in [total.delta, total.held, total.need, room, total.held_need] {
                    write_int(script, value);
                    script.push(',');
                }
                write_int(script, i32::from(total.on_terms));
                script.push(',');
                write_until(script, total);
            });
        });
    }
}

/// True when all that has to hold before is that so much is there and on sale as is taken.
pub(super) fn only_takes(total: &SkuTotal) -> bool {
    let SkuTotal { delta, held, need, rise, held_need, on_terms, until, sku: _, orders: _ } =
        *total;
    on_terms && need == -delta && (held, rise, held_need, until) == (0, 0, 0, None)
}

pub(super) fn write_versions(script: &mut String, flavor: Flavor, flush: u64, totals: &[SkuTotal]) {
    if let [total] = totals {
        sql::INSERT_VERSION_ONE.write(script, |hole, script| match hole {
            "sku" => write_id(script, total.sku.as_str()),
            "flush_id" => write_int(script, flush),
            "delta" => write_int(script, total.delta),
            _ => write_int(script, total.orders),
        });
    } else {
        sql::INSERT_VERSIONS.write(script, |hole, script| match hole {
            "flush_id" => write_int(script, flush),
            _ => write_rows(script, flavor, totals, |script, total| {
                write_id(script, total.sku.as_str());
                script.push(',');
                write_int(script, total.delta);
                script.push(',');
                write_int(script, total.orders);
            }),
        });
    }
}

pub(super) fn write_left(script: &mut String, totals: &[SkuTotal]) {
    sql::SELECT_LEFT.write(script, |_, script| {
        for (index, total) in totals.iter().take(LEFT_SKUS_MAX).enumerate() {
            if index > 0 {
                script.push(',');
            }
            write_id(script, total.sku.as_str());
        }
    });
}

fn write_until(script: &mut String, total: &SkuTotal) {
    write_or_null(script, total.until, |script, until| write_int(script, until.micros()));
}
