//! What `hotrow archive` moves and forgets, what it leaves, and how the server executes its statements.

use hotrow::domain::{Goal, Operation, OrderId, Standing, TakenOrder, Verdict};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Mode, Plan, Verdicts};
use hotrow::store::Cursor;
use hotrow::store::mysql::{ArchiveConnection, ChangeFeed, FeedError, FlushConnection};

use crate::explain::explain;
use crate::support::alone::Alone;
use crate::support::make::{
    adjust, bought_by, cancel, deciding, held_for, merged, settle, sku, take,
};
use crate::support::scene::{LONG, Scene, land, run};
use crate::support::sight::until;

const DAYS: u32 = 30;

impl Scene {
    /// The right to archive, as soon as the server has noticed that whoever had it is gone.
    async fn archive(&self) -> ArchiveConnection {
        let mut acquired = None;
        until("the right is free", async || {
            acquired = ArchiveConnection::acquire(&self.address, DAYS, LONG).await.unwrap();
            acquired.is_some()
        })
        .await;
        acquired.unwrap()
    }

    /// One pass over everything: orders, movements and changes.
    async fn pass(&self) -> (usize, u64, usize) {
        let mut archive = self.archive().await;
        let (mut orders, mut movements, mut changes, mut after) = (0, 0, 0, 0);
        while let Some(moved) = archive.move_orders().await.unwrap() {
            orders += moved.orders;
            movements += moved.movements;
        }
        while let Some(forgotten) = archive.forget_changes(after).await.unwrap() {
            changes += forgotten.changes;
            after = forgotten.last;
        }
        archive.close().await;
        (orders, movements, changes)
    }

    /// Makes the rows of orders, or of some of their steps, old.
    async fn age(&self, rows: &str) {
        self.run(&format!(
            "UPDATE movement SET created_at = created_at - INTERVAL 31 DAY, \
                 expires_at = expires_at - INTERVAL 31 DAY WHERE {rows}"
        ))
        .await;
    }

    /// `order_id step line` of what is archived.
    async fn archived(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', order_id, step, line) FROM movement_archive \
             ORDER BY order_id, created_at, step, line",
        )
        .await
    }

    /// `sku available held movements` of what is carried.
    async fn carried(&self) -> Vec<String> {
        self.lines("SELECT CONCAT_WS(' ', sku, available, held, movements) FROM movement_carried ORDER BY sku")
            .await
    }

    /// The books balance with what is carried, and what is carried is what is archived.
    async fn balanced(&self) {
        let unbalanced = "SELECT CONCAT_WS(' ', stock.sku, stock.available, SUM(moved.delta)) FROM stock \
            JOIN (SELECT sku, delta, COALESCE(held_delta, 0) AS held_delta FROM movement \
                  UNION ALL SELECT sku, available, held FROM movement_carried) AS moved USING (sku) \
            GROUP BY stock.sku, stock.available, stock.held \
            HAVING stock.available <> SUM(moved.delta) OR stock.held <> SUM(moved.held_delta)";
        assert_eq!(self.lines(unbalanced).await, [""; 0]);
        let lost = "SELECT CONCAT_WS(' ', sku, SUM(delta), SUM(movements)) FROM ( \
                SELECT sku, delta, 1 AS movements FROM movement_archive \
                UNION ALL SELECT sku, -available, -CAST(movements AS SIGNED) FROM movement_carried) AS moved \
            GROUP BY sku HAVING SUM(delta) <> 0 OR SUM(movements) <> 0";
        assert_eq!(self.lines(lost).await, [""; 0]);
    }

    async fn find(&self, id: &str) -> (Option<TakenOrder>, Option<TakenOrder>) {
        let desk = self.desk().await;
        let id = OrderId::new("order_id", id).unwrap();
        let found = (desk.order(id.clone()).await.unwrap(), desk.archived_order(id).await.unwrap());
        desk.close().await;
        found
    }
}

fn only(verdicts: Verdicts) -> Verdict {
    let Verdicts::Each(mut verdicts) = verdicts else { panic!("it was decided") };
    assert_eq!(verdicts.len(), 1);
    verdicts.pop().unwrap()
}

