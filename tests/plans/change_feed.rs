//! The change feed: which lock keeps it whole, and what is read when.

use std::time::Duration;

use hotrow::domain::{Available, Terms};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Failure, Mode, Plan};
use hotrow::store::mysql::{ChangeFeed, Desk, FeedError};
use hotrow::store::{Change, Cursor, StoreError};
use sqlx::{Executor as _, MySqlConnection};

use crate::support::alone::Alone;
use crate::support::make::{adjust, deciding, merged, sku, take};
use crate::support::scene::{LONG, Scene, land, ready, run};
use crate::support::sight::{error_number, until};

const STOCK: [(&str, i64); 3] = [("a", 100), ("b", 100), ("c", 100)];

async fn feed(scene: &Scene) -> ChangeFeed {
    ChangeFeed::new(Desk::open(&scene.address, 2, LONG).await.unwrap())
}

/// `sku version available delta orders`
fn told(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let Change { sku, version, available, delta, orders, .. } = change;
        format!("{sku} {version} {available} {delta} {orders}")
    };
    changes.iter().map(line).collect()
}

/// Everything after a cursor, by pages.
async fn rest(feed: &ChangeFeed, mut after: Cursor, limit: usize) -> Vec<Change> {
    let mut all = Vec::new();
    loop {
        let page = feed.page(after, limit).await.unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        after = last.cursor;
        all.extend(page);
    }
}

/// True if somebody could have the gate for himself at this moment.
async fn gate_is_free(somebody: &mut MySqlConnection) -> bool {
    let looked = somebody.execute("SELECT id FROM change_gate WHERE id = 1 FOR UPDATE NOWAIT");
    match looked.await {
        Ok(_) => true,
        Err(error) => {
            // ER_LOCK_NOWAIT, and ER_LOCK_WAIT_TIMEOUT as MariaDB says it
            assert!(matches!(error_number(&error), 3572 | 1205), "{error}");
            false
        }
    }
}

/// Everything is read once, per SKU in commit order, in pages of any size, and from any place.
async fn every_change_is_read_once(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let feed = feed(&scene).await;
    let mut connection = scene.connection();
    land(&mut connection, &merged(1, vec![take("o-1", &[("b", 1), ("a", 2)])])).await;
    let first = rest(&feed, Cursor::BEGINNING, 100).await;
    assert_eq!(
        told(&first),
        ["a 1 100 100 1", "b 1 100 100 1", "c 1 100 100 1", "a 2 98 -2 1", "b 2 99 -1 1"]
    );
    let orders =
        vec![take("o-2", &[("a", 3)]), take("o-3", &[("a", 4)]), adjust("r-1", "c", 5, None)];
    land(&mut connection, &merged(2, orders)).await;
    land(&mut connection, &deciding(3, vec![take("o-4", &[("a", 1)])])).await;
    let last = first[4].cursor;
    let second = rest(&feed, last, 100).await;
    assert_eq!(told(&second), ["a 3 91 -7 2", "c 2 105 5 1", "a 4 90 -1 1"]);
    let all = [first, second].concat();
    for limit in [1, 2, 3, 100] {
        for start in 0..all.len() {
            let after = start.checked_sub(1).map_or(Cursor::BEGINNING, |before| all[before].cursor);
            assert_eq!(rest(&feed, after, limit).await, all[start..], "{start} {limit}");
        }
    }
}

/// Nothing new: the gate is not taken. Two processes that look at once see the same.
async fn an_idle_feed_leaves_the_gate_alone(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let (one, other) = (feed(&scene).await, feed(&scene).await);
    let (seen, seen_by_other) =
        tokio::join!(rest(&one, Cursor::BEGINNING, 100), rest(&other, Cursor::BEGINNING, 100));
    assert_eq!(seen, seen_by_other);
    let last = seen[2].cursor;
    let mut somebody = scene.admin().await;
    run(&mut somebody, "BEGIN; SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE").await;
    for _ in 0..3 {
        assert_eq!(one.page(last, 100).await.unwrap(), []);
    }
    let third = feed(&scene).await;
    let refused = third.page(last, 100).await;
    assert!(matches!(refused, Err(FeedError::Store(StoreError::Unavailable(_)))), "{refused:?}");
}

/// Plans in every form that stays open after its execution.
fn plans() -> Vec<Plan> {
    let one = |name: &str| {
        vec![take(&format!("{name}-1"), &[("a", 1)]), take(&format!("{name}-2"), &[("a", 1)])]
    };
    let two = |name: &str| vec![take(name, &[("a", 1), ("b", 1)])];
    vec![merged(1, one("m")), merged(2, two("n")), deciding(3, one("d")), deciding(4, two("e"))]
}

