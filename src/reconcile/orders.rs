//! Whether the movements of one order make sense: each step follows from the one before, moves what was
//! taken, and all lines end in the same state.

use std::collections::BTreeMap;

use crate::domain::{Kind, Sku, Standing, Step};
use crate::store::LedgerRow;

/// An order whose movements contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenOrder {
    /// Of which SKU, or of the first of several.
    pub sku: Sku,
    /// Which, and how.
    pub what: String,
}

/// Looks at all rows of the ledger under one id, in the order of step and line.
///
/// # Errors
/// What is wrong, in words.
pub fn check(rows: &[LedgerRow]) -> Result<(), String> {
    let mut lines: BTreeMap<u8, (Standing, &LedgerRow)> = BTreeMap::new();
    for row in rows {
        let (Some(step), Some(kind)) = (row.step, row.kind) else {
            if row.step.is_some() || row.kind.is_some() {
                return Err(told(row, "is no opening"));
            }
            continue;
        };
        if step == Step::Adjust {
            if !matches!(kind, Kind::Restock | Kind::WriteOff) || !moves(row, kind, row.delta) {
                return Err(told(row, "is no adjustment"));
            }
            continue;
        }
        let before = lines.get(&row.line).copied();
        let Some(standing) = next(before.map(|(standing, _)| standing), step, kind) else {
            return Err(told(row, "does not follow from the step before"));
        };
        let taken = before.map_or(row, |(_, taken)| taken);
        if row.sku != taken.sku || !moves(row, kind, taken.delta) {
            return Err(told(row, "does not move what was taken"));
        }
        lines.insert(row.line, (standing, taken));
    }
    let mut standings = lines.values().map(|(standing, _)| *standing);
    if let Some(first) = standings.next()
        && let Some(other) = standings.find(|other| other.status() != first.status())
    {
        return Err(format!("one line is {first:?} and another {other:?}"));
    }
    Ok(())
}

/// Whether the row's amounts are those of its kind, for as many units as this amount has.
fn moves(row: &LedgerRow, kind: Kind, amount: i64) -> bool {
    let units = amount.saturating_abs();
    units > 0 && row.delta == kind.available(units) && row.held_delta == kind.held(units)
}

/// Where a line stands after a step, if that is one that leads on from where it stood.
fn next(standing: Option<Standing>, step: Step, kind: Kind) -> Option<Standing> {
    match (standing, step, kind) {
        (None, Step::Take, Kind::Deduct) => Some(Standing::Deducted),
        (None, Step::Take, Kind::Hold) => Some(Standing::Held),
        (Some(Standing::Held), Step::Settle, Kind::Confirm)
        | (Some(Standing::Expired), Step::Retake, Kind::Deduct) => Some(Standing::Confirmed),
        (Some(Standing::Held), Step::Settle, Kind::Expire) => Some(Standing::Expired),
        (Some(Standing::Held), Step::Settle, Kind::Release)
        | (Some(Standing::Deducted), Step::Settle, Kind::Cancel)
        | (Some(Standing::Confirmed), Step::Return, Kind::Cancel) => Some(Standing::Cancelled),
        _ => None,
    }
}

fn told(row: &LedgerRow, problem: &str) -> String {
    let name = |what: Option<String>| what.map_or("opening".to_owned(), |text| text.to_lowercase());
    let step = name(row.step.map(|step| format!("{step:?}")));
    let kind = name(row.kind.map(|kind| format!("{kind:?}")));
    format!("line {}, step {step}, {kind} of {} {problem}", row.line, row.delta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: Step, line: u8, kind: Kind, units: i64) -> LedgerRow {
        LedgerRow {
            order_id: "o-1".into(),
            step: Some(step),
            line,
            kind: Some(kind),
            sku: format!("s-{line}").into(),
            delta: kind.available(units),
            held_delta: kind.held(units),
            flush: 1,
        }
    }

    #[test]
    fn every_way_that_hotrow_writes_is_fine() {
        let hold = row(Step::Take, 1, Kind::Hold, 2);
        let deduct = row(Step::Take, 1, Kind::Deduct, 2);
        let settle = |kind| row(Step::Settle, 1, kind, 2);
        let retake = row(Step::Retake, 1, Kind::Deduct, 2);
        let back = row(Step::Return, 1, Kind::Cancel, 2);
        for way in [
            vec![hold.clone()],
            vec![deduct.clone()],
            vec![deduct, settle(Kind::Cancel)],
            vec![hold.clone(), settle(Kind::Confirm)],
            vec![hold.clone(), settle(Kind::Confirm), back.clone()],
            vec![hold.clone(), settle(Kind::Release)],
            vec![hold.clone(), settle(Kind::Expire)],
            vec![hold, settle(Kind::Expire), retake, back],
            vec![row(Step::Adjust, 1, Kind::Restock, 3), row(Step::Take, 1, Kind::Deduct, 1)],
        ] {
            assert_eq!(check(&way), Ok(()), "{way:?}");
        }
        let opening =
            LedgerRow { step: None, kind: None, ..row(Step::Adjust, 1, Kind::Restock, 3) };
        assert_eq!(check(&[opening]), Ok(()));
    }

    #[test]
    fn what_hotrow_never_writes_is_found() {
        let hold = row(Step::Take, 1, Kind::Hold, 2);
        let confirm = row(Step::Settle, 1, Kind::Confirm, 2);
        let other = |row: &LedgerRow, change: fn(&mut LedgerRow)| {
            let mut changed = row.clone();
            change(&mut changed);
            changed
        };
        for way in [
            // settled without being taken, twice, or in two ways
            vec![confirm.clone()],
            vec![hold.clone(), row(Step::Return, 1, Kind::Cancel, 2)],
            vec![hold.clone(), row(Step::Settle, 1, Kind::Cancel, 2)],
            vec![hold.clone(), confirm.clone(), row(Step::Retake, 1, Kind::Deduct, 2)],
            // with other units, another SKU, or amounts of another kind
            vec![hold.clone(), row(Step::Settle, 1, Kind::Confirm, 1)],
            vec![hold.clone(), other(&confirm, |row| row.sku = "s-9".into())],
            vec![other(&hold, |row| row.held_delta = 0)],
            vec![other(&hold, |row| row.delta = 0)],
            vec![other(&row(Step::Adjust, 1, Kind::Restock, 1), |row| row.delta = -1)],
            vec![row(Step::Adjust, 1, Kind::Deduct, 1)],
            vec![other(&hold, |row| row.step = None)],
            // two lines in two final states
            vec![
                hold.clone(),
                row(Step::Take, 2, Kind::Hold, 1),
                confirm,
                row(Step::Settle, 2, Kind::Release, 1),
            ],
        ] {
            assert!(check(&way).is_err(), "{way:?}");
        }
    }
}
