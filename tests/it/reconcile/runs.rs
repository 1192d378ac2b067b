//! Runs that are interrupted, asked for twice, or due by a schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hotrow::domain::{Available, Sku, Terms};
use hotrow::embedded::Flavor;
use hotrow::reconcile::{Progress, Reconcile, ReconcileError, Request};
use hotrow::store::mysql::{Address, ChangeFeed, Desk};
use hotrow::telemetry::metrics::Metrics;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{reconcile, run};
use crate::support::database::{self, Database};
use crate::support::process::{self, PATIENCE};
use crate::support::redis::Redis;
use crate::support::shop::{Shop, until};

const NOWHERE: [&str; 2] = ["--redis-url", "redis+unix:///nowhere/redis.sock"];

/// Two SKUs a pass, so that there are several.
const REQUEST: Request = Request { dry_run: false, pass_skus: 2 };

pub(super) async fn library(database: &Database) -> Reconcile {
    let address: Address = database.url().parse().unwrap();
    let desk = Desk::open(&address, 2, PATIENCE).await.unwrap();
    let feed = Arc::new(ChangeFeed::new(desk.clone()));
    Reconcile { address, desk, cache: None, feed, metrics: Metrics::new() }
}

async fn open_stock(database: &Database, skus: usize) -> Reconcile {
    let reconcile = library(database).await;
    for n in 1..=skus {
        let sku = Sku::new(&format!("s-{n}")).unwrap();
        let units = Available::new(100).unwrap();
        reconcile.desk.open_stock(sku, units, Terms::default()).await.unwrap();
    }
    reconcile
}

/// Interrupted in its third pass, a run goes on after the second, and records nothing twice.
async fn an_interrupted_run_goes_on_where_it_was(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let reconcile = open_stock(&shop.database, 7).await;
    let planted = "UPDATE stock SET available = 90 WHERE sku IN ('s-1', 's-4', 's-6')";
    run(&shop.database, planted).await;
    let (passes, third) = (AtomicU64::new(0), Notify::new());
    let watch = |progress| {
        if matches!(progress, Progress::Ledger { .. })
            && passes.fetch_add(1, Ordering::Relaxed) == 2
        {
            third.notify_one();
        }
    };
    tokio::select! {
        report = reconcile.full(REQUEST, &watch) => panic!("nobody interrupted it: {report:?}"),
        () = third.notified() => {}
    }
    let recorded =
        "SELECT CONCAT_WS(' ', id, state, phase, position, skus, differences) FROM reconcile_run";
    assert_eq!(shop.database.lines(recorded).await, ["1 running books s-4 4 2"]);

    let resumed = Mutex::new(Vec::new());
    let watch = |progress| {
        if let Progress::Resumed { run, skus, .. } = progress {
            resumed.lock().push((run, skus));
        }
    };
    // The server may not have seen yet that the first one has gone.
    let report = loop {
        match reconcile.full(REQUEST, &watch).await {
            Ok(report) => break report,
            Err(ReconcileError::Busy) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(*resumed.lock(), [(1, 4)]);
    assert_eq!((report.run.skus, report.run.differences), (7, 3));
    let skus: Vec<_> = report.drifts.iter().map(|recorded| recorded.drift.sku.as_str()).collect();
    assert_eq!(skus, ["s-1", "s-4", "s-6"]);
    assert_eq!(shop.database.lines(recorded).await, ["1 done books s-6 7 3"]);

    // One that is too old is not taken up again, and one that only reports is not one that repairs.
    let old = "UPDATE reconcile_run SET state = 'running', started_at = NOW() - INTERVAL 25 HOUR";
    run(&shop.database, old).await;
    let report = reconcile.full(REQUEST, &|_| {}).await.unwrap();
    assert_eq!((report.run.id, report.run.skus), (2, 7));
    run(&shop.database, "UPDATE reconcile_run SET state = 'running' WHERE id = 2").await;
    let dry = Request { dry_run: true, ..REQUEST };
    assert_eq!(reconcile.full(dry, &|_| {}).await.unwrap().run.id, 3);
    let states = "SELECT CONCAT_WS(' ', id, state) FROM reconcile_run";
    assert_eq!(shop.database.lines(states).await, ["1 abandoned", "2 abandoned", "3 done"]);
}

/// Without the tables it says what to do.
async fn the_schema_has_to_be_there(flavor: Flavor) {
    let database = database::fresh(flavor).await;
    let url = database.url();
    let output = process::run(&["reconcile", "--database-url", &url]).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("run `hotrow migrate`"), "{told}");
}

/// Who has the right to run has it alone, in whichever process.
async fn one_runs_at_a_time(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let reconcile = open_stock(&shop.database, 1).await;
    let run = reconcile.full(REQUEST, &|_| {}).await.unwrap().run.id;
    let mending = reconcile.mending(run).await.unwrap();
    let refused = reconcile.full(REQUEST, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, ReconcileError::Busy), "{refused}");
    assert!(matches!(reconcile.mending(run).await, Err(ReconcileError::Busy)));
    assert_eq!(mending.apply(&|_| {}).await.unwrap(), []);
    reconcile.full(REQUEST, &|_| {}).await.unwrap();
}

