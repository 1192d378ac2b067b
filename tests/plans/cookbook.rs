//! `sql/cookbook.sql`: every query answers its question, and reads no ledger from end to end.

use std::fs;

use hotrow::domain::{Available, Goal, Operation, PurchaseLimit, Standing, Terms};
use hotrow::embedded::Flavor;
use hotrow::engine::{FlushId, Plan};
use hotrow::store::mysql::{ChangeFeed, ReconcileConnection, register_instance};
use sqlx::MySqlConnection;

use crate::support::long::{Answer, ROWS, ask, fill, judge};
use crate::support::make::{adjust, bought_by, cancel, deciding, held_for, settle, sku, take};
use crate::support::scene::{LONG, Scene, land, run};
use crate::support::sight::until;

const TICKET: &str = "demo-ticket";

/// The query of each question.
fn queries() -> Vec<String> {
    let text = fs::read_to_string("sql/cookbook.sql").unwrap();
    let mut queries = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let (question, query): (Vec<&str>, Vec<&str>) =
            block.lines().partition(|line| line.starts_with("--"));
        if query.is_empty() {
            continue;
        }
        let number = format!("-- {}. ", queries.len() + 1);
        assert!(question[0].starts_with(&number) && block.contains('?'), "{question:?}");
        queries.push(query.join("\n").trim_end_matches(';').to_owned());
    }
    queries
}

/// Somebody who asks, in another time zone.
struct Asker {
    session: MySqlConnection,
    queries: Vec<String>,
}

impl Asker {
    async fn of(scene: &Scene) -> Self {
        let mut session = scene.admin().await;
        run(&mut session, "SET time_zone = '+05:00'").await;
        Self { session, queries: queries() }
    }

    async fn ask(&mut self, number: usize) -> Answer {
        ask(&mut self.session, &self.queries[number - 1]).await
    }

    async fn ask_about(&mut self, number: usize, name: &str, other: &str) -> Answer {
        let query = &self.queries[number - 1];
        assert!(query.contains(&format!("'{name}'")), "{query}");
        ask(&mut self.session, &query.replace(&format!("'{name}'"), &format!("'{other}'"))).await
    }
}

/// Flushes one after the other, each of its own number.
async fn flush(scene: &Scene, first: FlushId, plans: Vec<Vec<Operation>>) {
    let mut connection = scene.connection();
    for (id, operations) in (first.0..).zip(plans) {
        land(&mut connection, &Plan { id: FlushId(id), ..deciding(1, operations) }).await;
    }
}

/// Orders, holds, an adjustment and changes by hand of two SKUs.
async fn scene(flavor: Flavor) -> (Scene, FlushId) {
    let scene = Scene::new(flavor).await.with(&[("shirt", 8)]).await;
    let terms = Terms { purchase_limit: Some(PurchaseLimit::new(5).unwrap()), ..Terms::default() };
    let desk = scene.desk().await;
    desk.open_stock(sku(TICKET), Available::new(100).unwrap(), terms).await.unwrap();
    let first = register_instance(&scene.address).await.unwrap();
    let hold = bought_by("anna", held_for(600, take("h-1", &[(TICKET, 3)])));
    let expired = held_for(1, take("h-3", &[("shirt", 1)]));
    flush(
        &scene,
        first,
        vec![
            vec![
                bought_by("anna", take("o-1", &[(TICKET, 2)])),
                bought_by("bob", take("o-2", &[(TICKET, 1), ("shirt", 4)])),
            ],
            vec![hold, held_for(600, take("h-2", &[("shirt", 2)])), expired],
        ],
    )
    .await;
    scene.run("UPDATE stock SET available = available - 1 WHERE sku = 'demo-ticket'").await;
    let second = FlushId(first.0 + 2);
    flush(
        &scene,
        second,
        vec![
            vec![adjust("a-1", TICKET, 10, Some("found behind the shelf"))],
            vec![cancel("o-2", &[(TICKET, 1), ("shirt", 4)])],
        ],
    )
    .await;
    let mut follower =
        ReconcileConnection::acquire_follow(&scene.address, LONG).await.unwrap().unwrap();
    follower.keep_position(ChangeFeed::new(desk).end().await.unwrap()).await.unwrap();
    follower.release().await;
    let release =
        settle(&held_for(600, take("h-2", &[("shirt", 2)])), Standing::Held, Goal::Cancel);
    flush(&scene, FlushId(first.0 + 4), vec![vec![release]]).await;
    scene.run("UPDATE stock SET available = available + 7 WHERE sku = 'demo-ticket'").await;
    // A hold that nobody has let expire for a minute.
    scene
        .run(
            "UPDATE movement SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE WHERE order_id = 'h-3'; \
             UPDATE hold_deadline SET due_at = UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE WHERE order_id = 'h-3'",
        )
        .await;
    (scene, first)
}

