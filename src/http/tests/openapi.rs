//! `/openapi.json` says what the contract says and what the code does, and its examples are true.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use hyper::Method;
use serde_json::{Value, json};

use crate::domain::Sku;
use crate::http::batch;
use crate::http::openapi;
use crate::http::orders;
use crate::http::route::{AdminRoute, OrdersRoute};
use crate::http::wire::{self, AdjustmentBody, EmptyBody, StockBody, split_array};

/// The calls of the contract: method, path, statuses of success.
const CALLS: [(&str, &str, &[u16]); 16] = [
    ("POST", "/v1/orders", &[200, 201]),
    ("POST", "/v1/orders/batch", &[200]),
    ("GET", "/v1/orders/{order_id}", &[200]),
    ("POST", "/v1/orders/{order_id}/confirm", &[200]),
    ("POST", "/v1/orders/{order_id}/cancel", &[200]),
    ("PUT", "/v1/stock/{sku}", &[200, 201]),
    ("GET", "/v1/stock/{sku}", &[200]),
    ("GET", "/v1/stock", &[200]),
    ("POST", "/v1/stock/{sku}/adjustments", &[200, 201]),
    ("GET", "/v1/changes", &[200]),
    ("GET", "/healthz", &[200]),
    ("GET", "/readyz", &[200]),
    ("GET", "/metrics", &[200]),
    ("GET", "/v1/lanes", &[200]),
    ("GET", "/", &[200]),
    ("GET", "/openapi.json", &[200]),
];

/// The problems of the contract: status, type, members of its own. Where the members are one of several
/// sets, the type is there once for each.
const PROBLEMS: [(u16, &str, &[&str]); 24] = [
    (400, "malformed-request", &[]),
    (422, "invalid-value", &["field"]),
    (401, "unauthorized", &[]),
    (403, "forbidden", &[]),
    (404, "unknown-sku", &["sku"]),
    (404, "unknown-order", &["order_id"]),
    (404, "not-found", &[]),
    (405, "method-not-allowed", &[]),
    (413, "too-large", &[]),
    (415, "unsupported-media-type", &[]),
    (409, "insufficient-stock", &["lines", "order_id"]),
    (409, "purchase-limit", &["already", "limit", "order_id", "sku"]),
    (409, "sale-not-open", &["sale_ends_at", "sale_starts_at", "sku"]),
    // The contract's own `status` would hide that of RFC 9457.
    (409, "order-settled", &["order_status"]),
    (409, "sku-exists", &[]),
    (422, "order-mismatch", &[]),
    (429, "rate-limited", &[]),
    (503, "overloaded", &["limit", "limit_value"]),
    (503, "database-unavailable", &[]),
    (503, "draining", &[]),
    (504, "outcome-unknown", &["order_id"]),
    // Beyond the table: opening stock has no order, and /readyz tells what it knows.
    (504, "outcome-unknown", &["sku"]),
    (503, "database-unavailable", READINESS),
    (503, "draining", READINESS),
];

const READINESS: &[&str] = &[
    "draining",
    "durability",
    "migrations_current",
    "ready",
    "reasons",
    "server_version",
    "settings",
    "writable",
];

fn document() -> Value {
    serde_json::from_slice(&openapi::document()).unwrap()
}

/// Method, path and operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "servers" {
                operations.push((method.to_uppercase(), path.clone(), operation));
            }
        }
    }
    operations
}

/// Where a schema is, and an example that it has to allow.
fn examples(place: &str, content: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (media, body) in content.as_object().into_iter().flatten() {
        let schema = format!("{place}/{}/schema", media.replace('/', "~1"));
        for example in body["examples"].as_object().into_iter().flat_map(|all| all.values()) {
            found.push((schema.clone(), example["value"].clone()));
        }
    }
    found
}

#[test]
fn the_document_has_the_calls_of_the_contract_and_no_others() {
    let document = document();
    let told: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let statuses = statuses.map(|status| status.parse::<u16>().unwrap());
            (method, path, statuses.filter(|status| *status < 400).collect::<Vec<_>>())
        })
        .collect();
    let agreed: BTreeSet<_> = CALLS
        .iter()
        .map(|(method, path, statuses)| (method.to_string(), path.to_string(), statuses.to_vec()))
        .collect();
    assert_eq!(told, agreed);
}

