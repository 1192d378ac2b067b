//! The change feed, by pages and as a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use hotrow::embedded::Flavor;
use hyper::Method;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::support::books::Books;
use crate::support::client::{Client, lines};
use crate::support::database;
use crate::support::history::Lines;
use crate::support::process::Hotrow;
use crate::support::proxy::{Fault, Proxy};
use crate::support::shop::{Load, Shop, until};
use crate::support::stream::{Event, Protocol, Stream};

const SKUS: [&str; 4] = ["hot", "a.b", "c:d", "e_f-g"];

/// As many readers as the service lets in.
const READERS_MAX: usize = 64;

/// Orders of the instance whose commits are late.
fn late_lines(n: usize) -> Lines {
    match n % 3 {
        0 => lines(&[("hot", 1), ("a.b", 2)]),
        1 => lines(&[("a.b", 1)]),
        _ => lines(&[("hot", 1)]),
    }
}

/// Orders of the other one: few wait for those, so that most overtake them.
fn other_lines(n: usize) -> Lines {
    match n % 20 {
        0 => lines(&[("c:d", 1), ("hot", 1)]),
        1..=9 => lines(&[("c:d", 1)]),
        10 => lines(&[("c:d", 1), ("e_f-g", 3)]),
        _ => lines(&[("e_f-g", 1)]),
    }
}