async fn every_question_is_answered(flavor: Flavor) {
    let (scene, first) = scene(flavor).await;
    let mut asker = Asker::of(&scene).await;
    assert_eq!(asker.queries.len(), 20);

    let stock = asker.ask(1).await;
    let columns = ["sku", "available", "held", "version", "purchase_limit", "sale_starts_at"];
    assert_eq!(stock.pick(&columns), ["demo-ticket 111 3 5 5 -"]);
    for number in [2, 3] {
        let columns = ["sku", "orders", "flushes", "orders_per_flush", "delta"];
        let expected = ["demo-ticket 5 4 1.3 5", "shirt 5 4 1.3 -1"];
        assert_eq!(asker.ask(number).await.pick(&columns), expected);
    }
    merging(&mut asker).await;
    orders(&mut asker).await;

    let history = asker.ask(7).await;
    let columns = ["version", "available_before", "delta", "available", "orders", "outside"];
    assert_eq!(
        history.pick(&columns),
        [
            "5 103 1 104 1 0",
            "4 93 10 103 1 -1",
            "3 97 -3 94 1 0",
            "2 100 -3 97 2 0",
            "1 0 100 100 1 -"
        ]
    );
    let columns = ["sku", "available", "after_last_flush", "outside"];
    assert_eq!(asker.ask(8).await.pick(&columns), ["demo-ticket 111 104 7"]);
    assert_eq!(asker.ask_about(8, TICKET, "shirt").await.pick(&["outside"]), ["0"]);
    assert_eq!(asker.ask(9).await.pick(&["sku", "available", "outside"]), ["demo-ticket 111 7"]);
    scene.run("UPDATE stock SET version = version + 2 WHERE sku = 'shirt'").await;
    let columns = ["outside", "version", "last_flush_version"];
    assert_eq!(asker.ask_about(8, TICKET, "shirt").await.pick(&columns), ["0 7 5"]);
    let columns = ["sku", "outside", "version_changed"];
    assert_eq!(asker.ask(9).await.pick(&columns), ["demo-ticket 7 0", "shirt - 1"]);
    scene.run("UPDATE stock SET version = version - 3 WHERE sku = 'shirt'").await;
    assert_eq!(asker.ask(9).await.pick(&columns), ["demo-ticket 7 0", "shirt 2 1"]);
    scene.run("UPDATE stock SET version = version + 1 WHERE sku = 'shirt'").await;
    assert_eq!(asker.ask(10).await.pick(&["sku", "available", "held"]), ["shirt 7 1"]);
    assert_eq!(asker.ask(11).await.pick(&["flushes", "orders", "units"]), ["4 5 -5"]);

    holds_and_buyers(&mut asker).await;

    let process = asker.ask(16).await;
    let instance = first.0 >> 40;
    assert_eq!(process.pick(&["order_id", "instance_id"]), [format!("o-1 {instance}")]);
    let check = asker.ask(19).await;
    let numbers = check.pick(&["checked_up_to", "newest_place", "places_behind"]);
    let numbers: Vec<u64> = numbers[0].split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(numbers[2] >= 1 && numbers[0] + numbers[2] == numbers[1], "{check:?}");
    let tables = asker.ask(20).await.pick(&["table_name"]);
    for table in ["movement", "stock_version", "stock", "purchase", "hold_deadline"] {
        assert!(tables.iter().any(|known| known == table), "{table}: {tables:?}");
    }
    sessions(&scene, &mut asker).await;
}

