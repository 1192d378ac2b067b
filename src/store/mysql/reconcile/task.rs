//! What reconciliation does by itself, and how far it is: kept here, so that no process has to remember it.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::ReconcileConnection;
use super::record::{first_number, opened, write_open_run};
use crate::domain::Timestamp;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_int, write_text};
use crate::store::{Cursor, Run, RunKind, RunPhase, StoreError};

/// The schedule as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The newest due time that has got its run; at first the time when the schedule was set.
    pub due_at: Timestamp,
    /// When a run by the schedule last got through the books.
    pub last_success: Option<Timestamp>,
    /// The time by the database's clock.
    pub now: Timestamp,
}

impl ReconcileConnection {
    /// Keeps when runs are due, and reads up to when they were begun, and when one succeeded.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn keep_schedule(&mut self, cron: &str) -> Result<Schedule, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_KEEP_CRON.write(&mut script, |_, script| write_text(script, cron));
        script.push_str(";\n");
        sql::RECONCILE_SELECT_TASK.write(&mut script, |_, script| write_id(script, "schedule"));
        let schedule = |rows: &[MySqlRow]| {
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok(Schedule {
                due_at: Timestamp::from_micros(row.try_get(0)?),
                now: Timestamp::from_micros(row.try_get(2)?),
                last_success: row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_micros),
            })
        };
        self.0.run(script, |_, rows| schedule(&rows)).await
    }

    /// Begins the run that was due at this time: in one transaction it is there, and not due any more.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn claim(&mut self, due_at: Timestamp, phase: RunPhase) -> Result<Run, StoreError> {
        let mut script = "BEGIN;\n".to_owned();
        sql::RECONCILE_CLAIM.write(&mut script, |_, script| write_int(script, due_at.micros()));
        script.push_str(";\n");
        write_open_run(&mut script, RunKind::Scheduled, false, phase);
        script.push_str(";\nSELECT LAST_INSERT_ID();\nCOMMIT");
        let id = self.0.run(script, |_, rows| first_number(&rows)).await?;
        Ok(opened(id, RunKind::Scheduled, false, phase))
    }

    /// Notes that a run by the schedule has got through the books.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn note_success(&mut self) -> Result<(), StoreError> {
        self.0.run(sql::RECONCILE_SUCCEEDED.text().to_owned(), |_, _| Ok(())).await
    }

    /// Up to where the change feed was followed, if it ever was.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn position(&mut self) -> Result<Option<Cursor>, StoreError> {
        let mut script = String::new();
        sql::RECONCILE_SELECT_TASK.write(&mut script, |_, script| write_id(script, "follow"));
        let position = |rows: &[MySqlRow]| rows.first().map(|row| row.try_get(1).map(Cursor));
        self.0.run(script, |_, rows| position(&rows).transpose()).await
    }

    /// Keeps up to where the change feed was followed.
    ///
    /// # Errors
    /// See [`ReconcileConnection::acquire`].
    pub async fn keep_position(&mut self, position: Cursor) -> Result<(), StoreError> {
        let mut script = String::new();
        sql::RECONCILE_KEEP_POSITION.write(&mut script, |_, script| write_int(script, position.0));
        self.0.run(script, |_, _| Ok(())).await
    }
}
