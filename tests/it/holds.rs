//! The life of an order after it was taken, over HTTP: holds, limits, windows, and who settles what when
//! several want different things at once.

use std::sync::Arc;

use hotrow::embedded::Flavor;
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::audit::audit;
use crate::support::client::{Client, Reply};
use crate::support::database;
use crate::support::shop::{Shop, until};

async fn post(client: &Client, path: &str, body: Option<Value>) -> Reply {
    client.call(Method::POST, path, body).await.unwrap()
}

async fn hold(client: &Client, id: &str, buyer: Option<&str>, units: i64, seconds: i64) -> Reply {
    let mut body = json!({
        "order_id": id, "lines": [{"sku": "a", "quantity": units}], "hold_seconds": seconds,
    });
    if let Some(buyer) = buyer {
        body["buyer"] = buyer.into();
    }
    post(client, "/v1/orders", Some(body)).await
}

async fn settle(client: &Client, id: &str, how: &str) -> Reply {
    post(client, &format!("/v1/orders/{id}/{how}"), None).await
}

/// What the status of the answered order is, or the problem.
fn outcome(reply: &Reply) -> String {
    match reply.body.get("type").and_then(Value::as_str) {
        Some(problem) => {
            let of = reply.body.get("order_status").and_then(Value::as_str).unwrap_or_default();
            format!("{} {of}", problem.trim_start_matches("/problems/")).trim().to_owned()
        }
        None => reply.body["status"].as_str().unwrap().to_owned(),
    }
}

async fn status(client: &Client, id: &str) -> String {
    outcome(&client.get_order(id).await)
}

async fn stock(client: &Client) -> (i64, i64) {
    let reply = client.get_stock("a").await;
    (reply.body["available"].as_i64().unwrap(), reply.body["held"].as_i64().unwrap())
}

async fn every_call_of_a_hold(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 10).await;

    let first = hold(&client, "h-1", Some("anna"), 3, 600).await;
    assert_eq!((first.status, outcome(&first)), (201, "held".to_owned()));
    assert_eq!(first.body["buyer"], "anna");
    assert!(
        first.body["expires_at"].as_str().unwrap() > first.body["created_at"].as_str().unwrap()
    );
    let again = hold(&client, "h-1", Some("anna"), 3, 5).await;
    assert_eq!(
        (again.status, &again.headers["idempotent-replayed"]),
        (200, &"true".parse().unwrap())
    );
    assert_eq!(again.body, first.body);
    assert_eq!(client.get_order("h-1").await.body, first.body);
    assert_eq!(hold(&client, "h-1", None, 3, 600).await.status, 422);
    assert_eq!(stock(&client).await, (7, 3));

    for _ in 0..2 {
        let confirmed = settle(&client, "h-1", "confirm").await;
        assert_eq!((confirmed.status, outcome(&confirmed)), (200, "deducted".to_owned()));
        assert_eq!(confirmed.body.get("expires_at"), None);
    }
    assert_eq!(stock(&client).await, (7, 0));
    let replayed = hold(&client, "h-1", Some("anna"), 3, 600).await;
    assert_eq!((replayed.status, outcome(&replayed)), (200, "deducted".to_owned()));
    for _ in 0..2 {
        let cancelled = settle(&client, "h-1", "cancel").await;
        assert_eq!((cancelled.status, outcome(&cancelled)), (200, "cancelled".to_owned()));
    }
    assert_eq!(stock(&client).await, (10, 0));
    let too_late = settle(&client, "h-1", "confirm").await;
    assert_eq!((too_late.status, outcome(&too_late)), (409, "order-settled cancelled".to_owned()));

    hold(&client, "h-2", None, 4, 600).await;
    assert_eq!(outcome(&settle(&client, "h-2", "cancel").await), "cancelled");
    assert_eq!(stock(&client).await, (10, 0));
    assert_eq!(settle(&client, "nobody", "confirm").await.status, 404);

    // What is never settled expires by itself, and can be confirmed as long as there is stock.
    hold(&client, "h-3", None, 6, 1).await;
    hold(&client, "h-4", None, 4, 1).await;
    until("the holds expire", async || stock(&client).await == (10, 0)).await;
    let expired = client.get_order("h-3").await;
    assert_eq!(outcome(&expired), "expired");
    assert!(expired.body["expires_at"].is_string());
    assert_eq!(outcome(&settle(&client, "h-3", "cancel").await), "order-settled expired");
    for _ in 0..2 {
        assert_eq!(outcome(&settle(&client, "h-3", "confirm").await), "deducted");
    }
    assert_eq!(stock(&client).await, (4, 0));
    client.order("o-1", &crate::support::client::lines(&[("a", 1)])).await;
    let refund = settle(&client, "h-4", "confirm").await;
    assert_eq!((refund.status, outcome(&refund)), (409, "order-settled expired".to_owned()));
    assert_eq!(outcome(&settle(&client, "h-3", "cancel").await), "cancelled");
    assert_eq!(outcome(&settle(&client, "h-4", "confirm").await), "deducted");
    assert_eq!(stock(&client).await, (5, 0));
    // A lane that was sold out is open again.
    let admin = shop.admin(&hotrow);
    assert_eq!(admin.metric("hotrow_holds_expired_total").await, 2);
    audit(&shop.database).await;
}

