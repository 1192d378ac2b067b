//! The cache against MySQL: in a run, and while it changes.

use std::time::{Duration, Instant};

use hotrow::cache::{Cache, CacheConfig};
use hotrow::domain::Sku;
use hotrow::embedded::Flavor;
use hotrow::limits::RECONCILE_CACHE_PAGE;
use hotrow::reconcile::{Progress, Reconcile, Request};
use hotrow::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::runs::library;
use super::{found, reconcile, report, run};
use crate::support::client::lines;
use crate::support::database;
use crate::support::redis::{Liar, PREFIX, Redis};
use crate::support::shop::{Load, Shop, until};

/// How long after the end of load and lies every entry is right.
const RIGHT_WITHIN: Duration = Duration::from_secs(2);

/// How long lies are told under load, at least.
const A_MINUTE: Duration = Duration::from_secs(60);

/// SKUs that nobody reads: only reconciliation looks at their entries.
const UNREAD: &[&str] = &["a", "b", "c", "d"];

/// Each kind of lie in a cache that nobody fills: reported, left alone by a dry run, repaired by the next.
async fn each_lie_is_found_and_repaired(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["ahead", "behind", "garbage", "pinned", "right", "wrong"] {
        client.put_stock(sku, 100).await;
        client.order(&format!("o-{sku}"), &lines(&[(sku, 1)])).await;
    }
    let lies = [
        ("ahead", "1 3 98 0 1000"),
        ("behind", "1 1 100 0 1000"),
        ("garbage", "hello"),
        ("right", "1 2 99 0 1000"),
        ("wrong", "1 2 98 0 1000"),
    ];
    for (sku, text) in lies {
        redis.set(sku, text).await;
    }
    let expected = [
        "ahead cache_ahead -1",
        "garbage cache_wrong 0",
        "wrong cache_wrong -1",
        "behind cache_behind 1",
        "pinned cache_missing 0",
    ];
    let settings = ["--redis-url", &redis.url, "--pin", "pinned"];
    let dry = report(&shop.database, &[&settings[..], &["--dry-run"]].concat()).await;
    assert_eq!(found(&dry), expected);
    for (sku, text) in lies {
        assert_eq!(redis.entry(sku).await.unwrap().0, text);
    }
    let wet = report(&shop.database, &settings).await;
    assert_eq!(found(&wet), expected);
    assert!(wet["drifts"].as_array().unwrap().iter().all(|drift| drift["mended"] == true));
    assert_eq!((&wet["skus"], &wet["cache"]), (&json!(6), &json!("compared")));
    for (sku, _) in lies {
        // What was repaired expires by itself.
        let entry = redis.entry(sku).await;
        let right = entry.as_ref().is_none_or(|(text, _)| text.starts_with("1 2 99 0 "));
        assert!(right, "{sku}: {entry:?}");
    }
    assert_eq!(found(&report(&shop.database, &settings[..2]).await), [""; 0]);
    let recorded = "SELECT CONCAT_WS(' ', run, COUNT(*), COUNT(mended_at)) FROM reconcile_drift \
                    GROUP BY run ORDER BY run";
    assert_eq!(shop.database.lines(recorded).await, ["1 5 0", "2 5 5"]);
}

