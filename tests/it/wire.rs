//! Bytes that are no proper HTTP, requests that are odd, and clients that take their time.

use std::net::SocketAddr;
use std::time::Duration;

use hotrow::embedded::Flavor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::hostile::{close, scene};

/// Longer than the service waits for a head or a body.
const READ_LIMIT: Duration = Duration::from_secs(45);

/// Sends bytes, and reads until the service closes.
async fn raw(address: SocketAddr, bytes: Vec<u8>) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The service may refuse, and close, before it has read all of it; a reset is as good as a
    // close.
    let _ = socket.write_all(&bytes).await;
    let mut answer = Vec::new();
    let read = timeout(READ_LIMIT, socket.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok(),
        "still open after {:?}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
    );
    String::from_utf8_lossy(&answer).into_owned()
}

async fn raw_bytes(flavor: Flavor) {
    let (shop, hotrow, client) = scene(flavor).await;
    let order = |id: &str| format!(r#"{{"order_id":"{id}","lines":[{{"sku":"x","quantity":1}}]}}"#);
    let post = |headers: &str, body: &str| {
        format!(
            "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             connection: close\r\n{headers}\r\n{body}"
        )
    };
    let huge =
        format!("GET /v1/stock/x HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "a".repeat(1024 * 1024));
    let many: String = (0..10_000).map(|n| format!("h{n}: v\r\n")).collect();
    let length = order("a").len();
    let garbage: Vec<u8> =
        (0..64 * 1024).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();

    // Each is refused with a status of the 400s, or closed without a word; never taken, never a
    // 500.
    let mut senders = JoinSet::new();
    for (about, bytes) in [
        ("nothing", Vec::new()),
        ("garbage", garbage),
        ("zeros", vec![0; 10_000]),
        ("line ends", b"\r\n\r\n\r\n".to_vec()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("no version", b"GET /v1/stock/x\r\n\r\n".to_vec()),
        ("a version of the future", b"GET /v1/stock/x HTTP/9.9\r\nhost: x\r\n\r\n".to_vec()),
        (
            "a control character in the path",
            b"GET /v1/stock/\x01 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        ),
        ("a huge header", huge.into_bytes()),
        ("many headers", format!("GET /v1/stock/x HTTP/1.1\r\n{many}\r\n").into_bytes()),
        ("a header without a colon", b"GET /v1/stock/x HTTP/1.1\r\nhost x\r\n\r\n".to_vec()),
        ("a header with a zero byte", b"GET /v1/stock/x HTTP/1.1\r\nhost: x\0y\r\n\r\n".to_vec()),
        (
            "two lengths",
            post("content-length: 10\r\ncontent-length: 20\r\n", &order("a")).into_bytes(),
        ),
        ("a negative length", post("content-length: -1\r\n", &order("a")).into_bytes()),
        ("a length of words", post("content-length: ten\r\n", &order("a")).into_bytes()),
        (
            "a length past all numbers",
            post("content-length: 99999999999999999999999\r\n", "").into_bytes(),
        ),
        (
            "a body that breaks off",
            post(&format!("content-length: {}\r\n", length + 5), &order("a")).into_bytes(),
        ),
        (
            "a broken chunk",
            post("transfer-encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n").into_bytes(),
        ),
        (
            "chunks that break off",
            post("transfer-encoding: chunked\r\n", "5\r\n{\"or").into_bytes(),
        ),
        ("an unknown coding", post("transfer-encoding: gzip\r\n", &order("a")).into_bytes()),
        ("half a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()),
        (
            "a preface and garbage",
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0xff; 4_000]].concat(),
        ),
    ] {
        let address = hotrow.orders;
        senders.spawn(async move { (about, raw(address, bytes).await) });
    }
    for (about, answer) in senders.join_all().await {
        let refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
        assert!(refused || !answer.starts_with("HTTP/1"), "{about}: {answer}");
    }

    // Too large: told by the length before the body comes, or noticed while it comes.
    let body = "x".repeat(200_000);
    let chunked = format!("3e8\r\n{}\r\n", "x".repeat(1_000)).repeat(200);
    for (about, bytes) in [
        ("a length", post("content-length: 200000\r\n", &body)),
        ("only the length", post("content-length: 9000000000\r\n", "")),
        ("chunks", post("transfer-encoding: chunked\r\n", &chunked)),
    ] {
        let answer = raw(hotrow.orders, bytes.into_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 ") && answer.contains("/problems/too-large"),
            "{about}: {answer}"
        );
    }
    close(&shop, &client).await;
}

/// What is odd and allowed is executed, each request once.
async fn odd_and_allowed(flavor: Flavor) {
    let (_shop, hotrow, client) = scene(flavor).await;
    let order = |id: &str| format!(r#"{{"order_id":"{id}","lines":[{{"sku":"x","quantity":1}}]}}"#);
    let post = |id: &str, last: bool| {
        let body = order(id);
        let close = if last { "connection: close\r\n" } else { "" };
        format!(
            "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{close}\r\n{body}",
            body.len()
        )
    };

    // Pipelined: ten requests in one piece, answered in their order.
    let pipelined: String = (0..10).map(|n| post(&format!("pipe-{n}"), n == 9)).collect();
    let mut socket = TcpStream::connect(hotrow.orders).await.unwrap();
    socket.write_all(pipelined.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(READ_LIMIT, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer.matches("HTTP/1.1 201").count(), 10, "{answer}");
    let places: Vec<_> = (0..10).map(|n| answer.find(&format!("\"pipe-{n}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{answer}");

    // One byte at a time, chunked, and asking for permission first.
    let slow = post("slow", true);
    let mut socket = TcpStream::connect(hotrow.orders).await.unwrap();
    socket.set_nodelay(true).unwrap();
    for byte in slow.bytes() {
        socket.write_all(&[byte]).await.unwrap();
    }
    let mut answer = String::new();
    timeout(READ_LIMIT, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");

    let body = order("chunked");
    let (first, second) = body.split_at(7);
    let chunked = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let answer = raw(hotrow.orders, chunked.into_bytes()).await;
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");

    let stock = client.get_stock("x").await.body;
    assert_eq!(stock["available"], 998 - 12, "{stock}");

    // Nothing, in chunks.
    let nothing = "POST /v1/orders/chunked/cancel HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\
                   connection: close\r\n\r\n0\r\n\r\n";
    let answer = raw(hotrow.orders, nothing.as_bytes().to_vec()).await;
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}

/// Clients that send a part of a head, or of a body, and nothing more are not waited for for ever.
async fn slow_clients(flavor: Flavor) {
    let (shop, hotrow, client) = scene(flavor).await;
    let mut waiting = Vec::new();
    for start in [
        "",
        "POST /v1/ord",
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-ty",
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60\r\n\r\n{\"order_id\"",
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut socket = TcpStream::connect(hotrow.orders).await.unwrap();
        socket.write_all(start.as_bytes()).await.unwrap();
        waiting.push((start, socket));
    }
    // Meanwhile others are served.
    assert_eq!(client.get_order("taken").await.status, 200);
    for (start, mut socket) in waiting {
        let mut answer = Vec::new();
        let over = timeout(READ_LIMIT, socket.read_to_end(&mut answer)).await;
        assert!(over.is_ok(), "still open after {start:?}");
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            !answer.contains("HTTP/1.1 2") && !answer.contains("HTTP/1.1 5"),
            "{start:?}: {answer}"
        );
    }
    close(&shop, &client).await;
}

/// More clients than the process could have files open when it was started.
async fn many_clients(flavor: Flavor) {
    let (shop, hotrow, client) = scene(flavor).await;
    let [soft, hard] = hotrow.files_max();
    assert!(soft >= hard.min(4_096), "{soft} of {hard}");
    let mut sockets = Vec::new();
    for _ in 0..100 {
        let mut socket = TcpStream::connect(hotrow.orders).await.unwrap();
        socket.write_all(b"GET /v1/orders/taken HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        sockets.push(socket);
    }
    for socket in &mut sockets {
        let mut start = [0; 12];
        let read = timeout(READ_LIMIT, socket.read_exact(&mut start)).await;
        read.expect("an answer while all are connected").unwrap();
        assert_eq!(start.as_slice(), b"HTTP/1.1 200");
    }
    drop(sockets);
    close(&shop, &client).await;
}

both_flavors!(raw_bytes, odd_and_allowed, slow_clients, many_clients);
