//! How a plan is executed on a session, up to its commit.

use sqlx::mysql::MySqlRow;

use super::answers::{Missed, Written, ended_early, write};
use super::connect::{Session, run};
use super::error::describe;
use super::known::{Foreseen, read_known, read_ledger};
use super::script::{self, accepted, finished, lock_and_read, merged, prepared};
use crate::domain::Timestamp;
use crate::engine::{Execution, Failure, FlushId, Mode, Plan, Verdicts, decide};

pub(super) async fn roll_back(session: &mut Session) -> Result<(), sqlx::Error> {
    run(&mut session.connection, "ROLLBACK".to_owned()).await.map(drop)
}

pub(super) async fn execute_merged(
    session: &mut Session,
    plan: &Plan,
) -> Result<Execution, sqlx::Error> {
    match write(session, merged(session.flavor, plan)).await? {
        Ok(written) => {
            let recorded_at = written.recorded_at()?;
            ready(recorded_at, written)
        }
        Err(missed) => miss(session, plan.id, missed, Failure::Guard).await,
    }
}

fn ready(recorded_at: Timestamp, written: Written) -> Result<Execution, sqlx::Error> {
    Ok(Execution::Ready { verdicts: Verdicts::AllDone(recorded_at), left: written.left()? })
}

/// What is done of a plan that is prepared.
#[derive(Debug)]
pub(super) enum Prepared {
    /// The ledger rows of a merged one, at this time.
    Recorded(Timestamp),
    /// The reads for one to be decided, as far as they need no lock.
    Foreseen(Foreseen),
}

pub(super) async fn prepare(
    session: &mut Session,
    plan: &Plan,
) -> Result<Result<Prepared, Missed>, sqlx::Error> {
    if plan.mode == Mode::Deciding {
        let rows = read(session, script::foresee(session.flavor, plan), 2).await?;
        return Ok(Ok(Prepared::Foreseen(Foreseen::of(&rows)?)));
    }
    Ok(match write(session, prepared(session.flavor, plan)).await? {
        Ok(written) => Ok(Prepared::Recorded(written.recorded_at()?)),
        Err(missed) => Err(missed),
    })
}

/// Executes the rest.
pub(super) async fn finish(
    session: &mut Session,
    plan: &Plan,
    prepared: Prepared,
) -> Result<Execution, sqlx::Error> {
    match prepared {
        Prepared::Foreseen(reads) => execute_deciding(session, plan, Some(reads)).await,
        Prepared::Recorded(at) => match write(session, finished(session.flavor, plan)).await? {
            Ok(written) => ready(at, written),
            Err(missed) => miss(session, plan.id, missed, Failure::Guard).await,
        },
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
    let recorded_at = match write(session, script).await? {
        Ok(written) => written.recorded_at()?,
        // The rows are locked and the sums are known to fit: what is missed is not ours to explain.
        Err(missed) => return miss(session, plan.id, missed, Failure::Statement).await,
    };
    let left = std::mem::take(&mut decision.left);
    let verdicts = Verdicts::Each(decision.verdicts(recorded_at));
    Ok(Execution::Ready { verdicts, left })
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
