//! `hotrow reconcile`: one run, or the mending of what a run has found.

mod progress;
mod report;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use super::{AppError, with_database};
use crate::cache::Cache;
use crate::config::Config;
use crate::limits::{DESK_PATIENCE, RECONCILE_PASS_SKUS};
use crate::reconcile::{MendOutcome, Mending, Reconcile, Request};
use crate::store::mysql::{Address, ChangeFeed, Desk};
use crate::telemetry::metrics::Metrics;
use progress::Shown;

/// Well within the `wait_timeout` of a session.
const KEEP_PAUSE: Duration = Duration::from_secs(15);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcileOptions {
    /// Only report.
    pub dry_run: bool,
    /// Report as JSON.
    pub json: bool,
    /// Mend what this run has found.
    pub apply: Option<u64>,
    /// Do not ask.
    pub yes: bool,
    /// Try again what following has given up.
    pub retry_failures: bool,
}

/// What the command tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// For standard output.
    pub text: String,
    /// For the exit code.
    pub outcome: Outcome,
}

/// How it stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be.
    Sound,
    /// Something is not as it should be, or was not.
    Differs,
    /// The database stopped answering before all was done.
    Failed,
    /// The cache should have been compared, and was not; nor does this say that the books are sound.
    CacheNotCompared,
}

impl Outcome {
    fn of(differs: bool) -> Self {
        if differs { Self::Differs } else { Self::Sound }
    }
}

/// Carries the command out.
///
/// # Errors
/// [`AppError`] when it could not be done.
pub async fn reconcile(config: Config, options: ReconcileOptions) -> Result<Told, AppError> {
    with_database(config.database.clone(), async |address| at(address, &config, options).await)
        .await
}

async fn at(
    address: Address,
    config: &Config,
    options: ReconcileOptions,
) -> Result<Told, AppError> {
    let desk = Desk::open(&address, config.desk_connections, DESK_PATIENCE).await?;
    // Its account need not have the right to migrate.
    if !desk.readiness().await?.migrations_current {
        return Err(AppError::Schema);
    }
    let feed = Arc::new(ChangeFeed::new(desk.clone()));
    let metrics = Metrics::new();
    let cache = match &config.cache {
        Some(cache) => Some((Cache::open(cache, metrics.clone())?, config.pins.clone())),
        None => None,
    };
    let reconcile = Reconcile { address, desk: desk.clone(), cache, feed, metrics };
    let told = match options.apply {
        Some(run) => apply(&reconcile, run, options).await,
        None if options.retry_failures => retry(&reconcile, options).await,
        None => full(&reconcile, options).await,
    };
    desk.close().await;
    told
}

async fn full(reconcile: &Reconcile, options: ReconcileOptions) -> Result<Told, AppError> {
    let request = Request { dry_run: options.dry_run, pass_skus: RECONCILE_PASS_SKUS };
    let shown = Shown::new();
    let report = reconcile.full(request, &|progress| shown.show(progress)).await;
    shown.end();
    let report = report?;
    let text = if options.json { report::json(&report) } else { report::table(&report) };
    let outcome = match report.run.cache.reason() {
        Some(_) => Outcome::CacheNotCompared,
        None => Outcome::of(report.run.differences > 0),
    };
    Ok(Told { text, outcome })
}

async fn apply(
    reconcile: &Reconcile,
    run: u64,
    options: ReconcileOptions,
) -> Result<Told, AppError> {
    let mut mending = reconcile.mending(run).await?;
    if mending.drifts().is_empty() {
        let text = if options.json {
            report::mended_json(&[])
        } else {
            format!(
                "Run {run} has found nothing that is left to be mended in MySQL by its SQL; a new run tells what is \
                 so now.\n"
            )
        };
        return Ok(Told { text, outcome: Outcome::Sound });
    }
    if !options.yes && !agreed_meanwhile(&mut mending).await? {
        let text = if options.json {
            report::not_agreed_json(mending.drifts())
        } else {
            "Nothing was changed.\n".to_owned()
        };
        return Ok(Told { text, outcome: Outcome::Differs });
    }
    let shown = Shown::new();
    let outcomes = mending.apply(&|progress| shown.show(progress)).await;
    shown.end();
    let outcomes = outcomes?;
    let text =
        if options.json { report::mended_json(&outcomes) } else { report::mended(&outcomes) };
    let any = |is: fn(&MendOutcome) -> bool| outcomes.iter().any(|(_, outcome)| is(outcome));
    let outcome = if any(|outcome| matches!(outcome, MendOutcome::Unknown(_))) {
        Outcome::Failed
    } else {
        Outcome::of(any(|outcome| matches!(outcome, MendOutcome::Changed | MendOutcome::Failed)))
    };
    Ok(Told { text, outcome })
}

async fn retry(reconcile: &Reconcile, options: ReconcileOptions) -> Result<Told, AppError> {
    let retried = reconcile.retry_failures().await?;
    let text =
        if options.json { report::retried_json(&retried) } else { report::retried(&retried) };
    let fails = retried.iter().any(|(_, error)| error.is_some());
    Ok(Told { text, outcome: Outcome::of(fails) })
}

/// Asks, and keeps the right to mend until there is an answer.
async fn agreed_meanwhile(mending: &mut Mending) -> Result<bool, AppError> {
    let mut asking = std::pin::pin!(agreed(report::to_mend(mending.drifts())));
    loop {
        tokio::select! {
            agrees = &mut asking => return agrees,
            // Not beside the asking: a query must not be cancelled.
            () = tokio::time::sleep(KEEP_PAUSE) => mending.keep().await?,
        }
    }
}

/// Asks on the terminal. Where there is none, nobody agrees.
async fn agreed(what: String) -> Result<bool, AppError> {
    let system = |source| AppError::System { what: "ask on the terminal", source };
    if !std::io::stdin().is_terminal() {
        eprintln!("{what}\nThere is no terminal to ask on; add --yes to agree.");
        return Ok(false);
    }
    eprint!("{what}\nRun this SQL? [y/N] ");
    let asking = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = asking.await.map_err(|stopped| system(stopped.into()))?.map_err(system)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