/// A flush that is executed has the gate until its end, and so has one that was prepared before.
async fn a_flush_holds_the_gate_until_its_end(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let mut somebody = scene.admin().await;
    for plan in plans() {
        let mut connection = scene.connection();
        ready(&mut connection, &plan).await;
        assert!(!gate_is_free(&mut somebody).await, "{plan:?}");
        connection.roll_back().await;
        assert!(gate_is_free(&mut somebody).await, "{plan:?}");
        if plan.mode == Mode::Merged {
            connection.prepare(&plan).await.unwrap();
            assert!(gate_is_free(&mut somebody).await, "{plan:?}");
            let finished = connection.finish(&plan).await;
            assert!(matches!(finished, Execution::Ready { .. }), "{finished:?}");
            assert!(!gate_is_free(&mut somebody).await, "{plan:?}");
            connection.roll_back().await;
        }
    }
}

/// What is committed in the message that writes it waits for the gate, too.
async fn whoever_has_the_gate_holds_up_every_write(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let alone = Plan { mode: Mode::AtOnce, ..merged(1, vec![take("o-1", &[("a", 1)])]) };
    loop {
        let mut somebody = scene.admin().await;
        run(&mut somebody, "BEGIN; SELECT id FROM change_gate WHERE id = 1 FOR UPDATE").await;
        let mut connection = scene.connection();
        let plan = alone.clone();
        let flush = tokio::spawn(async move { connection.execute(&plan).await });
        until("the flush waits", async || scene.one_waits().await || flush.is_finished()).await;
        let waited = scene.one_waits().await;
        run(&mut somebody, "ROLLBACK").await;
        let execution = flush.await.unwrap();
        if waited && matches!(execution, Execution::Committed { .. }) {
            break;
        }
        // Looking took longer than a lock wait, so nothing was shown.
        assert!(matches!(execution, Execution::Failed(_)), "{execution:?}");
        scene.nothing_is_open().await;
    }
    loop {
        let mut somebody = scene.admin().await;
        run(&mut somebody, "BEGIN; SELECT id FROM change_gate WHERE id = 1 FOR UPDATE").await;
        let desk = scene.desk().await;
        let opening = tokio::spawn(async move {
            desk.open_stock(sku("d"), Available::new(1).unwrap(), Terms::default()).await
        });
        until("it waits", async || scene.one_waits().await || opening.is_finished()).await;
        let waited = scene.one_waits().await;
        run(&mut somebody, "ROLLBACK").await;
        match opening.await.unwrap() {
            Ok(_) if waited => break,
            Err(StoreError::Unavailable(_)) => scene.nothing_is_open().await,
            other => panic!("{other:?}"),
        }
    }
}

/// Who waits for the gate has no place yet: else what is seen as complete meanwhile might not be.
async fn places_are_given_out_behind_the_gate(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    for plan in plans() {
        let (waited, executed) = loop {
            let mut somebody = scene.admin().await;
            run(&mut somebody, "BEGIN; SELECT id FROM change_gate WHERE id = 1 FOR UPDATE").await;
            let mut connection = scene.connection();
            let again = plan.clone();
            let flush = tokio::spawn(async move {
                let execution = connection.execute(&again).await;
                (connection, again, execution)
            });
            until("the flush waits", async || scene.one_waits().await || flush.is_finished()).await;
            let other = format!(
                "INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
                 VALUES ('z', {}, 0, 1, 1, 1)",
                plan.id.0
            );
            run(&mut somebody, &other).await;
            let waited = scene.one_waits().await;
            run(&mut somebody, "COMMIT").await;
            let (mut connection, again, execution) = flush.await.unwrap();
            if matches!(execution, Execution::Ready { .. }) {
                assert_eq!(connection.commit(again.id).await, CommitOutcome::Committed);
                break (waited, again.id.0);
            }
            // Looking took longer than a lock wait, so nothing was shown.
            assert_eq!(execution, Execution::Failed(Failure::LockWait));
            scene.run("DELETE FROM stock_version WHERE sku = 'z'").await;
        };
        assert!(waited, "{plan:?}");
        let earlier = format!(
            "SELECT CONCAT(own.sku) FROM stock_version AS own JOIN stock_version AS other \
             ON other.sku = 'z' AND other.version = {executed} AND other.place > own.place \
             WHERE own.flush_id = {executed}"
        );
        assert_eq!(scene.lines(&earlier).await, [""; 0], "{plan:?}");
    }
}

/// A flush that commits late: the feed tells nothing that was written beside it before it has ended, and then all.
/// Meanwhile what is complete is read, and orders of other SKUs are taken.
async fn a_late_commit_is_not_skipped(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let (feed, other_feed) = (feed(&scene).await, feed(&scene).await);
    let before = rest(&feed, Cursor::BEGINNING, 100).await;
    assert_eq!(rest(&other_feed, Cursor::BEGINNING, 100).await, before);
    let last = before[2].cursor;
    let mut late = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    ready(&mut late, &plan).await;
    let mut connection = scene.connection();
    land(&mut connection, &merged(2, vec![take("o-2", &[("b", 1)])])).await;
    for flush in 3..20 {
        let refused = feed.page(last, 100).await;
        assert!(
            matches!(refused, Err(FeedError::Store(StoreError::Unavailable(_)))),
            "{refused:?}"
        );
        assert_eq!(other_feed.page(Cursor::BEGINNING, 100).await.unwrap(), before);
        land(&mut connection, &merged(flush, vec![take(&format!("o-{flush}"), &[("c", 1)])])).await;
    }
    assert_eq!(late.commit(plan.id).await, CommitOutcome::Committed);
    until("the feed goes on", async || feed.page(last, 1).await.is_ok()).await;
    let after = rest(&feed, last, 5).await;
    assert_eq!(after.len(), 19);
    assert_eq!(told(&after[..2]), ["a 2 99 -1 1", "b 2 99 -1 1"]);
}

