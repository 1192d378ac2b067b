//! What goes wrong between a flush and its server, and how the connection gets over it.

use std::time::Duration;

use hotrow::domain::Verdict;
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Failure, FlushId, Verdicts};
use hotrow::store::mysql::{
    Abandoned, FlushConnection, FlushTiming, inspect, migrate, register_instance,
};
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::alone::Alone;
use crate::support::make::{deciding, merged, resolving, sku, take};
use crate::support::scene::{Scene, TIMING, land, ready, run};
use crate::support::sight::{error_number, until};

async fn a_lock_of_somebody_else_costs_one_flush(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let mut connection = scene.connection();
    let mut somebody = scene.admin().await;
    for (flush, plan) in [
        (1, merged(1, vec![take("o-1", &[("b", 1)])])),
        (2, deciding(2, vec![take("o-1", &[("b", 1)])])),
    ] {
        run(&mut somebody, "BEGIN; SELECT * FROM stock WHERE sku = 'b' FOR UPDATE").await;
        assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::LockWait));
        scene.nothing_is_open().await;
        assert_eq!(scene.movements().await.len(), flush - 1, "something of it is left");
        // Its neighbours are not held up.
        let neighbour = merged(flush as u64 + 10, vec![take(&format!("n-{flush}"), &[("a", 1)])]);
        land(&mut connection, &neighbour).await;
        run(&mut somebody, "ROLLBACK").await;
    }
    land(&mut connection, &merged(3, vec![take("o-1", &[("b", 1)])])).await;
    assert_eq!(scene.stock().await, ["a 8 3", "b 9 2"]);
}

/// Somebody else has b and more work to lose, and wants a; the flush has a and wants b.
async fn a_deadlock_is_a_conflict(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    scene.run("CREATE TABLE heavy (n INT PRIMARY KEY)").await;
    let fill = "BEGIN; INSERT INTO heavy WITH RECURSIVE n (n) AS \
                (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 900) SELECT n FROM n; \
                SELECT * FROM stock WHERE sku = 'b' FOR UPDATE";
    for mode in [merged, deciding] {
        let execution = loop {
            let mut somebody = scene.admin().await;
            run(&mut somebody, fill).await;
            let mut connection = scene.connection();
            let plan = mode(1, vec![take("o-1", &[("b", 1), ("a", 1)])]);
            let flush = tokio::spawn(async move { connection.execute(&plan).await });
            until("the flush waits", async || scene.one_waits().await || flush.is_finished()).await;
            let want = "SELECT * FROM stock WHERE sku = 'a' FOR UPDATE; ROLLBACK";
            run(&mut somebody, want).await;
            let execution = flush.await.unwrap();
            // Else looking took longer than a lock wait, so there was no deadlock.
            if execution != Execution::Failed(Failure::LockWait) {
                break execution;
            }
        };
        assert_eq!(execution, Execution::Failed(Failure::Conflict));
        scene.nothing_is_open().await;
        assert_eq!(scene.movements().await, [""; 0]);
    }
    land(&mut scene.connection(), &merged(2, vec![take("o-1", &[("a", 1), ("b", 1)])])).await;
}

async fn a_read_only_server_is_not_writable(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    ready(&mut connection, &plan).await;
    alone.server.set_read_only(true).await;
    // The server gives the transaction up, in words that do not say so for certain.
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Unknown);
    for plan in [plan.clone(), resolving(&plan)] {
        let execution = connection.execute(&plan).await;
        assert_eq!(execution, Execution::Failed(Failure::NotWritable));
    }
    scene.nothing_is_open().await;
    assert_eq!(scene.movements().await, [""; 0]);
    alone.server.set_read_only(false).await;
    land(&mut connection, &resolving(&plan)).await;
    assert_eq!(scene.stock().await, ["a 9 2"]);
}

