//! A plan whose commit had no answer is executed again and finds out what became of it.

use hotrow::domain::Verdict;
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Failure, Plan, Verdicts};
use sqlx::AssertSqlSafe;

use crate::support::make::{adjust, cancel, deciding, merged, resolving, take};
use crate::support::scene::{Scene, land, ready};
use crate::support::sight::until;

const SELECT_KNOWN: &str = include_str!("../../sql/statements/select_known.sql");

async fn scene(flavor: Flavor) -> Scene {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    land(&mut scene.connection(), &merged(1, vec![take("o-0", &[("a", 1)])])).await;
    scene
}

fn plan() -> Plan {
    let operations = vec![
        take("o-1", &[("a", 2), ("b", 1)]),
        take("o-2", &[("b", 1)]),
        adjust("r-1", "a", 4, None),
        cancel("o-0", &[("a", 1)]),
    ];
    merged(2, operations)
}

const STOCK_AFTER: [&str; 2] = ["a 12 3", "b 8 2"];

async fn a_plan_that_had_landed_is_answered_as_done(flavor: Flavor) {
    let scene = scene(flavor).await;
    let mut connection = scene.connection();
    land(&mut connection, &plan()).await;
    for mut connection in [connection, scene.connection()] {
        let execution = connection.execute(&resolving(&plan())).await;
        assert!(matches!(execution, Execution::Landed { .. }), "{execution:?}");
        scene.nothing_is_open().await;
        assert_eq!(scene.stock().await, STOCK_AFTER);
    }
    // The same orders sent again by their callers are replays.
    let again = deciding(3, plan().operations);
    match scene.connection().execute(&again).await {
        Execution::NothingToWrite { verdicts: Verdicts::Each(verdicts), .. } => {
            let replay = |v: &Verdict| matches!(v, Verdict::Done { replayed: true, .. });
            assert!(verdicts.iter().all(replay), "{verdicts:?}");
        }
        other @ (Execution::Ready { .. }
        | Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => panic!("{other:?}"),
    }
}

async fn a_plan_that_had_not_landed_is_executed(flavor: Flavor) {
    let scene = scene(flavor).await;
    let mut lost = scene.connection();
    ready(&mut lost, &plan()).await;
    lost.roll_back().await;
    let Verdicts::Each(verdicts) = land(&mut scene.connection(), &resolving(&plan())).await else {
        panic!("a decision has a verdict for each")
    };
    let fresh = |v: &Verdict| matches!(v, Verdict::Done { replayed: false, .. });
    assert!(verdicts.iter().all(fresh), "{verdicts:?}");
    assert_eq!(scene.stock().await, STOCK_AFTER);
}

/// What a decided plan refused stays refused when its commit is found: deciding it again would make two
/// versions under one flush id.
async fn a_decided_plan_that_had_landed_is_not_decided_again(flavor: Flavor) {
    let scene = scene(flavor).await;
    let plan = deciding(2, vec![take("o-1", &[("a", 9)]), take("o-2", &[("a", 5)])]);
    land(&mut scene.connection(), &plan).await;
    land(&mut scene.connection(), &merged(3, vec![adjust("r-1", "a", 5, None)])).await;
    let execution = scene.connection().execute(&resolving(&plan)).await;
    assert!(matches!(execution, Execution::Landed { .. }), "{execution:?}");
    assert_eq!(scene.stock().await, ["a 5 4", "b 10 1"]);
}

/// How many rows the reading statement alone finds, without the locks before it.
async fn seen_without_locks(scene: &Scene, flavor: Flavor) -> usize {
    let row = match flavor {
        Flavor::MySql => "ROW",
        Flavor::MariaDb => "",
    };
    let text = SELECT_KNOWN.replace("{rows}", &format!("{row}('o-1'),{row}('o-2')"));
    let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(&mut scene.admin().await).await;
    rows.unwrap().len()
}

/// The transaction whose answer was lost is still open when the resolver comes, and commits then.
async fn the_resolver_waits_for_a_commit_that_is_under_way(flavor: Flavor) {
    let scene = scene(flavor).await;
    let mut first = scene.connection();
    let plan = plan();
    ready(&mut first, &plan).await;
    let mut committed = false;
    let execution = loop {
        let mut second = scene.connection();
        let again = resolving(&plan);
        let resolution = tokio::spawn(async move { second.execute(&again).await });
        until("the resolver waits", async || scene.one_waits().await || resolution.is_finished())
            .await;
        if !resolution.is_finished() && !committed {
            // A plain SELECT would say that nothing is there: the trap that the locks avoid.
            assert_eq!(seen_without_locks(&scene, flavor).await, 0);
            assert_eq!(first.commit(plan.id).await, CommitOutcome::Committed);
            committed = true;
        }
        let execution = resolution.await.unwrap();
        // Else looking took longer than a lock wait, so nothing was shown.
        if execution != Execution::Failed(Failure::LockWait) {
            break execution;
        }
    };
    assert!(matches!(execution, Execution::Landed { .. }), "{execution:?}");
    assert_eq!(seen_without_locks(&scene, flavor).await, 3);
    assert_eq!(scene.stock().await, STOCK_AFTER);
}

both_flavors!(
    a_plan_that_had_landed_is_answered_as_done,
    a_plan_that_had_not_landed_is_executed,
    a_decided_plan_that_had_landed_is_not_decided_again,
    the_resolver_waits_for_a_commit_that_is_under_way,
);