/// Orders of every kind. Those that have to stay say why.
async fn shop(flavor: Flavor) -> Scene {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100)]).await;
    let mut connection = scene.connection();
    let confirmed = bought_by("anna", held_for(60, take("old-confirmed", &[("a", 3)])));
    let released = bought_by("anna", held_for(60, take("old-released", &[("a", 1)])));
    let plans = vec![
        vec![
            bought_by("anna", take("old-1", &[("a", 2), ("b", 1)])),
            take("old-cancelled", &[("b", 5)]),
            take("stays-cancelled-lately", &[("b", 4)]),
            take("stays-young", &[("a", 1)]),
        ],
        vec![confirmed.clone(), released.clone(), held_for(60, take("stays-held", &[("b", 2)]))],
        vec![
            cancel("old-cancelled", &[("b", 5)]),
            cancel("stays-cancelled-lately", &[("b", 4)]),
            settle(&confirmed, Standing::Held, Goal::Confirm),
            settle(&released, Standing::Held, Goal::Cancel),
            adjust("old-adjusted", "b", 7, Some("found")),
            // The name of a SKU, whose opening has to stay.
            take("b", &[("a", 1)]),
        ],
    ];
    for (flush, operations) in (1..).zip(plans) {
        land(&mut connection, &deciding(flush, operations)).await;
    }
    scene.age("order_id NOT IN ('stays-cancelled-lately', 'stays-young')").await;
    scene.age("order_id = 'stays-cancelled-lately' AND step = 'take'").await;
    scene
}

async fn old_orders_move_whole(flavor: Flavor) {
    let scene = shop(flavor).await;
    assert_eq!(scene.pass().await, (6, 10, 0));
    assert_eq!(
        scene.archived().await,
        [
            "b take 1",
            "old-1 take 1",
            "old-1 take 2",
            "old-adjusted adjust 1",
            "old-cancelled take 1",
            "old-cancelled settle 1",
            "old-confirmed take 1",
            "old-confirmed settle 1",
            "old-released take 1",
            "old-released settle 1",
        ]
    );
    assert_eq!(
        scene
            .lines("SELECT CONCAT_WS(' ', order_id, step) FROM movement ORDER BY order_id, step")
            .await,
        [
            "a opening",
            "b opening",
            "stays-cancelled-lately take",
            "stays-cancelled-lately settle",
            "stays-held take",
            "stays-young take",
        ]
    );
    assert_eq!(scene.carried().await, ["a -6 0 6", "b 6 0 4"]);
    assert_eq!(scene.held().await, ["a 93 0", "b 104 2"]);
    scene.balanced().await;
    // What buyers have still counts, and nothing of it twice.
    assert_eq!(scene.purchases().await, ["a anna (archived) 5", "b anna (archived) 1"]);
    // Another pass finds nothing, and nothing is carried twice.
    assert_eq!(scene.pass().await, (0, 0, 0));
    assert_eq!(scene.carried().await, ["a -6 0 6", "b 6 0 4"]);
    for (id, standing) in [
        ("old-1", Standing::Deducted),
        ("old-cancelled", Standing::Cancelled),
        ("old-confirmed", Standing::Confirmed),
    ] {
        let (in_ledger, archived) = scene.find(id).await;
        assert_eq!(
            (in_ledger, archived.map(|found| found.standing)),
            (None, Some(standing)),
            "{id}"
        );
    }
    assert_eq!(scene.find("nobody").await, (None, None));
    assert_eq!(scene.find("stays-young").await.1, None);
}

