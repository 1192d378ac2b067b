//! The flush connections, each a task of the engine thread that does one thing at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::{CommitOutcome, Execution, Failure, FlushId, Plan};
use crate::store::mysql::{Abandoned, Address, FlushConnection, FlushTiming};

/// An idle connection is used this often, well within the session's `wait_timeout`.
const KEEP_ALIVE_PAUSE: Duration = Duration::from_secs(15);

#[derive(Debug)]
enum Task {
    Execute(Arc<Plan>),
    Prepare(Arc<Plan>),
    Finish(Arc<Plan>),
    Commit(FlushId),
    RollBack(FlushId),
    Probe,
}

/// What a connection has done.
#[derive(Debug)]
pub(super) enum Done {
    Prepared(FlushId, Result<(), Failure>),
    Executed(FlushId, Execution),
    Committed(FlushId, CommitOutcome),
    RolledBack(FlushId),
    Probed {
        usable: bool,
    },
    /// Nothing: it has noticed while it was idle that its session is gone.
    SessionEnded,
}

#[derive(Debug)]
pub(super) struct Report {
    pub done: Done,
    connection: usize,
    session: Option<u64>,
}

/// All connections, and which of them carries which flush.
#[derive(Debug)]
pub(super) struct Crew {
    tasks: Vec<mpsc::UnboundedSender<Task>>,
    reports: mpsc::UnboundedReceiver<Report>,
    /// The newest used last, so that few connections stay busy and the others idle.
    free: Vec<usize>,
    carries: HashMap<FlushId, usize>,
    sessions: Vec<Option<u64>>,
    /// A session has ended since this was last asked.
    session_lost: bool,
    members: tokio::task::JoinSet<()>,
}

impl Crew {
    pub(super) fn start(address: &Address, timing: FlushTiming, connections: usize) -> Self {
        // Bounded by the protocol: a connection has one task and one report at a time.
        let (report, reports) = mpsc::unbounded_channel();
        let mut members = tokio::task::JoinSet::new();
        let abandoned = Abandoned::default();
        let tasks = (0..connections)
            .map(|index| {
                let (task, orders) = mpsc::unbounded_channel();
                let connection = FlushConnection::new(address.clone(), timing, abandoned.clone());
                members.spawn(work(index, connection, orders, report.clone()));
                task
            })
            .collect();
        let free = (0..connections).rev().collect();
        let sessions = vec![None; connections];
        Self {
            tasks,
            reports,
            free,
            carries: HashMap::new(),
            sessions,
            session_lost: false,
            members,
        }
    }

    pub(super) fn execute(&mut self, plan: Arc<Plan>) {
        let connection = self.carry(plan.id);
        self.send(connection, Task::Execute(plan));
    }

    pub(super) fn prepare(&mut self, plan: Arc<Plan>) {
        let connection = self.carry(plan.id);
        self.send(connection, Task::Prepare(plan));
    }

    pub(super) fn finish(&self, plan: Arc<Plan>) {
        self.send(self.carries[&plan.id], Task::Finish(plan));
    }

    fn carry(&mut self, flush: FlushId) -> usize {
        let connection = self.free.pop().expect("as many flights as connections");
        self.carries.insert(flush, connection);
        connection
    }

    pub(super) fn commit(&self, flush: FlushId) {
        self.send(self.carries[&flush], Task::Commit(flush));
    }

    pub(super) fn roll_back(&self, flush: FlushId) {
        self.send(self.carries[&flush], Task::RollBack(flush));
    }

    pub(super) fn probe(&mut self) {
        let connection = self.free.pop().expect("a probe takes the place of a flight");
        self.send(connection, Task::Probe);
    }

    fn send(&self, connection: usize, task: Task) {
        self.tasks[connection].send(task).expect("a connection's task runs as long as the crew");
    }

    /// The next report, as soon as there is one.
    pub(super) async fn report(&mut self) -> Report {
        let report = self.reports.recv().await.expect("the crew has members");
        self.note(&report);
        report
    }

    /// A report that is there already.
    pub(super) fn ready_report(&mut self) -> Option<Report> {
        let report = self.reports.try_recv().ok()?;
        self.note(&report);
        Some(report)
    }

    fn note(&mut self, report: &Report) {
        let before = std::mem::replace(&mut self.sessions[report.connection], report.session);
        self.session_lost |= before.is_some() && before != report.session;
        match report.done {
            // The transaction goes on.
            Done::Prepared(_, Ok(())) | Done::Executed(_, Execution::Ready { .. }) => return,
            // Free it stays free; the next step of a flush that it carries fails, and is reported.
            Done::SessionEnded => return,
            Done::Prepared(flush, Err(_))
            | Done::Executed(flush, _)
            | Done::Committed(flush, _)
            | Done::RolledBack(flush) => {
                self.carries.remove(&flush);
            }
            Done::Probed { .. } => {}
        }
        self.free.push(report.connection);
    }

    /// Connections that have a session with the server.
    pub(super) fn open(&self) -> usize {
        self.sessions.iter().flatten().count()
    }

    /// True if a session with the server has ended since this was last asked.
    pub(super) fn has_lost_a_session(&mut self) -> bool {
        std::mem::take(&mut self.session_lost)
    }

    /// Ends all sessions.
    pub(super) async fn close(self) {
        drop(self.tasks);
        self.members.join_all().await;
    }
}

async fn work(
    index: usize,
    mut connection: FlushConnection,
    mut tasks: mpsc::UnboundedReceiver<Task>,
    reports: mpsc::UnboundedSender<Report>,
) {
    loop {
        let task = match tokio::time::timeout(KEEP_ALIVE_PAUSE, tasks.recv()).await {
            Ok(Some(task)) => task,
            Ok(None) => return connection.close().await,
            Err(_) if connection.keep_alive().await => continue,
            Err(_) => {
                let report = Report { done: Done::SessionEnded, connection: index, session: None };
                if reports.send(report).is_err() {
                    return;
                }
                continue;
            }
        };
        let done = match task {
            Task::Execute(plan) => Done::Executed(plan.id, connection.execute(&plan).await),
            Task::Prepare(plan) => Done::Prepared(plan.id, connection.prepare(&plan).await),
            Task::Finish(plan) => Done::Executed(plan.id, connection.finish(&plan).await),
            Task::Commit(flush) => Done::Committed(flush, connection.commit(flush).await),
            Task::RollBack(flush) => {
                connection.roll_back().await;
                Done::RolledBack(flush)
            }
            Task::Probe => Done::Probed { usable: connection.probe().await },
        };
        let session = connection.session();
        if reports.send(Report { done, connection: index, session }).is_err() {
            return;
        }
    }
}
