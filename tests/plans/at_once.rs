//! An order that is alone is committed in the message that writes it.

use std::time::Duration;

use hotrow::domain::Timestamp;
use hotrow::embedded::Flavor;
use hotrow::engine::{Execution, Failure, Mode, Plan, Verdicts};
use hotrow::store::mysql::{Abandoned, FlushConnection, FlushTiming, inspect, migrate};
use sqlx::Row;

use crate::support::make::{deciding, merged, resolving, sku, take};
use crate::support::scene::{Scene, TIMING, run};

fn alone(flush: u64, id: &str, name: &str, units: i64) -> Plan {
    Plan { mode: Mode::AtOnce, ..merged(flush, vec![take(id, &[(name, units)])]) }
}

/// When, and what is left of which SKU after how much was taken.
fn committed(execution: Execution) -> (Timestamp, Vec<(String, i64, Option<i64>)>) {
    match execution {
        Execution::Committed { verdicts: Verdicts::AllDone(at), left } => {
            let left = left.into_iter();
            (at, left.map(|left| (left.sku.to_string(), left.available, left.taken)).collect())
        }
        other @ (Execution::Ready { .. }
        | Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => panic!("{other:?}"),
    }
}

async fn it_is_committed_and_tells_what_was_recorded(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let (at, left) = committed(connection.execute(&alone(1, "o-1", "a", 3)).await);
    assert_eq!(left, [("a".to_owned(), 7, Some(3))]);
    let recorded = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at), \
                    TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP(6)) \
                    FROM movement WHERE order_id = 'o-1'";
    let row = sqlx::query(recorded).fetch_one(&mut scene.admin().await).await.unwrap();
    assert_eq!(at.micros(), row.get::<i64, _>(0));
    assert!((0..600).contains(&row.get::<i64, _>(1)), "the server's clock, in UTC");
    // To the last unit.
    let (_, left) = committed(connection.execute(&alone(2, "o-2", "a", 7)).await);
    assert_eq!(left, [("a".to_owned(), 0, Some(7))]);
    assert_eq!(scene.stock().await, ["a 0 3"]);
    assert_eq!(scene.versions().await, ["a 2 1 7 -3 1", "a 3 2 0 -7 1"]);
    assert_eq!(scene.movements().await, ["o-1 take 1 deduct a -3 1", "o-2 take 1 deduct a -7 2"]);
    scene.nothing_is_open().await;
}

/// The commit stands in the same message: whatever does not fit has to stop the server before it.
async fn what_does_not_fit_is_not_committed(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    committed(connection.execute(&alone(1, "o-1", "a", 3)).await);
    // Even if the newest version was thrown away by hand, which would else be in the way.
    scene.run("DELETE FROM stock_version WHERE sku = 'b'").await;
    for (plan, failure) in [
        (alone(2, "o-2", "a", 8), Failure::Guard),
        (alone(3, "o-3", "b", 11), Failure::Guard),
        (alone(4, "o-4", "unknown", 1), Failure::Guard),
        (alone(5, "o-1", "a", 3), Failure::Duplicate),
        (alone(6, "o-1", "b", 1), Failure::Duplicate),
    ] {
        assert_eq!(connection.execute(&plan).await, Execution::Failed(failure), "{plan:?}");
        scene.nothing_is_open().await;
        assert!(connection.session().is_some(), "a new session for each repeated order");
    }
    scene.run("UPDATE stock SET version = 1 WHERE sku = 'a'").await;
    let plan = alone(7, "o-7", "a", 1);
    // Which number is there already, the id or the version, is seen by whoever decides order by order.
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Duplicate));
    let decided = deciding(8, vec![take("o-7", &[("a", 1)])]);
    assert_eq!(connection.execute(&decided).await, Execution::Failed(Failure::Statement));
    assert_eq!(scene.stock().await, ["a 7 1", "b 10 1"]);
    assert_eq!(scene.movements().await, ["o-1 take 1 deduct a -3 1"]);
}

