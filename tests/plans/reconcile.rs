//! How the server executes what reconciliation sends: the ledger is read once, in the order of its primary
//! key, and everything else is looked up, whatever the tables hold and the server knows of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hotrow::embedded::Flavor;
use hotrow::reconcile::{MendOutcome, Reconcile, Request};
use hotrow::store::mysql::{ChangeFeed, Desk, ReconcileConnection};
use hotrow::telemetry::metrics::Metrics;
use sqlx::{AssertSqlSafe, MySqlConnection};

use crate::explain::{Access, explain};
use crate::support::alone::Alone;
use crate::support::scene::{LONG, Scene, run};

/// SKUs `s-0` and up of which one unit each is sold; `{count}` is their number.
const FILL: &str = "\
    CREATE TABLE number (n INT PRIMARY KEY); \
    INSERT INTO number WITH RECURSIVE d (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 99) \
        SELECT a.n + 100 * b.n FROM d AS a, d AS b WHERE a.n + 100 * b.n < {count}; \
    INSERT INTO stock (sku, available, version) SELECT CONCAT('s-', n), 99, 2 FROM number; \
    INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
        SELECT CONCAT('s-', n), 1, 0, 100, 100, 1 FROM number; \
    INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
        SELECT CONCAT('s-', n), 2, 7, 99, -1, 1 FROM number; \
    INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
        SELECT CONCAT('s-', n), 'opening', 1, 'opening', CONCAT('s-', n), 100, 0 FROM number; \
    INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
        SELECT CONCAT('o-', n), 'take', 1, 'deduct', CONCAT('s-', n), -1, 7 FROM number; \
    DROP TABLE number";

/// One access to a table: its name in the statement, the index, and how that may be used.
type Expected = (&'static str, &'static str, &'static [&'static str]);

const LOOKED_UP: &[&str] = &["eq_ref", "const"];
const RECORDED: Expected = ("recorded", "PRIMARY", &["eq_ref"]);
const LATER: Expected = ("later", "PRIMARY", &["eq_ref"]);

/// What tells a statement, and its accesses, in any order.
const STATEMENTS: [(&str, &str, &[Expected]); 15] = [
    (
        "a page of stock",
        "FROM stock AS page FORCE",
        &[("page", "PRIMARY", &["range"]), RECORDED, LATER],
    ),
    (
        "some stock",
        "FROM asked STRAIGHT_JOIN stock",
        &[("page", "PRIMARY", LOOKED_UP), RECORDED, LATER],
    ),
    (
        "what was archived",
        "FROM movement_carried FORCE",
        &[("movement_carried", "PRIMARY", &["range"])],
    ),
    ("a page of the ledger", "FROM movement FORCE", &[("movement", "PRIMARY", &["range"])]),
    ("flushes", "SELECT flush_id, place", &[("stock_version", "change_order", &["range"])]),
    ("versions of a SKU", "SELECT CAST(SUM(delta)", &[("stock_version", "PRIMARY", &["range"])]),
    (
        "the oldest version of a SKU",
        "SELECT available - delta",
        &[("stock_version", "PRIMARY", &["ref"])],
    ),
    // The end of an index, which is not shown as an access.
    ("the newest version of a SKU", "SELECT MAX(version) FROM", &[]),
    (
        "mending: what came before the lock",
        "INTO @early_count",
        &[("stock_version", "PRIMARY", &["range"])],
    ),
    ("mending: the lock", "INTO @rows", &[("stock", "PRIMARY", &["const"])]),
    ("mending: what came since", "INTO @count", &[("stock_version", "PRIMARY", &["range"])]),
    (
        "mending: whether it fits",
        "INTO @fits",
        &[("reconcile_drift", "PRIMARY", &["const"]), ("own", "of_sku", &["range", "ref"])],
    ),
    (
        "mending: the mark",
        "UPDATE reconcile_drift SET mended_at",
        &[("reconcile_drift", "PRIMARY", &["range"])],
    ),
    ("mending: the stock", "SET held = held +", &[("stock", "PRIMARY", &["range"])]),
    (
        "mending: the version",
        "SELECT sku, version, @flush",
        &[("stock", "PRIMARY", &["const"]), ("change_gate", "PRIMARY", &["const"])],
    ),
];

async fn reconcile(scene: &Scene) -> Reconcile {
    let desk = Desk::open(&scene.address, 2, LONG).await.unwrap();
    let feed = Arc::new(ChangeFeed::new(desk.clone()));
    let address = scene.address.clone();
    Reconcile { address, desk, cache: None, feed, metrics: Metrics::new() }
}

/// Whoever is next in line need not wait until the server has missed the session.
async fn a_right_that_is_given_back_is_free(flavor: Flavor) {
    let scene = Scene::empty(flavor).await;
    for round in 0..200 {
        let right = ReconcileConnection::acquire(&scene.address, LONG).await.unwrap();
        right.unwrap_or_else(|| panic!("it was not free in round {round}")).release().await;
    }
}