/// A commit whose connection is gone: unknown, nothing there, and done once when resolved.
async fn a_killed_session_leaves_the_commit_unknown(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    ready(&mut connection, &plan).await;
    let sessions = scene.sessions().await;
    assert_eq!(sessions.len(), 1);
    scene.run(&format!("KILL CONNECTION {}", sessions[0])).await;
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Unknown);
    assert!(connection.session().is_none());
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Unknown, "there is no session");
    until("the locks are free", async || scene.free(&["a"]).await == ["a"]).await;
    assert_eq!(scene.movements().await, [""; 0]);
    land(&mut connection, &resolving(&plan)).await;
    assert_eq!(scene.stock().await, ["a 9 2"]);
    // In the middle of a lane's life, too: killed between two flushes.
    scene.run(&format!("KILL CONNECTION {}", scene.sessions().await[0])).await;
    until("the session is gone", async || scene.sessions().await.is_empty()).await;
    let plan = merged(2, vec![take("o-2", &[("a", 1)])]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Lost));
    land(&mut connection, &plan).await;
}

/// The server does not answer the commit, with the locks held; the next connection ends that session.
async fn an_abandoned_session_is_ended_by_the_next(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("a", 10)]).await;
    let timing = FlushTiming { commit: Duration::from_millis(200), ..TIMING };
    let mut connection = FlushConnection::new(scene.address.clone(), timing, Abandoned::default());
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    ready(&mut connection, &plan).await;
    let sessions = scene.sessions().await;
    let mut admin = scene.admin().await;
    run(&mut admin, "FLUSH TABLES WITH READ LOCK").await;
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Unknown);
    assert_eq!(scene.sessions().await, sessions, "the server has not missed its client");
    let open = scene.transactions().await;
    assert_eq!((open.len(), open[0].row_locks), (1, 2), "its locks are held");

    let again = resolving(&plan);
    let resolution = tokio::spawn(async move {
        let execution = connection.execute(&again).await;
        (connection, execution)
    });
    until("the abandoned session has ended", async || {
        !scene.sessions().await.contains(&sessions[0])
    })
    .await;
    run(&mut admin, "UNLOCK TABLES").await;
    let (mut connection, execution) = resolution.await.unwrap();
    match execution {
        Execution::Ready { verdicts: Verdicts::Each(_), .. } => {}
        other @ (Execution::Ready { .. }
        | Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => panic!("the commit was ended before it landed: {other:?}"),
    }
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
    assert_eq!(scene.stock().await, ["a 9 2"]);
    assert_eq!(scene.movements().await.len(), 1);
}

/// Whichever connection works next ends it, not only the one that left it.
async fn an_abandoned_session_is_ended_by_another_connection(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10)]).await;
    let abandoned = Abandoned::default();
    let timing = FlushTiming { execute: Duration::from_millis(200), ..TIMING };
    let mut silent = FlushConnection::new(scene.address.clone(), timing, abandoned.clone());
    let mut other = FlushConnection::new(scene.address.clone(), TIMING, abandoned);
    assert!(other.probe().await);
    let kept = scene.sessions().await;
    let mut somebody = scene.admin().await;
    run(&mut somebody, "BEGIN; SELECT * FROM stock WHERE sku = 'b' FOR UPDATE").await;
    let plan = merged(1, vec![take("o-1", &[("a", 1), ("b", 1)])]);
    assert_eq!(silent.execute(&plan).await, Execution::Failed(Failure::Lost));
    assert_eq!(scene.sessions().await.len(), 2);
    let beside = merged(2, vec![take("o-2", &[("a", 1)])]);
    until("the row is free again", async || {
        matches!(other.execute(&beside).await, Execution::Ready { .. })
    })
    .await;
    assert_eq!(other.commit(beside.id).await, CommitOutcome::Committed);
    assert_eq!(scene.sessions().await, kept);
    assert_eq!(scene.stock().await, ["a 9 2", "b 10 1"]);
}

/// Somebody of this account runs a statement with a byte that its character set does not know, for long: the abandoned
/// session is found all the same.
async fn a_strange_statement_hides_no_session(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let abandoned = Abandoned::default();
    let timing = FlushTiming { execute: Duration::from_millis(200), ..TIMING };
    let mut silent = FlushConnection::new(scene.address.clone(), timing, abandoned.clone());
    let mut other = FlushConnection::new(scene.address.clone(), TIMING, abandoned);
    assert!(other.probe().await);
    let kept = scene.sessions().await;
    let mut somebody = scene.admin().await;
    run(&mut somebody, "BEGIN; SELECT * FROM stock WHERE sku = 'a' FOR UPDATE").await;
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    assert_eq!(silent.execute(&plan).await, Execution::Failed(Failure::Lost));
    let mut strange = scene.colleague().await;
    run(&mut strange, "SET NAMES ascii").await;
    let asleep = tokio::spawn(async move { run(&mut strange, "SELECT 'é', SLEEP(600)").await });
    until("it runs", async || scene.sessions().await.len() == kept.len() + 2).await;
    assert!(other.probe().await);
    until("the abandoned session has ended", async || {
        scene.sessions().await.len() == kept.len() + 1
    })
    .await;
    asleep.abort();
}