/// It is written by a procedure that its session has parsed once; whatever has changed since, it is heeded.
async fn the_procedure_does_not_remember(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    committed(connection.execute(&alone(1, "o-1", "a", 1)).await);
    let session = connection.session();
    let mut flush = 1;
    for (change, back) in [
        ("purchase_limit = 5", "purchase_limit = NULL"),
        ("sale_starts_at = NOW(6) + INTERVAL 1 DAY", "sale_starts_at = NULL"),
        ("sale_ends_at = NOW(6) - INTERVAL 1 DAY", "sale_ends_at = NULL"),
        ("available = 0", "available = 9"),
    ] {
        for (change, sells) in [(change, false), (back, true)] {
            scene.run(&format!("UPDATE stock SET {change} WHERE sku = 'a'")).await;
            flush += 1;
            let execution = connection.execute(&alone(flush, &format!("o-{flush}"), "a", 1)).await;
            if sells {
                committed(execution);
            } else {
                assert_eq!(execution, Execution::Failed(Failure::Guard), "{change}");
                scene.nothing_is_open().await;
            }
        }
    }
    scene.run("ALTER TABLE stock ADD note INT, ADD INDEX (available)").await;
    let (_, left) = committed(connection.execute(&alone(u64::MAX, "o-b", "b", 4)).await);
    assert_eq!(left, [("b".to_owned(), 6, Some(4))]);
    assert!(session.is_some());
    assert_eq!(connection.session(), session, "one session ever since");
    scene.run("DELETE FROM change_gate").await;
    let execution = connection.execute(&alone(99, "o-99", "b", 1)).await;
    assert_eq!(execution, Execution::Failed(Failure::Statement), "without the gate");
    assert!(
        connection.session().is_none(),
        "of other errors it is not known where the session stands"
    );
    assert_eq!(scene.movements().await.len(), 6, "those that were accepted");
    assert_eq!(scene.stock().await, ["a 8 6", "b 6 2"]);
    let last = "SELECT CONCAT_WS(' ', sku, version, flush_id, available, delta, orders) \
                FROM stock_version WHERE sku = 'b' AND version = 2";
    assert_eq!(scene.lines(last).await, [format!("b 2 {} 6 -4 1", u64::MAX)]);
}

/// Where the procedure is missing or may not be called, and when it goes while sessions use it, the statements
/// are sent one by one.
async fn it_needs_no_procedure(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    committed(connection.execute(&alone(1, "o-1", "a", 1)).await);
    scene.run("DROP PROCEDURE take_one").await;
    let plan = alone(2, "o-2", "a", 2);
    // The statement before the commit has failed, so it is known that nothing was committed.
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Lost));
    scene.nothing_is_open().await;
    let (_, left) = committed(connection.execute(&plan).await);
    assert_eq!(left, [("a".to_owned(), 7, Some(2))]);
    let execution = connection.execute(&alone(3, "o-3", "a", 8)).await;
    assert_eq!(execution, Execution::Failed(Failure::Guard));
    // Somebody else's, of the same name.
    for (flush, parameters) in [(4, "IN a INT"), (5, "IN a TEXT, IN b TEXT, IN c INT, IN d BIGINT")]
    {
        scene.run("DROP PROCEDURE IF EXISTS take_one").await;
        scene.run(&format!("CREATE PROCEDURE take_one ({parameters}) SELECT a")).await;
        let plan = alone(flush, &format!("o-{flush}"), "a", 3);
        committed(scene.connection().execute(&plan).await);
    }
    let taken = ["o-1 deduct -1", "o-2 deduct -2", "o-4 deduct -3", "o-5 deduct -3"];
    let written =
        "SELECT CONCAT_WS(' ', order_id, kind, delta) FROM movement WHERE step = 'take' ORDER BY 1";
    assert_eq!(scene.lines(written).await, taken);
}

