//! The library's cache on a real Redis, without a database: who wins over whom.

use std::time::Duration;

use hotrow::cache::{Cache, CacheConfig, CacheError, Cached, Sighting};
use hotrow::domain::{Sku, Timestamp};
use hotrow::store::StockRecord;
use hotrow::telemetry::metrics::Metrics;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::support::redis::{PREFIX, Redis};
use crate::support::shop::until;

const STALE: Duration = Duration::from_secs(30);

fn sku() -> Sku {
    Sku::new("a").unwrap()
}

fn record(version: u64, available: i64, as_of: i64) -> StockRecord {
    StockRecord { sku: sku(), available, held: 0, version, as_of: Timestamp::from_micros(as_of) }
}

async fn open(redis: &Redis) -> Cache {
    let config = CacheConfig {
        address: redis.url.parse().unwrap(),
        prefix: PREFIX.to_owned(),
        stale: STALE,
    };
    let cache = Cache::open(&config, Metrics::new()).unwrap();
    until("it is connected", async || cache.is_up()).await;
    cache
}

async fn read(cache: &Cache) -> Option<Cached> {
    cache.read(&[sku()]).await.unwrap().remove(0)
}

async fn assert_there(cache: &Cache, record: &StockRecord) {
    assert_eq!(read(cache).await.unwrap().record(), Some(record));
}