/// An id is known for its lifetime; sent again after it, it is a new order, and both are kept apart.
async fn an_id_can_be_used_again_after_its_lifetime(flavor: Flavor) {
    let scene = shop(flavor).await;
    let order = || bought_by("anna", take("old-1", &[("a", 2), ("b", 1)]));
    let mut connection = scene.connection();
    let again = only(land_deciding(&mut connection, 10, order()).await);
    assert!(matches!(again, Verdict::Done { replayed: true, .. }), "not archived yet: {again:?}");
    scene.pass().await;
    let anew = only(land_deciding(&mut connection, 11, order()).await);
    assert!(matches!(anew, Verdict::Done { replayed: false, .. }), "{anew:?}");
    assert_eq!(
        scene.purchases().await,
        ["a anna (archived) 5", "a anna old-1 2", "b anna (archived) 1", "b anna old-1 1"]
    );
    let cancelled = settle(&order(), Standing::Deducted, Goal::Cancel);
    land(&mut connection, &deciding(12, vec![cancelled])).await;
    scene.age("order_id = 'old-1' AND step = 'take'").await;
    assert_eq!(scene.pass().await.0, 0, "its cancellation is young");
    scene.age("order_id = 'old-1' AND step = 'settle'").await;
    assert_eq!(scene.pass().await, (1, 4, 0));
    assert_eq!(scene.purchases().await, ["a anna (archived) 5", "b anna (archived) 1"]);
    let (in_ledger, archived) = scene.find("old-1").await;
    assert_eq!((in_ledger, archived.unwrap().standing), (None, Standing::Cancelled), "the newest");
    scene.balanced().await;
}

async fn land_deciding(
    connection: &mut FlushConnection,
    flush: u64,
    operation: Operation,
) -> Verdicts {
    let plan = deciding(flush, vec![operation]);
    let execution = connection.execute(&plan).await;
    if let Execution::NothingToWrite { verdicts, .. } = execution {
        return verdicts;
    }
    let Execution::Ready { verdicts, .. } = execution else { panic!("{execution:?}") };
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
    verdicts
}

/// Somebody has looked an order up and cancels it in the moment in which it is archived.
async fn a_cancellation_in_that_moment_is_not_lost(flavor: Flavor) {
    let scene = shop(flavor).await;
    let mut connection = scene.connection();
    // Its commit comes before the archive's look: the order stays, whole.
    let plan = merged(20, vec![cancel("old-1", &[("a", 2), ("b", 1)])]);
    land(&mut connection, &Plan { mode: Mode::Merged, ..plan }).await;
    scene.pass().await;
    assert_eq!(scene.find("old-1").await.0.unwrap().standing, Standing::Cancelled);
    // After it: what is found is both.
    scene.age("order_id = 'stays-young'").await;
    scene.pass().await;
    let plan = merged(21, vec![cancel("stays-young", &[("a", 1)])]);
    land(&mut connection, &Plan { mode: Mode::Merged, ..plan }).await;
    let (in_ledger, archived) = scene.find("stays-young").await;
    assert_eq!((in_ledger, archived.unwrap().standing), (None, Standing::Cancelled));
    scene.balanced().await;
    scene.age("order_id = 'stays-young'").await;
    scene.pass().await;
    assert_eq!(scene.find("stays-young").await.1.unwrap().standing, Standing::Cancelled);
    scene.balanced().await;
}

/// The page has been read when somebody cancels one of its orders: that order stays, whole, and the others move.
async fn what_changes_after_the_look_stays(flavor: Flavor) {
    loop {
        let scene = shop(flavor).await;
        let mut archive = scene.archive().await;
        let mut holder = scene.admin().await;
        run(&mut holder, "LOCK TABLES movement_archive WRITE").await;
        let moving = tokio::spawn(async move { archive.move_orders().await });
        let waits = "SELECT COUNT(*) \
            FROM /*M! information_schema.processlist */ /*!80000 performance_schema.threads */ \
            WHERE /*M! db */ /*!80000 processlist_db */ = DATABASE() \
                AND /*M! state */ /*!80000 processlist_state */ LIKE 'Waiting for table metadata lock%'";
        until("it waits to copy", async || {
            moving.is_finished()
                || scene.lines(&format!("SELECT CAST(({waits}) AS CHAR)")).await != ["0"]
        })
        .await;
        let cancelled = merged(20, vec![cancel("old-1", &[("a", 2), ("b", 1)])]);
        land(&mut scene.connection(), &cancelled).await;
        run(&mut holder, "UNLOCK TABLES").await;
        match moving.await.unwrap() {
            // It does not wait for longer than a second.
            Err(error) if error.to_string().contains("1205") => continue,
            moved => assert_eq!(moved.unwrap().unwrap().movements, 8),
        }
        let (in_ledger, archived) = scene.find("old-1").await;
        assert_eq!((in_ledger.unwrap().standing, archived), (Standing::Cancelled, None));
        scene.balanced().await;
        return;
    }
}