/// Two processes with a schedule: nothing runs before it is time, a run that was missed is made up once, and
/// one that was interrupted is ended.
async fn missed_runs_are_made_up_once(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let database = &shop.database;
    open_stock(database, 3).await;
    // Once a year, and not today.
    let setting = ["--reconcile-schedule", "0 0 29 2 *"];
    let (one, other) = (shop.serve(&setting).await, shop.serve(&setting).await);
    let task =
        "SELECT CONCAT_WS(' ', cron, last_start IS NULL, last_success IS NULL) FROM reconcile_task";
    until("the schedule is kept", async || database.lines(task).await == ["0 0 29 2 * 1 1"]).await;
    assert_eq!(runs(database).await, [""; 0]);
    run(database, "UPDATE reconcile_task SET due_at = '2015-01-01'").await;
    until("it is made up", async || runs(database).await == ["1 scheduled done 3"]).await;
    until("that is noted", async || database.lines(task).await == ["0 0 29 2 * 0 0"]).await;
    drop((one, other));
    // As an interrupted one leaves it.
    run(
        database,
        "UPDATE reconcile_run SET state = 'running', position = 's-2', skus = 2, ended_at = NULL",
    )
    .await;
    let _again = (shop.serve(&setting).await, shop.serve(&setting).await);
    until("it is ended", async || runs(database).await == ["1 scheduled done 3"]).await;
    let due = "SELECT CAST(due_at > NOW() - INTERVAL 1 HOUR AS CHAR) FROM reconcile_task";
    assert_eq!(database.lines(due).await, ["1"]);
}

/// A cache that is not there does not keep the schedule from its books, and the run is not made again and again.
async fn a_scheduled_run_ends_without_its_cache(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let database = &shop.database;
    open_stock(database, 3).await;
    let mut setting = vec!["--reconcile-schedule", "0 0 29 2 *"];
    setting.extend(NOWHERE);
    let hotrow = shop.serve(&setting).await;
    let admin = shop.admin(&hotrow);
    let task = "SELECT CAST(last_success IS NULL AS CHAR) FROM reconcile_task";
    until("the schedule is kept", async || database.lines(task).await == ["1"]).await;
    let last_success = "hotrow_reconcile_last_success_timestamp_seconds";
    assert_eq!(admin.metric(last_success).await, 0);
    run(database, "UPDATE reconcile_task SET due_at = '2015-01-01'").await;
    until("it ends", async || runs(database).await == ["1 scheduled done 3"]).await;
    until("that is noted", async || database.lines(task).await == ["0"]).await;
    let compared = "SELECT CONCAT_WS(': ', cache, cache_reason) FROM reconcile_run";
    assert_eq!(database.lines(compared).await, ["not compared: the cache is down"]);
    let ended = "hotrow_reconcile_runs_total{outcome=\"books_only\"}";
    until("it is counted", async || admin.metric(ended).await == 1).await;
    until("its time is told", async || admin.metric(last_success).await > 1_500_000_000).await;
    assert_eq!(runs(database).await, ["1 scheduled done 3"]);
}