/// The seconds may be one or several: their sums are known.
async fn merging(asker: &mut Asker) {
    let merging = asker.ask(4).await;
    let sums = merging.pick(&["flushes", "row_updates", "order_lines"]).into_iter().fold(
        [0; 3],
        |sums, line| {
            let mut numbers = line.split(' ').map(|number| number.parse::<u64>().unwrap());
            sums.map(|sum| sum + numbers.next().unwrap())
        },
    );
    assert_eq!(sums, [5, 8, 10], "{merging:?}");
}

async fn orders(asker: &mut Asker) {
    let columns = ["step", "line", "kind", "sku", "available_change", "held_change", "buyer"];
    assert_eq!(asker.ask(5).await.pick(&columns), ["take 1 deduct demo-ticket -2 0 anna"]);
    assert_eq!(
        asker.ask_about(5, "o-1", "o-2").await.pick(&columns),
        [
            "take 1 deduct demo-ticket -1 0 bob",
            "take 2 deduct shirt -4 0 bob",
            "settle 1 cancel demo-ticket 1 0 -",
            "settle 2 cancel shirt 4 0 -",
        ]
    );
    let adjusted = asker.ask_about(5, "o-1", "a-1").await;
    assert_eq!(adjusted.pick(&["kind", "reason"]), ["restock found behind the shelf"]);
    for (order, state) in
        [("o-1", "deducted"), ("o-2", "cancelled"), ("h-1", "held"), ("h-2", "cancelled")]
    {
        let answer = asker.ask_about(6, "o-1", order).await;
        assert_eq!(answer.pick(&["order_id", "state"]), [format!("{order} {state}")]);
    }
}

async fn holds_and_buyers(asker: &mut Asker) {
    let columns = ["order_id", "units", "buyer", "overdue_s"];
    assert_eq!(asker.ask(12).await.pick(&columns), ["h-1 3 anna -"]);
    let overdue = asker.ask(13).await;
    assert_eq!(overdue.pick(&["order_id", "sku", "units", "buyer"]), ["h-3 shirt 1 -"]);
    let seconds: u64 = overdue.pick(&["overdue_s"])[0].parse().unwrap();
    assert!((60..3_600).contains(&seconds), "by UTC, not by the session's time zone: {seconds}");
    let columns = ["order_id", "quantity", "state"];
    assert_eq!(asker.ask(14).await.pick(&columns), ["h-1 3 held", "o-1 2 bought"]);
    let columns = ["buyer", "units", "units_held", "purchase_limit", "units_left"];
    assert_eq!(asker.ask(15).await.pick(&columns), ["anna 5 3 5 0"]);
}

/// A transaction that is open and has a row locked.
async fn sessions(scene: &Scene, asker: &mut Asker) {
    let mut other = scene.admin().await;
    run(&mut other, "BEGIN; SELECT * FROM stock WHERE sku = 'shirt' FOR UPDATE").await;
    let id = ask(&mut other, "SELECT CONNECTION_ID() AS id").await.pick(&["id"]);
    until("the transaction is seen with its lock", async || {
        let open = asker.ask(17).await;
        let columns = ["session_id", "account", "trx_rows_locked"];
        open.pick(&columns).contains(&format!("{} root 1", id[0]))
    })
    .await;
    run(&mut other, "ROLLBACK").await;
    let accounts = asker.ask(18).await.pick(&["account"]);
    assert!(accounts.contains(&"root".to_owned()), "{accounts:?}");
}

/// Windows over the newest changes read more than lookups; that of an hour reads all that there is here.
fn reads_at_most(number: usize) -> u64 {
    match number {
        3 => 3 * ROWS,
        2 | 4 => ROWS / 2,
        _ => 3_000,
    }
}

async fn no_answer_scans_the_ledger(flavor: Flavor) {
    let (scene, _) = scene(flavor).await;
    fill(&scene).await;
    let mut wrong = Vec::new();
    for (number, query) in (1..).zip(queries()) {
        for (name, other) in [("", ""), ("'demo-ticket'", "'s-7'")] {
            let query = if name.is_empty() { query.clone() } else { query.replace(name, other) };
            wrong.extend(judge(&scene, flavor, &query, reads_at_most(number)).await);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

both_flavors!(every_question_is_answered, no_answer_scans_the_ledger);
