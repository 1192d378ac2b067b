//! The calls of the admin listener.

use serde_json::{Value, json};

use super::call::{Call, answer, in_query, json_answer};
use super::problems::ready;
use super::samples;
use super::schemas::Schemas;
use crate::http::route::AdminRoute;
use crate::http::wire::{HealthAnswer, LaneAnswer, ReadinessAnswer};
use crate::limits::{LANES_TOP, LANES_TOP_MAX};

pub(super) fn call(route: AdminRoute, schemas: &mut Schemas) -> Call {
    match route {
        AdminRoute::LivePage => get("/", "livePage", "A page that shows the lanes", page()),
        AdminRoute::Health => {
            let health = schemas.answer::<HealthAnswer>();
            let alive = json_answer("The process is alive", &health, samples::health());
            get("/healthz", "health", "Whether the process is alive", alive)
        }
        AdminRoute::Readiness => {
            let readiness = schemas.answer::<ReadinessAnswer>();
            let example = samples::written(&ready());
            Call {
                problems: vec!["not-ready", "not-ready-draining"],
                ..get(
                    "/readyz",
                    "readiness",
                    "Whether orders can be taken, and how durable a commit is",
                    json_answer("Orders can be taken", &readiness, example),
                )
            }
        }
        AdminRoute::Metrics => {
            let text =
                json!({ "application/openmetrics-text": { "schema": { "type": "string" } } });
            get("/metrics", "metrics", "Metrics for Prometheus", answer("OpenMetrics text", text))
        }
        AdminRoute::Lanes => lanes(schemas),
        AdminRoute::Document => {
            let about = "This document";
            let any = json!({ "application/json": { "schema": { "type": "object" } } });
            get("/openapi.json", "document", about, answer("OpenAPI 3.1", any))
        }
    }
}

fn get(path: &'static str, id: &'static str, summary: &'static str, success: Value) -> Call {
    Call {
        method: "get",
        path,
        id,
        summary,
        parameters: Vec::new(),
        body: None,
        successes: vec![(200, success)],
        problems: Vec::new(),
    }
}

fn page() -> Value {
    answer("The page", json!({ "text/html": { "schema": { "type": "string" } } }))
}

fn lanes(schemas: &mut Schemas) -> Call {
    let lanes = json!({ "type": "array", "items": schemas.answer::<LaneAnswer<'_>>() });
    let top = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": LANES_TOP_MAX,
        "default": LANES_TOP,
    });
    Call {
        parameters: vec![in_query("top", false, "How many.", top, json!(5))],
        problems: vec!["malformed-request", "invalid-value"],
        ..get(
            "/v1/lanes",
            "lanes",
            "The busiest lanes",
            json_answer("Lanes, the busiest first", &lanes, json!([samples::lane()])),
        )
    }
}
