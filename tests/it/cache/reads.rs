//! What readers are told: source, version, time; and what they never cost.

use std::time::{Duration, Instant};

use hotrow::embedded::Flavor;
use tokio::task::JoinSet;

use crate::support::client::{Client, Reply, lines};
use crate::support::database;
use crate::support::process::Hotrow;
use crate::support::redis::Redis;
use crate::support::shop::{Shop, sell, until};

pub(super) async fn serve(shop: &Shop, redis: &Redis, more: &[&str]) -> Hotrow {
    shop.serve(&[&["--redis-url", &redis.url], more].concat()).await
}

async fn read(client: &Client, sku: &str) -> Reply {
    client.get(&format!("/v1/stock/{sku}")).await
}

/// Reads until it comes from the cache, and tells what MySQL tells.
pub(super) async fn until_cached(client: &Client, sku: &str) -> Reply {
    let mut last = None;
    until("the cache has it", async || {
        let stock = client.get_stock(sku).await;
        let cached = read(client, sku).await;
        let same =
            ["available", "held", "version"].iter().all(|&m| cached.body[m] == stock.body[m]);
        let is_cached = cached.body["source"] == "redis";
        last = Some(cached);
        is_cached && same
    })
    .await;
    last.unwrap()
}

pub(super) fn micros(reply: &Reply) -> i64 {
    let text = reply.body["as_of"].as_str().unwrap();
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

/// The database's clock.
pub(super) async fn database_now(shop: &Shop) -> i64 {
    let query = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS CHAR)";
    shop.database.lines(query).await[0].parse().unwrap()
}

async fn readers_are_told_where_it_comes_from(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = serve(&shop, &redis, &[]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    assert_eq!(client.put_stock("a", 100).await.status(), Some(201));
    assert_eq!(client.put_stock("b", 200).await.status(), Some(201));
    until("the cache is up", async || admin.get("/readyz").await.body["cache"] == "up").await;

    let before = database_now(&shop).await;
    let cached = until_cached(&client, "a").await;
    assert_eq!(cached.body["available"], 100);
    assert!((before..=database_now(&shop).await).contains(&micros(&cached)));
    assert!(admin.metric("hotrow_cache_reads_total{outcome=\"hit\"}").await > 0);
    // Always from MySQL, and of this moment.
    let before = database_now(&shop).await;
    let fresh = client.get_stock("a").await;
    assert_eq!(fresh.body["source"], "mysql");
    assert!(micros(&fresh) >= before);

    // Filled after the commit: what was sold soon shows, and each entry expires.
    assert_eq!(client.order("o-1", &lines(&[("a", 3), ("b", 1)])).await.status(), Some(201));
    let cached = until_cached(&client, "a").await;
    assert_eq!((&cached.body["available"], &cached.body["version"]), (&97.into(), &2.into()));
    until_cached(&client, "b").await;
    for sku in redis.skus().await {
        let (text, left) = redis.entry(&sku).await.unwrap();
        assert!((1..=2_000).contains(&left), "{sku}: {text} expires in {left} ms");
    }
    let list = client.get("/v1/stock?sku=b&sku=a").await;
    let tell = |n: usize| (list.body[n]["sku"].clone(), list.body[n]["available"].clone());
    assert_eq!((tell(0), tell(1)), (("b".into(), 199.into()), ("a".into(), 97.into())));

    // What does not exist is not remembered.
    for n in 0..20 {
        assert_eq!(read(&client, &format!("nothing-{n}")).await.status, 404);
    }
    assert_eq!(client.get("/v1/stock?sku=a&sku=nothing-0").await.status, 404);
    assert_eq!(redis.skus().await, ["a", "b"]);

    // By hand, without a new version: the time alone tells the newer one.
    let mut dba = shop.database.connect().await;
    sqlx::query("UPDATE stock SET available = 50 WHERE sku = 'b'").execute(&mut dba).await.unwrap();
    assert_eq!(until_cached(&client, "b").await.body["available"], 50);
    sqlx::query("UPDATE stock SET available = 199 WHERE sku = 'b'")
        .execute(&mut dba)
        .await
        .unwrap();
    until_cached(&client, "b").await;
    sqlx::query("DELETE FROM stock WHERE sku = 'b'").execute(&mut dba).await.unwrap();
    until("it is gone", async || read(&client, "b").await.status == 404).await;
    until("its entry is, too", async || redis.entry("b").await.is_none()).await;
    sqlx::query("INSERT INTO stock (sku, available, version) VALUES ('b', 199, 2)")
        .execute(&mut dba)
        .await
        .unwrap();
    until_cached(&client, "b").await;
    shop.close(&["order 201"]).await;
}

/// What is too old is not served, whoever keeps it there.
async fn nobody_is_told_what_is_too_old(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = serve(&shop, &redis, &["--redis-stale-ms", "500"]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 100).await;
    until_cached(&client, "a").await;
    for (available, as_of) in [(1, -500_001), (2, 60_000_000), (3, -86_400_000_000)] {
        for _ in 0..20 {
            let now = database_now(&shop).await;
            redis.set("a", &format!("1 1 {available} 0 {}", now + as_of)).await;
            let told = read(&client, "a").await;
            assert_eq!(told.body["available"], 100, "{told:?}");
            assert!(micros(&told) >= now - 500_000, "{told:?}");
        }
    }
    until_cached(&client, "a").await;
    shop.close(&["open 201"]).await;
}

both_flavors!(readers_are_told_where_it_comes_from, nobody_is_told_what_is_too_old);

/// With so long a time that an entry may be served, everything hot is looked at every 15 s only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_filled_without_waiting_for_the_next_look() {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(Flavor::MySql).await).await;
    let hotrow = serve(&shop, &redis, &["--redis-stale-ms", "60000"]).await;
    let client = shop.client(&hotrow);
    client.put_stock("a", 1_000).await;
    until_cached(&client, "a").await;
    let begun = Instant::now();
    for n in 0..10 {
        // Alone, and merged with others.
        let orders = (0..=n % 2 * 20).map(|m| (format!("o-{n}-{m}"), lines(&[("a", 1)])));
        sell(&client, 8, orders.collect()).await;
        until_cached(&client, "a").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(75), "they have waited for looks");
    shop.close(&["order 201"]).await;
}

