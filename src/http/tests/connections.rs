//! The listener and its connections, in front of a handler of the test's own.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::http::answer::{self, Answer, Failure};
use crate::http::body;
use crate::http::connection::Patience;
use crate::http::events::event_body;
use crate::http::listener::{self, Listener, Stops};
use crate::http::state::BodyTooSlow;
use crate::telemetry::metrics::{ListenerName, Metrics};

/// Longer than any test may take: a limit that must not be what ends the connection.
const LONG: Duration = Duration::from_secs(600);
/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(50);

struct Server {
    addr: SocketAddr,
    accepting: watch::Sender<bool>,
    serving: watch::Sender<bool>,
    task: JoinHandle<()>,
    metrics: Metrics,
}

impl Server {
    async fn start<H, F, E>(connections_max: usize, patience: Patience, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(socket, connections_max, patience, handler)
    }

    fn start_on<H, F, E>(
        socket: TcpListener,
        connections_max: usize,
        patience: Patience,
        handler: H,
    ) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let addr = socket.local_addr().unwrap();
        let listener = Listener { name: ListenerName::Orders, socket, connections_max, patience };
        let (accepting, serving) = (watch::Sender::new(false), watch::Sender::new(false));
        let stops = Stops { accepting: accepting.subscribe(), serving: serving.subscribe() };
        let metrics = Metrics::new();
        let task = tokio::spawn(listener.serve(handler, metrics.clone(), stops));
        Self { addr, accepting, serving, task, metrics }
    }

    fn open_connections(&self) -> String {
        let text = self.metrics.encode();
        let line = text
            .lines()
            .find(|line| line.starts_with("hotrow_http_connections{listener=\"orders\"}"));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }
}

const PATIENT: Patience = Patience { head: LONG, idle: LONG };

async fn greet(_request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(Response::new(Bytes::from_static(b"hello").into()))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Sends bytes and reads one answer to `GET`; an empty text when the connection was closed instead.
fn exchange(stream: &mut TcpStream, sent: &[u8]) -> String {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(sent).unwrap();
    read_answer(stream)
}

fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) | Err(_) => return String::new(),
            Ok(_) => text.push(byte[0]),
        }
        if text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(text).unwrap().to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

async fn blocking<T: Send + 'static>(client: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(client).await.unwrap()
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start(8, PATIENT, greet).await;
    let addr = server.addr;
    let answers = blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        [exchange(&mut stream, GET), exchange(&mut stream, GET)]
    })
    .await;
    assert!(answers.iter().all(|answer| answer.ends_with("hello")), "{answers:?}");
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request_of_its_connection() {
    let gate = Arc::new(Semaphore::new(0));
    let handler_gate = Arc::clone(&gate);
    let server = Server::start(8, PATIENT, move |request: Request<Incoming>| {
        let gate = Arc::clone(&handler_gate);
        async move {
            if request.uri().path() == "/waits" {
                gate.acquire().await.unwrap().forget();
            }
            greet(request).await
        }
    })
    .await;
    let addr = server.addr;
    let waits = [GET, b"GET /waits HTTP/1.1\r\nhost: a\r\n\r\n"].concat();
    let part = [GET, b"GET / HTTP/1.1\r\nho"].concat();
    let streams = blocking(move || {
        [waits, part].map(|sent| {
            let mut stream = TcpStream::connect(addr).unwrap();
            assert!(exchange(&mut stream, &sent).ends_with("hello"));
            stream
        })
    })
    .await;
    gate.add_permits(1);
    let answers = blocking(move || {
        let [mut waits, mut part] = streams;
        [read_answer(&mut waits), exchange(&mut part, b"st: a\r\n\r\n")]
    })
    .await;
    assert!(answers.iter().all(|answer| answer.ends_with("hello")), "{answers:?}");
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_spoken_on_the_same_port() {
    let server = Server::start(8, PATIENT, greet).await;
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get(format!("http://{}/", server.addr)).body(Full::<Bytes>::default());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.version(), hyper::Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
    // Whoever asks for the head alone is sent no body, which would break the stream.
    let request = Request::head(format!("http://{}/", server.addr)).body(Full::<Bytes>::default());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "");
    drop(sender);
    driver.await.unwrap().unwrap();
}

