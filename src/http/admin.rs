//! The admin listener: for probes, for Prometheus, for people.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};

use super::answer::{self, Answer, Outcome};
use super::problem::Problem;
use super::state::State;
use super::wire::{self, HealthAnswer, LaneAnswer, ReadinessAnswer};
use super::{openapi, query};
use crate::limits::READINESS_MS;
use crate::store::Readiness;

const LIVE_PAGE: &str = include_str!("live.html");

/// `GET /`
pub(super) fn live_page() -> Answer {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut answer = answer::bytes(StatusCode::OK, html, Bytes::from_static(LIVE_PAGE.as_bytes()));
    answer.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
             connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    );
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

/// `GET /openapi.json`
pub(super) fn document() -> Answer {
    answer::bytes(StatusCode::OK, answer::JSON, openapi::document())
}

/// `GET /healthz`: the process is alive; says nothing about the database.
pub(super) fn health() -> Answer {
    answer::json(StatusCode::OK, wire::render(&HealthAnswer { status: "ok" }))
}

/// `GET /metrics`
pub(super) fn metrics(state: &State) -> Answer {
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = state.metrics.encode();
    answer::bytes(StatusCode::OK, HeaderValue::from_static(open_metrics), text.into())
}

/// `GET /v1/lanes?top=N`
pub(super) async fn lanes(state: &State, query: Option<&str>) -> Outcome {
    let lanes = state.lanes.busiest(query::lanes(query)?).await;
    let answers: Vec<LaneAnswer<'_>> = lanes.iter().map(LaneAnswer::from).collect();
    Ok(answer::json(StatusCode::OK, wire::render(&answers)))
}

/// `GET /readyz`
pub(super) async fn readiness(state: &State) -> Outcome {
    let limit = Duration::from_millis(READINESS_MS);
    let asked = match tokio::time::timeout(limit, state.desk.readiness()).await {
        Ok(Ok(readiness)) => Some(readiness),
        Ok(Err(error)) => {
            tracing::debug!(%error, "not ready");
            None
        }
        Err(_elapsed) => None,
    };
    let load = state.lanes.load();
    let mut report = report(asked, state.draining() || load.draining, load.database_down);
    report.cache = state.stock.cache().map(|cache| if cache.is_up() { "up" } else { "down" });
    if report.ready {
        Ok(answer::json(StatusCode::OK, wire::render(&report)))
    } else {
        Err(Problem::NotReady(Box::new(report)).into())
    }
}

fn report(asked: Option<Readiness>, draining: bool, lanes_cut_off: bool) -> ReadinessAnswer {
    let mut reasons = Vec::new();
    let mut unless = |fine: bool, reason| {
        if !fine {
            reasons.push(reason);
        }
    };
    unless(!draining, "the process is shutting down");
    unless(asked.is_some(), "the database does not answer");
    if let Some(readiness) = &asked {
        unless(readiness.writable, "the database refuses writes; `hotrow doctor` tells why");
        unless(readiness.migrations_current, "the schema is not current; run `hotrow migrate`");
        unless(!lanes_cut_off, "the connections that carry orders are being made anew");
    }
    ReadinessAnswer {
        ready: reasons.is_empty(),
        durability: asked.as_ref().map(|readiness| readiness.durability.name()),
        server_version: asked.as_ref().map(|readiness| readiness.server_version.clone()),
        writable: asked.as_ref().map(|readiness| readiness.writable),
        migrations_current: asked.as_ref().map(|readiness| readiness.migrations_current),
        draining,
        cache: None,
        settings: asked.into_iter().flat_map(|readiness| readiness.settings).collect(),
        reasons,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DurabilityClass;

    fn healthy() -> Readiness {
        Readiness {
            server_version: "9.7.0".to_owned(),
            durability: DurabilityClass::PowerLoss,
            settings: vec![("sync_binlog".to_owned(), "1".to_owned())],
            writable: true,
            migrations_current: true,
        }
    }

    #[test]
    fn ready_when_nothing_is_wrong() {
        let report = report(Some(healthy()), false, false);
        assert!(report.ready && report.reasons.is_empty());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["durability"], "power-loss");
        assert_eq!(json["settings"]["sync_binlog"], "1");
    }

    #[test]
    fn each_fault_makes_it_unready_with_a_reason() {
        let read_only = Readiness { writable: false, ..healthy() };
        let old_schema = Readiness { migrations_current: false, ..healthy() };
        for (asked, draining, cut_off, slug) in [
            (None, false, false, "/problems/database-unavailable"),
            (Some(read_only), false, false, "/problems/database-unavailable"),
            (Some(old_schema), false, false, "/problems/database-unavailable"),
            (Some(healthy()), false, true, "/problems/database-unavailable"),
            (Some(healthy()), true, false, "/problems/draining"),
            (None, true, false, "/problems/draining"),
        ] {
            let report = report(asked, draining, cut_off);
            assert!(!report.ready && !report.reasons.is_empty(), "{report:?}");
            let problem = Problem::NotReady(Box::new(report));
            let json = serde_json::to_value(problem.body(&problem.detail())).unwrap();
            assert_eq!((&json["type"], &json["status"]), (&slug.into(), &503.into()));
            assert_eq!(json["ready"], false);
        }
    }
}
