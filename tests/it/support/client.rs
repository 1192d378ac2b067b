//! An HTTP client that writes every call that changes something into a history, and never repeats
//! one by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::history::{Answer, History, Lines, Request};

/// Longer than any deadline of the service: an answer that takes this long is a fault of its own.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What came back, whole.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Keeps connections alive. Cheap to clone; clones share the connections and the history.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
    history: Arc<History>,
}

/// The summed lines of an order.
pub(crate) fn lines(of: &[(&str, i64)]) -> Lines {
    let mut lines = Lines::new();
    for (sku, units) in of {
        *lines.entry((*sku).to_owned()).or_default() += units;
    }
    lines
}

/// An order as it is sent.
pub(crate) fn order_body(id: &str, lines: &Lines) -> Value {
    let lines: Vec<_> =
        lines.iter().map(|(sku, units)| json!({"sku": sku, "quantity": units})).collect();
    json!({"order_id": id, "lines": lines})
}

impl Client {
    pub(crate) fn new(address: SocketAddr, history: &Arc<History>) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http();
        Self { pool, base: format!("http://{address}"), history: Arc::clone(history) }
    }

    pub(crate) async fn order(&self, id: &str, lines: &Lines) -> Answer {
        let request = Request::Order { id: id.to_owned(), lines: lines.clone() };
        self.record(request, Method::POST, "/v1/orders", Some(order_body(id, lines))).await
    }

    /// One request for several orders; each has its own answer and its own entry in the history.
    pub(crate) async fn batch(&self, orders: &[(String, Lines)]) -> Vec<Answer> {
        let body = orders.iter().map(|(id, lines)| order_body(id, lines)).collect();
        let invoked = self.history.now();
        let answers: Vec<Answer> =
            match self.call(Method::POST, "/v1/orders/batch", Some(body)).await {
                Ok(Reply { status: 200, body: Value::Array(members), .. }) => {
                    assert_eq!(members.len(), orders.len(), "one result an order");
                    members.into_iter().map(member_answer).collect()
                }
                // The request as a whole was refused or lost: so is each order in it.
                Ok(Reply { status, body, .. }) => vec![Answer::Http { status, body }; orders.len()],
                Err(lost) => vec![Answer::Lost(lost); orders.len()],
            };
        for ((id, lines), answer) in orders.iter().zip(&answers) {
            let request = Request::Order { id: id.clone(), lines: lines.clone() };
            self.history.answered(request, invoked, answer.clone());
        }
        answers
    }

    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        let request = Request::Cancel { id: id.to_owned() };
        self.record(request, Method::POST, &format!("/v1/orders/{id}/cancel"), None).await
    }

    pub(crate) async fn put_stock(&self, sku: &str, available: i64) -> Answer {
        let request = Request::Open { sku: sku.to_owned(), available };
        let body = json!({"available": available});
        self.record(request, Method::PUT, &format!("/v1/stock/{sku}"), Some(body)).await
    }

    pub(crate) async fn adjust(&self, id: &str, sku: &str, delta: i64) -> Answer {
        let request = Request::Adjust { id: id.to_owned(), sku: sku.to_owned(), delta };
        let body = json!({"adjustment_id": id, "delta": delta});
        self.record(request, Method::POST, &format!("/v1/stock/{sku}/adjustments"), Some(body))
            .await
    }

    /// The order as the service has it.
    pub(crate) async fn get_order(&self, id: &str) -> Reply {
        self.get(&format!("/v1/orders/{id}")).await
    }

    /// The stock as MySQL has it.
    pub(crate) async fn get_stock(&self, sku: &str) -> Reply {
        self.get(&format!("/v1/stock/{sku}?fresh=true")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await.unwrap()
    }

    async fn record(
        &self,
        request: Request,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let invoked = self.history.now();
        let answer = match self.call(method, path, body).await {
            Ok(Reply { status, body, .. }) => Answer::Http { status, body },
            Err(lost) => Answer::Lost(lost),
        };
        self.history.answered(request, invoked, answer.clone());
        answer
    }

    /// The value of a metric, named with its labels; 0 for one that has not been counted yet. For a
    /// client of the admin listener.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let request = self.request(Method::GET, "/metrics");
        let (_, text) = self.exchange(request.body(Full::default()).unwrap()).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Any call; the error is why no whole answer came back.
    ///
    /// # Panics
    /// When the answer takes longer than any deadline of the service, or is not JSON of the right
    /// type.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, String> {
        let mut request = self.request(method, path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        self.send(request.body(Full::new(body)).unwrap()).await
    }

    /// Begins a request to this listener.
    pub(crate) fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        hyper::Request::builder().method(method).uri(format!("{}{path}", self.base))
    }

    /// As [`Client::call`], for a request that is made by hand.
    pub(crate) async fn send(&self, request: hyper::Request<Full<Bytes>>) -> Result<Reply, String> {
        let what = format!("{} {}", request.method(), request.uri());
        let (head, body) = self.exchange(request).await?;
        let status = head.status.as_u16();
        let media =
            head.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let expected = if status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(media.as_deref(), Some(expected), "{what} answered {status}: {body:?}");
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|error| panic!("{what}: {error}: {body:?}"));
        Ok(Reply { status, headers: head.headers, body })
    }

    async fn exchange(
        &self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<(Parts, Bytes), String> {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let response =
                self.pool.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            Ok((head, body))
        };
        let limited = tokio::time::timeout(ANSWER_LIMIT, exchange).await;
        limited.unwrap_or_else(|_| panic!("{what} was never answered"))
    }
}

fn member_answer(member: Value) -> Answer {
    let status = member["http_status"].as_u64().expect("each result has its http_status");
    Answer::Http { status: u16::try_from(status).unwrap(), body: member }
}