#[tokio::test]
async fn accepting_pauses_at_the_connection_limit() {
    let server = Server::start(1, PATIENT, greet).await;
    let addr = server.addr;
    let (first, second) = blocking(move || {
        let mut first = TcpStream::connect(addr).unwrap();
        exchange(&mut first, GET);
        // The system accepts it into the backlog; nobody reads it yet.
        let mut second = TcpStream::connect(addr).unwrap();
        second.write_all(GET).unwrap();
        (first, second)
    })
    .await;
    assert_eq!(server.open_connections(), "1");
    let answer = blocking(move || {
        drop(first);
        let mut second = second;
        read_answer(&mut second)
    })
    .await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn many_connect_at_once_before_any_is_accepted() {
    let bound = match std::fs::read_to_string("/proc/sys/net/core/somaxconn") {
        Ok(text) => text.trim().parse().unwrap(),
        Err(_) => 128,
    };
    let many = 300.min(bound);
    let socket = listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let addr = socket.local_addr().unwrap();
    let mut clients = blocking(move || {
        (0..many).map(|_| TcpStream::connect_timeout(&addr, LONG).unwrap()).collect::<Vec<_>>()
    })
    .await;
    let mut last = clients.pop().unwrap();
    let _server = Server::start_on(socket, many, PATIENT, greet);
    let answer = blocking(move || exchange(&mut last, GET)).await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn who_sends_no_request_in_time_is_closed() {
    let patience = Patience { head: SHORT, idle: LONG };
    let server = Server::start(8, patience, greet).await;
    let addr = server.addr;
    for sent in
        [&b""[..], b"GET / HTTP/1.1\r\nhost:", b"PRI * HTT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        // An HTTP/2 server greets first; the end of the stream is what counts.
        let closed = blocking(move || {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream.write_all(sent).unwrap();
            stream.set_read_timeout(Some(LONG)).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).is_ok() || rest.is_empty()
        })
        .await;
        assert!(closed, "{}", String::from_utf8_lossy(sent));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_waiting_one_is_not() {
    let patience = Patience { head: SHORT, idle: SHORT };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    // The request is there before the clock runs, so that a slow machine cannot be late with it.
    let mut stream = blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(GET).unwrap();
        stream
    })
    .await;
    let gate = Arc::new(Semaphore::new(0));
    let handler_gate = Arc::clone(&gate);
    let _server = Server::start_on(socket, 8, patience, move |request| {
        let gate = Arc::clone(&handler_gate);
        async move {
            gate.acquire().await.unwrap().forget();
            greet(request).await
        }
    });
    let waiting = tokio::spawn(blocking(move || {
        let answer = read_answer(&mut stream);
        // Now it is idle, and this returns when the server has closed it.
        let mut rest = Vec::new();
        let closed = stream.read_to_end(&mut rest);
        (answer, closed.is_ok() && rest.is_empty())
    }));
    // Several of its limits pass while the request is in flight.
    tokio::time::sleep(6 * SHORT).await;
    gate.add_permits(1);
    let (answer, closed) = waiting.await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(closed);
}

#[tokio::test]
async fn a_stream_is_not_idle_until_its_reader_is_given_up() {
    let patience = Patience { head: SHORT, idle: SHORT };
    let (writers, mut started) = tokio::sync::mpsc::channel(1);
    let server = Server::start(8, patience, move |_request: Request<Incoming>| {
        let writers = writers.clone();
        async move {
            let (writer, body) = event_body();
            writers.send(writer).await.unwrap();
            Ok::<_, Infallible>(answer::events(body))
        }
    })
    .await;
    let addr = server.addr;
    let reader = tokio::spawn(blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(GET).unwrap();
        let mut text = Vec::new();
        // To the end of the connection, however it ends.
        let _ended = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }));
    let writer = started.recv().await.unwrap();
    // Several limits of an idle connection pass.
    tokio::time::sleep(6 * SHORT).await;
    writer.write(Bytes::from_static(b"late")).await.unwrap();
    drop(writer);
    let text = reader.await.unwrap();
    assert!(text.contains("text/event-stream") && text.contains("late"), "{text}");
    assert!(text.ends_with("0\r\n\r\n"), "it ended as a body does: {text}");

    // Nobody reads: what the system and the protocol take is full some day.
    let silent = blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(GET).unwrap();
        stream
    })
    .await;
    let writer = started.recv().await.unwrap();
    let megabyte = Bytes::from(vec![b'x'; 1024 * 1024]);
    while tokio::time::timeout(10 * SHORT, writer.write(megabyte.clone())).await.is_ok() {}
    assert_eq!(server.open_connections(), "1");
    drop(writer);
    while server.open_connections() != "0" {
        tokio::time::sleep(SHORT).await;
    }
    drop(silent);
}