/// The changes after a cursor, page by page until there are none.
async fn rest(client: &Client, after: Option<&str>, limit: usize) -> Vec<Value> {
    let mut after = after.map(str::to_owned);
    let mut all = Vec::new();
    loop {
        let from = after.as_ref().map_or(String::new(), |cursor| format!("&after={cursor}"));
        let reply = client.get(&format!("/v1/changes?limit={limit}{from}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let Value::Array(page) = reply.body else { panic!("no array") };
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        after = Some(last["cursor"].as_str().unwrap().to_owned());
        all.extend(page);
    }
}

/// Each change of the tables was seen once, those of a SKU in order, and who replays them has the stock.
fn assert_whole(seen: &[Value], books: &Books) {
    let mut replayed: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    let mut told = Vec::new();
    for change in seen {
        let sku = change["sku"].as_str().unwrap();
        let number = |name: &str| change[name].as_i64().unwrap();
        let (version, available) = replayed.entry(sku).or_default();
        *version += 1;
        *available += number("delta");
        assert_eq!(
            number("version").unsigned_abs(),
            *version,
            "out of order, or twice, or skipped"
        );
        assert_eq!(number("available"), *available, "{change}");
        told.push((sku.to_owned(), *version, *available, number("delta"), number("orders")));
        let members: Vec<_> = change.as_object().unwrap().keys().collect();
        assert_eq!(members, ["available", "cursor", "delta", "orders", "sku", "version"]);
    }
    told.sort();
    let recorded: Vec<_> = books
        .versions
        .iter()
        .map(|row| {
            (row.sku.clone(), row.version, row.available, row.delta, row.orders.cast_signed())
        })
        .collect();
    assert_eq!(told, recorded);
    let stock: BTreeMap<&str, (u64, i64)> =
        books.stock.iter().map(|row| (&*row.sku, (row.version, row.available))).collect();
    assert_eq!(replayed, stock);
}

/// One reader is killed 100 times, somewhere in its stream, and comes back to either of two instances,
/// whose commits are late, or lost, or answered by nobody.
async fn a_reader_is_killed_and_resumes_a_hundred_times(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let proxy = Proxy::start(shop.database.address.port, 4).await;
    let through = Hotrow::serve(shop.database.url_through(proxy.port), &[]).await;
    let past = shop.serve(&[]).await;
    let clients = [shop.client(&through), shop.client(&past)];
    for sku in SKUS {
        clients[1].put_stock(sku, 1_000_000).await;
    }
    let storm = [
        Load::start(&clients[0], 8, "t", late_lines),
        Load::start(&clients[1], 8, "p", other_lines),
    ];
    proxy.arm_randomly(Fault::DelayCommit(Duration::from_millis(120)), 200);
    let mut random = StdRng::seed_from_u64(4);
    let mut seen: Vec<Value> = Vec::new();
    let mut last: Option<String> = None;
    let mut kills = 0;
    while kills < 100 {
        if kills % 10 == 0 {
            proxy.arm(Fault::LateCommit(Duration::from_millis(150)), 1);
            proxy.arm(Fault::SwallowOk, 1);
        }
        let address = if kills % 2 == 0 { through.orders } else { past.orders };
        let protocol = if kills % 3 == 0 { Protocol::Http2 } else { Protocol::Http1 };
        let limit = random.random_range(1..=50);
        let mut stream =
            Stream::open(address, protocol, &format!("?limit={limit}"), last.as_deref())
                .await
                .unwrap();
        for _ in 0..random.random_range(1..=60) {
            let (id, change) = stream.change().await.expect("the stream goes on");
            last = Some(id);
            seen.push(change);
        }
        kills += 1;
        // In the meantime somebody restocks, and an order is taken back.
        clients[1].adjust(&format!("r-{kills}"), SKUS[kills % SKUS.len()], 7).await;
        clients[1].cancel(&format!("p-0-{kills}")).await;
    }
    proxy.heal();
    for load in storm {
        load.end().await;
    }
    shop.settle(&clients[1]).await;
    for client in &clients {
        // Until then some transaction of the storm has a place and has not ended.
        let end = format!("/v1/changes?after={}", u64::MAX);
        until("the feed is complete", async || client.get(&end).await.status == 200).await;
    }
    seen.extend(rest(&clients[1], last.as_deref(), 777).await);
    let late = [Fault::DelayCommit(Duration::ZERO), Fault::LateCommit(Duration::ZERO)];
    proxy.require_hits(&[late[0], late[1], Fault::SwallowOk]);
    let books = shop.close(&["order 201"]).await;
    assert!(seen.len() > 500, "only {} changes", seen.len());
    assert_whole(&seen, &books);
    // From the beginning by pages it is the same, in the same order.
    assert_eq!(rest(&clients[0], None, 1_000).await, seen);
}

/// What was answered is in the pages; what is asked wrongly is refused.
async fn pages(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    assert_eq!(client.get("/v1/changes").await.body, json!([]));
    let mut last = None;
    for n in 0..10 {
        let sku = SKUS[n % SKUS.len()];
        client.put_stock(sku, 100).await;
        client.order(&format!("o-{n}"), &lines(&[(sku, 1)])).await;
        let new = rest(&client, last.as_deref(), 100).await;
        let newest = new.last().expect("what was answered is there");
        assert_eq!((&newest["sku"], &newest["delta"]), (&json!(sku), &json!(-1)), "{new:?}");
        last = Some(newest["cursor"].as_str().unwrap().to_owned());
    }
    let all = rest(&client, None, 1_000).await;
    assert_eq!(all.len(), 14);
    for limit in [1, 2, 5] {
        assert_eq!(rest(&client, None, limit).await, all);
    }
    assert_eq!(client.get("/v1/changes").await.body.as_array().unwrap().len(), 14);

    for (query, status, field) in [
        ("after=", 422, Some("after")),
        ("after=x", 422, Some("after")),
        ("after=1%27b", 422, Some("after")),
        ("after=-1", 422, Some("after")),
        ("limit=0", 422, Some("limit")),
        ("limit=1001", 422, Some("limit")),
        ("limit=ten", 422, Some("limit")),
        ("since=1", 400, None),
    ] {
        let path = format!("/v1/changes?{query}");
        let reply = client.get(&path).await;
        assert_eq!((reply.status, reply.body["field"].as_str()), (status, field), "{reply:?}");
        let query = format!("?{query}");
        let refused = Stream::open(hotrow.orders, Protocol::Http1, &query, None).await;
        assert_eq!(refused.err().map(|(status, _)| status), Some(status), "{query}");
    }
    let refused = Stream::open(hotrow.orders, Protocol::Http1, "", Some("no cursor")).await;
    let (status, problem) = refused.err().unwrap();
    assert_eq!((status, &problem["field"]), (422, &json!("Last-Event-ID")));
    let reply = client.call(Method::POST, "/v1/changes", Some(json!({}))).await.unwrap();
    assert_eq!(reply.status, 405);
    // The header goes before the address, which is where the client began.
    let (first, last) = (all[0]["cursor"].as_str().unwrap(), all[12]["cursor"].as_str().unwrap());
    let query = format!("?after={first}");
    for (last_event, expected) in [(None, &all[1]), (Some(last), &all[13])] {
        let mut stream =
            Stream::open(hotrow.orders, Protocol::Http1, &query, last_event).await.unwrap();
        assert_eq!(stream.change().await.unwrap().1, *expected);
    }
    shop.close(&["order 201"]).await;
}

/// A stream tells what happens when it happens, shows that it lives when nothing does, and is not taken
/// for an idle connection; in both protocols.
async fn a_stream_lives(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    let mut streams = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        streams.push(Stream::open(hotrow.orders, protocol, "", None).await.unwrap());
    }
    assert_eq!(admin.metric("hotrow_change_readers").await, 2);
    for stream in &mut streams {
        assert_eq!(stream.next().await, Some(Event::Comment));
    }
    client.put_stock("hot", 10).await;
    client.order("o-1", &lines(&[("hot", 3)])).await;
    for stream in &mut streams {
        for (version, available) in [(1, 10), (2, 7)] {
            let (_, change) = stream.change().await.unwrap();
            assert_eq!(
                (&change["version"], &change["available"]),
                (&json!(version), &json!(available))
            );
        }
        assert_eq!(stream.next().await, Some(Event::Comment));
    }
    assert_eq!(admin.metric("hotrow_changes_sent_total").await, 4);
    drop(streams);
    until("both are gone", async || admin.metric("hotrow_change_readers").await == 0).await;
    shop.close(&["order 201"]).await;
}

async fn the_readers_are_counted(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let mut hotrow = shop.serve(&[]).await;
    let mut streams = Vec::new();
    for _ in 0..READERS_MAX {
        streams.push(Stream::open(hotrow.orders, Protocol::Http1, "", None).await.unwrap());
    }
    let refused = Stream::open(hotrow.orders, Protocol::Http1, "", None).await;
    let (status, problem) = refused.err().unwrap();
    assert_eq!(status, 503);
    assert_eq!(problem["type"], "/problems/overloaded");
    assert_eq!((&problem["limit"], &problem["limit_value"]), (&json!("process"), &json!(64)));
    streams.pop();
    until("there is room again", async || {
        Stream::open(hotrow.orders, Protocol::Http1, "", None).await.is_ok()
    })
    .await;
    // All streams end when the process does.
    hotrow.signal("TERM");
    for mut stream in streams {
        while let Some(event) = stream.next().await {
            assert_eq!(event, Event::Comment);
        }
    }
    assert_eq!(hotrow.ended().await.code(), Some(0));
}

/// Whoever takes nothing is dropped, with the connection, and comes back to where they were.
async fn a_reader_who_takes_nothing_is_dropped(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let (client, admin) = (shop.client(&hotrow), shop.admin(&hotrow));
    // More than the system takes for a reader who sleeps.
    let rows = 200_000;
    let many = format!(
        "INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
         WITH d (n) AS (SELECT 0 UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
             SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) \
         SELECT 'many', 1 + a.n + 10 * b.n + 100 * c.n + 1000 * e.n + 10000 * f.n + 100000 * g.n, 1, \
             1, 1, 1 FROM d AS a, d AS b, d AS c, d AS e, d AS f, d AS g WHERE g.n < {} \
         ORDER BY 2",
        rows / 100_000
    );
    let mut admin_session = shop.database.connect().await;
    sqlx::raw_sql(AssertSqlSafe(many)).execute(&mut admin_session).await.unwrap();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut stream = Stream::open(hotrow.orders, protocol, "", None).await.unwrap();
        let (id, _) = stream.change().await.unwrap();
        until("the reader is dropped", async || admin.metric("hotrow_change_readers").await == 0)
            .await;
        let connections = "hotrow_http_connections{listener=\"orders\"}";
        until("its connection, too", async || admin.metric(connections).await == 0).await;
        let mut got = 1;
        while stream.change().await.is_some() {
            got += 1;
        }
        assert!(got < rows, "it was not dropped");
        drop(stream);
        let mut stream = Stream::open(hotrow.orders, protocol, "", Some(&id)).await.unwrap();
        assert_eq!(stream.change().await.unwrap().1["version"], 2);
        drop(stream);
        until("it is gone", async || admin.metric("hotrow_change_readers").await == 0).await;
    }
    drop(client);
}

