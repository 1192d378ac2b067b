//! What is kept present without anybody reading it.

use hotrow::embedded::Flavor;
use hotrow::limits::PINNED_SKUS_MAX;

use super::reads::serve;
use crate::support::client::lines;
use crate::support::redis::Redis;
use crate::support::shop::{Load, Shop, until};
use crate::support::{database, process};

/// Runs `hotrow pin` with these arguments, and returns what it prints, or what it complains about.
async fn pin(shop: &Shop, arguments: &[&str]) -> Result<Vec<String>, String> {
    let url = shop.database.url();
    let output = process::run(&[&["pin", "--database-url", &url], arguments].concat()).await;
    if output.status.success() {
        let text = String::from_utf8(output.stdout).unwrap();
        return Ok(text.lines().map(str::to_owned).collect());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

async fn pins_hold_over_restarts(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    assert_eq!(pin(&shop, &["--list"]).await, Ok(Vec::new()));
    assert_eq!(pin(&shop, &["b", "a", "not-open-yet"]).await.unwrap(), ["a", "b", "not-open-yet"]);
    assert_eq!(pin(&shop, &["a"]).await.unwrap().len(), 3);
    let more = ["--pin", "c", "--redis-stale-ms", "1000"];
    let hotrow = serve(&shop, &redis, &more).await;
    let client = shop.client(&hotrow);
    for sku in ["a", "b", "c", "d"] {
        client.put_stock(sku, 10).await;
    }
    until("the pinned ones are there", async || redis.skus().await == ["a", "b", "c"]).await;
    // Nobody reads them, nothing changes, and they stay: for longer than an entry without care.
    let first = redis.entry("a").await.unwrap().0;
    until("it was filled again", async || {
        redis.entry("a").await.expect("it is kept present").0 != first
    })
    .await;
    drop(hotrow);
    until("nobody keeps them present", async || redis.skus().await.is_empty()).await;

    let hotrow = serve(&shop, &redis, &more).await;
    until("they are there again", async || redis.skus().await == ["a", "b", "c"]).await;
    redis.flush().await;
    until("and again", async || redis.skus().await == ["a", "b", "c"]).await;
    // While it runs.
    assert_eq!(pin(&shop, &["--remove", "b", "not-open-yet"]).await.unwrap(), ["a"]);
    assert_eq!(pin(&shop, &["d"]).await.unwrap(), ["a", "d"]);
    until("the list has changed", async || redis.skus().await == ["a", "c", "d"]).await;

    let many: Vec<String> = (0..PINNED_SKUS_MAX - 1).map(|n| format!("s-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = pin(&shop, &many).await.unwrap_err();
    assert!(refused.contains("at most 400"), "{refused}");
    assert_eq!(pin(&shop, &many[1..]).await.unwrap().len(), PINNED_SKUS_MAX);
    assert!(pin(&shop, &["no sku"]).await.unwrap_err().contains("sku"));
    assert_eq!(shop.client(&hotrow).get_stock("a").await.status, 200);
}

async fn busy_lanes_are_found(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = serve(&shop, &redis, &[]).await;
    let client = shop.client(&hotrow);
    for sku in ["busy", "idle"] {
        client.put_stock(sku, 1_000_000).await;
    }
    let load = Load::start(&client, 4, "o", |_| lines(&[("busy", 1)]));
    until("it is there unread", async || redis.skus().await == ["busy"]).await;
    load.end().await;
    shop.settle(&client).await;
    shop.close(&["order 201"]).await;
}

both_flavors!(pins_hold_over_restarts, busy_lanes_are_found);