/// Readers of one SKU who wait for MySQL at the same time are answered by a few statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_who_wait_together_are_answered_together() {
    const READERS: u64 = 200;
    let server = database::harmed(Flavor::MySql).await;
    let shop = Shop::open(server.fresh_database().await).await;
    let hotrow = shop.serve(&[]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    client.put_stock("a", 100).await;
    let query = format!(
        "SELECT CAST(COALESCE(SUM(COUNT_STAR), 0) AS CHAR) \
         FROM performance_schema.events_statements_summary_by_digest \
         WHERE SCHEMA_NAME = '{}' AND DIGEST_TEXT LIKE '%FROM `asked` STRAIGHT_JOIN `stock`%'",
        shop.database.name()
    );
    let selects = async || shop.database.lines(&query).await[0].parse::<u64>().unwrap();
    let before = selects().await;
    assert!(before > 0, "the statement is not found by its text");
    server.freeze().await;
    let mut readers = JoinSet::new();
    for n in 0..READERS {
        let (client, fresh) = (client.clone(), n % 2 == 0);
        readers.spawn(async move { client.get(&format!("/v1/stock/a?fresh={fresh}")).await });
    }
    let connections = "hotrow_http_connections{listener=\"orders\"}";
    until("all of them wait", async || admin.metric(connections).await >= READERS).await;
    // Connected they are; their requests are read within moments, and who comes late asks alone.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.thaw();
    for reply in readers.join_all().await {
        assert_eq!((reply.status, &reply.body["source"]), (200, &"mysql".into()), "{reply:?}");
    }
    let statements = selects().await - before;
    assert!(statements < READERS / 4, "{statements} statements for {READERS} readers");
}

/// The password goes in and does not come out; a Redis that is not there prevents nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_redis_costs_nobody_anything_and_comes_back_by_itself() {
    let mut redis = Redis::start(&["--requirepass", "s3cret"]).await;
    redis.url.push_str("?pass=s3cret");
    redis.kill();
    let shop = Shop::open(database::fresh(Flavor::MySql).await).await;
    let hotrow = serve(&shop, &redis, &["--log", "debug"]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    client.put_stock("a", 100).await;
    let ready = admin.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["cache"]), (200, &"down".into()), "{ready:?}");
    assert_eq!(read(&client, "a").await.body["source"], "mysql");
    redis.restart().await;
    until_cached(&client, "a").await;

    let timeouts = "hotrow_cache_failures_total{reason=\"timeout\"}";
    for _ in 0..2 {
        let before = admin.metric(timeouts).await;
        redis.freeze();
        until("the breaker has opened", async || {
            assert_eq!(read(&client, "a").await.status, 200);
            admin.metric("hotrow_cache_up").await == 0
        })
        .await;
        let opened = admin.metric(timeouts).await;
        assert!(opened > before);
        for _ in 0..200 {
            assert_eq!(read(&client, "a").await.body["source"], "mysql");
        }
        // Two shared reads, the filler, and a fill may have been under way; nobody has tried since.
        let later = admin.metric(timeouts).await;
        assert!(later <= opened + 4, "{later} timeouts, {opened} when it opened");
        redis.thaw();
        until_cached(&client, "a").await;
    }
    let log = hotrow.log();
    assert!(log.contains("the cache is used"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}
