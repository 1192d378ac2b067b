//! One flush at a time on a connection of its own.
//!
//! The rule for every error and every silence: the connection is thrown away. A future that is
//! dropped at its deadline takes its connection with it, so no answer can reach a later question.

use std::time::Duration;

use rustc_hash::FxHashMap;
use sqlx::Row;
use sqlx::mysql::MySqlRow;
use tracing::{debug, warn};

use super::abandoned::Abandoned;
use super::address::Address;
use super::connect::{Answers, Session, close, connect, run, run_to_error, text};
use super::error::{commit_outcome_of, describe, failure_of, is_duplicate};
use super::script::{Expected, Script, Step, accepted, finished, lock_and_read, merged, prepared};
use super::statement as sql;
use crate::domain::{OrderId, Sku, Timestamp};
use crate::engine::{
    CommitOutcome, Execution, Failure, FlushId, Known, KnownMovements, Ledger, Left, Mode, Plan,
    Verdicts, decide,
};

/// How long the server may be silent.
#[derive(Clone, Copy, Debug)]
pub struct FlushTiming {
    /// For a connection to be made, in all.
    pub connect: Duration,
    /// For a plan to be executed up to its commit.
    pub execute: Duration,
    /// For a commit to be answered.
    pub commit: Duration,
}

/// Executes plans, one at a time.
#[derive(Debug)]
pub struct FlushConnection {
    address: Address,
    timing: FlushTiming,
    session: Option<Session>,
    abandoned: Abandoned,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session {} of {:?}", self.id, self.flavor)
    }
}

impl FlushConnection {
    /// A connection that is made when the first plan needs it.
    #[must_use]
    pub fn new(address: Address, timing: FlushTiming, abandoned: Abandoned) -> Self {
        Self { address, timing, session: None, abandoned }
    }

    /// True while there is a session with the server.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Executes a plan up to the point where it can be committed.
    pub async fn execute(&mut self, plan: &Plan) -> Execution {
        let Some(session) = self.ready_session().await else {
            return Execution::Failed(Failure::Lost);
        };
        let work = async |session: &mut Session| match plan.mode {
            Mode::Merged => execute_merged(session, plan).await,
            Mode::Deciding => execute_deciding(session, plan).await,
        };
        self.in_time(session, plan.id, work).await.unwrap_or_else(Execution::Failed)
    }

    /// Writes the ledger rows of a merged plan, and none of its stock rows.
    ///
    /// # Errors
    /// Why it could not; the transaction is over then.
    pub async fn prepare(&mut self, plan: &Plan) -> Result<(), Failure> {
        let Some(session) = self.ready_session().await else { return Err(Failure::Lost) };
        let work = async |session: &mut Session| {
            let script = prepared(session.flavor, plan);
            write(session, script).await
        };
        match self.in_time(session, plan.id, work).await? {
            Ok(_) => Ok(()),
            Err(Missed::Counts | Missed::VersionTaken(_)) => {
                self.roll_back().await;
                Err(Failure::Statement)
            }
        }
    }

    /// Executes the rest of a plan that was prepared, up to the point where it can be committed.
    pub async fn finish(&mut self, plan: &Plan) -> Execution {
        let Some(session) = self.session.take() else { return Execution::Failed(Failure::Lost) };
        let work = async |session: &mut Session| {
            let script = finished(session.flavor, plan);
            execute_script(session, plan, script).await
        };
        self.in_time(session, plan.id, work).await.unwrap_or_else(Execution::Failed)
    }

    /// Does one step of a flush. The session is kept only if the step went well and in time.
    async fn in_time<T>(
        &mut self,
        mut session: Session,
        flush: FlushId,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        let id = session.id;
        let working = async {
            let outcome = work(&mut session).await;
            (session, outcome)
        };
        match tokio::time::timeout(self.timing.execute, working).await {
            Ok((session, Ok(outcome))) => {
                self.session = Some(session);
                Ok(outcome)
            }
            Ok((session, Err(error))) => {
                let failure = failure_of(&error);
                report(flush, failure, &error);
                self.give_up(session).await;
                Err(failure)
            }
            Err(_) => {
                self.abandoned.add(id);
                warn!(flush = flush.0, "no answer to a flush in time; connection dropped");
                Err(Failure::Lost)
            }
        }
    }

    /// Commits what was executed.
    pub async fn commit(&mut self, flush: FlushId) -> CommitOutcome {
        let Some(mut session) = self.session.take() else { return CommitOutcome::Unknown };
        let id = session.id;
        let work = async {
            let outcome = run(&mut session.connection, "COMMIT".to_owned()).await;
            (session, outcome)
        };
        match tokio::time::timeout(self.timing.commit, work).await {
            Ok((session, Ok(_))) => {
                self.session = Some(session);
                CommitOutcome::Committed
            }
            Ok((_, Err(error))) => {
                self.abandoned.add(id);
                let outcome = commit_outcome_of(&error);
                warn!(flush = flush.0, ?outcome, error = describe(&error), "a commit failed");
                outcome
            }
            Err(_) => {
                self.abandoned.add(id);
                warn!(flush = flush.0, "no answer to a commit in time; connection dropped");
                CommitOutcome::Unknown
            }
        }
    }

