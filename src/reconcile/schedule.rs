//! Runs that are due by a cron expression. What was begun stands in MySQL: a run that was due while no process
//! ran is made up, once, and none is made twice.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use tracing::{debug, info, warn};

use crate::domain::Timestamp;
use crate::limits::{DESK_PATIENCE, RECONCILE_PASS_SKUS, SCHEDULE_LOOK_MS};
use crate::store::mysql::{ReconcileConnection, Schedule};
use crate::store::{Run, RunKind};
use crate::telemetry::metrics::RunOutcome;

use super::{Reconcile, ReconcileError};

/// When runs are due, such as `0 4 * * *`: minute, hour, day of the month, month, day of the week, UTC.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    times: Crontab,
}

/// A cron expression that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not MINUTE HOUR DAY MONTH WEEKDAY, five fields, by UTC, such as \"0 4 * * *\": {reason}"
)]
pub struct CronError {
    text: String,
    reason: String,
}

/// Fields of an expression. What the parser takes beside them is a time zone.
const FIELDS: usize = 5;

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let refused = |reason| CronError { text: text.to_owned(), reason };
        let fields = text.split_whitespace().count();
        if fields != FIELDS {
            return Err(refused(format!("the number of fields is {fields}")));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let times = cronexpr::parse_crontab_with(text, options)
            .map_err(|error| refused(last_words(&error.to_string())))?;
        let cron = Self { text: text.to_owned(), times };
        match cron.next_after(Timestamp::from_micros(0)) {
            Some(_) => Ok(cron),
            None => Err(refused("there is no such time".to_owned())),
        }
    }
}

/// Of what the parser says, without the lines that show the text once more.
fn last_words(error: &str) -> String {
    error.rsplit("^ ").next().unwrap_or(error).to_owned()
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// The first due time after this one, if there is any.
    fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = MakeTimestamp::from_microsecond(time.micros()).ok()?;
        let next = self.times.find_next(time).ok()?;
        Some(Timestamp::from_micros(next.timestamp().as_microsecond()))
    }

    fn is_due(&self, schedule: Schedule) -> bool {
        self.next_after(schedule.due_at).is_some_and(|due_at| due_at <= schedule.now)
    }
}

impl Reconcile {
    /// Runs when it is time until it is dropped. Troubles are logged, and it goes on when they are over.
    pub async fn keep_schedule(self, cron: Cron) {
        info!(%cron, "reconciliation runs by schedule, UTC");
        let mut in_trouble = false;
        loop {
            match self.run_if_due(&cron).await {
                Ok(()) => in_trouble = false,
                Err(error) if in_trouble => debug!(%error, "reconciliation still cannot run"),
                Err(error) => {
                    in_trouble = true;
                    warn!(%error, "reconciliation cannot run by its schedule; it is tried again");
                }
            }
            tokio::time::sleep(Duration::from_millis(SCHEDULE_LOOK_MS)).await;
        }
    }

    async fn run_if_due(&self, cron: &Cron) -> Result<(), ReconcileError> {
        let acquired = ReconcileConnection::acquire(&self.address, DESK_PATIENCE).await?;
        // Another process runs: then there is nothing to do.
        let Some(mut connection) = acquired else { return Ok(()) };
        let schedule = connection.keep_schedule(&cron.to_string()).await?;
        self.metrics.last_success(schedule.last_success.map_or(0, seconds));
        let interrupted = connection.unfinished().await?;
        let interrupted = interrupted.filter(|run| run.kind == RunKind::Scheduled);
        if interrupted.is_none() && !cron.is_due(schedule) {
            connection.release().await;
            return Ok(());
        }
        let ended = self.run_now(&mut connection, interrupted, schedule.now).await;
        self.metrics.scheduled_run(match &ended {
            Ok(run) if run.cache.reason().is_some() => RunOutcome::BooksOnly,
            Ok(_) => RunOutcome::Done,
            Err(_) => RunOutcome::Failed,
        });
        tell(&ended?);
        connection.release().await;
        Ok(())
    }

    /// Makes the run that is due, or ends the one that was interrupted.
    async fn run_now(
        &self,
        connection: &mut ReconcileConnection,
        interrupted: Option<Run>,
        now: Timestamp,
    ) -> Result<Run, ReconcileError> {
        let run = match interrupted {
            Some(run) => run,
            None => {
                connection.abandon(RunKind::Full).await?;
                // All that were due up to now: missed ones are made up once.
                connection.claim(now, self.first_phase()).await?
            }
        };
        info!(run = run.id, "reconciliation runs");
        self.finish(connection, run, RECONCILE_PASS_SKUS, &|_| {}).await
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.micros() / 1_000_000
}

fn tell(run: &Run) {
    let Run { id, skus, differences, cache, .. } = run;
    if let Some(reason) = cache.reason() {
        warn!(run = id, reason, "reconciliation has compared the books, but not the cache");
    }
    if *differences == 0 {
        info!(run = id, skus, "reconciliation has found no difference");
    } else {
        warn!(
            run = id,
            skus,
            differences,
            "reconciliation has found differences: SELECT * FROM reconcile_drift WHERE run = {id}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn schedule(due_at: i64, now: i64) -> Schedule {
        let (due_at, now) = (Timestamp::from_micros(due_at), Timestamp::from_micros(now));
        Schedule { due_at, last_success: None, now }
    }

    #[test]
    fn a_run_is_due_once_for_all_times_that_have_passed() {
        let cron: Cron = "0 4 * * *".parse().unwrap();
        assert!(!cron.is_due(schedule(HOUR, 4 * HOUR - 1)));
        assert!(cron.is_due(schedule(HOUR, 4 * HOUR)));
        assert!(cron.is_due(schedule(HOUR, 400 * HOUR)));
        // What was claimed at some time is not due again before the next one.
        assert!(!cron.is_due(schedule(4 * HOUR, 4 * HOUR)));
        assert!(!cron.is_due(schedule(400 * HOUR, 403 * HOUR)));
        assert!(cron.is_due(schedule(400 * HOUR, 412 * HOUR)));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for (text, reason) in [
            ("", "the number of fields is 0"),
            ("@daily", "the number of fields is 1"),
            ("0 4 * *", "the number of fields is 4"),
            ("0 0 4 * * *", "the number of fields is 6"),
            ("0 4 * * * Europe/Berlin", "the number of fields is 6"),
            ("0 4 * * * UTC", "the number of fields is 6"),
            ("60 4 * * *", "value must be in range 0..=59; found 60"),
            ("0 4 * * never", "malformed expression"),
            ("0 0 30 2 *", "there is no such time"),
        ] {
            let told = text.parse::<Cron>().unwrap_err().to_string();
            let allowed = "is not MINUTE HOUR DAY MONTH WEEKDAY, five fields, by UTC, \
                           such as \"0 4 * * *\"";
            assert_eq!(told, format!("{text:?} {allowed}: {reason}"));
        }
        assert_eq!("*/5 0-6 * * MON".parse::<Cron>().unwrap().to_string(), "*/5 0-6 * * MON");
    }
}