async fn the_terms_of_a_sku(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let put = |body: Value| {
        let client = client.clone();
        async move { client.call(Method::PUT, "/v1/stock/a", Some(body)).await.unwrap() }
    };
    assert_eq!(put(json!({"available": 10, "purchase_limit": 2})).await.status, 201);
    assert_eq!(put(json!({"available": 10, "purchase_limit": 2})).await.status, 200);
    let other = put(json!({"available": 11, "purchase_limit": 2})).await;
    assert_eq!((other.status, outcome(&other)), (409, "sku-exists".to_owned()));

    let nobody = hold(&client, "h-0", None, 1, 600).await;
    assert_eq!((nobody.status, nobody.body["field"].as_str()), (422, Some("buyer")));
    assert_eq!(hold(&client, "h-1", Some("anna"), 1, 600).await.status, 201);
    let over = hold(&client, "h-2", Some("anna"), 2, 600).await;
    assert_eq!((over.status, outcome(&over)), (409, "purchase-limit".to_owned()));
    for (member, value) in [
        ("order_id", json!("h-2")),
        ("sku", json!("a")),
        ("limit", json!(2)),
        ("already", json!(1)),
    ] {
        assert_eq!(over.body[member], value);
    }
    settle(&client, "h-1", "cancel").await;
    assert_eq!(hold(&client, "h-2", Some("anna"), 2, 600).await.status, 201);
    assert_eq!(put(json!({"available": 10, "purchase_limit": 3})).await.status, 200);
    assert_eq!(hold(&client, "h-3", Some("anna"), 1, 600).await.status, 201);
    assert_eq!(put(json!({"available": 10})).await.status, 200);
    assert_eq!(hold(&client, "h-4", None, 1, 600).await.status, 201);

    let closed = json!({"available": 10, "sale_starts_at": "2999-01-01T00:00:00Z"});
    assert_eq!(put(closed).await.status, 200);
    let early = hold(&client, "h-5", None, 1, 600).await;
    assert_eq!((early.status, outcome(&early)), (409, "sale-not-open".to_owned()));
    assert_eq!(early.body["sku"], "a");
    assert_eq!(early.body["sale_starts_at"], "2999-01-01T00:00:00.000000Z");
    assert_eq!(early.body["sale_ends_at"], Value::Null);
    assert_eq!(outcome(&settle(&client, "h-4", "confirm").await), "deducted");
    let open = json!({"available": 10, "sale_starts_at": "2020-01-01T00:00:00Z",
                      "sale_ends_at": "2999-01-01T00:00:00Z"});
    assert_eq!(put(open).await.status, 200);
    assert_eq!(hold(&client, "h-5", None, 1, 600).await.status, 201);
    audit(&shop.database).await;
}