/// Somebody's transaction has the gate and does not end: orders are taken, the feed waits and says so, and
/// then misses nothing.
async fn a_transaction_stays_open(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("hot", 1_000_000).await;
    let before = rest(&client, None, 10).await;
    let last = before[0]["cursor"].as_str().unwrap();
    let mut session = shop.database.connect().await;
    let mut open = session.begin().await.unwrap();
    sqlx::query("SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE")
        .fetch_one(&mut *open)
        .await
        .unwrap();
    let mut stream = Stream::open(hotrow.orders, Protocol::Http1, "", Some(last)).await.unwrap();
    let load = Load::start(&client, 8, "o", |_| lines(&[("hot", 1)]));
    until("the load runs", async || shop.answered("201") > 100).await;
    for _ in 0..20 {
        let reply = client.get(&format!("/v1/changes?after={last}")).await;
        assert_eq!((reply.status, reply.headers.contains_key("retry-after")), (503, true));
        assert_eq!(reply.body["type"], "/problems/database-unavailable");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rest_of_page(&client).await, before, "what is complete can be read");
    let running = shop.answered("201");
    until("orders are taken", async || shop.answered("201") > running + 100).await;
    load.end().await;
    assert_eq!(stream.next().await, Some(Event::Comment), "nothing is told too early");
    open.commit().await.unwrap();
    let (_, change) = stream.change().await.unwrap();
    assert_eq!(change["version"], 2);
    until("the feed goes on", async || {
        client.get(&format!("/v1/changes?after={last}")).await.status == 200
    })
    .await;
    let mut seen = before.clone();
    seen.extend(rest(&client, Some(last), 100).await);
    let books = shop.close(&["order 201"]).await;
    assert_whole(&seen, &books);
}

async fn rest_of_page(client: &Client) -> Vec<Value> {
    let reply = client.get("/v1/changes").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body.as_array().unwrap().clone()
}

both_flavors!(
    a_reader_is_killed_and_resumes_a_hundred_times,
    pages,
    a_stream_lives,
    the_readers_are_counted,
    a_reader_who_takes_nothing_is_dropped,
    a_transaction_stays_open,
);
