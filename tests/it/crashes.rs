//! kill -9 and freezing, of the server and of hotrow, under load.

use std::time::Duration;

use hotrow::embedded::Flavor;

use crate::support::client::lines;
use crate::support::database;
use crate::support::history::Lines;
use crate::support::shop::{Load, Shop, until};

/// Above this many successes a load counts as running.
const RUNNING: usize = 100;

const SKUS: [&str; 2] = ["a", "b"];

fn line(n: usize) -> Lines {
    match n % 4 {
        0 => lines(&[("a", 1), ("b", 1)]),
        1 => lines(&[("a", 2)]),
        _ => lines(&[("b", 1)]),
    }
}

/// The server is killed twice, and each time comes back only after orders were refused.
async fn the_server_is_killed(flavor: Flavor) {
    let mut server = database::harmed(flavor).await;
    let shop = Shop::open(server.fresh_database().await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in SKUS {
        client.put_stock(sku, 1_000_000).await;
    }
    let load = Load::start(&client, 16, "o", line);
    for round in 0..2 {
        let before = shop.answered("201");
        until("the load runs", async || shop.answered("201") > before + RUNNING).await;
        server.kill();
        let mut probe = 0;
        until("an order is refused at once", async || {
            probe += 1;
            let answer = client.order(&format!("probe-{round}-{probe}"), &line(probe)).await;
            answer.problem() == Some("database-unavailable")
        })
        .await;
        assert_eq!(shop.admin(&hotrow).get("/readyz").await.status, 503);
        server.restart().await;
    }
    let before = shop.answered("201");
    until("the load runs again", async || shop.answered("201") > before + RUNNING).await;
    load.end().await;
    shop.ready(&hotrow).await;
    shop.settle(&client).await;
    shop.close(&["order 201", "order database-unavailable"]).await;
}

/// The server stops answering for longer than an order may wait, with its connections open.
async fn the_server_freezes(flavor: Flavor) {
    let server = database::harmed(flavor).await;
    let shop = Shop::open(server.fresh_database().await).await;
    let hotrow = shop.serve(&["--order-deadline-ms", "5000"]).await;
    let client = shop.client(&hotrow);
    for sku in SKUS {
        client.put_stock(sku, 1_000_000).await;
    }
    let load = Load::start(&client, 16, "o", line);
    until("the load runs", async || shop.answered("201") > RUNNING).await;
    server.freeze().await;
    until("orders are refused", async || shop.answered("database-unavailable") > 0).await;
    server.thaw();
    let before = shop.answered("201");
    until("the load runs again", async || shop.answered("201") > before + RUNNING).await;
    load.end().await;
    shop.ready(&hotrow).await;
    shop.settle(&client).await;
    shop.close(&["order 201", "order database-unavailable"]).await;
}

/// hotrow is killed under load; another one takes the retries of everything that got no answer.
async fn hotrow_is_killed(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let mut hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in SKUS {
        client.put_stock(sku, 1_000_000).await;
    }
    for round in 0..3 {
        let client = shop.client(&hotrow);
        let before = shop.answered("201");
        let load = Load::start(&client, 16, &format!("o-{round}"), line);
        until("the load runs", async || shop.answered("201") > before + RUNNING).await;
        hotrow.signal("KILL");
        hotrow.ended().await;
        load.end().await;
        hotrow = shop.serve(&[]).await;
        shop.settle(&shop.client(&hotrow)).await;
    }
    shop.close(&["order 201", "order lost"]).await;
}

/// hotrow is stopped in the middle of its work, and goes on later: a frozen machine that wakes up
/// again.
async fn hotrow_freezes(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let (frozen, other) = (shop.serve(&[]).await, shop.serve(&[]).await);
    let (client, other_client) = (shop.client(&frozen), shop.client(&other));
    for sku in SKUS {
        client.put_stock(sku, 1_000_000).await;
    }
    let load = Load::start(&client, 16, "f", line);
    let other_load = Load::start(&other_client, 16, "o", line);
    until("the load runs", async || shop.answered("201") > RUNNING).await;
    frozen.signal("STOP");
    tokio::time::sleep(Duration::from_secs(4)).await;
    frozen.signal("CONT");
    let before = shop.answered("201");
    until("the load runs again", async || shop.answered("201") > before + RUNNING).await;
    load.end().await;
    other_load.end().await;
    shop.settle(&client).await;
    shop.close(&["order 201"]).await;
}

both_flavors!(the_server_is_killed, the_server_freezes, hotrow_is_killed, hotrow_freezes);