/// A probe tells what a flush would meet, for this account.
async fn a_probe_tells_whether_flushes_can_be_written(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("a", 10)]).await;
    let mut connection = scene.connection();
    assert!(connection.probe().await);
    scene.run("SET GLOBAL read_only = ON").await;
    assert!(!connection.probe().await);
    scene.run("SET GLOBAL read_only = OFF").await;
    assert!(connection.probe().await);
    assert_eq!(scene.stock().await, ["a 10 1"]);
    let nowhere = "mysql://hotrow@127.0.0.1:1/hotrow?ssl-mode=disabled".parse().unwrap();
    assert!(!FlushConnection::new(nowhere, TIMING, Abandoned::default()).probe().await);
}

async fn a_silent_execution_is_lost_and_its_session_ended(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let timing = FlushTiming { execute: Duration::from_millis(200), ..TIMING };
    let mut connection = FlushConnection::new(scene.address.clone(), timing, Abandoned::default());
    let mut somebody = scene.admin().await;
    run(&mut somebody, "LOCK TABLES stock WRITE").await;
    let plan = merged(2, vec![take("o-1", &[("a", 1)])]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Lost));
    let abandoned = scene.sessions().await;
    assert_eq!(abandoned.len(), 1);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Lost));
    until("it is ended", async || !scene.sessions().await.contains(&abandoned[0])).await;
    run(&mut somebody, "UNLOCK TABLES").await;
    // The last one has nobody to end it but the server, when it comes to read from it again.
    scene.nothing_is_open().await;
    assert_eq!(scene.movements().await, [""; 0]);
    land(&mut scene.connection(), &plan).await;
}

/// Whatever the server hands to new sessions, hotrow's are as it needs them.
async fn the_session_is_our_own(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("abc", 10)]).await;
    scene.run("INSERT INTO stock (sku, available, version) VALUES ('long', 10, 1)").await;
    scene
        .run(
            "SET GLOBAL sql_mode = ''; SET GLOBAL time_zone = '+05:00'; SET GLOBAL autocommit = OFF; \
             SET GLOBAL TRANSACTION ISOLATION LEVEL SERIALIZABLE; \
             ALTER TABLE movement MODIFY sku VARCHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL",
        )
        .await;
    let mut connection = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("abc", 1)])]);
    let Verdicts::AllDone(at) = land(&mut connection, &plan).await else { panic!("{plan:?}") };
    let now = sqlx::query("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)")
        .fetch_one(&mut scene.admin().await)
        .await
        .unwrap();
    let age_s = now.get::<i64, _>(0) - at.micros() / 1_000_000;
    assert!((0..3_600).contains(&age_s), "recorded {age_s} s ago: not in UTC");
    // A value that does not fit is refused, not cut.
    let plan = merged(2, vec![take("o-2", &[("long", 1)])]);
    assert_eq!(connection.execute(&plan).await, Execution::Failed(Failure::Statement));
    assert_eq!(scene.stock().await, ["abc 9 2", "long 10 1"]);
    // Reads take no locks.
    let mut open = scene.connection();
    ready(&mut open, &merged(3, vec![take("o-3", &[("abc", 1)])])).await;
    let read = scene.desk().await.stock(vec![sku("abc")]).await.unwrap();
    assert_eq!((read[0].available, read[0].version), (9, 2));
    assert_eq!(open.commit(FlushId(3)).await, CommitOutcome::Committed);
    scene.nothing_is_open().await;
}