/// A transaction that is stuck, here somebody's own, holds up no flush for as long as a lock wait, however
/// often the feed tries.
async fn a_stuck_transaction_does_not_stop_the_orders(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let feed = feed(&scene).await;
    let mut stuck = scene.admin().await;
    run(&mut stuck, "BEGIN; SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE").await;
    let following = tokio::spawn(async move {
        let mut refused = 0;
        while refused < 200 {
            if feed.page(Cursor::BEGINNING, 100).await.is_err() {
                refused += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        feed
    });
    let mut connection = scene.connection();
    let mut flush = 0;
    while !following.is_finished() {
        flush += 1;
        land(&mut connection, &merged(flush, vec![take(&format!("o-{flush}"), &[("a", 1)])])).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let feed = following.await.unwrap();
    run(&mut stuck, "COMMIT").await;
    until("the feed goes on", async || feed.page(Cursor::BEGINNING, 1).await.is_ok()).await;
    assert_eq!(rest(&feed, Cursor::BEGINNING, 100).await.len() as u64, 3 + flush);
}

/// After a failover that lost commits their places are given out again: that they were complete once says nothing.
async fn places_that_are_given_out_again_are_not_complete(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    let feed = feed(&scene).await;
    let mut connection = scene.connection();
    for flush in 1..=10 {
        land(&mut connection, &merged(flush, vec![take(&format!("o-{flush}"), &[("a", 1)])])).await;
    }
    assert_eq!(rest(&feed, Cursor::BEGINNING, 100).await.len(), 13);
    scene
        .run(
            "DELETE FROM stock_version WHERE place > 8; ALTER TABLE stock_version AUTO_INCREMENT = 9; \
             UPDATE stock SET version = 6, available = 95 WHERE sku = 'a'",
        )
        .await;
    let late = merged(11, vec![take("o-11", &[("b", 1)])]);
    ready(&mut connection, &late).await;
    land(&mut scene.connection(), &merged(12, vec![take("o-12", &[("c", 1)])])).await;
    let early = feed.page(Cursor::BEGINNING, 100).await.unwrap_or_default();
    assert!(early.iter().all(|change| change.cursor <= Cursor(8)), "{early:?}");
    assert_eq!(connection.commit(late.id).await, CommitOutcome::Committed);
    until("the feed goes on", async || feed.page(Cursor::BEGINNING, 1).await.is_ok()).await;
    let all = rest(&feed, Cursor::BEGINNING, 100).await;
    assert_eq!(told(&all[8..]), ["b 2 99 -1 1", "c 2 99 -1 1"]);
}

/// The lock lasts as long as the commit: when it is gone, the rows are seen. Servers let go of some locks
/// when a transaction is prepared, before it is in the binary log.
async fn the_gate_opens_when_the_commit_is_seen(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let (slow, fast) = match flavor {
        Flavor::MySql => (
            "SET GLOBAL binlog_group_commit_sync_delay = 1000000",
            "SET GLOBAL binlog_group_commit_sync_delay = 0",
        ),
        Flavor::MariaDb => (
            "SET GLOBAL binlog_commit_wait_count = 100; SET GLOBAL binlog_commit_wait_usec = 1000000",
            "SET GLOBAL binlog_commit_wait_count = 0; SET GLOBAL binlog_commit_wait_usec = 100000",
        ),
    };
    let desk = alone.scene.desk().await;
    desk.open_stock(sku("a"), Available::new(100).unwrap(), Terms::default()).await.unwrap();
    let mut connection = alone.scene.connection();
    let plan = merged(1, vec![take("o-1", &[("a", 1)])]);
    ready(&mut connection, &plan).await;
    alone.scene.run(slow).await;
    let mut somebody = alone.scene.admin().await;
    let commit = tokio::spawn(async move { connection.commit(plan.id).await });
    let mut closed = 0;
    loop {
        let free = gate_is_free(&mut somebody).await;
        let seen = alone.scene.versions().await.len();
        if free {
            assert_eq!(seen, 1, "the gate is open and the change is not there");
            break;
        }
        closed += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    alone.scene.run(fast).await;
    assert_eq!(commit.await.unwrap(), CommitOutcome::Committed);
    assert!(closed > 3, "the commit was too fast for this test to show anything");
}

both_flavors!(
    every_change_is_read_once,
    an_idle_feed_leaves_the_gate_alone,
    a_flush_holds_the_gate_until_its_end,
    whoever_has_the_gate_holds_up_every_write,
    places_are_given_out_behind_the_gate,
    a_late_commit_is_not_skipped,
    a_stuck_transaction_does_not_stop_the_orders,
    places_that_are_given_out_again_are_not_complete,
    the_gate_opens_when_the_commit_is_seen,
);
