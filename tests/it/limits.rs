//! Full queues, clients that hang up, and shutdown.

use std::time::{Duration, Instant};

use hotrow::embedded::Flavor;
use sqlx::{Connection as _, MySql, MySqlConnection, Transaction};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::books::Step;
use crate::support::client::{Client, lines, order_body};
use crate::support::database;
use crate::support::history::{Answer, Outcome, Request};
use crate::support::process::Hotrow;
use crate::support::shop::{Load, Shop, until};

/// Holds a SKU's row, so that its orders wait for as long as the test wants.
async fn lock<'a>(other: &'a mut MySqlConnection, sku: &str) -> Transaction<'a, MySql> {
    let mut lock = other.begin().await.unwrap();
    sqlx::query("SELECT available FROM stock WHERE sku = ? FOR UPDATE")
        .bind(sku)
        .fetch_one(&mut *lock)
        .await
        .unwrap();
    lock
}

/// Waits until so many orders are accepted and not yet answered.
async fn until_accepted(admin: &Client, count: u64) {
    until("the orders are accepted", async || admin.metric("hotrow_process_depth").await == count)
        .await;
}

/// So many orders of one unit of the SKU at once. Each is answered sooner or later.
fn send_at_once(client: &Client, name: &str, sku: &'static str, count: usize) -> JoinSet<Answer> {
    let mut senders = JoinSet::new();
    for n in 0..count {
        let (client, id) = (client.clone(), format!("{name}-{n}"));
        senders.spawn(async move { client.order(&id, &lines(&[(sku, 1)])).await });
    }
    senders
}

fn refusals(shop: &Shop) -> Vec<serde_json::Value> {
    let calls = shop.history.calls();
    let overloaded = calls.into_iter().filter(|call| call.answer.kind() == "overloaded");
    overloaded
        .map(|call| match call.answer {
            Answer::Http { body, .. } => body,
            Answer::Lost(_) => unreachable!("it has a kind"),
        })
        .collect()
}

/// A lane of 10 is full; another SKU's lane is not.
async fn a_lane_is_full(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&["--lane-depth-max", "10", "--order-deadline-ms", "30000"]).await;
    let client = shop.client(&hotrow);
    for sku in ["hot", "other"] {
        client.put_stock(sku, 1_000).await;
    }
    let mut other = shop.database.connect().await;
    let held = lock(&mut other, "hot").await;
    let waiting = send_at_once(&client, "o", "hot", 100);
    until("orders are refused", async || !refusals(&shop).is_empty()).await;
    for refusal in refusals(&shop) {
        assert_eq!(
            (&refusal["limit"], &refusal["limit_value"]),
            (&"lane".into(), &10.into()),
            "{refusal}"
        );
    }
    let reply = client
        .call(hyper::Method::POST, "/v1/orders", Some(order_body("late", &lines(&[("hot", 1)]))))
        .await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.headers.contains_key("retry-after")), (503, true), "{reply:?}");
    assert_eq!(client.order("free", &lines(&[("other", 1)])).await.status(), Some(201));

    held.rollback().await.unwrap();
    waiting.join_all().await;
    shop.settle(&client).await;
    shop.close(&["order 201", "order overloaded"]).await;
}

/// The process takes 20 orders over all lanes.
async fn the_process_is_full(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let limits =
        ["--process-depth-max", "20", "--lane-depth-max", "15", "--order-deadline-ms", "30000"];
    let hotrow = shop.serve(&limits).await;
    let client = shop.client(&hotrow);
    for sku in ["x", "y", "z"] {
        client.put_stock(sku, 1_000).await;
    }
    let (mut one, mut other) = (shop.database.connect().await, shop.database.connect().await);
    let (x, y) = (lock(&mut one, "x").await, lock(&mut other, "y").await);
    let waiting = [send_at_once(&client, "x", "x", 12), send_at_once(&client, "y", "y", 12)];
    until("orders are refused", async || !refusals(&shop).is_empty()).await;
    for refusal in refusals(&shop) {
        assert_eq!(
            (&refusal["limit"], &refusal["limit_value"]),
            (&"process".into(), &20.into()),
            "{refusal}"
        );
    }
    assert_eq!(client.order("z", &lines(&[("z", 1)])).await.problem(), Some("overloaded"));

    x.rollback().await.unwrap();
    y.rollback().await.unwrap();
    for waiting in waiting {
        waiting.join_all().await;
    }
    shop.settle(&client).await;
    shop.close(&["order 201", "order overloaded"]).await;
}

