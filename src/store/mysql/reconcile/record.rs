//! What reconciliation found and did, in its tables.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::ReconcileConnection;
use super::mend::write_mend;
use crate::domain::Sku;
use crate::limits::{RECONCILE_DRIFTS_MAX, RECONCILE_KEEP_DAYS, RECONCILE_RESUME_HOURS};
use crate::store::mysql::connect::text;
use crate::store::mysql::known::sku;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_foreign_id, write_id, write_int, write_text};
use crate::store::{CacheState, Drift, Failure, RecordedDrift, Run, RunKind, RunPhase, StoreError};
use crate::telemetry::metrics::DriftClass;

/// Characters of a text that is recorded.
const TEXT_CHARS_MAX: usize = 255;
/// Differences that are sent together, with their mending SQL: below the least that a server may take.
const DRIFTS_IN_A_MESSAGE: usize = 500;

impl ReconcileConnection {
    /// The full run that was begun and not ended, if it may be taken up again. One that is too old is marked.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn unfinished(&mut self) -> Result<Option<Run>, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_UNFINISHED
            .write(&mut script, |_, script| write_int(script, RECONCILE_RESUME_HOURS));
        let read = |rows: &[MySqlRow]| rows.first().map(unfinished).transpose();
        let found = self.0.run(script, |_, rows| read(&rows)).await?;
        match found {
            Some((run, true)) => Ok(Some(run)),
            Some((_, false)) => {
                self.abandon(RunKind::Full).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Marks runs that nobody will end: all full ones, or all that follow.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn abandon(&mut self, kind: RunKind) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::RECONCILE_ABANDON
            .write(&mut script, |_, script| write_bool(script, kind == RunKind::Follow));
        self.0.run(script, |_, _| Ok(())).await
    }

    /// Begins a run, and forgets those that are old.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn open_run(
        &mut self,
        kind: RunKind,
        dry_run: bool,
        phase: RunPhase,
    ) -> Result<Run, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_FORGET_RUNS
            .write(&mut script, |_, script| write_int(script, RECONCILE_KEEP_DAYS));
        script.push_str(";\n");
        write_open_run(&mut script, kind, dry_run, phase);
        script.push_str(";\nSELECT LAST_INSERT_ID()");
        let id = self.0.run(script, |_, rows| first_number(&rows)).await?;
        Ok(opened(id, kind, dry_run, phase))
    }

    /// Records what was found and, in the same transaction, how far the run is. `found` differences were found
    /// and the first of them are given; the first ones of a run are recorded, the others are counted.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn record(
        &mut self,
        run: &mut Run,
        (drifts, found): (Vec<Drift>, u64),
        ended: bool,
    ) -> Result<(), StoreError> {
        let room = (RECONCILE_DRIFTS_MAX as u64).saturating_sub(run.differences);
        let recorded: Vec<RecordedDrift> = (run.differences + 1..)
            .zip(drifts)
            .take(usize::try_from(room).unwrap_or(usize::MAX))
            .map(|(number, drift)| {
                let sql = drift.mend.map(|mend| write_mend(run.id, number, &drift.sku, &mend));
                RecordedDrift { number, drift, sql }
            })
            .collect();
        run.differences += found;
        self.0.run("BEGIN".to_owned(), |_, _| Ok(())).await?;
        for some in recorded.chunks(DRIFTS_IN_A_MESSAGE) {
            let mut script = String::new();
            sql::RECONCILE_INSERT_DRIFT
                .write(&mut script, |_, script| write_drifts(script, run.id, some));
            self.0.run(script, |_, _| Ok(())).await?;
        }
        let mut script = String::new();
        sql::RECONCILE_ADVANCE.write(&mut script, |hole, script| match hole {
            "phase" => write_id(script, run.phase.name()),
            "position" => write_foreign_id(script, &run.position),
            "skus" => write_int(script, run.skus),
            "differences" => write_int(script, run.differences),
            "cache" => write_text_or_null(script, run.cache.name()),
            "cache_reason" => write_text_or_null(script, run.cache.reason().map(short).as_deref()),
            "state" => write_id(script, if ended { "done" } else { "running" }),
            _ => write_int(script, run.id),
        });
        script.push_str(";\nCOMMIT");
        self.0.run(script, |_, _| Ok(())).await
    }

    /// Whether there is such a run.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn run_exists(&mut self, run: u64) -> Result<bool, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_SELECT_RUN.write(&mut script, |_, script| write_int(script, run));
        self.0.run(script, |_, rows| Ok(!rows.is_empty())).await
    }

    /// What a run has found, as far as it is recorded.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn drifts(&mut self, run: u64) -> Result<Vec<RecordedDrift>, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_SELECT_DRIFT.write(&mut script, |_, script| write_int(script, run));
        self.0.run(script, |_, rows| rows.iter().map(recorded_drift).collect()).await
    }

    /// Notes that a check was given up.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn note_failure(&mut self, failure: &Failure) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::RECONCILE_NOTE_FAILURE.write(&mut script, |hole, script| match hole {
            "sku" => write_id(script, failure.sku.as_str()),
            "reason" => write_text(script, &short(&failure.reason)),
            _ => write_int(script, failure.attempts),
        });
        self.0.run(script, |_, _| Ok(())).await
    }

    /// What was given up, after a SKU.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn failures(
        &mut self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Failure>, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_SELECT_FAILURES.write(&mut script, |hole, script| match hole {
            "after" => write_foreign_id(script, after),
            _ => write_int(script, limit),
        });
        let failure = |row: &MySqlRow| {
            let reason = text(row, 1)?.to_owned();
            Ok(Failure { sku: sku(row, 0)?, reason, attempts: row.try_get(2)? })
        };
        self.0.run(script, |_, rows| rows.iter().map(failure).collect()).await
    }

    /// Forgets what was given up and went well since.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn forget_failure(&mut self, sku: &Sku) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::RECONCILE_FORGET_FAILURE
            .write(&mut script, |_, script| write_id(script, sku.as_str()));
        self.0.run(script, |_, _| Ok(())).await
    }
}

