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
        let Some(error) = error else {
            if affected.len() == steps.len() {
                return Self::AsPlanned { rows, handed };
            }
            return Self::Error(ended_early(affected.len(), steps.len()));
        };
        let failed = steps.get(affected.len()).map(|expected| expected.step);
        if failed == Some(Step::Versions) && is_duplicate(&error) {
            return Self::Missed(Missed::VersionTaken(error));
        }
        Self::Error(error)
    }
}

/// The error of a server that stopped in the middle of a text and did not say why.
pub(super) fn ended_early(answered: usize, statements: usize) -> sqlx::Error {
    sqlx::Error::Protocol(format!("{answered} of {statements} statements were answered"))
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

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Expected; 3] = [
        Expected { step: Step::Begin, affects: None },
        Expected { step: Step::Movements, affects: Some(2) },
        Expected { step: Step::Stock, affects: Some(1) },
    ];

    fn check(affected: &[u64], error: Option<sqlx::Error>) -> Checked {
        let answers =
            Answers { affected: affected.to_vec(), handed: Vec::new(), rows: Vec::new(), error };
        Checked::of(&STEPS, answers)
    }

    #[test]
    fn every_statement_has_to_be_answered_and_every_count_to_be_right() {
        assert!(matches!(check(&[0, 2, 1], None), Checked::AsPlanned { .. }));
        assert!(matches!(check(&[0, 2, 0], None), Checked::Missed(Missed::Counts)));
        assert!(matches!(check(&[0, 1], None), Checked::Missed(Missed::Counts)));
        // An answer that ends early, and does not say why, is no answer.
        for short in [&[0, 2][..], &[0], &[]] {
            assert!(matches!(check(short, None), Checked::Error(sqlx::Error::Protocol(_))));
        }
    }

    #[test]
    fn a_count_that_is_wrong_explains_the_error_after_it() {
        let broken = || Some(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(check(&[0, 1], broken()), Checked::Missed(Missed::Counts)));
        assert!(matches!(check(&[0, 2], broken()), Checked::Error(sqlx::Error::Io(_))));
    }
}
