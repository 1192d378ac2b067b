//! `hotrow archive` while orders come in: what is within its lifetime is executed once all the time, and what is
//! older can still be read.

use std::time::Duration;

use hotrow::embedded::Flavor;
use hotrow::store::mysql::ReconcileConnection;
use http_body_util::Full;
use hyper::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::audit::audit;
use crate::support::client::{Client, Reply, lines};
use crate::support::database;
use crate::support::process::{PATIENCE, begin, command};
use crate::support::shop::{Load, Shop, until};

const DAYS: [&str; 2] = ["--idempotency-days", "30"];

/// Orders of 31 days ago, as hotrow would have left them.
const OLD: i64 = 20_000;

async fn by_hand(shop: &Shop, text: &str) {
    let text = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
    text.execute(&mut shop.database.connect().await).await.unwrap();
}

async fn old_orders(shop: &Shop) {
    by_hand(
        shop,
        "INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id, created_at) \
             WITH d AS (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 \
                 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) \
             SELECT CONCAT('old-', a.d, b.d, c.d, e.d, f.d), 'take', 1, 'deduct', 'a', -1, 7, \
                 UTC_TIMESTAMP(6) - INTERVAL 31 DAY \
             FROM d AS a, d AS b, d AS c, d AS e, d AS f WHERE a.d < 2",
    )
    .await;
    by_hand(
        shop,
        &format!(
            "BEGIN; UPDATE stock SET available = available - {OLD}, version = version + 1 WHERE sku = 'a'; \
             INSERT INTO stock_version (sku, version, flush_id, available, delta, orders, created_at) \
                 SELECT sku, version, 7, available, -{OLD}, {OLD}, UTC_TIMESTAMP(6) - INTERVAL 31 DAY \
                 FROM stock WHERE sku = 'a'; \
             UPDATE stock_version SET created_at = created_at - INTERVAL 31 DAY WHERE version = 1; COMMIT"
        ),
    )
    .await;
}

async fn archived(shop: &Shop) -> i64 {
    let count = shop.database.lines("SELECT CAST(COUNT(*) AS CHAR) FROM movement_archive").await;
    count[0].parse().unwrap()
}

fn order_of(client: &Client, id: String) -> impl Future<Output = Reply> + use<> {
    let (client, line) = (client.clone(), json!({"sku": "a", "quantity": 1}));
    async move {
        let body = json!({"order_id": id, "lines": [line], "buyer": "anna"});
        client.call(Method::POST, "/v1/orders", Some(body)).await.unwrap()
    }
}

/// The same few orders again and again: each is executed once, and always answered the same.
async fn repeats(client: Client, rounds: usize) {
    let mut first: Vec<Value> = Vec::new();
    for round in 0..rounds {
        for n in 0..20 {
            let reply = order_of(&client, format!("repeated-{n}")).await;
            if round == 0 {
                assert_eq!(reply.status, 201, "{reply:?}");
                first.push(reply.body);
            } else {
                assert_eq!((reply.status, &reply.body), (200, &first[n]), "{reply:?}");
            }
        }
    }
}

async fn under_load(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&DAYS).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 1_000_000).await;
    old_orders(&shop).await;
    let load = Load::start(&client, 8, "o", |_| lines(&[("a", 1)]));
    let repeated = tokio::spawn(repeats(client.clone(), 30));

    // The first run is killed when it has begun; the next one goes on there.
    let mut killed = begin("archive", &shop.database.url(), &DAYS);
    until("the first orders are archived", async || archived(&shop).await > 0).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let begun = archived(&shop).await;
    assert!(begun < OLD, "it was not interrupted");
    audit_while(&shop).await;
    until("a run goes to its end", async || {
        // The right of the killed one may not be free yet.
        let run = begin("archive", &shop.database.url(), &DAYS);
        let output = tokio::task::spawn_blocking(|| run.wait_with_output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (code, ended) = (output.status.code(), text.contains("older than 30 days: "));
        assert_eq!(code, Some(if ended { 0 } else { 2 }), "{output:?}");
        ended
    })
    .await;
    assert_eq!(archived(&shop).await, OLD);
    repeated.await.unwrap();
    load.end().await;
    shop.settle(&client).await;
    let carried = shop
        .database
        .lines("SELECT CONCAT_WS(' ', available, movements) FROM movement_carried")
        .await;
    assert_eq!(carried, [format!("-{OLD} {OLD}")]);
    audit(&shop.database).await;
    let sold = shop.answered("201") as i64 - 1 + 20;
    let stock = client.get_stock("a").await.body["available"].as_i64().unwrap();
    assert_eq!(stock, 1_000_000 - OLD - sold);
}

/// In one snapshot, as orders go on.
async fn audit_while(shop: &Shop) {
    let unbalanced = "SELECT CONCAT_WS(' ', stock.available, \
            (SELECT SUM(delta) FROM movement) + (SELECT SUM(available) FROM movement_carried)) FROM stock \
        WHERE stock.available <> \
            (SELECT SUM(delta) FROM movement) + (SELECT SUM(available) FROM movement_carried)";
    assert_eq!(shop.database.lines(unbalanced).await, [""; 0]);
}

