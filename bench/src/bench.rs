//! What all experiments share: the server, the settings, the runs and their audits.

use std::sync::Arc;

use crate::books::{audit, flushes_over_time};
use crate::cpu::CpuSeconds;
use crate::latencies::Times;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::report::{Busy, Run};
use crate::servers::database::Database;
use crate::servers::mysql::MySql;
use crate::settings::RunSettings;
use crate::subjects::{Stage, Subject};
use crate::turn::{Turn, Window};

/// Points of the curve of orders per flush.
const FLUSH_POINTS: usize = 150;

/// The harness at work.
pub(crate) struct Bench {
    pub settings: RunSettings,
    pub mysql: MySql,
    pub progress: Progress,
    /// Runs that failed, in words.
    pub failures: Vec<String>,
}

/// How the tables of a run are audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audit {
    /// A ledger row for each order, a version for each flush.
    Flushes,
    /// A ledger row for each order.
    Rows,
    /// There is nothing in the tables; Redis is audited by its subject.
    Nothing,
}

/// A run that was made and audited.
pub(crate) struct Played {
    pub window: Window,
    pub run: Run,
    pub times: Times,
    pub flushes: Vec<(f64, f64)>,
}

impl Bench {
    /// Plays one subject on a fresh database.
    pub(crate) async fn play(
        &mut self,
        subject: Subject,
        settings: &RunSettings,
        orders: Orders,
    ) -> Outcome<Played> {
        let audit = match (subject.leaves_rows(), subject.flushes()) {
            (true, true) => Audit::Flushes,
            (true, false) => Audit::Rows,
            (false, _) => Audit::Nothing,
        };
        self.on_fresh(settings, orders, audit, async |stage| subject.play(stage).await).await
    }

    /// Plays whatever sends these orders on a fresh database, audits the books, drops it.
    pub(crate) async fn on_fresh(
        &mut self,
        settings: &RunSettings,
        orders: Orders,
        audit: Audit,
        play: impl AsyncFnOnce(&Stage<'_>) -> Outcome<Window>,
    ) -> Outcome<Played> {
        let database = self.mysql.fresh(&orders.workload).await?;
        let played = self.on_database(settings, &database, orders, audit, play).await;
        self.mysql.drop(database).await?;
        played
    }

    async fn on_database(
        &mut self,
        settings: &RunSettings,
        database: &Database,
        orders: Orders,
        audit_as: Audit,
        play: impl AsyncFnOnce(&Stage<'_>) -> Outcome<Window>,
    ) -> Outcome<Played> {
        let stage = self.stage(settings, database, orders);
        let window = play(&stage).await?;
        let durable = match audit_as {
            Audit::Flushes => Some(audit(database, stage.turn.tally(), 0, true).await?.orders),
            Audit::Rows => Some(audit(database, stage.turn.tally(), 0, false).await?.orders),
            Audit::Nothing => None,
        };
        let flushes = match audit_as {
            Audit::Flushes => flushes_over_time(database, FLUSH_POINTS).await?,
            Audit::Rows | Audit::Nothing => Vec::new(),
        };
        played(&stage.turn, window, durable, flushes)
    }

    /// The stage for one run on this database.
    pub(crate) fn stage<'a>(
        &self,
        settings: &'a RunSettings,
        database: &'a Database,
        orders: Orders,
    ) -> Stage<'a> {
        let turn = Arc::new(Turn::new(settings.warmup(), settings.duration()));
        Stage { settings, database, database_pid: self.mysql.pid(), orders, turn }
    }

    /// Notes that a run failed; the report is then worth nothing.
    pub(crate) fn failed(&mut self, what: &str, error: &crate::outcome::Failed) {
        let text = format!("{what}: {error}");
        self.progress.tell(&format!("FAILED  {text}"));
        self.failures.push(text);
    }
}

/// What a turn came to.
pub(crate) fn played(
    turn: &Turn,
    window: Window,
    durable: Option<u64>,
    flushes: Vec<(f64, f64)>,
) -> Outcome<Played> {
    let tally = turn.tally();
    let run = Run {
        window_s: window.seconds,
        accepted: tally.accepted,
        refused: tally.refused,
        replayed: tally.replayed,
        retried: tally.retried,
        durable,
        busy: busy(window.cpu, window.seconds),
    };
    Ok(Played { window, run, times: turn.latencies.merged()?, flushes })
}

fn busy(cpu: CpuSeconds, seconds: f64) -> Busy {
    Busy {
        client: cpu.client / seconds,
        engine: cpu.engine / seconds,
        service: cpu.service / seconds,
        database: cpu.database / seconds,
    }
}