/// It is not in a backup that was made without procedures.
async fn the_procedure_is_made_again(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let made =
        "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()";
    assert_eq!(scene.lines(made).await, ["take_one"]);
    scene.run("DROP PROCEDURE take_one").await;
    let findings = inspect(&scene.address).await.unwrap().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(!findings[0].prevents_orders);
    for part in ["procedure take_one", "hotrow migrate", "CREATE ROUTINE", "sql/grants.sql"] {
        assert!(findings[0].text.contains(part), "{}", findings[0].text);
    }
    let (one, other) = tokio::join!(migrate(&scene.address), migrate(&scene.address));
    one.unwrap();
    other.unwrap();
    assert_eq!(scene.lines(made).await, ["take_one"]);
    assert_eq!(inspect(&scene.address).await.unwrap().findings, []);
}

/// A row that stays locked is an answer; a server that stays silent is not.
async fn silence_leaves_the_commit_unknown(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut somebody = scene.admin().await;
    run(&mut somebody, "BEGIN; SELECT * FROM stock WHERE sku = 'a' FOR UPDATE").await;
    let plan = alone(1, "o-1", "a", 1);
    let execution = scene.connection().execute(&plan).await;
    assert_eq!(execution, Execution::Failed(Failure::LockWait));
    let timing = FlushTiming { execute: Duration::from_millis(200), ..TIMING };
    let abandoned = Abandoned::default();
    let mut silent = FlushConnection::new(scene.address.clone(), timing, abandoned.clone());
    assert_eq!(silent.execute(&plan).await, Execution::CommitUnknown);
    // The resolver ends the session first, so that it cannot commit after all; then it looks.
    let mut resolver = FlushConnection::new(scene.address.clone(), TIMING, abandoned);
    assert!(resolver.probe().await);
    run(&mut somebody, "ROLLBACK").await;
    match resolver.execute(&resolving(&plan)).await {
        Execution::Ready { .. } => resolver.roll_back().await,
        other @ (Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => panic!("it was ended before it got the row: {other:?}"),
    }
    assert_eq!(scene.stock().await, ["a 10 1"]);
    assert_eq!(scene.movements().await, [""; 0]);
    // Had it landed, that would be found, with its time.
    let (at, _) = committed(resolver.execute(&plan).await);
    assert_eq!(resolver.execute(&resolving(&plan)).await, Execution::Landed { at });
    assert_eq!(scene.desk().await.stock(vec![sku("a")]).await.unwrap()[0].available, 9);
}

/// Somebody gave the ledger a column whose numbers stand where the time is handed over: no order is answered with
/// a time that it does not have.
async fn a_number_in_the_place_of_the_time_is_no_time(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    scene.run("ALTER TABLE movement ADD number BIGINT NOT NULL AUTO_INCREMENT UNIQUE").await;
    let mut connection = scene.connection();
    let two = merged(1, vec![take("o-1", &[("a", 1)]), take("o-2", &[("a", 1)])]);
    assert_eq!(connection.execute(&two).await, Execution::Failed(Failure::Lost));
    scene.nothing_is_open().await;
    assert_eq!(connection.prepare(&two).await, Err(Failure::Lost));
    scene.nothing_is_open().await;
    assert_eq!(scene.movements().await, [""; 0]);
    let plan = alone(2, "o-3", "a", 1);
    assert_eq!(connection.execute(&plan).await, Execution::CommitUnknown);
    assert!(connection.session().is_none(), "it is not known where the session stands");
    let recorded = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) AS CHAR) \
                    FROM movement WHERE order_id = 'o-3'";
    let at = Timestamp::from_micros(scene.lines(recorded).await[0].parse().unwrap());
    assert_eq!(connection.execute(&resolving(&plan)).await, Execution::Landed { at });
}

both_flavors!(
    a_number_in_the_place_of_the_time_is_no_time,
    it_needs_no_procedure,
    the_procedure_is_made_again,
    it_is_committed_and_tells_what_was_recorded,
    what_does_not_fit_is_not_committed,
    the_procedure_does_not_remember,
    silence_leaves_the_commit_unknown,
);
