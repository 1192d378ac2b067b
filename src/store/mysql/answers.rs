//! The answers to a writing script, compared with what they have to be.

use sqlx::mysql::MySqlRow;

use super::connect::{Answers, Session, run_to_error};
use super::error::is_duplicate;
use super::script::{Expected, Script, Step};

/// What a script did not write, though no statement is to blame.
pub(super) enum Missed {
    /// A count differs from the plan's.
    Counts,
    /// The next version of a SKU is recorded already: `stock.version` was changed by hand.
    VersionTaken(sqlx::Error),
}

/// The answers to a writing script, compared with what they have to be.
pub(super) enum Checked {
    AsPlanned { rows: Vec<MySqlRow>, handed: Vec<u64> },
    Missed(Missed),
    Error(sqlx::Error),
}

impl Checked {
    pub(super) fn of(steps: &[Expected], answers: Answers) -> Self {
        let Answers { affected, handed, rows, error } = answers;
        let as_planned = |(count, expected): (&u64, &Expected)| {
            expected.affects.is_none_or(|affects| affects == *count)
        };
        if !affected.iter().zip(steps).all(as_planned) {
            // Also when there is an error: that of the next statement, which found the stock row as it
            // was, so the reason is the guard.
            return Self::Missed(Missed::Counts);
        }
        let Some(error) = error else { return Self::AsPlanned { rows, handed } };
        let failed = steps.get(affected.len()).map(|expected| expected.step);
        if failed == Some(Step::Versions) && is_duplicate(&error) {
            return Self::Missed(Missed::VersionTaken(error));
        }
        Self::Error(error)
    }
}

/// Runs a writing script and returns the rows read, if everything is as planned.
pub(super) async fn write(
    session: &mut Session,
    script: Script,
) -> Result<Result<Vec<MySqlRow>, Missed>, sqlx::Error> {
    let answers = run_to_error(&mut session.connection, script.text).await;
    match Checked::of(&script.steps, answers) {
        Checked::AsPlanned { rows, .. } => Ok(Ok(rows)),
        Checked::Missed(missed) => Ok(Err(missed)),
        Checked::Error(error) => Err(error),
    }
}