/// A run that has just begun.
pub(super) fn opened(id: u64, kind: RunKind, dry_run: bool, phase: RunPhase) -> Run {
    let cache = match phase {
        RunPhase::Cache => CacheState::Unknown,
        RunPhase::Books => CacheState::NoneNamed,
    };
    Run { id, kind, dry_run, phase, position: "".into(), skus: 0, differences: 0, cache }
}

pub(super) fn write_open_run(script: &mut String, kind: RunKind, dry_run: bool, phase: RunPhase) {
    sql::RECONCILE_OPEN_RUN.write(script, |hole, script| match hole {
        "kind" => write_id(script, kind.name()),
        "dry_run" => write_bool(script, dry_run),
        _ => write_id(script, phase.name()),
    });
}

pub(super) fn first_number(rows: &[MySqlRow]) -> Result<u64, sqlx::Error> {
    rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get_unchecked(0)
}

fn write_bool(script: &mut String, value: bool) {
    script.push_str(if value { "TRUE" } else { "FALSE" });
}

fn write_drifts(script: &mut String, run: u64, drifts: &[RecordedDrift]) {
    for (index, RecordedDrift { number, drift, sql }) in drifts.iter().enumerate() {
        script.push_str(if index == 0 { "(" } else { ",(" });
        write_int(script, run);
        script.push(',');
        write_int(script, *number);
        script.push(',');
        write_id(script, drift.sku.as_str());
        script.push(',');
        write_id(script, drift.class.name());
        for text in [&drift.expected, &drift.found] {
            script.push(',');
            write_text(script, &short(text));
        }
        script.push(',');
        write_int(script, drift.version);
        script.push(',');
        write_int(script, drift.amount);
        script.push(',');
        write_text_or_null(script, sql.as_deref());
        script.push_str(if drift.mended { ",NOW(6))" } else { ",NULL)" });
    }
}

