//! Which rows a flush locks, and in which order.

use hotrow::embedded::Flavor;
use hotrow::engine::{Execution, Failure, Mode, Plan};
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::make::{adjust, deciding, merged, take};
use crate::support::scene::{Scene, land, ready, run};
use crate::support::sight::until;

/// Neighbours of b and c in every direction, and gaps between.
const STOCK: [(&str, i64); 7] =
    [("a", 10), ("b", 10), ("b-", 10), ("bb", 10), ("c", 10), ("ca", 10), ("d", 10)];

/// Plans that change b and c, in every form that a flush has.
fn plans() -> Vec<Plan> {
    let two_lines = vec![take("o-1", &[("c", 1), ("b", 1)])];
    let single_lines = vec![take("o-1", &[("c", 1)]), take("o-2", &[("b", 1)])];
    let mixed = vec![adjust("r-1", "c", 1, None), take("o-1", &[("b", 1)])];
    let refused = [single_lines.clone(), vec![take("o-3", &[("b", 99)])]].concat();
    vec![
        merged(1, two_lines.clone()),
        merged(2, single_lines),
        merged(3, mixed),
        deciding(4, two_lines),
        deciding(5, refused),
    ]
}

/// A flush is executed and not committed: nobody else's row is locked, no gap, no more than needed.
async fn holds_only_its_rows(scene: &Scene, flavor: Flavor, others: &[&str]) {
    for plan in plans() {
        let mut connection = scene.connection();
        ready(&mut connection, &plan).await;
        assert_eq!(scene.free(others).await, others, "{plan:?}");
        assert_eq!(scene.free(&["b", "c"]).await, [""; 0], "{plan:?}");
        let open = scene.transactions().await;
        assert_eq!(open.len(), 1, "{plan:?}");
        // A decision locks each row before it updates it, which takes no second lock. The third is the
        // shared one of the gate.
        assert_eq!(open[0].row_locks, 3, "{plan:?}");
        if flavor == Flavor::MySql {
            assert_eq!(locks_listed(scene).await, LISTED, "{plan:?}");
        }
        // No gap is closed: new SKUs and new orders go in beside it.
        let mut somebody = scene.admin().await;
        let beside = "SET innodb_lock_wait_timeout = 1; BEGIN; \
            INSERT INTO stock (sku, available, version) VALUES ('ba', 1, 1), ('bz', 1, 1), ('z', 1, 1); \
            INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
            VALUES ('o-0', 'take', 1, 'deduct', 'a', -1, 9), ('o-1a', 'take', 1, 'deduct', 'a', -1, 9); \
            INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
            VALUES ('a', 9, 9, 9, 9, 9), ('b', 9, 9, 9, 9, 9), ('ba', 2, 9, 9, 9, 9); ROLLBACK";
        run(&mut somebody, beside).await;
        connection.roll_back().await;
        scene.nothing_is_open().await;
    }
}

/// Intention locks on what is written, the two rows, without the gaps before them, and the gate of the
/// change feed. The rows that
/// were inserted are locked by being uncommitted, and not listed.
const LISTED: [&str; 7] = [
    "change_gate 1 S,REC_NOT_GAP",
    "change_gate IS",
    "movement IX",
    "stock 'b' X,REC_NOT_GAP",
    "stock 'c' X,REC_NOT_GAP",
    "stock IX",
    "stock_version IX",
];

async fn locks_listed(scene: &Scene) -> Vec<String> {
    let query = "SELECT CONCAT_WS(' ', object_name, lock_data, lock_mode) \
                 FROM performance_schema.data_locks WHERE object_schema = DATABASE() ORDER BY 1";
    scene.lines(query).await
}

async fn a_flush_locks_its_own_rows_only(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&STOCK).await;
    holds_only_its_rows(&scene, flavor, &["a", "b-", "bb", "ca", "d"]).await;
    scene.run("ANALYZE TABLE stock, movement, stock_version").await;
    holds_only_its_rows(&scene, flavor, &["a", "b-", "bb", "ca", "d"]).await;
    // The smallest table that has others.
    scene.run("DELETE FROM stock WHERE sku NOT IN ('a', 'b', 'c'); ANALYZE TABLE stock").await;
    holds_only_its_rows(&scene, flavor, &["a"]).await;
}

