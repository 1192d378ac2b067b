//! How a plan is executed on a session, up to its commit.

use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::answers::{Missed, ended_early, write};
use super::connect::{Session, run};
use super::error::describe;
use super::known::{Foreseen, read_known, read_ledger, sku};
use super::script::{self, Expected, Script, Step, accepted, lock_and_read, merged};
use crate::domain::Timestamp;
use crate::engine::{Execution, Failure, FlushId, Left, Plan, SkuLeft, Verdicts, decide};

pub(super) async fn roll_back(session: &mut Session) -> Result<(), sqlx::Error> {
    run(&mut session.connection, "ROLLBACK".to_owned()).await.map(drop)
}

pub(super) async fn execute_merged(
    session: &mut Session,
    plan: &Plan,
) -> Result<Execution, sqlx::Error> {
    let script = merged(session.flavor, plan);
    execute_script(session, plan, script).await
}

/// Runs a script that writes the whole of a plan, or the rest of it.
pub(super) async fn execute_script(
    session: &mut Session,
    plan: &Plan,
    script: Script,
) -> Result<Execution, sqlx::Error> {
    match write(session, script).await? {
        Ok(rows) => {
            let written = Written::of(&rows)?;
            let verdicts = Verdicts::AllDone(written.recorded_at);
            Ok(Execution::Ready { verdicts, left: written.left })
        }
        Err(missed) => miss(session, plan.id, missed, Failure::Guard).await,
    }
}

pub(super) async fn execute_deciding(
    session: &mut Session,
    plan: &Plan,
    foreseen: Option<Foreseen>,
) -> Result<Execution, sqlx::Error> {
    let (script, statements) = lock_and_read(session.flavor, plan, foreseen.is_none());
    let rows = read(session, script, statements).await?;
    let mut ledger = read_ledger(&rows)?;
    if let Some(foreseen) = foreseen {
        ledger.known = match foreseen.still_known(&rows)? {
            Some(known) => known,
            None => {
                read_known(&read(session, script::select_known(session.flavor, plan), 1).await?, 0)?
            }
        };
    }
    if plan.resolving
        && let Some(at) = ledger.landed(plan.id)
    {
        roll_back(session).await?;
        return Ok(Execution::Landed { at });
    }
    let mut decision = decide(plan, ledger);
    if !decision.writes() {
        roll_back(session).await?;
        let left = std::mem::take(&mut decision.left);
        let verdicts = decision.verdicts(Timestamp::from_micros(0));
        return Ok(Execution::NothingToWrite { verdicts: Verdicts::Each(verdicts), left });
    }
    let script = accepted(session.flavor, plan, &decision);
    let written = match write(session, script).await? {
        Ok(rows) => Written::of(&rows)?,
        // The rows are locked and the sums are known to fit: what is missed is not ours to explain.
        Err(missed) => return miss(session, plan.id, missed, Failure::Statement).await,
    };
    let left = std::mem::take(&mut decision.left);
    let verdicts = Verdicts::Each(decision.verdicts(written.recorded_at));
    Ok(Execution::Ready { verdicts, left })
}

/// Reads what a plan will be decided from, as far as no lock is needed.
pub(super) async fn foresee(session: &mut Session, plan: &Plan) -> Result<Foreseen, sqlx::Error> {
    let script = script::foresee(session.flavor, plan);
    Foreseen::of(&read(session, script, 2).await?)
}

/// The rows of a text of so many statements.
async fn read(
    session: &mut Session,
    script: String,
    statements: usize,
) -> Result<Vec<MySqlRow>, sqlx::Error> {
    let (answered, rows) = run(&mut session.connection, script).await?;
    if answered.len() != statements {
        return Err(ended_early(answered.len(), statements));
    }
    Ok(rows)
}

/// Undoes a script that did not write what its plan says.
async fn miss(
    session: &mut Session,
    flush: FlushId,
    missed: Missed,
    counts_are: Failure,
) -> Result<Execution, sqlx::Error> {
    roll_back(session).await?;
    Ok(Execution::Failed(failure_of_missed(flush, missed, counts_are)))
}

pub(super) fn failure_of_missed(flush: FlushId, missed: Missed, counts_are: Failure) -> Failure {
    match missed {
        Missed::Counts => counts_are,
        Missed::VersionTaken(error) => {
            tracing::error!(
                flush = flush.0,
                error = describe(&error),
                "stock.version of this SKU is behind stock_version, so its orders fail; set it to \
                 the SKU's newest version there"
            );
            Failure::Statement
        }
    }
}

/// What a whole script of [`at_once`](super::script::at_once) has handed over.
pub(super) fn committed_at_once(plan: &Plan, steps: &[Expected], handed: &[u64]) -> Execution {
    let by = |step: Step| {
        let place = steps.iter().position(|expected| expected.step == step);
        handed[place.expect("it has this step, and every step was answered")].cast_signed()
    };
    let recorded_at = Timestamp::from_micros(by(Step::Movements));
    let sku = plan.operations[0].change(0).sku.clone();
    // It has gone through under the terms of sale.
    let left = vec![SkuLeft { sku, available: by(Step::Stock), on_terms: false }];
    Execution::Committed { verdicts: Verdicts::AllDone(recorded_at), left }
}

/// What a flush reads back of what it has written.
struct Written {
    recorded_at: Timestamp,
    left: Left,
}

impl Written {
    fn of(rows: &[MySqlRow]) -> Result<Self, sqlx::Error> {
        let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let left = rows.iter().map(|row| {
            let on_terms = row.try_get_unchecked::<i64, _>(3)? != 0;
            Ok(SkuLeft { sku: sku(row, 1)?, available: row.try_get(2)?, on_terms })
        });
        Ok(Self {
            recorded_at: Timestamp::from_micros(first.try_get(0)?),
            left: left.collect::<Result<_, sqlx::Error>>()?,
        })
    }
}
