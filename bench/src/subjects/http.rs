//! Orders over HTTP to a hotrow process: one a request over HTTP/1.1 or HTTP/2, or many a request.
//! One client library for both protocols, so that both pay the same for it.

use std::ops::Range;
use std::time::Instant;

use hotrow::limits::BATCH_REQUESTS_MAX;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Stage, join_clients};
use crate::cpu::CpuWatch;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::servers::instance::Instance;
use crate::turn::Window;

/// What every accepted member of a batch's answer has.
const CREATED_MEMBER: &[u8] = b"\"http_status\":201";

type Body = Full<Bytes>;

/// HTTP/1.1: a request at a time on each connection.
pub(super) async fn play_http1(stage: &Stage<'_>, instance: &Instance) -> Outcome<Window> {
    let mut clients = JoinSet::new();
    for client in 0..stage.settings.http_connections {
        let mut sender = connect1(instance).await?;
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let request = one_order(&orders)?;
                let sent = Instant::now();
                created(sender.send_request(request).await?).await?;
                turn.accepted(client, sent, 1);
            }
            Ok(())
        });
    }
    conduct(stage, instance, clients).await
}

/// HTTP/2: as many requests at a time as HTTP/1.1 has connections, over a few connections.
pub(super) async fn play_http2(stage: &Stage<'_>, instance: &Instance) -> Outcome<Window> {
    let connections = stage.settings.http2_connections;
    let mut clients = JoinSet::new();
    for connection in 0..connections {
        let sender = connect2(instance).await?;
        let streams = (stage.settings.http_connections / connections).max(1);
        for stream in 0..streams {
            let client = connection * streams + stream;
            let (mut sender, orders, turn) =
                (sender.clone(), stage.orders.clone(), stage.turn.clone());
            clients.spawn(async move {
                while turn.running() {
                    let mut request = one_order(&orders)?;
                    *request.uri_mut() = "http://localhost/v1/orders".parse()?;
                    let sent = Instant::now();
                    created(sender.send_request(request).await?).await?;
                    turn.accepted(client, sent, 1);
                }
                Ok(())
            });
        }
    }
    conduct(stage, instance, clients).await
}

/// Batches over HTTP/1.1: so many at a time that the orders outstanding are those of the library, or as many as the
/// service takes.
pub(super) async fn play_batch(stage: &Stage<'_>, instance: &Instance) -> Outcome<Window> {
    let clients = send_batches(stage, instance).await?;
    conduct(stage, instance, clients).await
}

/// The clients that send them until the turn ends.
pub(crate) async fn send_batches(
    stage: &Stage<'_>,
    instance: &Instance,
) -> Outcome<JoinSet<Outcome<()>>> {
    let batch = stage.settings.batch_orders;
    let mut clients = JoinSet::new();
    for client in 0..stage.settings.outstanding.div_ceil(batch).min(BATCH_REQUESTS_MAX) {
        let mut sender = connect1(instance).await?;
        let (orders, turn) = (stage.orders.clone(), stage.turn.clone());
        clients.spawn(async move {
            while turn.running() {
                let request = batch_of_orders(&orders, orders.take(batch))?;
                let sent = Instant::now();
                let accepted = accepted_members(sender.send_request(request).await?).await?;
                if accepted != batch {
                    return Err(format!("of a batch of {batch}, {accepted} were accepted").into());
                }
                turn.accepted(client, sent, batch as u64);
            }
            Ok(())
        });
    }
    Ok(clients)
}

async fn conduct(
    stage: &Stage<'_>,
    instance: &Instance,
    clients: JoinSet<Outcome<()>>,
) -> Outcome<Window> {
    let watch = CpuWatch { database: stage.database_pid, service: instance.pid() };
    let (window, clients) =
        tokio::join!(stage.turn.conduct(&watch), join_clients(clients, &stage.turn));
    clients?;
    window
}

/// A connection for HTTP/1.1.
pub(crate) async fn connect1(instance: &Instance) -> Outcome<http1::SendRequest<Body>> {
    let stream = TcpStream::connect(instance.orders).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its failure is that of the request in flight, which is told there.
    tokio::spawn(connection);
    Ok(sender)
}

async fn connect2(instance: &Instance) -> Outcome<http2::SendRequest<Body>> {
    let stream = TcpStream::connect(instance.orders).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn one_order(orders: &Orders) -> Outcome<Request<Body>> {
    let mut json = String::with_capacity(96);
    orders.write_json(orders.take_one(), &mut json);
    post("/v1/orders", json)
}

/// A request of the orders with these numbers.
pub(crate) fn batch_of_orders(orders: &Orders, numbers: Range<u64>) -> Outcome<Request<Body>> {
    let mut json = String::with_capacity(numbers.clone().count() * 96);
    for number in numbers {
        json.push(if json.is_empty() { '[' } else { ',' });
        orders.write_json(number, &mut json);
    }
    json.push(']');
    post("/v1/orders/batch", json)
}

fn post(path: &str, json: String) -> Outcome<Request<Body>> {
    let request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(json)))?;
    Ok(request)
}

async fn created(response: Response<Incoming>) -> Outcome<()> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == StatusCode::CREATED {
        return Ok(());
    }
    Err(format!("an order was answered {status}: {}", String::from_utf8_lossy(&body)).into())
}

/// How many members of a batch were accepted.
pub(crate) async fn accepted_members(response: Response<Incoming>) -> Outcome<usize> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK {
        let text = String::from_utf8_lossy(&body);
        return Err(format!("a batch was answered {status}: {text}").into());
    }
    Ok(memchr::memmem::find_iter(&body, CREATED_MEMBER).count())
}