/// Down, frozen or full: stock and ledger are compared all the same, and the run ends by saying what it has not
/// compared, and why.
async fn the_books_do_not_wait_for_the_cache(flavor: Flavor) {
    let mut redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let reconcile_with = async |more: &[&str]| {
        reconcile(&shop.database, &[&["--redis-url", &redis.url], more].concat()).await
    };
    let hotrow = shop.serve(&[]).await;
    shop.client(&hotrow).put_stock("a", 100).await;
    let (code, text) = reconcile(&shop.database, &[]).await;
    let no_url = "Run 1: 1 SKUs, no difference.\n\
                  The cache was not compared: no --redis-url was given.\n";
    assert_eq!((code, &*text), (0, no_url));
    assert_eq!(report(&shop.database, &[]).await["cache"], "none");
    run(&shop.database, "UPDATE stock SET available = 90").await;
    redis.freeze();
    let (code, text) = reconcile_with(&[]).await;
    let told = "Run 3: 1 SKUs, differences: 1.\nThe cache was not compared: the cache is down; \
                run hotrow reconcile again with --redis-url when Redis can be used.\n";
    assert!(code == 3 && text.contains(told), "{code} {text}");
    redis.thaw();
    redis.set("a", "hello").await;
    redis.configure("maxmemory", "1").await;
    let (code, text) = reconcile_with(&["--json"]).await;
    redis.kill();
    let full: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &full["cache"]), (3, &json!("not compared")), "{text}");
    let reason = full["cache_reason"].as_str().unwrap();
    assert!(reason.contains("OOM"), "{reason}");
    assert_eq!(found(&full), ["a changed_outside -10"]);
    let (code, text) = reconcile(&shop.database, &["--redis-url", &redis.url, "--json"]).await;
    let down: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &down["cache_reason"]), (3, &json!("the cache is down")), "{text}");
    let states = "SELECT CONCAT_WS(' ', id, state, skus, cache) FROM reconcile_run ORDER BY id";
    assert_eq!(
        shop.database.lines(states).await,
        [
            "1 done 1 none",
            "2 done 1 none",
            "3 done 1 not compared",
            "4 done 1 not compared",
            "5 done 1 not compared"
        ]
    );
}

/// SKUs of some pages.
const PAGES: &str = "INSERT INTO stock (sku, available, version) \
    WITH RECURSIVE d (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM d WHERE n < 44) \
    SELECT CONCAT('s-', a.n, b.n), 1, 1 FROM d AS a, d AS b";

/// A cache that goes away during the run is compared up to there, and that is told.
async fn a_cache_that_goes_away_is_told(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let config = CacheConfig {
        address: redis.url.parse().unwrap(),
        prefix: PREFIX.to_owned(),
        stale: Duration::from_secs(60),
    };
    let shop = Shop::open(database::fresh(flavor).await).await;
    run(&shop.database, PAGES).await;
    let cache = Cache::open(&config, Metrics::new()).unwrap();
    let library = Reconcile { cache: Some((cache, Vec::new())), ..library(&shop.database).await };
    let there = Mutex::new(Some(redis));
    let watch = |progress| {
        if let (Progress::Cache { .. }, Some(mut redis)) = (progress, there.lock().take()) {
            redis.kill();
        }
    };
    let request = Request { dry_run: false, pass_skus: 1_000 };
    let report = library.full(request, &watch).await.unwrap();
    let last = RECONCILE_CACHE_PAGE - 1;
    let last = format!("SELECT sku FROM stock ORDER BY sku LIMIT 1 OFFSET {last}");
    let last = shop.database.lines(&last).await.remove(0);
    let told = format!("only up to SKU {last}, then the cache is down");
    assert_eq!((report.run.cache.reason(), report.run.skus), (Some(&*told), 1_225));
}

/// What somebody has put under a key of ours, told as what it is.
async fn what_is_no_entry_is_named(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("list", 100).await;
    client.put_stock("mark", 100).await;
    client.put_stock("text", 100).await;
    let mut push = redis::cmd("LPUSH");
    push.arg(format!("{PREFIX}list")).arg("of another type");
    push.query_async::<()>(&mut redis.connect().await).await.unwrap();
    redis.set("mark", "?").await;
    redis.set("text", "hello").await;
    let report = report(&shop.database, &["--redis-url", &redis.url]).await;
    let told: Vec<&str> = (0..3).map(|n| report["drifts"][n]["found"].as_str().unwrap()).collect();
    let doubt = "in the cache no entry, but \"?\" or a key of another type than a string";
    assert_eq!(told, [doubt, doubt, "in the cache no entry, but \"hello\""]);
    assert_eq!(found(&report), ["list cache_wrong 0", "mark cache_wrong 0", "text cache_wrong 0"]);
}

