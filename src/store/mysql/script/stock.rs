//! The statements that need the stock rows.

use super::ledger::write_or_null;
use super::{Script, Step};
use crate::domain::Sku;
use crate::engine::{FlushId, SkuTotal};
use crate::limits::AVAILABLE_MAX;
use crate::store::mysql::flavor::Flavor;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_rows};

/// Of this many SKUs at most a flush reads what it leaves, as a hint for the next.
const LEFT_SKUS_MAX: usize = 8;
/// With fewer SKUs no second statement is sent for what one can do.
const APART_SKUS_MIN: usize = 64;

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
    } else if let Some(units) = Units::of(totals).filter(|_| flavor.gains_by_equal_forms()) {
        add(totals.len(), &|text| {
            sql::UPDATE_STOCK_RANGE_TAKES.write(text, |hole, text| match hole {
                "skus" => write_skus(text, totals.iter().map(|total| &total.sku)),
                _ => units.write(text),
            });
        });
    } else {
        add(totals.len(), &|text| {
            sql::UPDATE_STOCK_TAKES.write(text, |_, text| {
                write_rows(text, flavor, totals, |text, total| {
                    write_id(text, total.sku.as_str());
                    text.push(',');
                    write_int(text, total.need);
                });
            });
        });
    }
}

/// How many units each SKU gives, as the sum of what all give and of powers of two that some give beyond it.
struct Units<'t> {
    all: i64,
    further: Vec<(i64, Vec<&'t Sku>)>,
}

impl<'t> Units<'t> {
    /// Only for totals that only take; `None` where the lists would be longer than that of a join.
    fn of(totals: &'t [SkuTotal]) -> Option<Self> {
        let all = totals.iter().map(|total| total.need).min()?;
        let beyond = |total: &SkuTotal| total.need - all;
        let listed: u32 = totals.iter().map(|total| beyond(total).count_ones()).sum();
        if listed as usize > totals.len() {
            return None;
        }
        let bits = totals.iter().fold(0, |bits, total| bits | beyond(total));
        let powers = (0..i64::BITS).map(|bit| 1 << bit).filter(|power| bits & power != 0);
        let giving = |power: i64| totals.iter().filter(move |total| beyond(total) & power != 0);
        let further =
            powers.map(|power| (power, giving(power).map(|total| &total.sku).collect())).collect();
        Some(Self { all, further })
    }

    fn write(&self, text: &mut String) {
        if self.further.is_empty() {
            return write_int(text, self.all);
        }
        text.push('(');
        write_int(text, self.all);
        for (power, skus) in &self.further {
            text.push_str(" + ");
            write_int(text, *power);
            text.push_str(" * (sku IN (");
            write_skus(text, skus.iter().copied());
            text.push_str("))");
        }
        text.push(')');
    }
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
        sql::SELECT_LEFT
            .write(text, |_, text| write_skus(text, first.iter().map(|total| &total.sku)));
    });
}

fn write_skus<'t>(text: &mut String, skus: impl Iterator<Item = &'t Sku>) {
    for (index, sku) in skus.enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_id(text, sku.as_str());
    }
}

fn write_until(text: &mut String, total: &SkuTotal) {
    write_or_null(text, total.until, |text, until| write_int(text, until.micros()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(needs: &[i64]) -> Vec<SkuTotal> {
        let total = |(index, &need): (usize, &i64)| SkuTotal {
            sku: Sku::new(&format!("s{index}")).unwrap(),
            delta: -need,
            held: 0,
            need,
            rise: 0,
            held_need: 0,
            on_terms: true,
            until: None,
            orders: 1,
        };
        needs.iter().enumerate().map(total).collect()
    }

    fn written(needs: &[i64]) -> Option<String> {
        let totals = totals(needs);
        let mut text = String::new();
        Units::of(&totals)?.write(&mut text);
        Some(text)
    }

    #[test]
    fn what_each_gives_is_told_by_lists() {
        assert_eq!(written(&[2, 2]).as_deref(), Some("2"));
        assert_eq!(
            written(&[1, 2, 4, 1]).as_deref(),
            Some("(1 + 1 * (sku IN ('s1','s2')) + 2 * (sku IN ('s2')))")
        );
        assert_eq!(
            written(&[i64::MAX, 1, 1 << 40]).as_deref(),
            None,
            "a join takes less text than lists of 62 and 40 powers"
        );
        assert_eq!(written(&[1, 8]), None);
    }

    #[test]
    fn the_lists_of_a_sku_add_up_to_what_it_gives() {
        let needs: Vec<i64> = (0..200).map(|n| 3 + (n * n % 17) * i64::from(n % 3 == 0)).collect();
        let totals = totals(&needs);
        let units = Units::of(&totals).expect("shorter than a join");
        for total in &totals {
            let lists = units.further.iter().filter(|(_, skus)| skus.contains(&&total.sku));
            assert_eq!(units.all + lists.map(|(power, _)| power).sum::<i64>(), total.need);
        }
    }
}
