//! One flush at a time on a connection of its own.
//!
//! The rule for every error and every silence: the connection is thrown away. A future that is
//! dropped at its deadline takes its connection with it, so no answer can reach a later question.
//! The one exception is a plan that did not go through for reasons of its own, see `give_up`.

use std::time::Duration;

use tracing::{debug, warn};

use super::abandoned::Abandoned;
use super::address::Address;
use super::answers::{Checked, Missed, Written};
use super::connect::{Session, close, connect, run, run_to_error};
use super::error::{commit_outcome_of, describe, failure_of, is_answer};
use super::execute::{
    Prepared, execute_deciding, execute_merged, failure_of_missed, finish, prepare, roll_back,
};
use super::procedures;
use super::script::{Step, at_once};
use super::statement as sql;
use crate::engine::{CommitOutcome, Execution, Failure, FlushId, Mode, Plan, Verdicts};

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
    sessions_made: u64,
    abandoned: Abandoned,
    /// What is done of the plan that is prepared.
    prepared: Option<Prepared>,
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
        Self { address, timing, session: None, sessions_made: 0, abandoned, prepared: None }
    }

    /// The number of the session with the server while there is one; each has another.
    #[must_use]
    pub fn session(&self) -> Option<u64> {
        self.session.as_ref().map(|_| self.sessions_made)
    }

    /// Executes a plan up to the point where it can be committed.
    pub async fn execute(&mut self, plan: &Plan) -> Execution {
        let Some(session) = self.ready_session().await else {
            return Execution::Failed(Failure::Lost);
        };
        let executed = match plan.mode {
            Mode::AtOnce => return self.execute_at_once(session, plan).await,
            Mode::Merged => {
                let work = async |session: &mut Session| execute_merged(session, plan).await;
                self.in_time(session, plan.id, work).await
            }
            Mode::Deciding => {
                let work =
                    async |session: &mut Session| execute_deciding(session, plan, None).await;
                self.in_time(session, plan.id, work).await
            }
        };
        executed.unwrap_or_else(Execution::Failed)
    }

    /// The commit is in the message, so whatever leaves its end open leaves the commit open.
    async fn execute_at_once(&mut self, mut session: Session, plan: &Plan) -> Execution {
        let id = session.id;
        let mut script = at_once(&session, plan);
        let text = std::mem::take(&mut script.text);
        let working = async {
            let answers = run_to_error(&mut session.connection, text).await;
            (session, answers)
        };
        let Ok((session, answers)) = tokio::time::timeout(self.timing.execute, working).await
        else {
            self.abandoned.add(id);
            warn!(flush = plan.id.0, "no answer to a flush in time; connection dropped");
            return Execution::CommitUnknown;
        };
        let failed = script.steps.get(answers.affected.len()).map(|expected| expected.step);
        match Checked::of(script, answers) {
            Checked::AsPlanned(written) => match committed(written) {
                Ok(execution) => {
                    self.session = Some(session);
                    execution
                }
                // It is in the ledger, and so is its time, which is looked up there.
                Err(error) => {
                    self.commit_failed(id, plan.id, &error);
                    Execution::CommitUnknown
                }
            },
            Checked::Error(error) if failed == Some(Step::Commit) || !is_answer(&error) => {
                match self.commit_failed(id, plan.id, &error) {
                    CommitOutcome::NotCommitted => Execution::Failed(Failure::Conflict),
                    CommitOutcome::Unknown | CommitOutcome::Committed => Execution::CommitUnknown,
                }
            }
            Checked::Error(error) => {
                let failure = failure_of(&error);
                report(plan.id, failure, &error);
                self.give_up(session, failure).await;
                Execution::Failed(failure)
            }
            Checked::Missed(missed) => {
                let failure = failure_of_missed(plan.id, missed, Failure::Guard);
                self.give_up(session, failure).await;
                Execution::Failed(failure)
            }
        }
    }

    /// Does what needs no lock on stock rows: writes the ledger rows of a merged plan, or reads what is known of
    /// the ids of one to be decided, and of the stock, for [`FlushConnection::finish`] to see that it still holds.
    ///
    /// # Errors
    /// Why it could not; the transaction is over then.
    pub async fn prepare(&mut self, plan: &Plan) -> Result<(), Failure> {
        let Some(session) = self.ready_session().await else { return Err(Failure::Lost) };
        let work = async |session: &mut Session| prepare(session, plan).await;
        match self.in_time(session, plan.id, work).await? {
            Ok(prepared) => {
                self.prepared = Some(prepared);
                Ok(())
            }
            Err(Missed::Counts | Missed::VersionTaken(_)) => {
                self.roll_back().await;
                Err(Failure::Statement)
            }
        }
    }

    /// Executes the rest of a plan that was prepared, up to the point where it can be committed.
    pub async fn finish(&mut self, plan: &Plan) -> Execution {
        let (Some(prepared), Some(session)) = (self.prepared.take(), self.session.take()) else {
            return Execution::Failed(Failure::Lost);
        };
        let work = async |session: &mut Session| finish(session, plan, prepared).await;
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
                self.give_up(session, failure).await;
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
            Ok((_, Err(error))) => self.commit_failed(id, flush, &error),
            Err(_) => {
                self.abandoned.add(id);
                warn!(flush = flush.0, "no answer to a commit in time; connection dropped");
                CommitOutcome::Unknown
            }
        }
    }

    /// What an error in answer to a commit means. Its session is not used again.
    fn commit_failed(&self, session: u64, flush: FlushId, error: &sqlx::Error) -> CommitOutcome {
        self.abandoned.add(session);
        let outcome = commit_outcome_of(error);
        warn!(flush = flush.0, ?outcome, error = describe(error), "a commit failed");
        outcome
    }

    /// Undoes what was executed.
    pub async fn roll_back(&mut self) {
        self.prepared = None;
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
        match tokio::time::timeout(self.timing.execute, probe).await {
            Ok(Ok(_)) => {
                self.session = Some(session);
                return true;
            }
            Ok(Err(error)) => warn!(error = describe(&error), "the database takes no writes"),
            Err(_) => warn!("no answer to a probe in time; connection dropped"),
        }
        false
    }

    /// Shows the server that the session is in use, so that it is not closed for idleness. False when there was one
    /// and it is gone.
    pub async fn keep_alive(&mut self) -> bool {
        use sqlx::Connection;
        let Some(mut session) = self.session.take() else { return true };
        let ping = tokio::time::timeout(self.timing.connect, session.connection.ping()).await;
        let answered = matches!(ping, Ok(Ok(())));
        if answered {
            self.session = Some(session);
        } else {
            // It may be in the middle of a flush that waits for others, with locks.
            self.abandoned.add(session.id);
        }
        answered
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

    /// Leaves a session in which a plan failed: rolled back if the server still listens, and not used
    /// again, except after an id that is known or a stock that is too low.
    ///
    /// Of these two it is known where the session stands. The server ends a text of several statements
    /// with the first error, so that error was its last word, and the answer to ROLLBACK, read in its own
    /// place after it, says that the transaction is over. They are the daily work of a shop whose callers
    /// send again, and a new session costs as much as a flush. After any other error the server may have
    /// done something with the transaction, or be about to do something with the connection.
    async fn give_up(&mut self, mut session: Session, failure: Failure) {
        let rolled_back = tokio::time::timeout(self.timing.connect, roll_back(&mut session)).await;
        if !matches!(rolled_back, Ok(Ok(()))) {
            return self.abandoned.add(session.id);
        }
        match failure {
            Failure::Duplicate | Failure::Guard => self.session = Some(session),
            Failure::LockWait
            | Failure::Conflict
            | Failure::Lost
            | Failure::NotWritable
            | Failure::Statement => close(session.connection).await,
        }
    }

    /// The session, made if there is none, when no abandoned one stands in its way. `None` when the
    /// server cannot be used, which is logged.
    async fn ready_session(&mut self) -> Option<Session> {
        let kept = self.session.take();
        let readying = async {
            let mut session = match kept {
                Some(session) => session,
                None => {
                    let mut session = connect(&self.address).await?;
                    session.can_call = procedures::are_callable(&mut session.connection).await?;
                    self.sessions_made += 1;
                    session
                }
            };
            self.abandoned.end_all(&mut session).await?;
            Ok::<_, sqlx::Error>(session)
        };
        match tokio::time::timeout(self.timing.connect, readying).await {
            Ok(Ok(session)) => return Some(session),
            Ok(Err(error)) => {
                warn!(address = %self.address, error = describe(&error), "no usable connection");
            }
            Err(_) => warn!(address = %self.address, "no usable connection in time"),
        }
        None
    }
}

/// What came of an order that was committed at once.
fn committed(written: Written) -> Result<Execution, sqlx::Error> {
    let verdicts = Verdicts::AllDone(written.recorded_at()?);
    Ok(Execution::Committed { verdicts, left: written.left()? })
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