/// The first words of each variant of the route types are its call; none may be missing.
#[test]
fn the_document_has_every_route_of_the_code() {
    let code = std::fs::read_to_string("src/http/route.rs").unwrap();
    let variants = code.lines().filter_map(|line| line.strip_prefix("    /// `"));
    let calls = variants.filter_map(|line| line.strip_suffix('`')?.split_once(" /"));
    let calls: BTreeSet<_> = calls
        .map(|(method, path)| (method.to_owned(), format!("/{}", path.split('?').next().unwrap())))
        .collect();
    let document = document();
    let operations = operations(&document);
    let told: BTreeSet<_> =
        operations.iter().map(|(method, path, _)| (method.clone(), path.clone())).collect();
    assert_eq!(told, calls);

    let mut orders = Vec::new();
    let mut admin = Vec::new();
    for (method, path, operation) in operations {
        let mut path = path;
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
            path = path.replace(&name, parameter["example"].as_str().unwrap_or_default());
        }
        let method: Method = method.parse().unwrap();
        if operation["tags"] == json!(["orders"]) {
            orders.push(format!("{:?}", OrdersRoute::of(&method, &path).unwrap()));
        } else {
            admin.push(AdminRoute::of(&method, &path).unwrap());
        }
    }
    assert_eq!((orders.len(), admin.len()), (OrdersRoute::ALL.len(), AdminRoute::ALL.len()));
    assert!(OrdersRoute::ALL.iter().all(|route| orders.contains(&format!("{route:?}"))));
    assert!(AdminRoute::ALL.iter().all(|route| admin.contains(route)));
}

#[test]
fn the_document_has_the_problems_of_the_contract_and_no_others() {
    let document = document();
    let base = ["detail", "status", "title", "type"];
    let mut told = BTreeSet::new();
    for (slug, response) in document["components"]["responses"].as_object().unwrap() {
        for (_, body) in examples("", &response["content"]) {
            assert_eq!(body["type"], format!("/problems/{slug}"));
            let members = body.as_object().unwrap().keys().cloned();
            let own = members.filter(|member| !base.contains(&member.as_str()));
            let own = own.collect::<Vec<_>>();
            // What could not be read is left out.
            let own = if own.contains(&"ready".to_owned()) {
                READINESS.iter().map(|member| (*member).to_owned()).collect()
            } else {
                own
            };
            told.insert((body["status"].as_u64().unwrap(), slug.clone(), own));
        }
    }
    let agreed: BTreeSet<_> = PROBLEMS
        .iter()
        .map(|(status, slug, own)| {
            let own = own.iter().map(|member| (*member).to_owned()).collect();
            (u64::from(*status), slug.to_string(), own)
        })
        .collect();
    assert_eq!(told, agreed);
}

