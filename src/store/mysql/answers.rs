//! The answers to a writing script, compared with what they have to be.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::connect::{Answers, Session, run_to_error};
use super::error::{is_duplicate, is_guard};
use super::known::sku;
use super::script::{Expected, Script, Step};
use crate::domain::{Sku, Timestamp};
use crate::engine::{Left, SkuLeft};

/// The beginning of 2020, in microseconds since 1970. What is handed over as a time and lies before it is none: a
/// proxy may leave it out, and an AUTO_INCREMENT column, if somebody adds one, puts its own number there.
const EARLIEST_MICROS: i64 = 1_577_836_800_000_000;

/// What a script did not write, though no statement is to blame.
pub(super) enum Missed {
    /// A count differs from the plan's.
    Counts,
    /// The next version of a SKU is recorded already: `stock.version` was changed by hand.
    VersionTaken(sqlx::Error),
}

/// The answers to a writing script, compared with what they have to be.
pub(super) enum Checked {
    AsPlanned(Written),
    Missed(Missed),
    Error(sqlx::Error),
}

/// What a script that went as planned has to tell.
pub(super) struct Written {
    /// What was handed over for the time that the movements have, in microseconds since 1970.
    recorded: Option<i64>,
    /// What is left of the only SKU, as far as it was handed over.
    available: Option<i64>,
    rows: Vec<MySqlRow>,
    /// As in [`Script`].
    told_by_update: Option<(Sku, i64)>,
}

impl Written {
    /// Of a script whose every step was answered.
    fn of(
        steps: &[Expected],
        handed: &[u64],
        rows: Vec<MySqlRow>,
        told_by_update: Option<(Sku, i64)>,
    ) -> Self {
        let handed_by = |step: Step| {
            let place = steps.iter().position(|expected| expected.step == step)?;
            handed.get(place).map(|number| number.cast_signed())
        };
        let told = |index: usize| rows.first().and_then(|row| row.try_get(index).ok());
        let by_procedure = steps.first().is_some_and(|expected| expected.step == Step::TakeOne);
        let (recorded, available) = if by_procedure {
            (told(0), told(1))
        } else {
            (handed_by(Step::Movements), handed_by(Step::Stock))
        };
        Self { recorded, available, rows, told_by_update }
    }

    /// The time that the database gave to its movements.
    pub(super) fn recorded_at(&self) -> Result<Timestamp, sqlx::Error> {
        match self.recorded {
            Some(micros) if micros >= EARLIEST_MICROS => Ok(Timestamp::from_micros(micros)),
            other => Err(sqlx::Error::Protocol(format!(
                "the answer to an INSERT into movement has {other:?} where LAST_INSERT_ID(…) hands over the \
                 time, in microseconds since 1970: is there a proxy that leaves it out, a column with \
                 AUTO_INCREMENT in movement, or a clock of the server before 2020?"
            ))),
        }
    }

    /// What it leaves of its first few SKUs.
    pub(super) fn left(self) -> Result<Left, sqlx::Error> {
        if let (Some(available), Some((sku, taken))) = (self.available, self.told_by_update) {
            // It has gone through under the terms of sale.
            return Ok(vec![SkuLeft { sku, available, taken: Some(taken), on_terms: false }]);
        }
        let left = self.rows.iter().map(|row| {
            let on_terms = row.try_get_unchecked::<i64, _>(2)? != 0;
            Ok(SkuLeft { sku: sku(row, 0)?, available: row.try_get(1)?, taken: None, on_terms })
        });
        left.collect()
    }
}

impl Checked {
    pub(super) fn of(script: Script, answers: Answers) -> Self {
        let Script { steps, told_by_update, text: _ } = script;
        let Answers { affected, handed, rows, error } = answers;
        let as_planned = |(count, expected): (&u64, &Expected)| {
            expected.affects.is_none_or(|affects| affects == *count)
        };
        if !affected.iter().zip(&steps).all(as_planned) {
            // Also when there is an error: that of the next statement, which found the stock row as it
            // was, so the reason is the guard.
            return Self::Missed(Missed::Counts);
        }
        let Some(error) = error else {
            if affected.len() == steps.len() {
                return Self::AsPlanned(Written::of(&steps, &handed, rows, told_by_update));
            }
            return Self::Error(ended_early(affected.len(), steps.len()));
        };
        let failed = steps.get(affected.len()).map(|expected| expected.step);
        if failed == Some(Step::TakeOne) && is_guard(&error) {
            return Self::Missed(Missed::Counts);
        }
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

/// Runs a writing script and returns what it has to tell, if everything is as planned.
pub(super) async fn write(
    session: &mut Session,
    mut script: Script,
) -> Result<Result<Written, Missed>, sqlx::Error> {
    let text = std::mem::take(&mut script.text);
    let answers = run_to_error(&mut session.connection, text).await;
    match Checked::of(script, answers) {
        Checked::AsPlanned(written) => Ok(Ok(written)),
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
        let script = Script { steps: STEPS.to_vec(), ..Script::default() };
        Checked::of(script, answers)
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
    fn a_time_that_was_not_handed_over_is_no_time() {
        let written = |micros| Written::of(&STEPS, &[0, micros, 7], Vec::new(), None);
        let micros = EARLIEST_MICROS;
        let at = written(micros.unsigned_abs()).recorded_at();
        assert_eq!(at.ok(), Some(Timestamp::from_micros(micros)));
        for none in [0, 7, micros.unsigned_abs() - 1] {
            assert!(matches!(written(none).recorded_at(), Err(sqlx::Error::Protocol(_))));
        }
    }

    #[test]
    fn a_count_that_is_wrong_explains_the_error_after_it() {
        let broken = || Some(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(check(&[0, 1], broken()), Checked::Missed(Missed::Counts)));
        assert!(matches!(check(&[0, 2], broken()), Checked::Error(sqlx::Error::Io(_))));
    }
}
