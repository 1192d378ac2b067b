//! The examples of `/openapi.json`, sent to a service, and its answers, judged by the document.

use boon::{Compiler, Schemas};
use hotrow::embedded::Flavor;
use http_body_util::Full;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::database;
use crate::support::shop::Shop;

/// Every call whose answer is JSON, with an example of a request and the status to expect, in an order
/// in which all succeed.
const CALLS: [(&str, &str, u64); 19] = [
    ("health", "", 200),
    ("readiness", "", 200),
    ("document", "", 200),
    ("openStock", "all-members", 201),
    ("openStock", "least", 200),
    ("adjustStock", "restock", 201),
    ("adjustStock", "restock", 200),
    ("listStock", "", 200),
    ("readStock", "", 200),
    ("takeOrder", "deduct", 201),
    ("takeOrder", "deduct", 200),
    ("takeOrder", "hold", 201),
    ("takeOrders", "batch", 200),
    ("readOrder", "", 200),
    ("confirmOrder", "empty", 200),
    ("cancelOrder", "empty", 200),
    ("takeOrder", "hold", 200),
    ("readChanges", "", 200),
    ("lanes", "", 200),
];
/// Those whose answer is something else.
const TEXTS: [&str; 2] = ["livePage", "metrics"];

/// Closes every object schema, so that a member that the document does not know is noticed.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let open = ["additionalProperties", "unevaluatedProperties"];
            let whole = ["anyOf", "oneOf"].iter().any(|name| members.contains_key(*name));
            for (name, member) in members.iter_mut() {
                if !(whole && matches!(name.as_str(), "anyOf" | "oneOf")) {
                    close(member);
                }
            }
            if members.get("properties").is_some_and(Value::is_object)
                && open.iter().all(|name| !members.contains_key(*name))
            {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The path with the examples of its parameters.
fn path_of(path: &str, operation: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let example = &parameter["example"];
        let values = match example.as_array() {
            Some(values) => values.iter().map(text).collect(),
            None => vec![text(example)],
        };
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &values[0]);
        } else if parameter["in"] == "query" {
            query.extend(values.iter().map(|value| format!("{name}={value}")));
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

async fn examples(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let (orders, admin): (Client, Client) = (shop.client(&hotrow), shop.admin(&hotrow));
    let document = admin.get("/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    // The examples speak of it, and open only the other.
    orders.call(Method::PUT, "/v1/stock/shirt", Some(json!({"available": 10}))).await.unwrap();

    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "servers" {
                operations.push((path, method, operation));
            }
        }
    }
    let mut closed = document.clone();
    close(&mut closed["components"]["schemas"]);
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("http://hotrow/openapi.json", closed).unwrap();
    let mut schemas = Schemas::new();

    for (id, example, expected) in CALLS {
        let (path, method, operation) =
            operations.iter().find(|(_, _, operation)| operation["operationId"] == id).unwrap();
        let body = &operation["requestBody"]["content"]["application/json"]["examples"][example];
        let body = body.get("value").map(Value::to_string);
        let client = if operation["tags"] == json!(["orders"]) { &orders } else { &admin };
        let mut request =
            client.request(method.to_uppercase().parse().unwrap(), &path_of(path, operation));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let reply = client.send(request.body(body).unwrap()).await.unwrap();
        assert_eq!(u64::from(reply.status), expected, "{id} {example}: {reply:?}");
        let documented = &operation["responses"][expected.to_string()];
        for header in documented["headers"].as_object().into_iter().flat_map(|all| all.keys()) {
            assert!(reply.headers.contains_key(header.to_lowercase()), "{id}: {header}");
        }
        let place = format!(
            "http://hotrow/openapi.json#/paths/{}/{method}/responses/{expected}/content/application~1json/schema",
            path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D"),
        );
        let schema = compiler.compile(&place, &mut schemas).unwrap();
        let judged = schemas.validate(&reply.body, schema).map_err(|bad| format!("{bad:#}"));
        assert_eq!(judged, Ok(()), "{id} {example}: {}", reply.body);
    }
    for (_, _, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        let called = CALLS.iter().any(|(called, _, _)| *called == id) || TEXTS.contains(&id);
        assert!(called, "{id} is in the document and has not been called");
    }
}

both_flavors!(examples);
