//! How a plan is executed on a session, up to its commit.

use rustc_hash::FxHashMap;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::answers::{Missed, ended_early, write};
use super::connect::{Session, run, text};
use super::error::describe;
use super::script::{
    Expected, LOCK_AND_READ_STATEMENTS, Script, Step, accepted, lock_and_read, merged,
};
use crate::domain::{OrderId, Sku, Timestamp};
use crate::engine::{
    Execution, Failure, FlushId, Known, KnownMovements, Ledger, Left, Plan, Verdicts, decide,
};

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
) -> Result<Execution, sqlx::Error> {
    let (answered, rows) =
        run(&mut session.connection, lock_and_read(session.flavor, plan)).await?;
    if answered.len() != LOCK_AND_READ_STATEMENTS {
        return Err(ended_early(answered.len(), LOCK_AND_READ_STATEMENTS));
    }
    let ledger = read_ledger(&rows)?;
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
    let script = accepted(session.flavor, plan, |index| decision.accepts(index));
    let written = match write(session, script).await? {
        Ok(rows) => Written::of(&rows)?,
        // The rows are locked and the sums are known to fit: what is missed is not ours to explain.
        Err(missed) => return miss(session, plan.id, missed, Failure::Statement).await,
    };
    let left = std::mem::take(&mut decision.left);
    let verdicts = Verdicts::Each(decision.verdicts(written.recorded_at));
    Ok(Execution::Ready { verdicts, left })
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
    let left = vec![(plan.operations[0].change(0).sku.clone(), by(Step::Stock))];
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
        let left = rows.iter().map(|row| Ok((sku(row, 1)?, row.try_get(2)?)));
        Ok(Self {
            recorded_at: Timestamp::from_micros(first.try_get(0)?),
            left: left.collect::<Result<_, sqlx::Error>>()?,
        })
    }
}

/// Sorts out the rows of the two reads of [`lock_and_read`] by their width.
fn read_ledger(rows: &[MySqlRow]) -> Result<Ledger, sqlx::Error> {
    let mut ledger = Ledger { available: FxHashMap::default(), known: FxHashMap::default() };
    for row in rows {
        if row.len() == 2 {
            ledger.available.insert(sku(row, 0)?, row.try_get(1)?);
            continue;
        }
        let order_id = text(row, 0)?;
        let order_id = OrderId::new("order_id", &order_id).map_err(decode_error)?;
        let movements: &mut KnownMovements = ledger.known.entry(order_id).or_default();
        let step = match text(row, 1)?.as_str() {
            "take" => &mut movements.take,
            "settle" => &mut movements.settle,
            "adjust" => &mut movements.adjust,
            // The opening of a SKU that happens to have the name of an order.
            _ => continue,
        };
        let known = match step {
            Some(known) => known,
            None => step.insert(Known {
                changes: Vec::new(),
                flush: FlushId(row.try_get(5)?),
                at: Timestamp::from_micros(row.try_get(6)?),
            }),
        };
        known.changes.push((sku(row, 3)?, row.try_get(4)?));
    }
    Ok(ledger)
}

fn sku(row: &MySqlRow, index: usize) -> Result<Sku, sqlx::Error> {
    Sku::new(&text(row, index)?).map_err(decode_error)
}

fn decode_error(error: crate::domain::InvalidValue) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