async fn what_is_archived_over_http(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&DAYS).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 100).await;
    let post = async |path: &str| client.call(Method::POST, path, None).await.unwrap();
    let first = order_of(&client, "sold".to_owned()).await;
    assert_eq!(first.headers["idempotency-lifetime"], "2592000");
    let batch = json!([{"order_id": "cancelled", "lines": [{"sku": "a", "quantity": 2}]}]);
    let batch = client.call(Method::POST, "/v1/orders/batch", Some(batch)).await.unwrap();
    assert_eq!(batch.headers["idempotency-lifetime"], "2592000");
    assert_eq!(post("/v1/orders/cancelled/cancel").await.status, 200);
    let feed = client.get("/v1/changes").await.body;
    let hold = async |id: &str, seconds: u32| {
        let line = json!({"sku": "a", "quantity": 4});
        let body = json!({"order_id": id, "lines": [line], "hold_seconds": seconds});
        client.call(Method::POST, "/v1/orders", Some(body)).await.unwrap()
    };
    assert_eq!(hold("lapsed", 1).await.status, 201);
    until("it expires", async || client.get_order("lapsed").await.body["status"] == "expired")
        .await;
    by_hand(
        &shop,
        "UPDATE movement SET created_at = created_at - INTERVAL 31 DAY, \
             expires_at = expires_at - INTERVAL 31 DAY; \
         UPDATE stock_version SET created_at = created_at - INTERVAL 31 DAY WHERE version < 3",
    )
    .await;
    let before = client.get_order("sold").await.body;
    // What serve has promised counts, whatever a run is told.
    let run = command("archive", &shop.database.url(), &[]).await;
    assert!(run.status.success() && archived(&shop).await == 0, "the default is longer: {run:?}");
    let shorter = begin("archive", &shop.database.url(), &["--idempotency-days", "2"]);
    let output = tokio::task::spawn_blocking(|| shorter.wait_with_output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = "older than 30 days: 3 orders with 5 ledger rows moved, 2 changes forgotten\n";
    assert_eq!(text, said);

    assert_eq!(client.get_order("sold").await.body, before);
    for how in ["cancel", "confirm"] {
        let path = format!("/v1/orders/sold/{how}");
        let expected = if how == "cancel" { 409 } else { 200 };
        assert_eq!(post(&path).await.status, expected, "{how}");
    }
    assert_eq!(post("/v1/orders/cancelled/cancel").await.status, 200);
    let settled = post("/v1/orders/sold/cancel").await;
    assert_eq!(settled.body["type"], "/problems/order-settled");
    assert_eq!(settled.body["order_status"], "deducted");
    assert_eq!(post("/v1/orders/nobody/cancel").await.status, 404);
    // The process that took the hold may remember it, and another one has as many units held.
    assert_eq!(hold("open", 600).await.status, 201);
    let lapsed = post("/v1/orders/lapsed/cancel").await;
    assert_eq!((lapsed.status, &lapsed.body["order_status"]), (409, &json!("expired")));
    assert_eq!(client.get_stock("a").await.body["held"], 4);
    assert_eq!(order_of(&client, "sold".to_owned()).await.status, 201, "its lifetime is over");
    assert_eq!(post("/v1/orders/sold/cancel").await.status, 200, "the new one can be cancelled");

    // The change feed does not pretend to know what is forgotten.
    let old = feed[0]["cursor"].as_str().unwrap();
    let last = feed[1]["cursor"].as_str().unwrap();
    let refused = client.get(&format!("/v1/changes?after={old}")).await;
    assert_eq!((refused.status, &refused.body["field"]), (422, &json!("after")), "{refused:?}");
    let stream = client
        .request(Method::GET, "/v1/changes")
        .header("accept", "text/event-stream")
        .header("last-event-id", old)
        .body(Full::default())
        .unwrap();
    assert_eq!(client.send(stream).await.unwrap().status, 422);
    let from_last = client.get(&format!("/v1/changes?after={last}")).await.body;
    assert_eq!(from_last, client.get("/v1/changes").await.body);
    assert_eq!(from_last[0], feed[2]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    audit(&shop.database).await;
}

/// Beside a reconciliation nothing is done, and the exit code says so.
async fn a_run_that_does_nothing_is_told(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let url = shop.database.url();
    let right = ReconcileConnection::acquire(&url.parse().unwrap(), PATIENCE).await.unwrap();
    let run = command("archive", &url, &DAYS).await;
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.code() == Some(2) && told.contains("nothing was done"), "{run:?}");
    right.unwrap().release().await;
    assert_eq!(command("archive", &url, &DAYS).await.status.code(), Some(0));
}

both_flavors!(a_run_that_does_nothing_is_told, under_load, what_is_archived_over_http);
