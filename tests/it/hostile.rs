//! Bad values and bodies of every kind: nothing but the documented problem comes back, nothing is
//! taken, and the service lives on.

use hotrow::embedded::Flavor;
use http_body_util::Full;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::client::{Client, Reply, lines};
use crate::support::database;
use crate::support::process::Hotrow;
use crate::support::shop::Shop;

const JSON: &str = "application/json";
const ORDERS: &str = "/v1/orders";

/// A service with 1,000 of `x` and one order, `taken`, of two of them.
pub(crate) async fn scene(flavor: Flavor) -> (Shop, Hotrow, Client) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    client.put_stock("x", 1_000).await;
    assert_eq!(client.order("taken", &lines(&[("x", 2)])).await.status(), Some(201));
    (shop, hotrow, client)
}

/// Nothing was taken by any of it, and an order still goes through.
pub(crate) async fn close(shop: &Shop, client: &Client) {
    let stock = client.get_stock("x").await.body;
    assert_eq!(stock["available"], 998, "{stock}");
    assert_eq!(client.order("last", &lines(&[("x", 1)])).await.status(), Some(201));
    shop.close(&["order 201"]).await;
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    media: &str,
    body: impl Into<Bytes>,
) -> Reply {
    let mut request = client.request(method, path);
    if !media.is_empty() {
        request = request.header("content-type", media);
    }
    client.send(request.body(Full::new(body.into())).unwrap()).await.unwrap()
}

/// A problem is what the contract says a problem is.
#[track_caller]
fn assert_problem(reply: &Reply, status: u16, slug: &str, about: &str) {
    assert_eq!(reply.status, status, "{about}: {reply:?}");
    assert_eq!(reply.body["type"], format!("/problems/{slug}"), "{about}: {reply:?}");
    assert_eq!(reply.body["status"], status, "{about}: {reply:?}");
    for member in ["title", "detail"] {
        assert!(
            reply.body[member].as_str().is_some_and(|text| !text.is_empty()),
            "{about}: {reply:?}"
        );
    }
}

async fn bodies(flavor: Flavor) {
    let (shop, _hotrow, client) = scene(flavor).await;

    let malformed = [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"x\"",
        "[]",
        "{}",
        "{",
        "{\"order_id\":\"a\"",
        "not json",
        "\u{0}",
        "{]}",
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":1}]} trailing"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":1}],"extra":1}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":1,"extra":1}]}"#,
        r#"{"order_id":"a","order_id":"b","lines":[{"sku":"x","quantity":1}]}"#,
        r#"{"lines":[{"sku":"x","quantity":1}]}"#,
        r#"{"order_id":"a"}"#,
        r#"{"order_id":"a","lines":[{"sku":"x"}]}"#,
        r#"{"order_id":"a","lines":[{"quantity":1}]}"#,
        r#"{"order_id":"a","lines":{"sku":"x","quantity":1}}"#,
        r#"{"order_id":"a","lines":"x"}"#,
        r#"{"order_id":"a","lines":null}"#,
        r#"{"order_id":"a","lines":[null]}"#,
        r#"{"order_id":"a","lines":["x"]}"#,
        r#"{"order_id":1,"lines":[{"sku":"x","quantity":1}]}"#,
        r#"{"order_id":null,"lines":[{"sku":"x","quantity":1}]}"#,
        r#"{"order_id":"a","lines":[{"sku":1,"quantity":1}]}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":"1"}]}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":1.5}]}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":true}]}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":null}]}"#,
        r#"{"order_id":"a","lines":[{"sku":"x","quantity":NaN}]}"#,
        r#"{"order_id":"\ud800","lines":[{"sku":"x","quantity":1}]}"#,
        r#"{'order_id':'a','lines':[{'sku':'x','quantity':1}]}"#,
    ];
    for body in malformed {
        let reply = send(&client, Method::POST, ORDERS, JSON, body).await;
        assert_problem(&reply, 400, "malformed-request", body);
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [b"{\"order_id\":\"\xff\"".to_vec(), b"\xef\xbb\xbf{}".to_vec(), deep.into_bytes()]
    {
        let about = format!("{:?}", &body[..10.min(body.len())]);
        assert_problem(
            &send(&client, Method::POST, ORDERS, JSON, body).await,
            400,
            "malformed-request",
            &about,
        );
    }
    close(&shop, &client).await;
}