async fn a_flush_of_one_sku_locks_one_row(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10), ("c", 10)]).await;
    let operations = vec![take("o-1", &[("b", 1)]), take("o-2", &[("b", 2)])];
    for plan in [merged(1, operations.clone()), deciding(2, operations)] {
        let mut connection = scene.connection();
        ready(&mut connection, &plan).await;
        assert_eq!(scene.free(&["a", "b", "c"]).await, ["a", "c"], "{plan:?}");
        assert_eq!(scene.transactions().await[0].row_locks, 2, "{plan:?}");
        connection.roll_back().await;
    }
}

/// Two thousand rows are locked, and not one of their neighbours.
async fn a_full_flush_locks_no_neighbour(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let fill = "INSERT INTO stock (sku, available, version) \
        WITH d (n) AS (SELECT 0 UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
            SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) \
        SELECT CONCAT('s', a.n, b.n, c.n, d.n), 10, 1 FROM d AS a, d AS b, d AS c, d \
        WHERE a.n < 5";
    scene.run(fill).await;
    // Every second of the first 4,096.
    let orders = (0..2048).rev();
    let orders = orders.map(|n| take(&format!("o-{n}"), &[(&format!("s{:04}", 2 * n), 1)]));
    let operations: Vec<_> = orders.collect();
    for plan in [merged(1, operations.clone()), deciding(2, operations)] {
        let mut connection = scene.connection();
        ready(&mut connection, &plan).await;
        assert_eq!(scene.transactions().await[0].row_locks, 2049);
        let mut somebody = scene.admin().await;
        let odd: Vec<_> = (0..2048).map(|n| format!("'s{:04}'", 2 * n + 1)).collect();
        let others = format!(
            "SELECT sku FROM stock WHERE sku IN ({}) ORDER BY sku FOR UPDATE NOWAIT",
            odd.join(",")
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(others)).fetch_all(&mut somebody).await.unwrap();
        assert_eq!(rows.len(), 2048);
        assert_eq!(rows[0].get_unchecked::<String, _>(0), "s0001");
        connection.roll_back().await;
        scene.nothing_is_open().await;
    }
}

/// While a flush waits for b it has a, which sorts before, and not c, which sorts after, whatever
/// order the plan gives them in.
async fn rows_are_locked_in_the_order_of_their_skus(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10), ("b", 10), ("c", 10)]).await;
    for mode in [Mode::Merged, Mode::Deciding] {
        let orders = [take("o-c", &[("c", 1)]), take("o-a", &[("a", 1)]), take("o-b", &[("b", 1)])];
        let plan = Plan { mode, ..merged(1, orders.to_vec()) };
        loop {
            let mut somebody = scene.admin().await;
            run(&mut somebody, "BEGIN; SELECT * FROM stock WHERE sku = 'b' FOR UPDATE").await;
            let mut connection = scene.connection();
            let plan = plan.clone();
            let flush = tokio::spawn(async move { connection.execute(&plan).await });
            until("the flush waits", async || scene.one_waits().await || flush.is_finished()).await;
            let free = scene.free(&["a", "b", "c"]).await;
            let still_waited = scene.one_waits().await;
            run(&mut somebody, "ROLLBACK").await;
            match flush.await.unwrap() {
                // Looking took longer than a lock wait, so nothing was shown.
                Execution::Failed(Failure::LockWait) => {}
                Execution::Ready { .. } => {
                    assert!(still_waited);
                    assert_eq!(free, ["c"], "{mode:?}");
                    break;
                }
                other @ (Execution::NothingToWrite { .. }
                | Execution::Committed { .. }
                | Execution::CommitUnknown
                | Execution::Landed { .. }
                | Execution::Failed(_)) => {
                    panic!("{other:?}")
                }
            }
            scene.nothing_is_open().await;
        }
        scene.nothing_is_open().await;
    }
}