/// Limits that a DBA sets against careless queries would cut what hotrow reads without a word: a SKU of a flush
/// that is left out is unknown. And a session that ends with each commit is lost to the flush after it.
async fn limits_on_careless_queries_do_not_bind_it(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("a", 10), ("b", 10), ("c", 10)]).await;
    scene
        .run(
            "SET GLOBAL sql_select_limit = 1; SET GLOBAL max_join_size = 1; \
             SET GLOBAL sql_big_selects = OFF; SET GLOBAL sql_safe_updates = ON; \
             SET GLOBAL completion_type = 'RELEASE'; SET GLOBAL autocommit = OFF",
        )
        .await;
    migrate(&scene.address).await.unwrap();
    register_instance(&scene.address).await.unwrap();
    assert_eq!(inspect(&scene.address).await.unwrap().findings, []);
    let mut connection = scene.connection();
    let orders = || ["a", "b", "c"].map(|name| take(&format!("o-{name}"), &[(name, 4)])).to_vec();
    let all = land(&mut connection, &merged(1, orders())).await;
    assert!(matches!(all, Verdicts::AllDone(_)), "{all:?}");
    let session = connection.session();
    let repeated = [orders(), vec![take("o-2", &[("b", 6), ("c", 6)])]].concat();
    let Verdicts::Each(each) = land(&mut connection, &deciding(2, repeated)).await else {
        panic!("decided one by one")
    };
    for (verdict, repeat) in each.iter().zip([true, true, true, false]) {
        assert!(
            matches!(verdict, Verdict::Done { replayed, .. } if *replayed == repeat),
            "{each:?}"
        );
    }
    assert_eq!(connection.session(), session, "one session for both");
    let read = scene.desk().await.stock(["a", "b", "c"].map(sku).to_vec()).await.unwrap();
    assert_eq!(read.len(), 3);
    // They would bind the test's own look.
    scene
        .run("SET GLOBAL sql_select_limit = DEFAULT; SET GLOBAL max_join_size = DEFAULT; SET GLOBAL sql_big_selects = ON")
        .await;
    assert_eq!(scene.stock().await, ["a 6 2", "b 0 3", "c 0 3"]);
    assert_eq!(scene.lines("SELECT id FROM instance").await.len(), 1);
}

/// What the tables themselves do not let in, whoever writes it.
async fn the_tables_refuse_what_must_not_be(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    land(&mut scene.connection(), &merged(1, vec![take("o-1", &[("a", 1)])])).await;
    // ER_CHECK_CONSTRAINT_VIOLATED, ER_CONSTRAINT_FAILED
    let check = match flavor {
        Flavor::MySql => 3819,
        Flavor::MariaDb => 4025,
    };
    let movement = "INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id)";
    let refused = [
        ("UPDATE stock SET available = -1".to_owned(), check),
        ("UPDATE stock SET available = 1000000000000001".to_owned(), check),
        ("UPDATE stock SET held = -1".to_owned(), check),
        (format!("{movement} VALUES ('o-1', 'take', 1, 'deduct', 'b', -1, 9)"), 1062),
        (format!("{movement} VALUES ('o-9', 'taken', 1, 'deduct', 'b', -1, 9)"), 1265),
        ("INSERT INTO stock_version SELECT * FROM stock_version".to_owned(), 1062),
    ];
    let mut admin = scene.admin().await;
    for (text, number) in refused {
        let answer = sqlx::raw_sql(AssertSqlSafe(text.clone())).execute(&mut admin);
        let error = answer.await.expect_err(&text);
        assert_eq!(error_number(&error), number, "{text}");
    }
    assert_eq!(scene.stock().await, ["a 9 2"]);
}

both_flavors!(
    a_lock_of_somebody_else_costs_one_flush,
    a_deadlock_is_a_conflict,
    a_read_only_server_is_not_writable,
    a_killed_session_leaves_the_commit_unknown,
    an_abandoned_session_is_ended_by_the_next,
    an_abandoned_session_is_ended_by_another_connection,
    a_probe_tells_whether_flushes_can_be_written,
    a_strange_statement_hides_no_session,
    a_silent_execution_is_lost_and_its_session_ended,
    the_session_is_our_own,
    limits_on_careless_queries_do_not_bind_it,
    the_tables_refuse_what_must_not_be,
);