fn write_text_or_null(script: &mut String, text: Option<&str>) {
    match text {
        Some(text) => write_text(script, text),
        None => script.push_str("NULL"),
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

fn unfinished(row: &MySqlRow) -> Result<(Run, bool), sqlx::Error> {
    let run = Run {
        id: row.try_get(0)?,
        kind: if text(row, 1)? == "scheduled" { RunKind::Scheduled } else { RunKind::Full },
        dry_run: row.try_get_unchecked::<i64, _>(2)? == 1,
        phase: if text(row, 3)? == "cache" { RunPhase::Cache } else { RunPhase::Books },
        position: text(row, 4)?.into(),
        skus: row.try_get(5)?,
        differences: row.try_get(6)?,
        cache: cache_state(row)?,
    };
    Ok((run, row.try_get_unchecked::<i64, _>(7)? == 1))
}

fn cache_state(row: &MySqlRow) -> Result<CacheState, sqlx::Error> {
    let name: Option<&[u8]> = row.try_get_unchecked(8)?;
    let reason: Option<&[u8]> = row.try_get_unchecked(9)?;
    Ok(match name {
        Some(b"none") => CacheState::NoneNamed,
        Some(b"compared") => CacheState::Compared,
        Some(b"not compared") => {
            let reason = String::from_utf8_lossy(reason.unwrap_or_default());
            CacheState::NotCompared(reason.into_owned())
        }
        _ => CacheState::Unknown,
    })
}

fn recorded_drift(row: &MySqlRow) -> Result<RecordedDrift, sqlx::Error> {
    let class = text(row, 2)?;
    let class = DriftClass::named(class)
        .ok_or_else(|| sqlx::Error::Decode(format!("a drift of class {class:?}").into()))?;
    let sql: Option<&[u8]> = row.try_get_unchecked(7)?;
    Ok(RecordedDrift {
        number: row.try_get_unchecked(0)?,
        drift: Drift {
            sku: sku(row, 1)?,
            class,
            expected: text(row, 3)?.to_owned(),
            found: text(row, 4)?.to_owned(),
            version: row.try_get(5)?,
            amount: row.try_get(6)?,
            mend: None,
            mended: row.try_get_unchecked::<i64, _>(8)? == 1,
        },
        sql: sql.map(|sql| String::from_utf8_lossy(sql).into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AVAILABLE_MAX, ID_LEN_MAX};
    use crate::store::Mend;
    use crate::store::mysql::server::PACKET_BYTES_MIN;

    #[test]
    fn the_longest_differences_fit_into_a_message() {
        let sku = Sku::new(&"x".repeat(ID_LEN_MAX)).unwrap();
        let (least, most) = (-AVAILABLE_MAX, u64::MAX);
        let mend = Mend {
            available: least,
            version: most,
            held_apart: least,
            delta: least,
            held: least,
            recorded: least,
        };
        let text = "\u{1f680}".repeat(TEXT_CHARS_MAX);
        let drift = Drift {
            sku: sku.clone(),
            class: DriftClass::ChangedOutside,
            expected: text.clone(),
            found: text,
            version: most,
            amount: least,
            mend: None,
            mended: false,
        };
        let sql = Some(write_mend(most, most, &sku, &mend));
        let recorded = RecordedDrift { number: most, drift, sql };
        let mut script = String::new();
        write_drifts(&mut script, most, &vec![recorded; DRIFTS_IN_A_MESSAGE]);
        assert!((script.len() as u64) < PACKET_BYTES_MIN, "{} bytes", script.len());
    }

    #[test]
    fn the_view_of_differences_knows_how_many_are_recorded() {
        let view = include_str!("../../../../sql/views/desk_drift.sql");
        assert!(view.contains(&format!("later.differences <= {RECONCILE_DRIFTS_MAX}\n")));
    }
}