/// Two instances with the same SKUs in opposite orders, merged and decided, never deadlock.
async fn opposite_orders_never_conflict(flavor: Flavor) {
    const ROUNDS: usize = 100;
    let scene = Scene::new(flavor).await.with(&[("a", 9999), ("b", 9999), ("c", 9999)]).await;
    let instance = |name: &'static str, lines: [&'static str; 3]| {
        let mut connection = scene.connection();
        async move {
            let mut landed = 0;
            for flush in 1.. {
                let orders = lines.map(|sku| take(&format!("{name}-{flush}-{sku}"), &[(sku, 1)]));
                let mode = if flush % 2 == 0 { Mode::Merged } else { Mode::Deciding };
                let plan = Plan { mode, ..merged(flush, orders.to_vec()) };
                match connection.execute(&plan).await {
                    Execution::Ready { .. } => {
                        connection.commit(plan.id).await;
                        landed += 1;
                    }
                    // The other one's commit took very long.
                    Execution::Failed(Failure::LockWait) => {}
                    other @ (Execution::NothingToWrite { .. }
                    | Execution::Committed { .. }
                    | Execution::CommitUnknown
                    | Execution::Landed { .. }
                    | Execution::Failed(_)) => {
                        panic!("{name}: {other:?}")
                    }
                }
                if landed == ROUNDS {
                    return;
                }
            }
        }
    };
    let up = tokio::spawn(instance("up", ["a", "b", "c"]));
    let down = tokio::spawn(instance("down", ["c", "b", "a"]));
    up.await.unwrap();
    down.await.unwrap();
    let rows = 2 * ROUNDS + 1;
    let left = 9999 - 2 * ROUNDS;
    assert_eq!(scene.stock().await, ["a", "b", "c"].map(|sku| format!("{sku} {left} {rows}")));
}

/// A flush's inserts do not wait for the flush before it that commits: only the hot row does.
async fn the_next_flush_inserts_while_the_first_is_open(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10)]).await;
    let mut first = scene.connection();
    let plan = merged(1, vec![take("o-1", &[("a", 1)]), take("o-3", &[("a", 1)])]);
    ready(&mut first, &plan).await;
    let next = merged(2, vec![take("o-2", &[("a", 1)]), take("o-4", &[("a", 1)])]);
    let seen = loop {
        let mut second = scene.connection();
        let again = next.clone();
        let flush = tokio::spawn(async move {
            let execution = second.execute(&again).await;
            (second, execution)
        });
        until("it waits", async || scene.one_waits().await || flush.is_finished()).await;
        let inserted = uncommitted_movements(&scene).await;
        if scene.one_waits().await {
            first.commit(plan.id).await;
        }
        match flush.await.unwrap() {
            // Looking took longer than a lock wait, so nothing was shown.
            (_, Execution::Failed(Failure::LockWait)) => {}
            (mut second, Execution::Ready { .. }) => {
                second.commit(next.id).await;
                break inserted;
            }
            (
                _,
                other @ (Execution::NothingToWrite { .. }
                | Execution::Committed { .. }
                | Execution::CommitUnknown
                | Execution::Landed { .. }
                | Execution::Failed(_)),
            ) => {
                panic!("{other:?}")
            }
        }
    };
    assert_eq!(seen, 2);
    assert_eq!(scene.stock().await, ["a 6 3"]);
    land(&mut scene.connection(), &merged(3, vec![take("o-5", &[("a", 6)])])).await;
}

/// Of the second flush.
async fn uncommitted_movements(scene: &Scene) -> i64 {
    let mut admin = scene.admin().await;
    run(&mut admin, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await;
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM movement WHERE flush_id = 2");
    count.fetch_one(&mut admin).await.unwrap()
}

both_flavors!(
    a_flush_locks_its_own_rows_only,
    a_flush_of_one_sku_locks_one_row,
    a_full_flush_locks_no_neighbour,
    rows_are_locked_in_the_order_of_their_skus,
    opposite_orders_never_conflict,
    the_next_flush_inserts_while_the_first_is_open,
);