/// Lies over the entries of SKUs that nobody reads, all the time, without an end to their life, while these
/// SKUs are sold: soon after the end every entry is right, and what was found is recorded. On MySQL for a minute,
/// on MariaDB until lies of all kinds are found.
async fn lies_are_found_while_orders_run(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&["--redis-url", &redis.url]).await;
    let client = shop.client(&hotrow);
    for sku in UNREAD {
        client.put_stock(sku, 1_000_000).await;
    }
    let began = Instant::now();
    let liar = Liar::start(&redis, UNREAD, 9);
    let load = Load::start(&client, 4, "o", |n| lines(&[(UNREAD[n % 3], 1)]));
    let recorded = "SELECT COUNT(*) FROM reconcile_drift WHERE class = ";
    for class in ["cache_ahead", "cache_wrong"] {
        let query = format!("SELECT CAST(({recorded}'{class}') AS CHAR)");
        until("lies of both kinds are recorded", async || {
            shop.database.lines(&query).await != ["0"]
        })
        .await;
    }
    // Another process, begun only now so that it has recorded none of these, takes over.
    let other = shop.serve(&["--redis-url", &redis.url]).await;
    drop(hotrow);
    let client = shop.client(&other);
    load.end().await;
    let load = Load::start(&client, 4, "p", |n| lines(&[(UNREAD[n % 3], 1)]));
    let admin = shop.admin(&other);
    let seen = "hotrow_reconcile_differences_total{class=\"cache_ahead\"}";
    until("the other one has found some", async || admin.metric(seen).await > 0).await;
    if flavor == Flavor::MySql {
        tokio::time::sleep(A_MINUTE.saturating_sub(began.elapsed())).await;
    }
    load.end().await;
    let told = liar.end().await;
    assert!(told > 0);
    let ended = Instant::now();
    while !wrong(&shop, &redis).await.is_empty() {
        assert!(ended.elapsed() < RIGHT_WITHIN, "still wrong: {:?}", wrong(&shop, &redis).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(admin.metric("hotrow_reconcile_repairs_total").await > 0);
    let runs = "SELECT CAST(COUNT(DISTINCT run) > 1 AS CHAR) FROM reconcile_drift";
    assert_eq!(shop.database.lines(runs).await, ["1"]);
}

/// The entries that are not as MySQL has the SKU.
async fn wrong(shop: &Shop, redis: &Redis) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for stock in shop.database.books().await.stock {
        let Some((text, _)) = redis.entry(&stock.sku).await else { continue };
        let start = format!("1 {} {} {} ", stock.version, stock.available, stock.held);
        if !text.starts_with(&start) {
            wrong.push((text, start));
        }
    }
    wrong
}

/// A cache that is filled as it should be, under orders as fast as they come, is no difference: entries are
/// behind all the time, and never the same for long.
async fn what_is_about_to_be_filled_is_no_difference(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let settings = ["--redis-url", &redis.url, "--redis-stale-ms", "8000", "--pin", "a,b,c"];
    let hotrow = shop.serve(&settings).await;
    let client = shop.client(&hotrow);
    for sku in UNREAD {
        client.put_stock(sku, 1_000_000).await;
    }
    until("it is filled", async || redis.skus().await.len() >= 3).await;
    let load = Load::start(&client, 8, "o", |n| lines(&[(UNREAD[n % 3], 1)]));
    for _ in 0..3 {
        let before = shop.answered("201");
        assert_eq!(found(&report(&shop.database, &settings).await), [""; 0]);
        assert!(shop.answered("201") > before, "no order came beside it");
    }
    load.end().await;
    assert_eq!(shop.database.lines("SELECT class FROM reconcile_drift").await, [""; 0]);
}