/// They and what mends them are more than the server takes in one message.
async fn thousands_of_differences_are_recorded(flavor: Flavor) {
    const SKUS: usize = 4_000;
    let alone = Alone::new(flavor).await;
    alone.scene.run("SET GLOBAL max_allowed_packet = 8388608").await;
    let scene = &alone.scene;
    scene.run(&FILL.replace("{count}", &SKUS.to_string())).await;
    scene.run("UPDATE stock SET available = available + 1").await;
    let request = Request { dry_run: false, pass_skus: SKUS };
    let report = reconcile(scene).await.full(request, &|_| {}).await.unwrap();
    assert_eq!(report.run.differences, SKUS as u64);
    assert_eq!(report.drifts.len(), SKUS);
    let ended = "SELECT state FROM reconcile_run";
    assert_eq!(scene.lines(ended).await, ["done"]);
}

async fn nothing_but_the_ledger_is_read_from_end_to_end(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    alone.scene.run("SET GLOBAL innodb_stats_auto_recalc = OFF").await;
    let (large, empty) = (alone.another().await, alone.another().await);
    large.run(&FILL.replace("{count}", "9000")).await;
    large
        .run(
            "UPDATE stock SET available = 98 WHERE sku = 's-1'; \
             UPDATE stock SET version = 1 WHERE sku = 's-2'",
        )
        .await;
    let job = reconcile(&large).await;
    let (skus, texts) = alone
        .logged(Box::pin(async {
            let report =
                job.full(Request { dry_run: false, pass_skus: 5_000 }, &|_| {}).await.unwrap();
            assert_eq!(report.drifts.len(), 2);
            let outcomes = job.mending(report.run.id).await.unwrap().apply(&|_| {}).await.unwrap();
            assert!(outcomes.iter().all(|(_, outcome)| *outcome == MendOutcome::Mended));
            report.run.skus
        }))
        .await;
    assert_eq!(skus, 9_000);
    let sent: Vec<&str> =
        texts.iter().flat_map(|text| text.split(";\n")).map(|text| text.trim()).collect();
    let begun =
        |text: &&&str| text.contains("FROM movement FORCE") && text.contains("> _ascii x''");
    assert_eq!(sent.iter().filter(begun).count(), 3, "two passes, and one before mending");
    // Or nothing would be planned for it.
    large.run("UPDATE reconcile_drift SET mended_at = NULL").await;
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (name, scene) in [("large", &large), ("empty", &empty)] {
        for state in ["no statistics", "analysed"] {
            let mut session = scene.admin().await;
            run(&mut session, "SET @flush = 1, @done = 1, @seen = 1, @mends = 0").await;
            for text in &sent {
                let known = STATEMENTS.iter().find(|(_, mark, _)| text.contains(mark));
                let Some((what, _, expected)) = known else { continue };
                // Where the row to be mended is not there, nothing is planned.
                if name == "empty" && what.starts_with("mending") {
                    continue;
                }
                seen.insert(*what);
                // Nor where the planner sees that the stock has changed since.
                let differs = ["AND @available =", "AND @apart =", "AND GREATEST("];
                let kept = |line: &&str| !differs.iter().any(|mark| line.contains(mark));
                let text = text.lines().filter(kept).collect::<Vec<_>>().join("\n");
                let plan = explain(&mut session, flavor, &text).await;
                // Or an optimizer has taken the rests for superfluous.
                let rests = !text.contains("SLEEP(")
                    || condition(&mut session, &text).await.contains("sleep(");
                if !rests || !fits(&plan, expected) {
                    wrong.insert(format!("{what} ({name}, {state}), rests: {rests}: {plan:?}"));
                }
            }
            scene.run("ANALYZE TABLE stock, movement, stock_version, reconcile_drift").await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), STATEMENTS.len(), "only these were sent: {seen:?}");
    for what in ["FROM stock AS page FORCE", "FROM movement FORCE"] {
        let rests = |text: &&str| !text.contains(what) || text.contains("SLEEP(");
        assert!(sent.iter().all(rests), "the server does not rest: {what}");
    }
}

/// The plan with its conditions.
async fn condition(session: &mut MySqlConnection, text: &str) -> String {
    let query = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN FORMAT=JSON {text}")));
    let plan: String = query.fetch_one(session).await.unwrap();
    plan.to_lowercase()
}

fn fits(plan: &[Access], expected: &[Expected]) -> bool {
    let named = |access: &&Access| {
        let list = access.table.is_empty() || access.table.starts_with('<');
        !list && access.table != "asked"
    };
    let tables: Vec<&Access> = plan.iter().filter(named).collect();
    // A row that is looked up while the statement is planned, and is not there, ends it.
    let ended = tables.is_empty() && plan.iter().any(|access| access.extra.contains("const"));
    let sorts = tables.iter().any(|access| access.extra.contains("filesort"));
    let fits = |(table, key, kinds): &Expected| {
        let access = tables.iter().find(|access| access.table == *table);
        access.is_some_and(|access| access.key == *key && kinds.contains(&&*access.kind))
    };
    ended || !sorts && tables.len() == expected.len() && expected.iter().all(fits)
}

both_flavors!(
    a_right_that_is_given_back_is_free,
    thousands_of_differences_are_recorded,
    nothing_but_the_ledger_is_read_from_end_to_end
);
