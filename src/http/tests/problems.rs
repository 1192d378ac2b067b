//! Every problem of the contract, as a client sees it.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::domain::{
    InvalidValue, LimitKind, NotExecuted, OrderId, OrderStatus, Refusal, Shortfall, Sku, Timestamp,
    Verdict,
};
use crate::http::access::Role;
use crate::http::answer::{self, Answer};
use crate::http::problem::Problem;
use crate::http::verdict::{Done, settle};

fn id() -> OrderId {
    OrderId::new("order_id", "o-1").unwrap()
}

fn sku() -> Sku {
    Sku::new("A").unwrap()
}

async fn body(answer: Answer) -> Value {
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn problems_have_their_status_type_and_own_members() {
    let invalid = InvalidValue { field: "delta".to_owned(), problem: "is 0".to_owned() };
    let lines = vec![Shortfall { sku: sku(), requested: 3, available: 2 }];
    for (problem, status, slug, members) in [
        (Problem::Malformed("x".to_owned()), 400, "malformed-request", json!({})),
        (Problem::InvalidValue(invalid), 422, "invalid-value", json!({ "field": "delta" })),
        (Problem::Unauthorized, 401, "unauthorized", json!({})),
        (Problem::Forbidden(Role::Stock), 403, "forbidden", json!({})),
        (Problem::UnknownSku(sku()), 404, "unknown-sku", json!({ "sku": "A" })),
        (Problem::UnknownOrder(id()), 404, "unknown-order", json!({ "order_id": "o-1" })),
        (Problem::NotFound, 404, "not-found", json!({})),
        (Problem::MethodNotAllowed("GET, PUT"), 405, "method-not-allowed", json!({})),
        (Problem::BodyTooLarge(65_536), 413, "too-large", json!({})),
        (Problem::TooManyOrders, 413, "too-large", json!({})),
        (
            Problem::UnsupportedMediaType("application/json"),
            415,
            "unsupported-media-type",
            json!({}),
        ),
        (
            Problem::InsufficientStock { order_id: id(), lines },
            409,
            "insufficient-stock",
            json!({ "order_id": "o-1", "lines": [{ "sku": "A", "requested": 3, "available": 2 }] }),
        ),
        (
            Problem::OrderSettled(OrderStatus::Cancelled),
            409,
            "order-settled",
            json!({ "order_status": "cancelled" }),
        ),
        (Problem::SkuExists(Some(5)), 409, "sku-exists", json!({})),
        (Problem::SkuExists(None), 409, "sku-exists", json!({})),
        (Problem::StockRowMissing, 409, "sku-exists", json!({})),
        (Problem::OrderMismatch, 422, "order-mismatch", json!({})),
        (Problem::RateLimited(Duration::ZERO), 429, "rate-limited", json!({})),
        (Problem::BatchAboveQuota(5), 429, "rate-limited", json!({})),
        (
            Problem::Overloaded { limit: LimitKind::Lane, limit_value: 7 },
            503,
            "overloaded",
            json!({ "limit": "lane", "limit_value": 7 }),
        ),
        (
            Problem::Overloaded { limit: LimitKind::Process, limit_value: 8 },
            503,
            "overloaded",
            json!({ "limit": "process", "limit_value": 8 }),
        ),
        (Problem::DatabaseUnavailable, 503, "database-unavailable", json!({})),
        (Problem::Draining, 503, "draining", json!({})),
        (Problem::OutcomeUnknown(id()), 504, "outcome-unknown", json!({ "order_id": "o-1" })),
        (Problem::StockOutcomeUnknown(sku()), 504, "outcome-unknown", json!({ "sku": "A" })),
    ] {
        let answer = answer::problem(&problem);
        assert_eq!(answer.status().as_u16(), status, "{problem:?}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers.contains_key("allow"), status == 405);
        assert_eq!(headers.contains_key("www-authenticate"), status == 401);
        let retry_after = headers.get("retry-after").map(|value| value.to_str().unwrap());
        let expects_retry = matches!(status, 429 | 503);
        assert_eq!(retry_after.is_some(), expects_retry, "{problem:?}");
        if let Some(seconds) = retry_after {
            assert!((1..=3).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
        }

        let mut told = body(answer).await;
        let told = told.as_object_mut().unwrap();
        assert_eq!(told.remove("type").unwrap(), format!("/problems/{slug}"));
        assert_eq!(told.remove("status").unwrap(), status);
        for text in ["title", "detail"] {
            assert!(!told.remove(text).unwrap().as_str().unwrap().is_empty());
        }
        assert_eq!(Value::Object(told.clone()), members, "{problem:?}");
    }
}

#[tokio::test]
async fn a_quotas_wait_is_told_in_full() {
    let answer = answer::problem(&Problem::RateLimited(Duration::from_millis(41_900)));
    let seconds: u32 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((42..=44).contains(&seconds), "{seconds}");
}

#[test]
fn every_verdict_has_its_answer() {
    let at = Timestamp::from_micros(5);
    let status = OrderStatus::Deducted;
    let done =
        settle(&id(), "lines", Verdict::Done { at, replayed: true, status, expires_at: None });
    assert_eq!(done.unwrap(), Done { at, replayed: true, status, expires_at: None });
    let overloaded = NotExecuted::Overloaded { limit: LimitKind::Lane, limit_value: 1 };
    for (verdict, status) in [
        (Verdict::Refused(Refusal::UnknownSku(sku())), 404),
        (Verdict::Refused(Refusal::InsufficientStock(Vec::new())), 409),
        (Verdict::Refused(Refusal::StockCeiling { sku: sku(), available: 1 }), 422),
        (Verdict::Refused(Refusal::Mismatch), 422),
        (Verdict::Refused(Refusal::UnknownOrder), 404),
        (Verdict::NotExecuted(overloaded), 503),
        (Verdict::NotExecuted(NotExecuted::DatabaseUnavailable), 503),
        (Verdict::NotExecuted(NotExecuted::Draining), 503),
        (Verdict::Unknown, 504),
    ] {
        let problem = settle(&id(), "delta", verdict.clone()).unwrap_err();
        assert_eq!(problem.status().as_u16(), status, "{verdict:?}");
        if let Problem::InvalidValue(invalid) = problem {
            assert_eq!(invalid.field, "delta");
        }
    }
}

#[test]
fn a_repeat_is_marked() {
    assert_eq!(answer::done(false, Vec::new()).status().as_u16(), 201);
    let repeat = answer::done(true, Vec::new());
    assert_eq!(repeat.status().as_u16(), 200);
    assert_eq!(repeat.headers()["idempotent-replayed"], "true");
}
