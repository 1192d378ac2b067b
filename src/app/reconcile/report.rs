//! What a run has found, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::reconcile::{MendOutcome, Report, Retried};
use crate::store::{CacheState, RecordedDrift};

/// Columns of the table.
const HEAD: [&str; 6] = ["#", "SKU", "class", "expected", "found", "mended"];

/// A table, and the SQL that mends what is not mended.
pub(super) fn table(report: &Report) -> String {
    let run = &report.run;
    let mut text = String::new();
    if run.differences == 0 {
        let _ = writeln!(text, "Run {}: {} SKUs, no difference.", run.id, run.skus);
        text.push_str(&of_cache(&run.cache));
        return text;
    }
    let rows: Vec<[String; 6]> = report.drifts.iter().map(row).collect();
    write_table(&mut text, &rows);
    let _ = writeln!(
        text,
        "Run {}: {} SKUs, differences: {}{}.",
        run.id,
        run.skus,
        run.differences,
        if (rows.len() as u64) < run.differences { "; the first are listed" } else { "" }
    );
    text.push_str(&of_cache(&run.cache));
    if run.dry_run {
        text.push_str("This was a dry run: nothing was repaired.\n");
    }
    let open = unmended(&report.drifts);
    if !open.is_empty() {
        let _ = write!(text, "\n{}", to_mend(open));
        let _ = writeln!(
            text,
            "\nhotrow reconcile --apply {} compares these once more, asks, and runs this SQL.",
            run.id
        );
    }
    text
}

/// What a report leaves out.
fn of_cache(cache: &CacheState) -> String {
    match cache {
        CacheState::Compared => String::new(),
        CacheState::Unknown | CacheState::NoneNamed => {
            "The cache was not compared: no --redis-url was given.\n".to_owned()
        }
        CacheState::NotCompared(reason) => format!(
            "The cache was not compared: {reason}; run hotrow reconcile again with --redis-url when \
             Redis can be used.\n"
        ),
    }
}

/// The same as one JSON object.
pub(super) fn json(report: &Report) -> String {
    let run = &report.run;
    let drifts: Vec<Value> = report.drifts.iter().map(drift_json).collect();
    let value = json!({
        "run": run.id, "dry_run": run.dry_run, "skus": run.skus, "differences": run.differences,
        "cache": run.cache.name(), "cache_reason": run.cache.reason(), "drifts": drifts,
    });
    format!("{value:#}\n")
}

/// The SQL that mends these, each with what it mends.
pub(super) fn to_mend<'a>(drifts: impl IntoIterator<Item = &'a RecordedDrift>) -> String {
    let mut text = String::new();
    for RecordedDrift { number, drift, sql } in drifts {
        let Some(sql) = sql else { continue };
        let _ = writeln!(
            text,
            "-- {number}: {} {}: {}, but {}\n{sql}",
            drift.sku,
            drift.class.name(),
            drift.expected,
            drift.found
        );
    }
    text
}

/// What became of each difference.
pub(super) fn mended(outcomes: &[(RecordedDrift, MendOutcome)]) -> String {
    let mut text = String::new();
    for (RecordedDrift { number, drift, .. }, outcome) in outcomes {
        let told = match outcome {
            MendOutcome::Mended => "mended".to_owned(),
            MendOutcome::MendedBefore => "had been mended".to_owned(),
            MendOutcome::Changed => {
                "is not what was reported any more; run hotrow reconcile again".to_owned()
            }
            MendOutcome::Failed => {
                "could not be mended whole, so nothing was changed; see hotrow doctor".to_owned()
            }
            MendOutcome::Unknown(error) => {
                format!("may or may not be mended, which the same command finds out: {error}")
            }
            MendOutcome::NotTried => "was not tried; run the same command again".to_owned(),
        };
        let _ = writeln!(text, "{number} {} {}: {told}", drift.sku, drift.class.name());
    }
    text
}

/// The same as one JSON array.
pub(super) fn mended_json(outcomes: &[(RecordedDrift, MendOutcome)]) -> String {
    let told = outcomes.iter().map(|(recorded, outcome)| {
        let name = match outcome {
            MendOutcome::Mended => "mended",
            MendOutcome::MendedBefore => "mended_before",
            MendOutcome::Changed => "changed",
            MendOutcome::Failed => "failed",
            MendOutcome::Unknown(_) => "unknown",
            MendOutcome::NotTried => "not_tried",
        };
        outcome_json(recorded, name)
    });
    format!("{:#}\n", Value::Array(told.collect()))
}

/// The same when it was not agreed to.
pub(super) fn not_agreed_json(drifts: &[RecordedDrift]) -> String {
    let told = drifts.iter().map(|recorded| outcome_json(recorded, "not_agreed"));
    format!("{:#}\n", Value::Array(told.collect()))
}

fn outcome_json(RecordedDrift { number, drift, .. }: &RecordedDrift, outcome: &str) -> Value {
    let (sku, class) = (drift.sku.as_str(), drift.class.name());
    json!({"number": number, "sku": sku, "class": class, "outcome": outcome})
}

/// What became of each check that had been given up.
pub(super) fn retried(retried: &[Retried]) -> String {
    if retried.is_empty() {
        return "Nothing was given up.\n".to_owned();
    }
    let mut text = String::new();
    for (failure, error) in retried {
        let _ = match error {
            None => writeln!(text, "{}: checked and repaired", failure.sku),
            Some(error) => writeln!(text, "{}: still fails: {error}", failure.sku),
        };
    }
    text
}

/// The same as one JSON array.
pub(super) fn retried_json(retried: &[Retried]) -> String {
    let told = retried.iter().map(|(failure, error)| {
        let error = error.as_ref().map(ToString::to_string);
        json!({"sku": failure.sku.as_str(), "attempts": failure.attempts, "error": error})
    });
    format!("{:#}\n", Value::Array(told.collect()))
}

fn unmended(drifts: &[RecordedDrift]) -> Vec<&RecordedDrift> {
    drifts.iter().filter(|recorded| recorded.sql.is_some() && !recorded.drift.mended).collect()
}

fn row(RecordedDrift { number, drift, sql }: &RecordedDrift) -> [String; 6] {
    let mended = match (drift.mended, sql) {
        (true, _) => "yes",
        (false, Some(_)) => "by the SQL below",
        (false, None) => "no",
    };
    [
        number.to_string(),
        drift.sku.to_string(),
        drift.class.name().to_owned(),
        drift.expected.clone(),
        drift.found.clone(),
        mended.to_owned(),
    ]
}

fn write_table(text: &mut String, rows: &[[String; 6]]) {
    let mut widths = HEAD.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head = HEAD.map(str::to_owned);
    for row in std::iter::once(&head).chain(rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn drift_json(RecordedDrift { number, drift, sql }: &RecordedDrift) -> Value {
    json!({
        "number": number, "sku": drift.sku.as_str(), "class": drift.class.name(),
        "expected": drift.expected, "found": drift.found, "version": drift.version,
        "amount": drift.amount, "mended": drift.mended, "sql": sql,
    })
}
