//! A DBA changes rows by SQL while orders come in, as the README says that it may be done. A row that is locked
//! for long is in `trouble`.

use std::time::Duration;

use hotrow::embedded::Flavor;
use hyper::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::audit::audit;
use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::shop::{Load, Shop, until};

impl Shop {
    /// Runs a statement as a DBA, and returns how many rows it changed.
    async fn by_hand(&self, statement: &str) -> u64 {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut self.database.connect().await).await.unwrap().rows_affected()
    }

    async fn number(&self, query: &str) -> i64 {
        self.database.lines(&format!("SELECT CAST(({query}) AS CHAR)")).await[0].parse().unwrap()
    }
}

/// How many of these answers there are about orders of a name.
fn count(shop: &Shop, name: &str, kind: &str) -> usize {
    let named = format!("id: \"{name}-");
    let calls = shop.history.calls();
    let of_name = calls.iter().filter(|call| format!("{:?}", call.request).contains(&named));
    of_name.filter(|call| call.answer.kind() == kind).count()
}

async fn more(shop: &Shop, name: &str, kind: &str) {
    let before = count(shop, name, kind);
    until(&format!("more orders of {name} are answered {kind}"), async || {
        count(shop, name, kind) > before + 20
    })
    .await;
}

/// Available stock is set to more and to less, on a lane that is sold out and on one that is busy. No answer
/// comes from a stock that was remembered, nothing is sold twice, and what was done by hand can be seen.
async fn stock_is_changed_under_load(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("scarce", 300).await;
    client.put_stock("plenty", 1_000_000).await;
    let scarce = Load::start(&client, 8, "scarce", |_| lines(&[("scarce", 1)]));
    let plenty = Load::start(&client, 8, "plenty", |_| lines(&[("plenty", 1)]));
    more(&shop, "scarce", "insufficient-stock").await;
    assert_eq!(count(&shop, "scarce", "201"), 300);
    assert_eq!(
        shop.by_hand("UPDATE stock SET available = available + 200 WHERE sku = 'scarce'").await,
        1
    );
    until("the new stock is sold", async || count(&shop, "scarce", "201") == 500).await;
    more(&shop, "scarce", "insufficient-stock").await;

    more(&shop, "plenty", "201").await;
    shop.by_hand("UPDATE stock SET available = 0 WHERE sku = 'plenty'").await;
    more(&shop, "plenty", "insufficient-stock").await;
    let sold = count(&shop, "plenty", "201");
    shop.by_hand("UPDATE stock SET available = 70 WHERE sku = 'plenty'").await;
    until("the rest is sold", async || count(&shop, "plenty", "201") >= sold + 70).await;
    scarce.end().await;
    plenty.end().await;
    assert_eq!(count(&shop, "plenty", "201"), sold + 70);
    assert_eq!(count(&shop, "scarce", "201"), 500);
    assert_eq!(shop.number("SELECT SUM(available) FROM stock").await, 0);

    let outside = "SELECT SUM(outside) FROM desk_sku_history WHERE sku";
    assert_eq!(shop.number(&format!("{outside} = 'scarce'")).await, 200);
    let ledger = shop.number("SELECT SUM(delta) FROM movement WHERE sku = 'plenty'").await;
    assert_eq!(shop.number(&format!("{outside} = 'plenty'")).await, -ledger);
}

