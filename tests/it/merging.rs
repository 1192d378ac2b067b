//! Merging is switched off and on again while orders come in, for all SKUs and for one, by command and by SQL.

use hotrow::embedded::Flavor;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::process::command;
use crate::support::shop::{Load, Shop, until};

/// Clients of each load: so many orders may wait in its lane.
const CLIENTS: usize = 12;

struct Desk {
    shop: Shop,
    admin: Client,
}

impl Desk {
    async fn by_command(&self, more: &[&str]) -> String {
        let output = command("merge-mode", &self.shop.database.url(), more).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn by_sql(&self, statement: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut self.shop.database.connect().await).await.unwrap();
    }

    async fn number(&self, query: &str) -> i64 {
        let query = format!("SELECT CAST(COALESCE(({query}), -1) AS CHAR)");
        self.shop.database.lines(&query).await[0].parse().unwrap()
    }

    async fn lane(&self, sku: &str) -> Option<Value> {
        let lanes = self.admin.get("/v1/lanes").await.body;
        lanes.as_array().unwrap().iter().find(|lane| lane["sku"] == sku).cloned()
    }

    async fn until_lane_is(&self, sku: &str, mode: &str) {
        until(&format!("{sku} is {mode}"), async || {
            self.lane(sku).await.is_some_and(|lane| lane["mode"] == mode)
        })
        .await;
    }

    async fn newest(&self, sku: &str) -> i64 {
        self.number(&format!("SELECT version FROM stock WHERE sku = '{sku}'")).await
    }

    /// Waits until transactions after this one carry several orders of the SKU.
    async fn until_merged(&self, sku: &str) {
        let after = self.newest(sku).await;
        let most = format!(
            "SELECT MAX(orders) FROM stock_version WHERE sku = '{sku}' AND version > {after}"
        );
        until(&format!("{sku} is merged"), async || self.number(&most).await > 1).await;
    }

    /// From now on each transaction has one order of the SKU.
    async fn require_alone(&self, sku: &str, mode: &str) {
        self.until_lane_is(sku, mode).await;
        // What was merged before commits before the second that is not.
        let metric = format!("hotrow_unmerged_orders_total{{mode=\"{mode}\"}}");
        let before = self.admin.metric(&metric).await;
        until("some went alone", async || self.admin.metric(&metric).await > before + 20).await;
        let after = self.newest(sku).await;
        until("more go alone", async || self.newest(sku).await > after + 100).await;
        let merged = format!(
            "SELECT COUNT(*) FROM stock_version \
             WHERE sku = '{sku}' AND version > {after} AND orders <> 1"
        );
        assert_eq!(self.number(&merged).await, 0, "{sku} is {mode}");
    }
}

async fn modes_are_changed_under_load(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["hot", "warm"] {
        client.put_stock(sku, 1_000_000).await;
    }
    let desk = Desk { admin: shop.admin(&hotrow), shop };
    assert_eq!(desk.by_command(&[]).await, "all SKUs: on\n");
    let loads = [
        Load::start(&client, CLIENTS, "hot", |_| lines(&[("hot", 1)])),
        Load::start(&client, CLIENTS, "warm", |_| lines(&[("warm", 1)])),
        Load::start(&client, 2, "both", |_| lines(&[("hot", 1), ("warm", 1)])),
    ];
    desk.until_merged("hot").await;
    assert_eq!(desk.lane("hot").await.unwrap().get("would_be_per_flush"), None);

    desk.by_command(&["off", "--sku", "hot"]).await;
    desk.require_alone("hot", "off").await;
    desk.until_merged("warm").await;
    assert_eq!(desk.admin.metric("hotrow_merge_mode_skus{mode=\"off\"}").await, 1);

    // All of them by SQL, except the one; at once, lest a process reads the first alone and counts by it.
    desk.by_sql(
        "INSERT INTO merge_mode (sku, mode) VALUES ('*', 'dry-run'), ('hot', 'on') \
         ON DUPLICATE KEY UPDATE mode = 'on'",
    )
    .await;
    desk.require_alone("warm", "dry-run").await;
    desk.until_merged("hot").await;
    assert_eq!(desk.by_command(&[]).await, "all SKUs: dry-run\nhot: on\n");
    assert_eq!(desk.admin.metric("hotrow_merge_mode{mode=\"dry-run\"}").await, 1);
    // As many orders as there are clients wait for each other.
    let warm = desk.lane("warm").await.unwrap();
    let would_be = warm["would_be_per_flush"].as_f64().unwrap();
    assert!((2.0..=(CLIENTS + 2) as f64).contains(&would_be), "{warm}");
    assert!(desk.admin.metric("hotrow_would_be_flushes_total").await > 0);
    let view = "FROM desk_merge_mode WHERE sku = '*' AND mode = 'dry-run' AND processes = 1";
    until("the view tells the gain", async || {
        desk.number(&format!("SELECT FLOOR(would_be_orders_per_flush) {view}")).await >= 2
    })
    .await;
    let off = format!("SELECT orders_off {view}");
    assert_eq!(desk.number(&off).await, 0, "that was before the mode of all was changed");

    // A process that starts now goes by it from its first order on.
    let other = desk.shop.serve(&[]).await;
    let of_other = desk.shop.admin(&other);
    assert_eq!(of_other.metric("hotrow_merge_mode{mode=\"dry-run\"}").await, 1);
    drop(other);

    // The table cannot be read: what was read last holds.
    desk.by_sql("RENAME TABLE merge_mode TO away").await;
    until("that is told", async || hotrow.log().contains("cannot be followed")).await;
    desk.require_alone("warm", "dry-run").await;
    assert_eq!(hotrow.log().matches("cannot be followed").count(), 1, "once");
    desk.by_sql("RENAME TABLE away TO merge_mode").await;
    until("that is told", async || hotrow.log().contains("are followed again")).await;

    for more in [&["default"][..], &["default", "--sku", "hot"]] {
        desk.by_command(more).await;
    }
    desk.until_lane_is("warm", "on").await;
    desk.until_merged("warm").await;
    desk.until_merged("hot").await;
    assert_eq!(desk.by_command(&["default"]).await, "it was not set\n");
    for load in loads {
        load.end().await;
    }
    desk.shop.settle(&client).await;
    desk.shop.close(&["order 201"]).await;
}

both_flavors!(modes_are_changed_under_load);
