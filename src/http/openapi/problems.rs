//! The problems: an example of each kind, and the schemas that follow from them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::samples::{now, sku, written};
use super::schemas::Schemas;
use crate::domain::{LimitKind, OrderId, OrderStatus, SaleWindow, Shortfall, Timestamp};
use crate::http::access::Role;
use crate::http::orders;
use crate::http::problem::Problem;
use crate::http::wire::{ProblemBody, ReadinessAnswer};
use crate::limits::{BATCH_REQUESTS_MAX, BODY_BYTES_MAX, LANE_DEPTH_MAX, RETRY_AFTER_S_MAX};

/// A kind of problem, with its example as the server would write it.
pub(super) struct Known {
    /// What the calls name it by.
    pub(super) name: &'static str,
    pub(super) status: u16,
    /// The last part of its type.
    slug: String,
    schema: Value,
    example: Value,
}

/// One of each kind, and of each form that the members of a kind may have.
pub(in crate::http) fn examples() -> Vec<(&'static str, Problem)> {
    let bad = |text: &str| {
        orders::parse(text.as_bytes()).expect_err("the examples of bad orders are bad")
    };
    let id = || OrderId::new("order_id", "o-1").expect("the examples have good ids");
    let missing = Shortfall { sku: sku("ticket"), requested: 2, available: 1 };
    let opens = now().micros() + 3_600_000_000;
    let overloaded = |limit, limit_value| Problem::Overloaded { limit, limit_value };
    vec![
        ("malformed-request", bad(r#"{"order_id":"o-1","note":"please hurry"}"#)),
        ("invalid-value", bad(r#"{"order_id":"o-1","lines":[{"sku":"ticket","quantity":0}]}"#)),
        ("unauthorized", Problem::Unauthorized),
        ("forbidden", Problem::Forbidden(Role::Stock)),
        ("unknown-sku", Problem::UnknownSku(sku("tikcet"))),
        ("unknown-order", Problem::UnknownOrder(id())),
        ("not-found", Problem::NotFound),
        ("method-not-allowed", Problem::MethodNotAllowed("GET, PUT")),
        ("too-large", Problem::BodyTooLarge(BODY_BYTES_MAX)),
        ("too-many-orders", Problem::TooManyOrders),
        ("unsupported-media-type", Problem::UnsupportedMediaType("application/json")),
        ("insufficient-stock", Problem::InsufficientStock { order_id: id(), lines: vec![missing] }),
        (
            "purchase-limit",
            Problem::PurchaseLimit { order_id: id(), sku: sku("ticket"), limit: 4, already: 3 },
        ),
        (
            "sale-not-open",
            Problem::SaleNotOpen {
                sku: sku("ticket"),
                window: SaleWindow::as_stored(Some(Timestamp::from_micros(opens)), None),
            },
        ),
        ("order-settled", Problem::OrderSettled(OrderStatus::Expired)),
        ("sku-exists", Problem::SkuExists(Some(1_000))),
        ("stock-row-missing", Problem::StockRowMissing),
        ("order-mismatch", Problem::OrderMismatch),
        ("rate-limited", Problem::RateLimited(Duration::from_secs(1))),
        ("batch-above-quota", Problem::BatchAboveQuota(5_000)),
        ("overloaded-lane", overloaded(LimitKind::Lane, LANE_DEPTH_MAX)),
        ("overloaded-process", overloaded(LimitKind::Process, BATCH_REQUESTS_MAX)),
        ("database-unavailable", Problem::DatabaseUnavailable),
        ("draining", Problem::Draining),
        ("not-ready", Problem::NotReady(Box::new(not_ready(false)))),
        ("not-ready-draining", Problem::NotReady(Box::new(not_ready(true)))),
        ("outcome-unknown", Problem::OutcomeUnknown(id())),
        ("stock-outcome-unknown", Problem::StockOutcomeUnknown(sku("ticket"))),
    ]
}

pub(super) fn ready() -> ReadinessAnswer {
    let setting = |name: &str| (name.to_owned(), "1".to_owned());
    ReadinessAnswer {
        ready: true,
        durability: Some("power-loss"),
        server_version: Some("9.7.4".to_owned()),
        writable: Some(true),
        migrations_current: Some(true),
        draining: false,
        cache: Some("up"),
        settings: ["innodb_flush_log_at_trx_commit", "sync_binlog"].map(setting).into(),
        reasons: Vec::new(),
    }
}

fn not_ready(draining: bool) -> ReadinessAnswer {
    if draining {
        let reasons = vec!["the process is shutting down"];
        return ReadinessAnswer { ready: false, draining, reasons, ..ready() };
    }
    ReadinessAnswer {
        ready: false,
        durability: None,
        server_version: None,
        writable: None,
        migrations_current: None,
        draining,
        cache: None,
        settings: std::collections::BTreeMap::new(),
        reasons: vec!["the database does not answer"],
    }
}

/// The kinds, with a schema for each type among the components.
pub(super) fn all(schemas: &mut Schemas) -> Vec<Known> {
    let any = schemas.answer::<ProblemBody<'_>>();
    let any = schemas.resolve(&any);
    let mut known: Vec<Known> = Vec::new();
    for (name, problem) in examples() {
        let example = written(&problem.body(&problem.detail()));
        let slug = example["type"].as_str().and_then(|r#type| r#type.rsplit('/').next());
        let slug = slug.unwrap_or_default().to_owned();
        let schema = exactly(&example, &any, schemas);
        known.push(Known { name, status: problem.status().as_u16(), slug, schema, example });
    }
    for slug in slugs(&known) {
        let of_type = known.iter_mut().filter(|problem| problem.slug == slug);
        let mut forms: Vec<Value> = Vec::new();
        let mut referring = Vec::new();
        for problem in of_type {
            if !forms.contains(&problem.schema) {
                forms.push(problem.schema.clone());
            }
            referring.push(problem);
        }
        let whole = if forms.len() == 1 { forms.remove(0) } else { json!({ "anyOf": forms }) };
        let reference = schemas.add(type_name(&slug), whole);
        for problem in referring {
            problem.schema = reference.clone();
        }
    }
    known
}

/// The schema of problems of the example's type with the members that the example has.
fn exactly(example: &Value, any: &Value, schemas: &Schemas) -> Value {
    let mut schema = any.clone();
    let forms = schema.as_object_mut().and_then(|schema| schema.remove("anyOf"));
    schema["description"] = example["title"].clone();
    for fixed in ["type", "status", "title"] {
        schema["properties"][fixed] = json!({ "const": example[fixed] });
    }
    let own = |member: &String| any["properties"].get(member.as_str()).is_none();
    let own: Vec<&String> = members(example).into_iter().filter(|member| own(member)).collect();
    let forms = forms.as_ref().and_then(Value::as_array).into_iter().flatten();
    let resolved: Vec<Value> = forms.map(|form| schemas.resolve(form)).collect();
    let fits = |form: &&Value| {
        let allowed = members(&form["properties"]);
        let required = form["required"].as_array().map_or(&[][..], Vec::as_slice);
        own.iter().all(|member| allowed.contains(member))
            && required.iter().all(|member| own.iter().any(|own| *member == own.as_str()))
            && own.is_empty() == allowed.is_empty()
    };
    let form = resolved.iter().find(fits).expect("one form of the members fits each problem");
    if let (Some(all), Some(more)) =
        (schema["properties"].as_object_mut(), form["properties"].as_object())
    {
        all.extend(more.clone());
    }
    if let (Some(all), Some(more)) =
        (schema["required"].as_array_mut(), form["required"].as_array())
    {
        all.extend(more.iter().cloned());
    }
    schema
}

fn members(object: &Value) -> Vec<&String> {
    object.as_object().map(|members| members.keys().collect()).unwrap_or_default()
}

fn slugs(known: &[Known]) -> Vec<String> {
    let mut slugs: Vec<String> = known.iter().map(|problem| problem.slug.clone()).collect();
    slugs.sort();
    slugs.dedup();
    slugs
}

/// `UnknownSkuProblem` for `unknown-sku`.
fn type_name(slug: &str) -> String {
    let words = slug.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect::<String>() + "Problem"
}

/// The response with these problems, which have one status.
pub(super) fn response(problems: &[&Known]) -> Value {
    let mut types: Vec<&Value> = Vec::new();
    let mut slugs: Vec<String> = Vec::new();
    let mut examples = Map::new();
    for problem in problems {
        if !types.contains(&&problem.schema) {
            types.push(&problem.schema);
            slugs.push(format!("`{}`", problem.slug));
        }
        examples.insert(problem.name.to_owned(), json!({ "value": problem.example }));
    }
    let schema = match types[..] {
        [only] => only.clone(),
        _ => json!({ "oneOf": types }),
    };
    let mut response = json!({
        "description": slugs.join(", "),
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    });
    let status = problems.first().map_or(0, |problem| problem.status);
    if let Some(header) = header(status) {
        response["headers"] = header;
    }
    response
}

fn header(status: u16) -> Option<Value> {
    match status {
        401 => Some(json!({ "WWW-Authenticate": {
            "description": "What to authenticate with.",
            "schema": { "type": "string" },
        } })),
        405 => Some(json!({ "Allow": {
            "description": "The methods of the path.",
            "schema": { "type": "string" },
        } })),
        429 | 503 => Some(json!({ "Retry-After": {
            "description": format!(
                "Seconds until the same request may succeed: what a quota needs, and 1 to \
                 {RETRY_AFTER_S_MAX} more."
            ),
            "schema": { "type": "integer", "minimum": 1 },
        } })),
        _ => None,
    }
}

/// Each type with all its examples, also those that no call has by itself.
pub(super) fn responses(known: &[Known]) -> Value {
    let mut responses = Map::new();
    for slug in slugs(known) {
        let of_type: Vec<&Known> = known.iter().filter(|problem| problem.slug == slug).collect();
        responses.insert(slug, response(&of_type));
    }
    Value::Object(responses)
}