/// Its orders are refused as unknown, all others go on; put back with its version, it is sold on.
async fn a_sku_is_deleted_under_load(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["gone", "stays"] {
        client.put_stock(sku, 1_000_000).await;
    }
    let gone = Load::start(&client, 8, "gone", |_| lines(&[("gone", 1)]));
    let stays = Load::start(&client, 8, "stays", |_| lines(&[("stays", 1)]));
    let both = Load::start(&client, 4, "both", |_| lines(&[("gone", 1), ("stays", 1)]));
    more(&shop, "gone", "201").await;
    shop.by_hand("DELETE FROM stock WHERE sku = 'gone'").await;
    for name in ["gone", "both"] {
        more(&shop, name, "unknown-sku").await;
    }
    more(&shop, "stays", "201").await;
    // It was sold: it cannot be opened as if it had not been.
    let again = client.put_stock("gone", 1_000_000).await;
    assert_eq!(again.problem(), Some("sku-exists"), "{again:?}");
    // As the README has it: what the ledger says, and the version after the last.
    let back = "INSERT INTO stock (sku, available, version) \
                SELECT sku, available, version FROM stock_version \
                WHERE sku = 'gone' ORDER BY version DESC LIMIT 1";
    assert_eq!(shop.by_hand(back).await, 1);
    for name in ["gone", "both", "stays"] {
        more(&shop, name, "201").await;
    }
    for load in [gone, stays, both] {
        load.end().await;
    }
    audit(&shop.database).await;
    let taken = "SELECT COUNT(DISTINCT order_id) FROM movement WHERE step = 'take'";
    let answered: usize =
        ["gone", "both", "stays"].map(|name| count(&shop, name, "201")).iter().sum();
    assert_eq!(shop.number(taken).await, answered as i64);
}

/// Sessions of hotrow are killed again and again.
async fn sessions_are_killed_under_load(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 1_000_000).await;
    let load = Load::start(&client, 16, "o", |_| lines(&[("a", 1)]));
    for _ in 0..5 {
        more(&shop, "o", "201").await;
        let sessions = shop
            .database
            .lines(
                "SELECT CAST(/*M! id */ /*!80000 processlist_id */ AS CHAR) \
                 FROM /*M! information_schema.processlist */ /*!80000 performance_schema.threads */ \
                 WHERE /*M! user */ /*!80000 processlist_user */ = 'it' \
                     AND /*M! db */ /*!80000 processlist_db */ = DATABASE()",
            )
            .await;
        assert!(!sessions.is_empty());
        for session in sessions {
            // It may just have ended.
            let kill = format!("KILL CONNECTION {session}");
            let _ = sqlx::raw_sql(AssertSqlSafe(kill))
                .execute(&mut shop.database.connect().await)
                .await;
        }
    }
    more(&shop, "o", "201").await;
    load.end().await;
    shop.settle(&client).await;
    shop.close(&["order 201"]).await;
}

/// Terms of sale hold for the next order, and a purchase that is taken out of the table does not count.
async fn terms_and_purchases_are_changed(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 100).await;
    assert_eq!(order(&client, "o-1").await, 201);
    shop.by_hand("UPDATE stock SET purchase_limit = 2 WHERE sku = 'a'").await;
    assert_eq!((order(&client, "o-2").await, order(&client, "o-3").await), (201, 409));
    assert_eq!(shop.by_hand("DELETE FROM purchase WHERE sku = 'a' AND order_id = 'o-1'").await, 1);
    assert_eq!((order(&client, "o-3").await, order(&client, "o-4").await), (201, 409));
    let over =
        "UPDATE stock SET purchase_limit = NULL, sale_ends_at = UTC_TIMESTAMP(6) WHERE sku = 'a'";
    shop.by_hand(over).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(order(&client, "o-5").await, 409);
    shop.by_hand("UPDATE stock SET sale_ends_at = NULL WHERE sku = 'a'").await;
    assert_eq!(order(&client, "o-5").await, 201);
    // The one whose purchase is gone can be cancelled like any other.
    let cancelled = client.call(Method::POST, "/v1/orders/o-1/cancel", None).await.unwrap();
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    audit(&shop.database).await;
}

async fn order(client: &Client, id: &str) -> u16 {
    let line = json!({"sku": "a", "quantity": 1});
    let body = json!({"order_id": id, "lines": [line], "buyer": "anna"});
    client.call(Method::POST, "/v1/orders", Some(body)).await.unwrap().status
}

both_flavors!(
    stock_is_changed_under_load,
    a_sku_is_deleted_under_load,
    sessions_are_killed_under_load,
    terms_and_purchases_are_changed,
);
