//! Another session holds a row lock; the server refuses writes for a while.

use hotrow::embedded::Flavor;
use sqlx::Connection as _;

use crate::support::client::lines;
use crate::support::database;
use crate::support::history::Outcome;
use crate::support::shop::{Load, Shop, sell, until};

/// A DBA's session locks one SKU for longer than an order may wait. All others go on; the orders of
/// that SKU get an honest answer meanwhile, and settle afterwards.
async fn one_row_is_locked(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["free", "free-too", "beside", "locked"] {
        client.put_stock(sku, 1_000).await;
    }
    let mut other = shop.database.connect().await;
    let mut lock = other.begin().await.unwrap();
    sqlx::query("SELECT available FROM stock WHERE sku = 'locked' FOR UPDATE")
        .fetch_one(&mut *lock)
        .await
        .unwrap();

    let blocked = {
        let client = client.clone();
        let orders = (0..20).map(|n| (format!("locked-{n}"), lines(&[("locked", 1)]))).collect();
        tokio::spawn(async move { sell(&client, 20, orders).await })
    };
    // Some carry the locked SKU beside another.
    let mixed = {
        let client = client.clone();
        let orders = (0..5)
            .map(|n| (format!("mixed-{n}"), lines(&[("beside", 1), ("locked", 1)])))
            .collect();
        tokio::spawn(async move { sell(&client, 5, orders).await })
    };
    let admin = shop.admin(&hotrow);
    let depth = "hotrow_process_depth";
    until("those wait", async || admin.metric(depth).await == 25).await;
    let free = (0..400)
        .map(|n| (format!("free-{n}"), lines(&[(["free", "free-too"][n % 2], 1)])))
        .collect();
    sell(&client, 8, free).await;
    // Every one of them was answered, and with success, while the lock was held.
    assert_eq!(shop.answered("201"), 4 + 400, "{:?}", failures(&shop));

    blocked.await.unwrap();
    mixed.await.unwrap();
    let calls = shop.history.calls();
    let of_locked =
        calls.iter().filter(|call| format!("{:?}", call.request).contains("\"locked\": 1"));
    for call in of_locked {
        let honest = matches!(call.answer.outcome(), Outcome::NotExecuted(_) | Outcome::Unknown);
        assert!(honest, "the row was locked all the time: {call:?}");
    }
    lock.rollback().await.unwrap();

    shop.settle(&client).await;
    let books = shop.close(&["order 201"]).await;
    let locked = books.stock.iter().find(|stock| stock.sku == "locked").unwrap();
    assert_eq!(locked.available, 1_000 - 25);
}

fn failures(shop: &Shop) -> Vec<String> {
    let calls = shop.history.calls();
    calls
        .iter()
        .filter(|call| call.answer.kind() != "201")
        .map(|call| format!("{call:?}"))
        .collect()
}

/// `read_only` goes on and off again, twice, under load.
async fn writes_are_refused_for_a_while(flavor: Flavor) {
    let server = database::harmed(flavor).await;
    let shop = Shop::open(server.fresh_database().await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let admin = shop.admin(&hotrow);
    for sku in ["a", "b"] {
        client.put_stock(sku, 1_000_000).await;
    }
    let load = Load::start(&client, 16, "o", |n| lines(&[(["a", "b"][n % 2], 1)]));
    for _ in 0..2 {
        let before = shop.answered("201");
        until("the load runs", async || shop.answered("201") > before + 100).await;
        server.set_read_only(true).await;
        let before = shop.answered("database-unavailable");
        until("orders are refused", async || shop.answered("database-unavailable") > before).await;
        let readiness = admin.get("/readyz").await;
        assert_eq!(
            (readiness.status, &readiness.body["writable"]),
            (503, &false.into()),
            "{readiness:?}"
        );
        // Reading goes on.
        assert_eq!(client.get_stock("a").await.status, 200);
        server.set_read_only(false).await;
    }
    let before = shop.answered("201");
    until("the load runs again", async || shop.answered("201") > before + 100).await;
    load.end().await;
    shop.ready(&hotrow).await;
    shop.settle(&client).await;
    shop.close(&["order 201", "order database-unavailable"]).await;
}

both_flavors!(one_row_is_locked, writes_are_refused_for_a_while);