    /// Undoes what was executed.
    pub async fn roll_back(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        let id = session.id;
        let work = async {
            let outcome = roll_back(&mut session).await;
            (session, outcome)
        };
        match tokio::time::timeout(self.timing.commit, work).await {
            Ok((session, Ok(()))) => self.session = Some(session),
            Ok((_, Err(_))) | Err(_) => self.abandoned.add(id),
        }
    }

    /// True when the server can be reached and lets this account write.
    pub async fn probe(&mut self) -> bool {
        let Some(mut session) = self.ready_session().await else { return false };
        let probe = run(&mut session.connection, sql::PROBE.text().to_owned());
        let answer = tokio::time::timeout(self.timing.execute, probe).await;
        if matches!(answer, Ok(Ok(_))) {
            self.session = Some(session);
            return true;
        }
        false
    }

    /// Shows the server that the session is in use, so that it is not closed for idleness.
    pub async fn keep_alive(&mut self) {
        use sqlx::Connection;
        let Some(mut session) = self.session.take() else { return };
        let ping = tokio::time::timeout(self.timing.connect, session.connection.ping()).await;
        if matches!(ping, Ok(Ok(()))) {
            self.session = Some(session);
        }
    }

    /// Says goodbye to the server.
    pub async fn close(mut self) {
        if let Some(session) = self.session.take() {
            let goodbye = tokio::time::timeout(self.timing.connect, close(session.connection));
            if goodbye.await.is_err() {
                debug!("the server did not take the goodbye in time");
            }
        }
    }

    /// Leaves a session in which a statement failed: rolled back if the server still listens, and in
    /// no case used again.
    async fn give_up(&mut self, mut session: Session) {
        let rolled_back = tokio::time::timeout(self.timing.connect, roll_back(&mut session)).await;
        if matches!(rolled_back, Ok(Ok(()))) {
            close(session.connection).await;
        } else {
            self.abandoned.add(session.id);
        }
    }

    /// The session, made if there is none, when no abandoned one stands in its way. `None` when the
    /// server cannot be used, which is logged.
    async fn ready_session(&mut self) -> Option<Session> {
        let kept = self.session.take();
        let readying = async {
            let mut session = match kept {
                Some(session) => session,
                None => connect(&self.address).await?,
            };
            self.abandoned.end_all(&mut session).await?;
            Ok::<_, sqlx::Error>(session)
        };
        match tokio::time::timeout(self.timing.connect, readying).await {
            Ok(Ok(session)) => return Some(session),
            Ok(Err(error)) => {
                warn!(address = %self.address, error = describe(&error), "cannot connect");
            }
            Err(_) => warn!(address = %self.address, "no connection in time"),
        }
        None
    }
}

fn report(flush: FlushId, failure: Failure, error: &sqlx::Error) {
    match failure {
        // Part of normal work: the plan is decided order by order next.
        Failure::Duplicate | Failure::Guard | Failure::Conflict => {
            debug!(
                flush = flush.0,
                ?failure,
                error = describe(error),
                "a flush did not go through"
            );
        }
        Failure::LockWait | Failure::Lost | Failure::NotWritable => {
            warn!(flush = flush.0, ?failure, error = describe(error), "a flush did not go through");
        }
        Failure::Statement => {
            tracing::error!(
                flush = flush.0,
                error = describe(error),
                "the database refuses a flush; its error names the setting, constraint, trigger or \
                 privilege that stands in the way"
            );
        }
    }
}

async fn roll_back(session: &mut Session) -> Result<(), sqlx::Error> {
    run(&mut session.connection, "ROLLBACK".to_owned()).await.map(drop)
}

async fn execute_merged(session: &mut Session, plan: &Plan) -> Result<Execution, sqlx::Error> {
    let script = merged(session.flavor, plan);
    execute_script(session, plan, script).await
}

/// Runs a script that writes the whole of a plan, or the rest of it.
async fn execute_script(
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

async fn execute_deciding(session: &mut Session, plan: &Plan) -> Result<Execution, sqlx::Error> {
    let (_, rows) = run(&mut session.connection, lock_and_read(session.flavor, plan)).await?;
    let ledger = read_ledger(&rows)?;
    if plan.resolving && ledger.has_from(plan.id) {
        roll_back(session).await?;
        return Ok(Execution::Landed);
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
    Ok(Execution::Failed(match missed {
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
    }))
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

/// What a script did not write, though no statement is to blame.
enum Missed {
    /// A count differs from the plan's.
    Counts,
    /// The next version of a SKU is recorded already: `stock.version` was changed by hand.
    VersionTaken(sqlx::Error),
}

/// Runs a writing script, compares every count with what it has to be, and returns the rows read.
async fn write(
    session: &mut Session,
    script: Script,
) -> Result<Result<Vec<MySqlRow>, Missed>, sqlx::Error> {
    let Answers { affected, rows, error } =
        run_to_error(&mut session.connection, script.text).await;
    let as_planned = |(count, expected): (&u64, &Expected)| {
        expected.affects.is_none_or(|affects| affects == *count)
    };
    if !affected.iter().zip(&script.steps).all(as_planned) {
        // Also when there is an error: a stock row that was passed over has the version that it had,
        // which is recorded already, so the reason is the guard.
        return Ok(Err(Missed::Counts));
    }
    let Some(error) = error else { return Ok(Ok(rows)) };
    let failed = script.steps.get(affected.len()).map(|expected| expected.step);
    if failed == Some(Step::Versions) && is_duplicate(&error) {
        return Ok(Err(Missed::VersionTaken(error)));
    }
    Err(error)
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