/// 1,800 orders, all of them old.
const MANY: &str = "INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id, created_at) \
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 900) \
    SELECT CONCAT(part, n), 'take', 1, 'deduct', 'a', -1, 7, UTC_TIMESTAMP(6) - INTERVAL 31 DAY \
    FROM n, (SELECT 'x-' AS part UNION SELECT 'y-') AS parts; \
    UPDATE stock SET available = available - 1800 WHERE sku = 'a'";

async fn a_run_that_was_ended_goes_on(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 10_000)]).await;
    scene.run(MANY).await;
    let mut first = scene.archive().await;
    let moved = first.move_orders().await.unwrap().unwrap();
    assert!((1..1_800).contains(&moved.orders) && moved.movements == moved.orders as u64);
    // One at a time.
    let other = ArchiveConnection::acquire(&scene.address, DAYS, LONG).await.unwrap();
    assert!(other.is_none());
    scene.balanced().await;
    // It ends in the middle of a page, with its transaction open: nothing of that is there.
    let mut admin = scene.admin().await;
    run(&mut admin, "LOCK TABLES movement_carried WRITE").await;
    let error = first.move_orders().await.unwrap_err();
    assert!(error.to_string().contains("1205"), "{error}");
    drop(first);
    run(&mut admin, "UNLOCK TABLES").await;
    scene.nothing_is_open().await;
    scene.balanced().await;
    let position = scene.lines("SELECT position FROM archive_state").await;
    let before = scene.archived().await.len();
    assert_eq!(before, moved.orders);
    let mut again = scene.archive().await;
    let more = again.move_orders().await.unwrap().unwrap();
    let later = scene.lines("SELECT position FROM archive_state").await;
    assert!(!position[0].is_empty() && later > position, "{position:?} {later:?}");
    assert_eq!(scene.archived().await.len(), before + more.orders);
    again.close().await;
    scene.pass().await;
    assert_eq!(scene.archived().await.len(), 1_800);
    assert_eq!(scene.carried().await, ["a -1800 0 1800"]);
    scene.balanced().await;
}

async fn what_was_promised_longer_is_kept(flavor: Flavor) {
    let scene = shop(flavor).await;
    let desk = scene.desk().await;
    desk.promise_lifetime(400).await.unwrap();
    desk.promise_lifetime(10).await.unwrap();
    let archive = scene.archive().await;
    assert_eq!(archive.days(), 400);
    archive.close().await;
    assert_eq!(scene.pass().await, (0, 0, 0));
}

/// Changes are forgotten from the oldest on, except the newest of each SKU; a cursor from before is refused.
async fn old_changes_are_forgotten(flavor: Flavor) {
    let scene = Scene::new(flavor).await.with(&[("a", 100), ("b", 100)]).await;
    let mut connection = scene.connection();
    for flush in 1..=5 {
        land(&mut connection, &merged(flush, vec![take(&format!("a-{flush}"), &[("a", 1)])])).await;
    }
    let feed = ChangeFeed::new(scene.desk().await);
    let all = feed.page(Cursor::BEGINNING, 100).await.unwrap();
    assert_eq!(all.len(), 7);
    scene
        .run(
            "UPDATE stock_version SET created_at = created_at - INTERVAL 31 DAY \
             WHERE sku = 'b' OR version <= 4",
        )
        .await;
    assert_eq!(scene.pass().await, (0, 0, 4));
    let left = "SELECT CONCAT_WS(' ', sku, version) FROM stock_version ORDER BY sku, version";
    assert_eq!(scene.lines(left).await, ["a 5", "a 6", "b 1"]);
    // From the beginning is from the oldest that is whole.
    let from_start = feed.page(Cursor::BEGINNING, 100).await.unwrap();
    assert_eq!(from_start, all[5..]);
    let cut = all[4].cursor;
    assert_eq!(feed.page(cut, 100).await.unwrap(), all[5..]);
    feed.check(cut).await.unwrap();
    for known in &all[..4] {
        let refused = feed.page(known.cursor, 100).await;
        assert!(matches!(refused, Err(FeedError::Forgotten)), "{refused:?}");
        assert!(matches!(feed.check(known.cursor).await, Err(FeedError::Forgotten)));
    }
    // It goes on, also when all is old.
    scene.run("UPDATE stock_version SET created_at = created_at - INTERVAL 31 DAY").await;
    assert_eq!(scene.pass().await.2, 1);
    assert_eq!(scene.lines(left).await, ["a 6", "b 1"]);
    assert_eq!(scene.pass().await.2, 0);
    land(&mut connection, &merged(9, vec![take("b-9", &[("b", 1)])])).await;
    let next = feed.page(all[6].cursor, 100).await.unwrap();
    assert_eq!((next.len(), &next[0].sku), (1, &sku("b")));
}