/// Clients that leave after their order was accepted: it runs on.
async fn clients_hang_up(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&["--order-deadline-ms", "30000"]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    client.put_stock("hot", 1_000).await;
    let mut other = shop.database.connect().await;
    let held = lock(&mut other, "hot").await;

    let mut sockets = Vec::new();
    for n in 0..30 {
        let (id, lines) = (format!("gone-{n}"), lines(&[("hot", 1)]));
        let mut socket = TcpStream::connect(hotrow.orders).await.unwrap();
        let body = order_body(&id, &lines).to_string();
        let head = "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length:";
        let invoked = shop.history.now();
        socket.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
        shop.history.answered(
            Request::Order { id, lines },
            invoked,
            Answer::Lost("hung up".to_owned()),
        );
        sockets.push(socket);
    }
    until_accepted(&admin, 30).await;
    for (n, socket) in sockets.into_iter().enumerate() {
        if n % 2 == 0 {
            socket.set_zero_linger().unwrap();
        }
    }
    // The service notices that they left while their orders wait.
    tokio::time::sleep(Duration::from_millis(300)).await;
    held.rollback().await.unwrap();

    until("all orders are executed", async || {
        let books = shop.database.books().await;
        books.movements.iter().filter(|row| row.step == Step::Take).count() == 30
    })
    .await;
    assert_eq!(client.get_order("gone-29").await.body["status"], "deducted");
    shop.settle(&client).await;
    shop.close(&["order lost", "order 200"]).await;
}

/// SIGTERM while orders wait and more come: everything accepted is answered, and the exit is clean.
async fn terminated_under_load(flavor: Flavor) {
    for signal in ["TERM", "INT"] {
        let shop = Shop::open(database::fresh(flavor).await).await;
        let mut hotrow = shop.serve(&[]).await;
        let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
        for sku in ["hot", "a", "b"] {
            client.put_stock(sku, 1_000_000).await;
        }
        let mut other = shop.database.connect().await;
        let held = lock(&mut other, "hot").await;
        let waiting = send_at_once(&client, "hot", "hot", 20);
        until_accepted(&admin, 20).await;
        let load = Load::start(&client, 16, "o", |n| lines(&[(["a", "b"][n % 2], 1)]));
        until("the load runs", async || shop.answered("201") > 100).await;
        hotrow.signal(signal);
        until("it takes nothing new", async || TcpStream::connect(hotrow.orders).await.is_err())
            .await;
        held.rollback().await.unwrap();

        for answer in waiting.join_all().await {
            assert_eq!(answer.status(), Some(201), "it was accepted before the signal: {answer:?}");
        }
        let status = hotrow.ended().await;
        assert_eq!(status.code(), Some(0), "{status}");
        load.end().await;
        assert_all_accepted_are_answered(&shop).await;
        let again = shop.serve(&[]).await;
        shop.settle(&shop.client(&again)).await;
        shop.close(&["order 201"]).await;
    }
}

/// Every order in the ledger was answered with success: no call that got no answer has taken
/// anything.
async fn assert_all_accepted_are_answered(shop: &Shop) {
    let books = shop.database.books().await;
    for call in shop.history.calls() {
        let Request::Order { id, .. } = &call.request else { continue };
        if call.answer.outcome() == Outcome::Unknown {
            let taken =
                books.movements.iter().any(|row| row.step == Step::Take && row.order_id == *id);
            assert!(!taken, "executed and not answered: {call:?}");
        }
    }
}

/// A second process on the same database takes over while the first drains.
async fn one_drains_and_the_other_takes_over(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (mut leaving, staying): (Hotrow, Hotrow) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let (client, other_client) = (shop.client(&leaving), shop.client(&staying));
    client.put_stock("hot", 1_000_000).await;
    let load = Load::start(&client, 16, "l", |_| lines(&[("hot", 1)]));
    let other_load = Load::start(&other_client, 16, "s", |_| lines(&[("hot", 1)]));
    until("the load runs", async || shop.answered("201") > 100).await;
    leaving.signal("TERM");
    assert_eq!(leaving.ended().await.code(), Some(0));
    load.end().await;
    let before = shop.answered("201");
    until("the other goes on", async || shop.answered("201") > before + 100).await;
    other_load.end().await;
    shop.settle(&other_client).await;
    shop.close(&["order 201"]).await;
}

/// An engine with nothing to do looks around a few times a second, before its first order and after its last.
async fn an_idle_engine_sleeps(flavor: Flavor) {
    const WAKES_PER_S_MAX: f64 = 50.0;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for orders in [0, 20] {
        client.put_stock("a", 1_000).await;
        let mut senders = send_at_once(&client, "o", "a", orders);
        while let Some(answer) = senders.join_next().await {
            assert_eq!(answer.unwrap().kind(), "201");
        }
        let (before, began) = (hotrow.engine_wakes(), Instant::now());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let wakes = (hotrow.engine_wakes() - before) as f64;
        let per_s = wakes / began.elapsed().as_secs_f64();
        assert!(per_s < WAKES_PER_S_MAX, "{per_s} times a second after {orders} orders");
    }
    shop.close(&["order 201"]).await;
}

both_flavors!(
    an_idle_engine_sleeps,
    a_lane_is_full,
    the_process_is_full,
    clients_hang_up,
    terminated_under_load,
    one_drains_and_the_other_takes_over,
);