/// While a run by the schedule fails it is tried again, and counted each time.
async fn failed_runs_are_counted(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let database = &shop.database;
    open_stock(database, 1).await;
    let hotrow = shop.serve(&["--reconcile-schedule", "0 0 29 2 *"]).await;
    let admin = shop.admin(&hotrow);
    let kept = "SELECT cron FROM reconcile_task";
    until("the schedule is kept", async || database.lines(kept).await == ["0 0 29 2 *"]).await;
    run(database, "RENAME TABLE stock_version TO away").await;
    run(database, "UPDATE reconcile_task SET due_at = '2015-01-01'").await;
    let failed = "hotrow_reconcile_runs_total{outcome=\"failed\"}";
    until("it fails twice", async || admin.metric(failed).await == 2).await;
    run(database, "RENAME TABLE away TO stock_version").await;
    until("it is made", async || runs(database).await == ["1 scheduled done 1"]).await;
    let done = "hotrow_reconcile_runs_total{outcome=\"done\"}";
    until("that is counted", async || admin.metric(done).await == 1).await;
}

/// What is told of the cache is true, whoever began the run and with which settings.
async fn a_run_that_is_taken_up_tells_the_truth_of_the_cache(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let database = &shop.database;
    open_stock(database, 3).await;
    let begun = async |phase: &str, position: &str, cache: &str| {
        run(
            database,
            &format!(
                "DELETE FROM reconcile_run; \
                 INSERT INTO reconcile_run (kind, dry_run, phase, position, cache, skus) \
                     VALUES ('full', FALSE, '{phase}', '{position}', {cache}, 2)"
            ),
        )
        .await;
    };
    let with = ["--json", "--redis-url", &redis.url];
    let without = ["--json"];
    // NULL is what an earlier build leaves there.
    for (phase, position, cache, settings, code, told, why) in [
        ("cache", "s-2", "NULL", &with[..], 0, "compared", None),
        ("cache", "s-2", "NULL", &without[..], 3, "not compared", Some("taken up without")),
        ("books", "s-2", "NULL", &with[..], 3, "not compared", Some("an earlier build")),
        ("books", "s-2", "NULL", &without[..], 0, "none", None),
        ("books", "s-2", "'none'", &with[..], 3, "not compared", Some("begun without")),
        ("books", "s-2", "'none'", &without[..], 0, "none", None),
        ("books", "s-2", "'compared'", &without[..], 0, "compared", None),
        ("books", "s-2", "'not compared'", &with[..], 3, "not compared", Some("")),
    ] {
        begun(phase, position, cache).await;
        let (ended, text) = reconcile(database, settings).await;
        let report: Value = serde_json::from_str(&text).unwrap();
        let what = format!("{phase} {cache} {settings:?}: {text}");
        assert_eq!((ended, &report["cache"]), (code, &json!(told)), "{what}");
        let reason = report["cache_reason"].as_str();
        assert_eq!(reason.is_some(), why.is_some(), "{what}");
        assert!(reason.unwrap_or_default().contains(why.unwrap_or_default()), "{what}");
        assert_eq!(report["skus"], 3, "{what}");
    }
}

async fn runs(database: &Database) -> Vec<String> {
    database
        .lines("SELECT CONCAT_WS(' ', id, kind, state, skus) FROM reconcile_run ORDER BY id")
        .await
}

both_flavors!(
    an_interrupted_run_goes_on_where_it_was,
    one_runs_at_a_time,
    the_schema_has_to_be_there,
    missed_runs_are_made_up_once,
    a_scheduled_run_ends_without_its_cache,
    failed_runs_are_counted,
    a_run_that_is_taken_up_tells_the_truth_of_the_cache,
);