/// Tables that grow with every order.
const LARGE: [&str; 11] = [
    "movement",
    "movement_archive",
    "stock_version",
    "purchase",
    "moved",
    "copied",
    "young",
    "taken",
    "added",
    "forgotten",
    "newer",
];

async fn archive_a_page(scene: &Scene) {
    let mut archive = scene.archive().await;
    archive.move_orders().await.unwrap().unwrap();
    archive.forget_changes(0).await.unwrap().unwrap();
    archive.close().await;
    assert!(scene.find("x-1").await.1.is_some());
}

async fn its_statements_read_what_they_need(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.another().await.with(&[("a", 10_000)]).await;
    scene.run(MANY).await;
    scene.run("UPDATE movement SET buyer = 'anna' WHERE step = 'take'").await;
    scene
        .run(
            "INSERT INTO purchase (sku, buyer, order_id, quantity) \
                 SELECT sku, buyer, order_id, 1 FROM movement WHERE step = 'take'; \
             INSERT INTO stock_version (sku, version, flush_id, available, delta, orders, created_at) \
                 WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 900) \
                 SELECT 'a', n, 1, 1, 1, 1, UTC_TIMESTAMP(6) - INTERVAL 31 DAY FROM n; \
             UPDATE stock_version SET created_at = created_at - INTERVAL 31 DAY WHERE version = 1",
        )
        .await;
    let mut texts = Vec::new();
    let ((), sent) = alone.logged(Box::pin(archive_a_page(&scene))).await;
    for text in sent.iter().flat_map(|text| text.split(";\n")) {
        let reads =
            ["movement", "stock_version", "purchase"].iter().any(|table| text.contains(table));
        if reads && !text.starts_with("SET ") {
            texts.push(text.to_owned());
        }
    }
    assert_eq!(texts.len(), 11, "{texts:?}");
    let mut session = scene.admin().await;
    let mut looked_at = 0;
    for analysed in [false, true] {
        if analysed {
            run(&mut session, "ANALYZE TABLE movement, movement_archive, stock_version, purchase")
                .await;
        }
        for text in &texts {
            let inserts = text.starts_with("INSERT INTO");
            for access in explain(&mut session, flavor, text).await {
                // MariaDB lists what an INSERT writes to among what it reads.
                let written =
                    inserts && text.starts_with(&format!("INSERT INTO {} ", access.table));
                if !LARGE.contains(&access.table.as_str()) || written && access.kind == "ALL" {
                    continue;
                }
                looked_at += 1;
                let part = ["const", "eq_ref", "ref", "range"].contains(&access.kind.as_str());
                assert!(part, "{access:?}\n{text}");
            }
        }
    }
    assert!(looked_at >= 30, "{looked_at}");
}

both_flavors!(
    old_orders_move_whole,
    an_id_can_be_used_again_after_its_lifetime,
    a_cancellation_in_that_moment_is_not_lost,
    what_changes_after_the_look_stays,
    a_run_that_was_ended_goes_on,
    what_was_promised_longer_is_kept,
    old_changes_are_forgotten,
    its_statements_read_what_they_need,
);
