//! A reader of the change stream, which can be cut off anywhere.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Longer than the time between two signs of life.
const LIMIT: Duration = Duration::from_secs(60);

/// What a stream brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Change { id: String, data: Value },
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// One connection with one stream; closed when dropped, whatever is on its way.
pub(crate) struct Stream {
    body: Incoming,
    text: String,
    events: VecDeque<Event>,
    connection: AbortHandle,
}

impl Stream {
    /// # Errors
    /// The status and the body of an answer that is no stream.
    pub(crate) async fn open(
        address: SocketAddr,
        protocol: Protocol,
        query: &str,
        last_event: Option<&str>,
    ) -> Result<Self, (u16, Value)> {
        let uri = format!("http://{address}/v1/changes{query}");
        let mut request = Request::get(uri).header("accept", "text/event-stream");
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        let request = request.header("host", address.to_string());
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let (response, connection) = send(address, protocol, request).await;
        let status = response.status().as_u16();
        let (head, body) = response.into_parts();
        if status != 200 {
            let bytes = timeout(LIMIT, body.collect()).await.unwrap().unwrap().to_bytes();
            connection.abort();
            return Err((status, serde_json::from_slice(&bytes).unwrap()));
        }
        assert_eq!(head.headers["content-type"], "text/event-stream");
        assert_eq!(head.headers["cache-control"], "no-store");
        Ok(Self { body, text: String::new(), events: VecDeque::new(), connection })
    }

    /// The next event; nothing when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let frame = timeout(LIMIT, self.body.frame()).await.expect("no sign of life");
            let data = frame?.ok()?.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                self.events.push_back(read(event));
                self.text = rest.to_owned();
            }
        }
    }

    /// The next change.
    pub(crate) async fn change(&mut self) -> Option<(String, Value)> {
        loop {
            if let Event::Change { id, data } = self.next().await? {
                return Some((id, data));
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn send(
    address: SocketAddr,
    protocol: Protocol,
    request: Request<Empty<Bytes>>,
) -> (Response<Incoming>, AbortHandle) {
    let socket = TcpSocket::new_v4().unwrap();
    // Little room, so that a reader who stops is felt soon.
    socket.set_recv_buffer_size(4_096).unwrap();
    let io = TokioIo::new(socket.connect(address).await.unwrap());
    match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = conn::http1::handshake(io).await.unwrap();
            let handle = tokio::spawn(connection).abort_handle();
            (timeout(LIMIT, sender.send_request(request)).await.unwrap().unwrap(), handle)
        }
        Protocol::Http2 => {
            let (mut sender, connection) =
                conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            let handle = tokio::spawn(connection).abort_handle();
            (timeout(LIMIT, sender.send_request(request)).await.unwrap().unwrap(), handle)
        }
    }
}

fn read(event: &str) -> Event {
    if event.lines().all(|line| line.starts_with(':')) {
        return Event::Comment;
    }
    let field = |name: &str| {
        let mut values =
            event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().unwrap_or_else(|| panic!("no {name} in {event:?}")).to_owned()
    };
    assert_eq!(field("event"), "change");
    let (id, data): (_, Value) = (field("id"), serde_json::from_str(&field("data")).unwrap());
    assert_eq!(data["cursor"], *id, "{event}");
    Event::Change { id, data }
}