#[test]
fn the_document_has_every_problem_of_the_code() {
    let code = std::fs::read_to_string("src/http/problem.rs").unwrap();
    let slugs = code.split("\"/problems/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let slugs: BTreeSet<_> = slugs.collect();
    let document = document();
    let told = document["components"]["responses"].as_object().unwrap().keys();
    assert_eq!(told.map(String::as_str).collect::<BTreeSet<_>>(), slugs);
    // And no variant is without its example.
    let variants: BTreeSet<_> = openapi::examples()
        .iter()
        .map(|(_, problem)| format!("{problem:?}"))
        .map(|text| text.split([' ', '(']).next().unwrap().to_owned())
        .collect();
    let table = code.split("fn kind(&self)").nth(1).unwrap().split("Kind { status").next().unwrap();
    let named: BTreeSet<_> = table
        .split("Self::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned())
        .collect();
    assert_eq!(variants, named);
}

#[test]
fn every_example_is_allowed_by_its_schema() {
    let document = document();
    let mut all = Vec::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("/paths/{}/{}", path.replace('/', "~1"), method.to_lowercase());
        all.extend(examples(
            &format!("{place}/requestBody/content"),
            &operation["requestBody"]["content"],
        ));
        for (status, response) in operation["responses"].as_object().unwrap() {
            let place = format!("{place}/responses/{status}/content");
            let found = examples(&place, &response["content"]);
            for (_, body) in &found {
                let problem = body["status"].as_u64();
                assert!(problem.is_none_or(|told| told.to_string() == *status), "{place}: {body}");
            }
            all.extend(found);
        }
        for (index, parameter) in
            operation["parameters"].as_array().into_iter().flatten().enumerate()
        {
            all.push((format!("{place}/parameters/{index}/schema"), parameter["example"].clone()));
        }
    }
    for (slug, response) in document["components"]["responses"].as_object().unwrap() {
        let place = format!("/components/responses/{slug}/content");
        all.extend(examples(&place, &response["content"]));
    }
    assert!(all.len() > 100, "{}", all.len());

    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("http://hotrow/openapi.json", document).unwrap();
    let mut schemas = Schemas::new();
    for (place, example) in all {
        let place = place.replace('{', "%7B").replace('}', "%7D");
        let url = format!("http://hotrow/openapi.json#{place}");
        let schema = compiler.compile(&url, &mut schemas).unwrap_or_else(|bad| panic!("{bad:#}"));
        let judged = schemas.validate(&example, schema).map_err(|bad| format!("{bad:#}"));
        assert_eq!(judged, Ok(()), "{place}: {example}");
    }
}

#[test]
fn every_example_of_a_request_is_taken_by_the_parser() {
    let document = document();
    let mut seen = 0;
    for (_, _, operation) in operations(&document) {
        let content = &operation["requestBody"]["content"];
        for (place, body) in examples("", content) {
            let id = operation["operationId"].as_str().unwrap();
            let text = body.to_string();
            let text = text.as_bytes();
            let sku = Sku::new("ticket").unwrap();
            let taken = match id {
                "takeOrder" => orders::parse(text).map(drop),
                "takeOrders" if place.contains("ndjson") => {
                    let lines = batch::split_lines(body.as_str().unwrap().as_bytes()).unwrap();
                    lines.iter().try_for_each(|line| orders::parse(line).map(drop))
                }
                "takeOrders" => {
                    let members = split_array(text).unwrap();
                    members.iter().try_for_each(|member| orders::parse(member).map(drop))
                }
                "openStock" => wire::parse::<StockBody>(text)
                    .and_then(|stock| Ok(stock.into_stock()?))
                    .map(drop),
                "adjustStock" => wire::parse::<AdjustmentBody<'_>>(text)
                    .and_then(|adjustment| Ok(adjustment.into_adjustment(sku)?))
                    .map(drop),
                "confirmOrder" | "cancelOrder" => wire::parse::<EmptyBody>(text).map(drop),
                other => panic!("which parser takes the body of {other}?"),
            };
            assert!(taken.is_ok(), "{id}: {body}: {taken:?}");
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen}");
}

/// What the parser refuses, the schemas of requests refuse too: they have its bounds.
#[test]
fn the_schemas_have_the_bounds_of_the_parser() {
    let line = r#"{"sku":"a","quantity":1}"#;
    let lines = |count: usize| vec![line; count].join(",");
    let order = |id: &str, lines: &str, more: &str| {
        format!(r#"{{"order_id":"{id}","lines":[{lines}]{more}}}"#)
    };
    let units = |units: i64| order("o", &format!(r#"{{"sku":"a","quantity":{units}}}"#), "");
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("http://hotrow/openapi.json", document()).unwrap();
    let mut schemas = Schemas::new();
    let mut allowed = |name: &str, body: &str| {
        let url = format!("http://hotrow/openapi.json#/components/schemas/{name}");
        let schema = compiler.compile(&url, &mut schemas).unwrap();
        schemas.validate(&serde_json::from_str(body).unwrap(), schema).is_ok()
    };
    for body in [
        order("o", line, ""),
        order(&"x".repeat(64), line, ""),
        order(&"x".repeat(65), line, ""),
        order("", line, ""),
        order("o 1", line, ""),
        order("a.b_c:d-1", line, ""),
        order("o", "", ""),
        order("o", &lines(50), ""),
        order("o", &lines(51), ""),
        order("o", line, r#","note":1"#),
        order("o", line, r#","buyer":null,"hold_seconds":null"#),
        order("o", line, r#","buyer":"""#),
        order("o", line, r#","hold_seconds":0"#),
        order("o", line, r#","hold_seconds":1"#),
        order("o", line, r#","hold_seconds":86400"#),
        order("o", line, r#","hold_seconds":86401"#),
        order("o", r#"{"sku":"a","quantity":1,"price":1}"#, ""),
        order("o", r#"{"sku":"a","quantity":"1"}"#, ""),
        order("o", r#"{"sku":"a"}"#, ""),
        units(0),
        units(-1),
        units(1_000_000),
        units(1_000_001),
        r#"{"order_id":"o"}"#.to_owned(),
        "[]".to_owned(),
    ] {
        let parsed = orders::parse(body.as_bytes()).is_ok();
        assert_eq!(allowed("OrderBody", &body), parsed, "{body}");
    }
    let stock = |body: &str| Ok(wire::parse::<StockBody>(body.as_bytes())?.into_stock()?);
    for body in [
        r#"{"available":0}"#,
        r#"{"available":-1}"#,
        r#"{"available":1000000000000000}"#,
        r#"{"available":1000000000000001}"#,
        r#"{"available":1,"held":0}"#,
        r#"{"available":1,"purchase_limit":0}"#,
        r#"{"available":1,"purchase_limit":1000000000000}"#,
        r#"{"available":1,"purchase_limit":1000000000001}"#,
        r#"{"available":1,"purchase_limit":null,"sale_starts_at":null}"#,
        r#"{"available":1,"sale_starts_at":"tomorrow"}"#,
        r#"{"available":1,"sale_starts_at":"2026-11-27T09:00:00Z"}"#,
        r#"{}"#,
    ] {
        let parsed: Result<_, crate::http::problem::Problem> = stock(body);
        assert_eq!(allowed("StockBody", body), parsed.is_ok(), "{body}");
    }
    let long =
        |chars| format!(r#"{{"adjustment_id":"r","delta":1,"reason":"{}"}}"#, "é".repeat(chars));
    for body in [
        r#"{"adjustment_id":"r","delta":0}"#,
        r#"{"adjustment_id":"r","delta":-1000000000000}"#,
        r#"{"adjustment_id":"r","delta":-1000000000001}"#,
        r#"{"adjustment_id":"r","delta":1000000000000}"#,
        r#"{"adjustment_id":"r","delta":1000000000001}"#,
        r#"{"adjustment_id":"r","delta":1,"reason":""}"#,
        r#"{"adjustment_id":"r","delta":1,"reason":"a\u0007b"}"#,
        r#"{"adjustment_id":"r","delta":1,"reason":"a\u0085b"}"#,
        &long(255),
        &long(256),
    ] {
        let parsed = wire::parse::<AdjustmentBody<'_>>(body.as_bytes())
            .and_then(|parsed| Ok(parsed.into_adjustment(Sku::new("a").unwrap())?));
        assert_eq!(allowed("AdjustmentBody", body), parsed.is_ok(), "{body}");
    }
}

/// Read into the types of OpenAPI 3.1 and written again it is the same: nothing is missing that has to
/// be there, and nothing is there that they do not know. The schemas are judged by the meta-schema.
#[test]
fn the_document_is_openapi() {
    let mut document = document();
    let schemas = document["components"]["schemas"].take();
    without_schemas(&mut document);
    document["components"]["schemas"] = json!({});
    let read: utoipa::openapi::OpenApi = serde_json::from_value(document.clone()).unwrap();
    let mut written = serde_json::to_value(&read).unwrap();
    written["components"]["schemas"] = json!({});
    assert_eq!(written, document);

    let meta = "https://json-schema.org/draft/2020-12/schema";
    let mut known = Schemas::new();
    let meta = Compiler::new().compile(meta, &mut known).unwrap();
    for (name, schema) in schemas.as_object().unwrap() {
        let judged = known.validate(schema, meta).map_err(|bad| format!("{bad:#}"));
        assert_eq!(judged, Ok(()), "{name}");
    }
}

/// Puts one that any reader knows in the place of every schema outside the components.
fn without_schemas(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name == "schema" {
                    *member = json!({ "$ref": "#/components/schemas/any" });
                } else if name != "examples" {
                    without_schemas(member);
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_schemas),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
