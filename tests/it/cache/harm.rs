//! Redis frozen, killed, flushed, full, and overwritten with lies all the time, under order load: the results
//! of orders are the same, readers are answered, and soon after the end the cache is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hotrow::embedded::Flavor;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use super::reads::{database_now, micros, serve};
use crate::support::audit::audit;
use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::redis::{Liar, Redis};
use crate::support::shop::{Load, Shop, until};

const SEED: u64 = 5;
const SKUS: &[&str] = &["a", "b", "c"];

/// How long after the end of the load every entry is right.
const RIGHT_WITHIN: Duration = Duration::from_secs(2);

/// The default of `redis_stale_ms`.
const STALE_US: i64 = 2_000_000;

/// A fixed sequence of orders that sells two SKUs out, and what each was answered.
async fn sequence(client: &Client) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(SEED);
    client.put_stock("few", 40).await;
    client.put_stock("fewer", 25).await;
    let mut answers = Vec::new();
    for n in 0..80 {
        let lines = match rng.random_range(0..3) {
            0 => lines(&[("few", rng.random_range(1..4)), ("fewer", 1)]),
            1 => lines(&[("few", rng.random_range(1..3))]),
            _ => lines(&[("fewer", rng.random_range(1..3))]),
        };
        let id = format!("s-{}", if n % 7 == 3 { n / 2 } else { n });
        answers.push(format!("{id} {}", client.order(&id, &lines).await.kind()));
        if n % 9 == 4 {
            answers.push(client.order(&id, &lines).await.kind());
        }
        if n % 11 == 5 {
            answers.push(client.cancel(&id).await.kind());
        }
        // Readers in between change nothing either.
        client.get("/v1/stock?sku=few&sku=fewer").await;
    }
    answers
}

async fn orders_do_not_care(flavor: Flavor) {
    let without = Shop::open(database::fresh(flavor).await).await;
    let hotrow = without.serve(&[]).await;
    let expected = sequence(&without.client(&hotrow)).await;
    drop(hotrow);

    let mut redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = serve(&shop, &redis, &[]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    for sku in SKUS {
        client.put_stock(sku, 1_000_000).await;
    }
    let liar = Liar::start(&redis, &["a", "b", "c", "few", "fewer"], SEED);
    let load = Load::start(&client, 4, "o", |n| match n % 4 {
        0 => lines(&[("a", 1), ("b", 2)]),
        1 => lines(&[("c", 1)]),
        _ => lines(&[("a", 1)]),
    });
    let shop = Arc::new(shop);
    let readers = Readers::start(&shop, &client);

    assert_eq!(sequence(&client).await, expected);
    let sold = async |what: &str| {
        let before = shop.answered("201");
        until(what, async || shop.answered("201") > before + 80).await;
    };
    sold("orders go on under lies").await;
    redis.freeze();
    sold("orders go on while it is frozen").await;
    until("the breaker opens", async || admin.metric("hotrow_cache_up").await == 0).await;
    redis.thaw();
    until("it comes back", async || admin.metric("hotrow_cache_up").await == 1).await;
    redis.kill();
    sold("orders go on while it is dead").await;
    redis.restart().await;
    until("it comes back", async || admin.metric("hotrow_cache_up").await == 1).await;
    redis.configure("maxmemory", "1").await;
    sold("orders go on while it is full").await;
    redis.configure("maxmemory", "0").await;
    redis.flush().await;
    sold("orders go on after it was flushed").await;

    for found in ["ahead", "malformed"] {
        let name = format!("hotrow_cache_entries_total{{found=\"{found}\"}}");
        until("lies are found", async || admin.metric(&name).await > 0).await;
    }
    load.end().await;
    let told_lies = liar.end().await;
    let ended = Instant::now();
    while !wrong(&shop, &redis).await.is_empty() {
        let wrong = wrong(&shop, &redis).await;
        assert!(ended.elapsed() < RIGHT_WITHIN, "still wrong: {wrong:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let from_cache = readers.end().await;
    assert!(told_lies > 0 && from_cache > 0, "{told_lies} lies, {from_cache} cached reads");
    shop.settle(&client).await;
    audit(&shop.database).await;
    shop.close(&["order 201", "order 200", "order insufficient-stock", "cancel 200"]).await;
}

/// The entries that are not as MySQL has the SKU.
async fn wrong(shop: &Shop, redis: &Redis) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for stock in shop.database.books().await.stock {
        let Some((text, left)) = redis.entry(&stock.sku).await else { continue };
        let start = format!("1 {} {} {} ", stock.version, stock.available, stock.held);
        if !text.starts_with(&start) || left <= 0 {
            wrong.push((text, format!("{start}, expires in {left} ms")));
        }
    }
    wrong
}

/// Readers who check that they are answered, and by nothing that is too old.
struct Readers {
    over: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
}

impl Readers {
    fn start(shop: &Arc<Shop>, client: &Client) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for sku in SKUS {
            let (shop, client, over) = (Arc::clone(shop), client.clone(), Arc::clone(&over));
            tasks.spawn(async move {
                let mut from_cache = 0;
                while !over.load(Ordering::Relaxed) {
                    let before = database_now(&shop).await;
                    let told = client.get(&format!("/v1/stock/{sku}")).await;
                    assert_eq!(told.status, 200, "{told:?}");
                    if told.body["source"] == "redis" {
                        from_cache += 1;
                        assert!(micros(&told) >= before - STALE_US, "{told:?} at {before}");
                    }
                }
                from_cache
            });
        }
        Self { over, tasks }
    }

    /// Returns how often the cache answered.
    async fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

both_flavors!(orders_do_not_care);