async fn values(flavor: Flavor) {
    let (shop, _hotrow, client) = scene(flavor).await;

    let long = "x".repeat(65);
    let hostile = [
        "",
        " ",
        "a b",
        "a/b",
        "a\\b",
        "a'b",
        "a\"b",
        "' OR '1'='1",
        "x'; DROP TABLE stock; -- ",
        "%",
        "%00",
        "a\0b",
        "a\nb",
        "a\r\nb",
        "\u{e4}",
        "\u{1f525}",
        "\u{202e}",
        "\u{212a}",
        "a,b",
        "(a)",
        "`a`",
        "$(id)",
        "{{7*7}}",
        "../x",
        "<b>",
        &long,
    ];
    for id in hostile {
        let order = |order_id: &str, sku: &str| json!({"order_id": order_id, "lines": [{"sku": sku, "quantity": 1}]});
        let reply = client.call(Method::POST, ORDERS, Some(order(id, "x"))).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", id);
        assert_eq!(reply.body["field"], "order_id", "{id}");
        let reply = client.call(Method::POST, ORDERS, Some(order("o", id))).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", id);
        assert!(reply.body["field"].as_str().unwrap().contains("sku"), "{id}: {reply:?}");
        let adjustment = json!({"adjustment_id": id, "delta": 1});
        let reply =
            client.call(Method::POST, "/v1/stock/x/adjustments", Some(adjustment)).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", id);
        if id.is_empty() {
            continue;
        }
        // The same in a path, where it can only be percent-encoded.
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (method, path, body) in [
            (Method::GET, format!("/v1/orders/{encoded}"), None),
            (Method::POST, format!("/v1/orders/{encoded}/cancel"), None),
            (Method::GET, format!("/v1/stock/{encoded}"), None),
            (Method::GET, format!("/v1/stock?sku=x&sku={encoded}"), None),
            (Method::PUT, format!("/v1/stock/{encoded}"), Some(json!({"available": 1}))),
            (
                Method::POST,
                format!("/v1/stock/{encoded}/adjustments"),
                Some(json!({"adjustment_id": "r", "delta": 1})),
            ),
        ] {
            let reply = client.call(method, &path, body).await.unwrap();
            assert_problem(&reply, 422, "invalid-value", &path);
        }
    }

    let line =
        |quantity: Value| json!({"order_id": "o", "lines": [{"sku": "x", "quantity": quantity}]});
    for quantity in
        [json!(0), json!(-1), json!(1_000_001), json!(i64::MAX), json!(i64::MIN), json!(u64::MAX)]
    {
        let reply = client.call(Method::POST, ORDERS, Some(line(quantity.clone()))).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", &quantity.to_string());
    }
    let lines_of = |count: usize, quantity: i64| {
        let lines: Vec<_> = (0..count).map(|_| json!({"sku": "x", "quantity": quantity})).collect();
        json!({"order_id": "o", "lines": lines})
    };
    for (count, quantity) in [(0, 1), (51, 1), (2, 600_000)] {
        let reply =
            client.call(Method::POST, ORDERS, Some(lines_of(count, quantity))).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", &format!("{count} lines of {quantity}"));
    }
    for available in [json!(-1), json!(1_000_000_000_000_001_i64)] {
        let body = json!({"available": available});
        let reply = client.call(Method::PUT, "/v1/stock/new", Some(body)).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", &available.to_string());
    }
    let ceiling = 1_000_000_000_001_i64;
    for delta in [0, ceiling, -ceiling] {
        let body = json!({"adjustment_id": "r", "delta": delta});
        let reply = client.call(Method::POST, "/v1/stock/x/adjustments", Some(body)).await.unwrap();
        assert_problem(&reply, 422, "invalid-value", &delta.to_string());
    }
    close(&shop, &client).await;
}