/// One key that Redis does not let us have is given up after its attempts, noted, and tried again when asked.
async fn what_fails_alone_is_given_up(flavor: Flavor) {
    let redis = Redis::start(&[]).await;
    let acl = async |rules: &[&str]| {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg("default").arg("resetkeys").arg(rules);
        command.query_async::<()>(&mut redis.connect().await).await.unwrap();
    };
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    redis.set("bad", "1 9 9 9 9").await;
    redis.set("good", "1 9 9 9 9").await;
    acl(&["~hotrow:stock:", "~hotrow:stock:good"]).await;
    let config = CacheConfig {
        address: redis.url.parse().unwrap(),
        prefix: PREFIX.to_owned(),
        stale: Duration::from_secs(60),
    };
    let cache = Cache::open(&config, Metrics::new()).unwrap();
    let pins = vec![Sku::new("good").unwrap()];
    let library = Reconcile { cache: Some((cache, pins)), ..library(&shop.database).await };
    let follow = tokio::spawn(library.follow());
    let followed = "SELECT CAST(position AS CHAR) FROM reconcile_task WHERE name = 'follow'";
    until("it follows", async || shop.database.lines(followed).await == ["0"]).await;
    client.put_stock("bad", 100).await;
    client.put_stock("good", 100).await;
    let failures =
        "SELECT CONCAT_WS(' ', sku, attempts, reason LIKE '%NOPERM%') FROM reconcile_failure";
    until("it is given up", async || shop.database.lines(failures).await == ["bad 5 1"]).await;
    assert!(redis.entry("good").await.unwrap().0.starts_with("1 1 100 0 "), "it has to go on");
    follow.abort();
    let retry = ["--redis-url", &redis.url, "--retry-failures"];
    let (code, text) = reconcile(&shop.database, &retry).await;
    assert!(code == 1 && text.starts_with("bad: still fails: "), "{code} {text}");
    assert_eq!(shop.database.lines(failures).await, ["bad 6 1"]);
    acl(&["allkeys"]).await;
    let (code, text) = reconcile(&shop.database, &retry).await;
    assert_eq!((code, &*text), (0, "bad: checked and repaired\n"));
    assert_eq!(shop.database.lines(failures).await, [""; 0]);
    let entry = redis.entry("bad").await;
    assert!(entry.as_ref().is_none_or(|(text, _)| text.starts_with("1 1 100 0 ")), "{entry:?}");
    assert_eq!(reconcile(&shop.database, &retry).await, (0, "Nothing was given up.\n".to_owned()));
}

/// A Redis that is gone altogether is waited for: nothing is given up, and nothing is skipped.
async fn an_outage_is_waited_for(flavor: Flavor) {
    let mut redis = Redis::start(&[]).await;
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&["--redis-url", &redis.url]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    client.put_stock("good", 100).await;
    until("the cache is used", async || admin.metric("hotrow_cache_up").await == 1).await;
    redis.kill();
    for n in 0..50 {
        client.order(&format!("o-{n}"), &lines(&[("good", 1)])).await;
    }
    until("it is not used", async || admin.metric("hotrow_cache_up").await == 0).await;
    redis.restart().await;
    redis.set("good", "1 51 7 0 1000").await;
    until("the lie is repaired", async || {
        redis.entry("good").await.is_none_or(|(text, _)| text.starts_with("1 51 50 0 "))
    })
    .await;
    let followed = "SELECT CAST(position = (SELECT MAX(place) FROM stock_version) AS CHAR) \
                    FROM reconcile_task WHERE name = 'follow'";
    until("all changes were followed", async || shop.database.lines(followed).await == ["1"]).await;
    let failures = "SELECT sku FROM reconcile_failure";
    assert_eq!(shop.database.lines(failures).await, [""; 0]);
}

both_flavors!(
    each_lie_is_found_and_repaired,
    the_books_do_not_wait_for_the_cache,
    a_cache_that_goes_away_is_told,
    what_is_no_entry_is_named,
    lies_are_found_while_orders_run,
    what_is_about_to_be_filled_is_no_difference,
    what_fails_alone_is_given_up,
    an_outage_is_waited_for,
);
