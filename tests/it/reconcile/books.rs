//! Stock against its ledger.

use hotrow::embedded::Flavor;
use hotrow::limits::RECONCILE_PAGE;
use hyper::Method;
use serde_json::{Value, json};

use super::{found, reconcile, report, run};
use crate::support::audit::audit;
use crate::support::client::{Client, lines};
use crate::support::database::{self, Database};
use crate::support::shop::{Load, Shop, sell};

pub(super) async fn hold(client: &Client, id: &str, sku: &str, units: i64) {
    let body =
        json!({"order_id": id, "lines": [{"sku": sku, "quantity": units}], "hold_seconds": 600});
    assert_eq!(client.call(Method::POST, "/v1/orders", Some(body)).await.unwrap().status, 201);
}

/// What somebody may do by hand, and what has to be found then; `{n}` is a number.
const PLANTED: [(&str, &[&str]); 9] = [
    ("UPDATE movement SET delta = delta - 2 WHERE order_id = 'o-b{n}'", &["b{n} ledger_drift -2"]),
    ("DELETE FROM movement WHERE order_id = 'o-c{n}'", &["c{n} ledger_drift 1"]),
    ("UPDATE stock SET available = available - 7 WHERE sku = 'd{n}'", &["d{n} changed_outside -7"]),
    ("UPDATE stock SET held = held + 3 WHERE sku = 'e{n}'", &["e{n} held_drift 3"]),
    ("UPDATE stock SET version = version + 5 WHERE sku = 'f{n}'", &["f{n} changed_outside 0"]),
    ("UPDATE stock SET version = version - 1 WHERE sku = 'g{n}'", &["g{n} changed_outside 0"]),
    (
        "INSERT INTO stock (sku, available, version) VALUES ('h{n}', 12, 1)",
        &["h{n} changed_outside 12"],
    ),
    (
        "UPDATE stock SET available = available + 4, held = held - 2 WHERE sku = 'i{n}'; \
         DELETE FROM movement WHERE order_id = 'o-i{n}'",
        &["i{n} ledger_drift 1", "i{n} held_drift -2", "i{n} changed_outside 4"],
    ),
    (
        "UPDATE stock SET available = available + 6 WHERE sku = 'j{n}'; \
         INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
             VALUES ('by-hand-{n}', 'adjust', 1, 'restock', 'j{n}', 6, 1)",
        &["j{n} changed_outside 6"],
    ),
];

