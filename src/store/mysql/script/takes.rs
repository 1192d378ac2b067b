//! The ledger rows of orders with one line each that deduct at once. Most orders are such, so each form leaves out
//! of its rows what all of them have in common.

use super::ledger::Posted;
use crate::domain::Sku;
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_rows};

pub(super) fn write_takes(script: &mut String, flavor: Flavor, flush: u64, posted: &[Posted<'_>]) {
    let (sku, units) = taken(&posted[0]);
    let one_quantity = posted.iter().all(|posted| taken(posted).1 == units);
    let one_sku = posted.iter().all(|posted| taken(posted).0 == sku);
    let statement = match (posted, one_quantity, one_sku) {
        ([_], ..) => &sql::INSERT_TAKE_ONE,
        (_, true, true) => &sql::INSERT_ALIKE_TAKES,
        (_, true, false) => &sql::INSERT_EQUAL_TAKES,
        (_, false, _) => &sql::INSERT_TAKES,
    };
    statement.write(script, |hole, script| match hole {
        "order_id" => write_id(script, posted[0].operation.id().as_str()),
        "sku" => write_id(script, sku.as_str()),
        "delta" => write_int(script, -units),
        "flush_id" => write_int(script, flush),
        _ => write_rows(script, flavor, posted, |script, posted| {
            let (sku, units) = taken(posted);
            write_id(script, posted.operation.id().as_str());
            if !(one_quantity && one_sku) {
                script.push(',');
                write_id(script, sku.as_str());
            }
            if !one_quantity {
                script.push(',');
                write_int(script, -units);
            }
        }),
    });
}

fn taken<'p>(posted: &Posted<'p>) -> (&'p Sku, i64) {
    posted.operation.line(0)
}