#[tokio::test]
async fn leaving_answers_what_is_in_flight_and_then_ends() {
    let (gate, entered) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let server = {
        let (gate, entered) = (Arc::clone(&gate), Arc::clone(&entered));
        Server::start(8, PATIENT, move |request| {
            let (gate, entered) = (Arc::clone(&gate), Arc::clone(&entered));
            async move {
                entered.add_permits(1);
                gate.acquire().await.unwrap().forget();
                greet(request).await
            }
        })
        .await
    };
    let addr = server.addr;
    let in_flight = tokio::spawn(blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        exchange(&mut stream, GET)
    }));
    entered.acquire().await.unwrap().forget();
    let mut idle = blocking(move || TcpStream::connect(addr).unwrap()).await;

    server.accepting.send_replace(true);
    server.serving.send_replace(true);
    // An idle connection ends at once; were it waited for, this would never return.
    blocking(move || idle.read_to_end(&mut Vec::new()).unwrap_or_default()).await;
    assert!(!server.task.is_finished());
    gate.add_permits(1);
    assert!(in_flight.await.unwrap().ends_with("hello"));
    server.task.await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

/// Reads the body under test limits and says how long it was.
async fn measure(mut request: Request<Incoming>) -> Result<Answer, BodyTooSlow> {
    let time = if request.uri().path() == "/slow" { SHORT } else { LONG };
    match body::read(request.body_mut(), 10, time).await {
        Ok(bytes) => Ok(Response::new(bytes.len().to_string().into())),
        Err(Failure::Problem(problem)) => {
            body::discard(request.body_mut()).await;
            Ok(answer::problem(&problem))
        }
        Err(Failure::BodyTooSlow) => Err(BodyTooSlow),
    }
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let server = Server::start(8, PATIENT, measure).await;
    let addr = server.addr;
    let whole = 12 * 1024 * 1024;
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for (rest, expected) in [
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789".to_owned(), "10"),
        // Refused for what it says, before anything of it came.
        (
            format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", u64::MAX / 2),
            "too-large",
        ),
        // Sent whole before the answer is looked for.
        (
            format!(
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {whole}\r\n\r\n{}",
                "x".repeat(whole)
            ),
            "too-large",
        ),
        (format!("{chunked}5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), "10"),
        (format!("{chunked}5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"), "too-large"),
        (format!("{chunked}0\r\n\r\n"), "0"),
        // Told to go on before the body is there.
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n"
                .to_owned(),
            "100 continue",
        ),
        // Too slow: closed without an answer.
        ("POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n012".to_owned(), ""),
    ] {
        let sent = rest.clone();
        let answer = blocking(move || {
            let mut stream = TcpStream::connect(addr).unwrap();
            exchange(&mut stream, sent.as_bytes())
        })
        .await;
        assert!(
            answer.contains(expected) && answer.is_empty() == expected.is_empty(),
            "{rest}: {answer}"
        );
    }
}