async fn refusals(flavor: Flavor) {
    let (shop, _hotrow, client) = scene(flavor).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        client.call(method, path, body).await.unwrap()
    };

    let order = |id: &str, sku: &str, quantity: i64| {
        Some(json!({"order_id": id, "lines": [{"sku": sku, "quantity": quantity}]}))
    };
    for (method, path, body, status, slug) in [
        (Method::POST, ORDERS, order("n", "nowhere", 1), 404, "unknown-sku"),
        (Method::POST, ORDERS, order("n", "X", 1), 404, "unknown-sku"),
        (Method::POST, ORDERS, order("n", "x", 999), 409, "insufficient-stock"),
        (Method::POST, ORDERS, order("taken", "x", 3), 422, "order-mismatch"),
        (Method::GET, "/v1/orders/nowhere", None, 404, "unknown-order"),
        (Method::GET, "/v1/orders/TAKEN", None, 404, "unknown-order"),
        (Method::POST, "/v1/orders/nowhere/cancel", None, 404, "unknown-order"),
        (Method::GET, "/v1/stock/nowhere", None, 404, "unknown-sku"),
        (Method::PUT, "/v1/stock/x", Some(json!({"available": 7})), 409, "sku-exists"),
        (Method::GET, "/", None, 404, "not-found"),
        (Method::GET, "/v1/orders/taken/lines", None, 404, "not-found"),
        (Method::GET, "/v2/orders", None, 404, "not-found"),
        (Method::GET, "/v1/../etc/passwd", None, 404, "not-found"),
        (Method::GET, "/healthz", None, 404, "not-found"),
        (Method::GET, ORDERS, None, 405, "method-not-allowed"),
        (Method::DELETE, "/v1/orders/taken", None, 405, "method-not-allowed"),
        (Method::PATCH, "/v1/stock/x", None, 405, "method-not-allowed"),
    ] {
        let reply = call(method, path, body).await;
        assert_problem(&reply, status, slug, path);
        if status == 405 {
            assert!(reply.headers.contains_key("allow"), "{path}");
        }
    }
    let short = call(Method::POST, ORDERS, order("n", "x", 999)).await.body;
    assert_eq!(short["lines"], json!([{"sku": "x", "requested": 999, "available": 998}]));

    let valid = order("typed", "x", 1).unwrap().to_string();
    for media in [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        let reply = send(&client, Method::POST, ORDERS, media, valid.clone()).await;
        assert_problem(&reply, 415, "unsupported-media-type", media);
    }
    close(&shop, &client).await;
}

async fn batches(flavor: Flavor) {
    let (_shop, _hotrow, client) = scene(flavor).await;
    const BATCH: &str = "/v1/orders/batch";
    let good = json!({"order_id": "good", "lines": [{"sku": "x", "quantity": 1}]});

    // One bad order does not harm its neighbours.
    let members = [
        (
            json!({"order_id": "n", "lines": [{"sku": "nowhere", "quantity": 1}]}),
            404,
            "unknown-sku",
        ),
        (json!({"order_id": "n", "lines": [{"sku": "x", "quantity": 0}]}), 422, "invalid-value"),
        (json!({"order_id": "n'", "lines": [{"sku": "x", "quantity": 1}]}), 422, "invalid-value"),
        (json!({"order_id": "n", "lines": []}), 422, "invalid-value"),
        (json!({"order_id": "n"}), 400, "malformed-request"),
        (json!(7), 400, "malformed-request"),
        (
            json!({"order_id": "taken", "lines": [{"sku": "x", "quantity": 9}]}),
            422,
            "order-mismatch",
        ),
        (
            json!({"order_id": "n", "lines": [{"sku": "x", "quantity": 9999}]}),
            409,
            "insufficient-stock",
        ),
    ];
    for (index, (bad, status, slug)) in members.iter().enumerate() {
        let neighbour =
            json!({"order_id": format!("n-{index}"), "lines": [{"sku": "x", "quantity": 1}]});
        let reply = client.call(Method::POST, BATCH, Some(json!([bad, neighbour]))).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.body[0]["http_status"], *status, "{reply:?}");
        assert_eq!(reply.body[0]["type"], format!("/problems/{slug}"), "{reply:?}");
        assert_eq!(reply.body[1]["http_status"], 201, "{reply:?}");
        // It comes back, so that the books of the end are those of the beginning.
        let cancelled =
            client.call(Method::POST, &format!("/v1/orders/n-{index}/cancel"), None).await.unwrap();
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
    }

    // As a whole: not a batch at all, or too many.
    let many: Vec<_> = (0..10_001).map(|_| &good).collect();
    for (body, status, slug) in [
        ("".to_owned(), 400, "malformed-request"),
        ("{}".to_owned(), 400, "malformed-request"),
        ("[".to_owned(), 400, "malformed-request"),
        (good.to_string(), 400, "malformed-request"),
        (serde_json::to_string(&many).unwrap(), 413, "too-large"),
        (format!("[{}]", " ".repeat(9 * 1024 * 1024)), 413, "too-large"),
    ] {
        let about = body[..body.len().min(40)].to_owned();
        assert_problem(&send(&client, Method::POST, BATCH, JSON, body).await, status, slug, &about);
    }
    let reply = send(&client, Method::POST, BATCH, "text/csv", "[]").await;
    assert_problem(&reply, 415, "unsupported-media-type", "text/csv");
    assert_eq!(client.get_stock("x").await.body["available"], 998);
}

both_flavors!(bodies, values, refusals, batches);
