//! The contract as OpenAPI 3.1, for `/openapi.json`.
//!
//! The calls are those of the two route types, the schemas come from the wire types, the problems and
//! the examples of answers are real values in their real spelling. `src/http/tests/openapi.rs` holds
//! the document to the routes, to the problems and to the contract.

mod admin;
mod call;
mod orders;
mod problems;
mod samples;
mod schemas;

use std::sync::LazyLock;

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use self::call::Call;
#[cfg(test)]
pub(super) use self::problems::examples;
use self::schemas::Schemas;
use super::route::{AdminRoute, OrdersRoute};

/// The document as JSON, built once.
pub(super) fn document() -> Bytes {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| build().to_string().into());
    DOCUMENT.clone()
}

fn build() -> Value {
    let mut schemas = Schemas::new();
    let problems = problems::all(&mut schemas);
    let mut paths = Map::new();
    for route in OrdersRoute::ALL {
        let call = orders::call(route, &mut schemas);
        add(&mut paths, &call, call.operation("orders", Some(route.role()), &problems));
    }
    for route in AdminRoute::ALL {
        let call = admin::call(route, &mut schemas);
        add(&mut paths, &call, call.operation("admin", route.role(), &problems));
        paths[call.path]["servers"] = json!([server("The admin listener", "8081")]);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hotrow",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [server("The orders listener", "8080")],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": problems::responses(&problems),
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Needed when access tokens are configured. Any role may read.",
            } },
        },
    })
}

const DESCRIPTION: &str = "Exact, durable stock deductions on hot MySQL rows. Unknown members and \
    parameters are refused. Sending the same id with the same content any number of times, to any \
    number of instances, executes it once. Every answer of 400 and above is a problem as in RFC 9457; \
    besides those of its calls a listener answers `/problems/not-found` and \
    `/problems/method-not-allowed`, see the responses of the components.";

fn server(description: &str, port: &str) -> Value {
    json!({
        "url": "http://{host}:{port}",
        "description": description,
        "variables": {
            "host": { "default": "127.0.0.1" },
            "port": { "default": port },
        },
    })
}

fn add(paths: &mut Map<String, Value>, call: &Call, operation: Value) {
    let path = paths.entry(call.path).or_insert_with(|| json!({}));
    path[call.method] = operation;
}