/// Each kind of drift in MySQL, all at once; mended by the command, and by the SQL that it tells, whoever runs
/// that, and however often.
async fn drift_in_mysql_is_found_and_mended(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let database = &shop.database;
    for n in ["1", "2"] {
        for sku in ["a", "b", "c", "d", "e", "f", "g", "i", "j"] {
            let sku = format!("{sku}{n}");
            client.put_stock(&sku, 100).await;
            client.order(&format!("o-{sku}"), &lines(&[(&sku, 1)])).await;
            hold(&client, &format!("h-{sku}"), &sku, 2).await;
        }
    }
    let (code, text) = reconcile(database, &[]).await;
    assert!(code == 0 && text.starts_with("Run 1: 18 SKUs, no difference.\n"), "{text}");
    for n in ["1", "2"] {
        let fill = |text: &str| text.replace("{n}", n);
        for (text, _) in PLANTED {
            run(database, &fill(text)).await;
        }
        let report = report(database, &[]).await;
        let expected: Vec<String> =
            PLANTED.iter().flat_map(|(_, found)| *found).map(|text| fill(text)).collect();
        assert_eq!(found(&report), expected);
        let first = &report["drifts"][0];
        assert_eq!(
            (&first["expected"], &first["found"]),
            (&json!("its versions add up to 97"), &json!("its movements add up to 95"),)
        );
        let number = report["run"].to_string();
        let (code, text) = reconcile(database, &["--apply", &number]).await;
        assert_eq!((code, &*text), (1, "Nothing was changed.\n"), "nobody was asked");
        let mends = report["drifts"].as_array().unwrap().len();
        assert_eq!(applied(database, &number).await, (1, vec!["not_agreed".to_owned(); mends]));
        // Orders go on, and make no difference.
        client.order(&format!("later-{n}"), &lines(&[(&fill("d{n}"), 3)])).await;
        if n == "1" {
            let (code, text) = reconcile(database, &["--apply", &number, "--yes"]).await;
            assert_eq!((code, text.lines().count()), (0, expected.len()), "{text}");
            assert!(text.lines().all(|line| line.ends_with(": mended")), "{text}");
        } else {
            for drift in report["drifts"].as_array().unwrap() {
                for _ in 0..2 {
                    run(database, drift["sql"].as_str().unwrap()).await;
                }
            }
        }
        let (code, text) = reconcile(database, &["--apply", &number, "--yes"]).await;
        assert!(code == 0 && text.contains("nothing that is left"), "{text}");
        assert_eq!(applied(database, &number).await, (0, Vec::new()));
        let (code, text) = reconcile(database, &[]).await;
        assert_eq!(code, 0, "{text}");
    }
    let unbalanced = "SELECT sku FROM stock JOIN movement USING (sku) GROUP BY sku, available, held \
         HAVING available <> SUM(delta) OR held <> COALESCE(SUM(held_delta), 0)";
    assert_eq!(database.lines(unbalanced).await, [""; 0]);
    // Whatever was done, orders can be taken.
    for (sku, _) in stock(database).await {
        let answer = client.order(&format!("last-{sku}"), &lines(&[(&sku, 1)])).await;
        assert_eq!(answer.kind(), "201", "{sku}: {answer:?}");
    }
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
    let (code, _) = reconcile(database, &["--apply", "12345"]).await;
    assert_eq!(code, 2, "there is no such run");
}

/// The exit code of `--apply --json`, and what it says became of each difference.
async fn applied(database: &Database, run: &str) -> (i32, Vec<String>) {
    let (code, text) = reconcile(database, &["--apply", run, "--json"]).await;
    let told: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let outcomes = told.as_array().unwrap().iter();
    (code, outcomes.map(|drift| drift["outcome"].as_str().unwrap().to_owned()).collect())
}

/// Every SKU with what is available.
async fn stock(database: &Database) -> Vec<(String, i64)> {
    let books = database.books().await;
    books.stock.into_iter().map(|row| (row.sku, row.available)).collect()
}

/// Changed again since it was reported: nothing is mended, and the next run tells what it is now.
async fn what_has_changed_since_is_left_alone(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let database = &shop.database;
    client.put_stock("a", 100).await;
    client.put_stock("b", 100).await;
    run(database, "UPDATE stock SET available = available - 7").await;
    let first = report(database, &[]).await;
    assert_eq!(found(&first), ["a changed_outside -7", "b changed_outside -7"]);
    run(database, "UPDATE stock SET available = 100 WHERE sku = 'b'").await;
    let number = first["run"].to_string();
    let (code, text) = reconcile(database, &["--apply", &number, "--yes"]).await;
    assert_eq!(code, 1, "{text}");
    let told: Vec<&str> = text.lines().collect();
    assert_eq!(told[0], "1 a changed_outside: mended");
    assert!(told[1].starts_with("2 b changed_outside: is not what was reported"), "{text}");
    // Nor does the SQL by itself do anything.
    run(database, first["drifts"][1]["sql"].as_str().unwrap()).await;
    assert_eq!(stock(database).await, [("a".to_owned(), 93), ("b".to_owned(), 100)]);
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
    audit(database).await;
}