/// Each hold is confirmed, cancelled and left to expire at once, through two processes. All that were
/// told something were told the truth, and every order ends in one state.
async fn everybody_settles_at_once(flavor: Flavor) {
    const HOLDS: usize = 300;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (one, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let clients = [shop.client(&one), shop.client(&other)];
    clients[0].put_stock("a", 2 * HOLDS as i64).await;
    let orders: Vec<Value> = (0..HOLDS)
        .map(|n| {
            let line = json!({"sku": "a", "quantity": 1 + n % 2});
            json!({"order_id": format!("h-{n}"), "lines": [line], "buyer": format!("b-{}", n % 9),
                   "hold_seconds": 1})
        })
        .collect();
    let taken = post(&clients[0], "/v1/orders/batch", Some(Value::Array(orders))).await;
    assert!(taken.body.as_array().unwrap().iter().all(|member| member["http_status"] == 201));
    let clients = Arc::new(clients);
    let mut storm = JoinSet::new();
    for n in 0..HOLDS {
        for (side, how) in [(0, "confirm"), (1, "cancel"), (1, "confirm"), (0, "cancel")] {
            let clients = Arc::clone(&clients);
            storm.spawn(async move {
                // Some come before the end of the hold, some around it, some after.
                tokio::time::sleep(std::time::Duration::from_millis((n as u64 * 7) % 2_000)).await;
                let reply = settle(&clients[side], &format!("h-{n}"), how).await;
                assert!(matches!(reply.status, 200 | 409), "{reply:?}");
                let said = outcome(&reply);
                let expected = if how == "confirm" { "deducted" } else { "cancelled" };
                assert!(said == expected || said.starts_with("order-settled"), "{how}: {said}");
                said
            });
        }
    }
    let mut said: Vec<String> = storm.join_all().await;
    said.sort();
    said.dedup();
    assert!(said.contains(&"cancelled".to_owned()) && said.contains(&"deducted".to_owned()));
    for n in 0..HOLDS {
        // Confirmed orders can be cancelled, so with both sent the end is never in doubt.
        let end = status(&clients[0], &format!("h-{n}")).await;
        assert!(matches!(&*end, "cancelled" | "deducted" | "expired"), "h-{n} is {end}");
    }
    audit(&shop.database).await;
}

/// A thousand buyers with ten orders each at once, over two processes: each gets what a buyer may have.
async fn a_limit_under_a_storm(flavor: Flavor) {
    const BUYERS: usize = 1_000;
    const ORDERS: usize = 10;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (one, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let clients = [shop.client(&one), shop.client(&other)];
    let body = json!({"available": 1_000_000, "purchase_limit": 2});
    assert_eq!(clients[0].call(Method::PUT, "/v1/stock/a", Some(body)).await.unwrap().status, 201);
    let mut storm = JoinSet::new();
    for turn in 0..ORDERS {
        let client = clients[turn % 2].clone();
        storm.spawn(async move {
            let order = |n: usize| {
                let buyer = (n * 7 + turn) % BUYERS;
                let mut order = json!({
                    "order_id": format!("o-{turn}-{buyer}"), "buyer": format!("b-{buyer}"),
                    "lines": [{"sku": "a", "quantity": 1}],
                });
                if buyer.is_multiple_of(2) {
                    order["hold_seconds"] = 600.into();
                }
                order
            };
            let orders = (0..BUYERS).map(order).collect();
            let reply = post(&client, "/v1/orders/batch", Some(Value::Array(orders))).await;
            let members = reply.body.as_array().unwrap();
            members.iter().filter(|member| member["http_status"] == 201).count()
        });
    }
    let accepted: usize = storm.join_all().await.into_iter().sum();
    assert_eq!(accepted, 2 * BUYERS);
    let rows = shop
        .database
        .lines(
            "SELECT CONCAT_WS(' ', COUNT(*), MIN(n), MAX(n)) FROM \
                (SELECT SUM(quantity) AS n FROM purchase GROUP BY buyer) AS bought",
        )
        .await;
    assert_eq!(rows, ["1000 2 2"]);
    audit(&shop.database).await;
}

/// A process remembers what it holds, and is told the truth when another one has settled that, or its time
/// was over, or its rows are gone.
async fn what_is_remembered_may_be_settled_by_others(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (one, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let (ours, others) = (shop.client(&one), shop.client(&other));
    ours.put_stock("a", 20).await;
    for id in ["confirmed", "cancelled", "open"] {
        hold(&ours, id, Some("anna"), 2, 600).await;
    }
    hold(&ours, "over", None, 2, 1).await;
    assert_eq!(outcome(&settle(&others, "confirmed", "confirm").await), "deducted");
    assert_eq!(outcome(&settle(&others, "cancelled", "cancel").await), "cancelled");
    until("the last hold expires", async || stock(&others).await == (16, 2)).await;
    // The sweep may be ours; then that has asked for it, and it is not remembered any more.
    assert_eq!(outcome(&settle(&ours, "over", "cancel").await), "order-settled expired");
    assert_eq!(outcome(&settle(&ours, "over", "confirm").await), "deducted");
    let said = outcome(&settle(&ours, "cancelled", "confirm").await);
    assert_eq!(said, "order-settled cancelled");
    assert_eq!(outcome(&settle(&ours, "confirmed", "confirm").await), "deducted");
    assert_eq!(outcome(&settle(&ours, "open", "cancel").await), "cancelled");
    assert_eq!(stock(&ours).await, (16, 0));
    audit(&shop.database).await;

    // Sessions with the server end, as when another server takes its place: nothing is remembered then.
    hold(&ours, "lost", None, 1, 600).await;
    drop((one, other));
    let one = shop.serve(&[]).await;
    let ours = shop.client(&one);
    hold(&ours, "gone", None, 1, 600).await;
    let by_hand = "DELETE FROM movement WHERE order_id = 'gone'; \
                   UPDATE stock SET available = available + 1, held = held - 1";
    sqlx::raw_sql(by_hand).execute(&mut shop.database.connect().await).await.unwrap();
    shop.database.end_sessions(0).await;
    until("the process has met the end of its sessions", async || {
        ours.order("o-1", &crate::support::client::lines(&[("a", 1)]))
            .await
            .status()
            .is_some_and(|status| status < 300)
    })
    .await;
    assert_eq!(settle(&ours, "gone", "confirm").await.status, 404);
    assert_eq!(outcome(&settle(&ours, "lost", "confirm").await), "deducted");
    assert_eq!(stock(&ours).await, (14, 0));
}

/// Another process takes over the sweep.
async fn the_sweep_survives_its_process(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let one = shop.serve(&[]).await;
    let other = shop.serve(&[]).await;
    let client = shop.client(&other);
    client.put_stock("a", 10).await;
    hold(&client, "h-1", None, 1, 1).await;
    until("the first hold expires", async || stock(&client).await == (10, 0)).await;
    drop(one);
    hold(&client, "h-2", None, 1, 1).await;
    until("the second hold expires", async || stock(&client).await == (10, 0)).await;
    until("no deadline is left", async || {
        shop.database.lines("SELECT CAST(COUNT(*) AS CHAR) FROM hold_deadline").await == ["0"]
    })
    .await;
    audit(&shop.database).await;
}

/// The server ends sessions that were idle for a minute; the sweep has none of these.
async fn a_sweep_that_had_nothing_to_do_goes_on(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 10).await;
    let deadlines = "SELECT CAST(COUNT(*) AS CHAR) FROM hold_deadline";
    for id in ["h-1", "h-2"] {
        hold(&client, id, None, 1, 1).await;
        until("the hold expires", async || stock(&client).await == (10, 0)).await;
        until("its deadline is removed", async || shop.database.lines(deadlines).await == ["0"])
            .await;
        // Longer than a round of the sweep.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        shop.database.end_sessions(3).await;
    }
    assert!(!hotrow.log().contains("the sweep"), "{}", hotrow.log());
    audit(&shop.database).await;
}

both_flavors!(
    every_call_of_a_hold,
    the_terms_of_a_sku,
    everybody_settles_at_once,
    a_limit_under_a_storm,
    what_is_remembered_may_be_settled_by_others,
    the_sweep_survives_its_process,
    a_sweep_that_had_nothing_to_do_goes_on,
);