#[tokio::test]
async fn a_late_writer_never_puts_older_over_newer() {
    let redis = Redis::start(&[]).await;
    let cache = open(&redis).await;
    assert_eq!(read(&cache).await, None);
    let newest = record(10, 90, 1_000);
    assert_eq!(cache.fill(std::slice::from_ref(&newest)).await, Ok(vec![true]));
    let expires = redis.entry("a").await.unwrap().1;
    assert!((1..=30_000).contains(&expires), "{expires}");
    // Versions are numbers, not texts; and what was read later of the same version is newer.
    for late in [record(9, 91, 2_000), record(2, 98, 3_000), record(10, 80, 999)] {
        assert_eq!(cache.fill(&[late]).await, Ok(vec![false]));
        assert_there(&cache, &newest).await;
    }
    for newer in [record(10, 89, 1_001), record(11, 5, 7), record(100, 4, 6)] {
        assert_eq!(cache.fill(std::slice::from_ref(&newer)).await, Ok(vec![true]));
        assert_there(&cache, &newer).await;
    }
    // Past 2^53, where Lua's own numbers end.
    let (huge, next) = (record(u64::MAX - 1, 3, 9), record(u64::MAX, 2, 9));
    assert_eq!(cache.fill(&[next.clone(), huge]).await, Ok(vec![true, false]));
    assert_there(&cache, &next).await;

    // Many writers at a time, each with an old value in its hand.
    redis.flush().await;
    let mut records: Vec<_> = (1..=200).map(|n| record(n, 1_000 - n as i64, n as i64)).collect();
    records.shuffle(&mut StdRng::seed_from_u64(7));
    let mut writers = tokio::task::JoinSet::new();
    for records in records.chunks(25) {
        let (cache, records) = (cache.clone(), records.to_vec());
        writers.spawn(async move {
            for record in records {
                cache.fill(&[record]).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_there(&cache, &record(200, 800, 200)).await;
}

#[tokio::test]
async fn lies_and_garbage_are_replaced_and_what_came_meanwhile_stays() {
    let redis = Redis::start(&[]).await;
    let cache = open(&redis).await;
    let truth = record(7, 998, 5_000);
    let lies = ["1 8 1 0 4000", "1 7 998 0 9999999", "hello", "1 07 998 0 5", "?", " "];
    for lie in lies {
        redis.set("a", lie).await;
        let cached = read(&cache).await;
        let sighting = Sighting { sku: sku(), cached, stock: Some(truth.clone()) };
        cache.put_right(std::slice::from_ref(&sighting)).await.unwrap();
        assert_there(&cache, &truth).await;
        assert!(redis.entry("a").await.unwrap().1 > 0, "it does not expire after {lie:?}");
        // Seen before, replaced after something newer had come.
        redis.set("a", lie).await;
        let newer = record(9, 996, 6_000);
        redis.set("a", "1 9 996 0 6000").await;
        cache.put_right(&[sighting]).await.unwrap();
        assert_there(&cache, &newer).await;
    }
    // Of another type, and longer than anything is read.
    let mut connection = redis.connect().await;
    for lie in ["DEL", "LPUSH"] {
        let mut command = redis::cmd(lie);
        command.arg("hotrow:stock:a");
        if lie == "LPUSH" {
            command.arg("x");
        }
        command.query_async::<()>(&mut connection).await.unwrap();
    }
    assert_eq!(cache.fill(std::slice::from_ref(&truth)).await, Ok(vec![true]));
    assert_there(&cache, &truth).await;
    redis.set("a", &"9".repeat(5_000_000)).await;
    let cached = read(&cache).await;
    assert_eq!(cached.as_ref().unwrap().record(), None);
    cache.put_right(&[Sighting { sku: sku(), cached, stock: None }]).await.unwrap();
    assert_eq!(read(&cache).await, None);
}

#[tokio::test]
async fn what_nobody_of_us_put_there_is_removed() {
    let redis = Redis::start(&[]).await;
    let cache = open(&redis).await;
    let mut lies = redis::pipe();
    for n in 0..12_000 {
        lies.set(format!("{PREFIX}lie-{n}"), "1 8 1 0 4000").ignore();
    }
    lies.query_async::<()>(&mut redis.connect().await).await.unwrap();
    assert_eq!(cache.fill(&[record(1, 1, 1)]).await, Ok(vec![true]));
    let mut connection = redis.connect().await;
    let mut elsewhere = redis::cmd("SET");
    elsewhere.arg("another:key").arg("stays").query_async::<()>(&mut connection).await.unwrap();
    let first = cache.patrol(0).await.unwrap();
    // So many keys at a time; it goes on where it was.
    assert_ne!(first, 0);
    assert!((1_000..3_000).contains(&redis.skus().await.len()));
    assert_eq!(cache.patrol(first).await, Ok(0));
    assert_eq!(redis.skus().await, ["a"]);
    let stays: String =
        redis::cmd("GET").arg("another:key").query_async(&mut connection).await.unwrap();
    assert_eq!(stays, "stays");
}

#[tokio::test]
async fn a_full_redis_refuses_to_be_filled_and_is_read_on() {
    let redis = Redis::start(&[]).await;
    let cache = open(&redis).await;
    assert_eq!(cache.fill(&[record(1, 1, 1)]).await, Ok(vec![true]));
    redis.configure("maxmemory", "1").await;
    for version in 2..20 {
        let refused = cache.fill(&[record(version, 1, 1)]).await.unwrap_err();
        assert!(matches!(&refused, CacheError::Refused(text) if text.contains("OOM")), "{refused}");
    }
    assert!(cache.is_up());
    assert_there(&cache, &record(1, 1, 1)).await;
    redis.configure("maxmemory", "0").await;
    assert_eq!(cache.fill(&[record(20, 1, 1)]).await, Ok(vec![true]));
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    let mut redis = Redis::start(&[]).await;
    let cache = open(&redis).await;
    assert_eq!(cache.fill(&[record(1, 1, 1)]).await, Ok(vec![true]));
    let mut connection = redis.connect().await;
    redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
    assert_eq!(cache.fill(&[record(2, 1, 1)]).await, Ok(vec![true]));
    redis.kill();
    assert!(cache.read(&[sku()]).await.is_err());
    redis.restart().await;
    until("it is connected again", async || cache.is_up()).await;
    assert_eq!(read(&cache).await, None);
}

/// TLS is spoken, and fails like any other connection where nobody speaks it.
#[tokio::test]
async fn a_server_without_tls_is_down_for_those_who_want_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let config =
        CacheConfig { address: url.parse().unwrap(), prefix: "p:".to_owned(), stale: STALE };
    let metrics = Metrics::new();
    let cache = Cache::open(&config, metrics.clone()).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut hello = [0; 3];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut hello).await.unwrap();
    // A record of a TLS handshake.
    assert_eq!((hello[0], hello[1]), (22, 3));
    drop(stream);
    assert!(!cache.is_up());
    assert_eq!(cache.read(&[sku()]).await, Err(CacheError::Down));
}