/// What no SQL can know: told, with the order.
async fn orders_that_contradict_themselves_are_told(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let database = &shop.database;
    client.put_stock("a", 100).await;
    client.put_stock("b", 100).await;
    let body = json!({
        "order_id": "h-1", "hold_seconds": 600,
        "lines": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 1}],
    });
    assert_eq!(client.call(Method::POST, "/v1/orders", Some(body)).await.unwrap().status, 201);
    client.call(Method::POST, "/v1/orders/h-1/confirm", None).await.unwrap();
    run(
        database,
        "UPDATE movement SET kind = 'release', delta = 1 WHERE order_id = 'h-1' AND step = 'settle' \
             AND line = 2; UPDATE stock SET available = available + 1 WHERE sku = 'b'",
    )
    .await;
    let report = report(database, &[]).await;
    assert_eq!(found(&report), ["a order_state 0", "b changed_outside 1"]);
    let told = report["drifts"][0]["found"].as_str().unwrap();
    assert_eq!(told, "order h-1: one line is Confirmed and another Cancelled");
    assert_eq!(report["drifts"][0]["sql"], Value::Null);
}

/// While orders run as fast as they can, of one SKU and of many, nothing is found.
async fn orders_beside_are_no_difference(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let database = &shop.database;
    client.put_stock("hot", 1_000_000).await;
    for n in 0..50 {
        client.put_stock(&format!("s-{n}"), 1_000_000).await;
    }
    // Several pages of ledger, read while more comes.
    let orders = (0..5_000).map(|n| (format!("before-{n}"), lines(&[("hot", 1)]))).collect();
    sell(&client, 64, orders).await;
    let load = Load::start(&client, 32, "load", |n| {
        if n % 3 == 0 {
            lines(&[("hot", 1)])
        } else {
            lines(&[(&format!("s-{}", n % 50), 1), (&format!("s-{}", (n * 7 + 1) % 50), 2)])
        }
    });
    let mut holds = 0;
    for _ in 0..3 {
        for _ in 0..20 {
            hold(&client, &format!("hold-{holds}"), "hot", 1).await;
            holds += 1;
        }
        let before = database.books().await.movements.len();
        let report = report(database, &[]).await;
        assert_eq!(found(&report), [""; 0]);
        assert_eq!(report["skus"], 51);
        assert!(database.books().await.movements.len() > before, "no order came beside it");
    }
    load.end().await;
    audit(database).await;
}

/// What was archived counts, of every SKU of every page, and when some SKUs are compared once more.
async fn archived_movements_count(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let database = &shop.database;
    // Of each but one SKU an order of five units was archived.
    let skus = RECONCILE_PAGE + 100;
    for filled in [
        "stock (sku, available, version) SELECT CONCAT('s-', n), IF(n = 7, 100, 95), IF(n = 7, 1, 2) FROM n",
        "stock_version (sku, version, flush_id, available, delta, orders) \
         SELECT CONCAT('s-', n), 1, 0, 100, 100, 1 FROM n",
        "stock_version (sku, version, flush_id, available, delta, orders) \
         SELECT CONCAT('s-', n), 2, 1, 95, -5, 1 FROM n WHERE n <> 7",
        "movement (order_id, step, line, kind, sku, delta, flush_id) \
         SELECT CONCAT('s-', n), 'opening', 1, 'opening', CONCAT('s-', n), 100, 0 FROM n",
        "movement_carried (sku, available, held, movements) SELECT CONCAT('s-', n), -5, 0, 1 FROM n WHERE n <> 7",
    ] {
        let (table, rows) = filled.split_once(" SELECT ").unwrap();
        let numbers = format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {skus})"
        );
        run(database, &format!("INSERT INTO {table} {numbers} SELECT {rows}")).await;
    }
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
    run(database, "DELETE FROM movement_carried WHERE sku IN ('s-1', 's-99')").await;
    let told = report(database, &[]).await;
    assert_eq!(found(&told), ["s-1 ledger_drift 5", "s-99 ledger_drift 5"]);
    run(database, "INSERT INTO movement_carried VALUES ('s-1', -5, 0, 1)").await;
    let number = told["run"].to_string();
    let (code, text) = reconcile(database, &["--apply", &number, "--yes"]).await;
    assert_eq!((code, text.matches(": mended").count()), (1, 1), "{text}");
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
}

both_flavors!(
    archived_movements_count,
    drift_in_mysql_is_found_and_mended,
    what_has_changed_since_is_left_alone,
    orders_that_contradict_themselves_are_told,
    orders_beside_are_no_difference,
);
