//! What a connection writes, seen from the client's end of a real socket.

use std::future::poll_fn;
use std::io::{ErrorKind, Read};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::http::outbox::{self, Outbox, Socket};

/// The server's side, and the client's, which does not wait when it reads.
async fn pair() -> (Socket, Outbox, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _peer) = listener.accept().await.unwrap();
    let (socket, outbox) = outbox::split(server);
    (socket, outbox, client.into_std().unwrap())
}

/// What comes next; nothing at the end.
async fn receive_some(client: &mut std::net::TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match client.read(&mut bytes) {
            Ok(0) => return None,
            Ok(read) => {
                bytes.truncate(read);
                return Some(bytes);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// All that comes until so many bytes are there.
async fn receive(client: &mut std::net::TcpStream, length: usize) -> Vec<u8> {
    let mut received = Vec::new();
    while received.len() < length {
        received.extend(receive_some(client).await.expect("closed too early"));
    }
    received
}

#[tokio::test]
async fn what_a_turn_writes_leaves_at_its_end_and_not_before() {
    let (mut socket, mut outbox, mut client) = pair().await;
    let turns = AtomicUsize::new(0);
    let mut early = client.try_clone().unwrap();
    let mut connection = pin!(async {
        loop {
            for answer in [b"one", b"two"] {
                socket.write_all(answer).await.unwrap();
                socket.flush().await.unwrap();
            }
            assert!(early.read(&mut [0]).is_err(), "a piece of a turn was sent by itself");
            turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    for turn in 1..=2 {
        assert!(outbox.poll_turn(&mut context, connection.as_mut()).is_pending());
        assert_eq!(turns.load(Ordering::Relaxed), turn);
        assert_eq!(receive(&mut client, 6).await, b"onetwo");
    }
}

#[tokio::test]
async fn the_last_words_are_sent_after_the_end() {
    let (mut socket, mut outbox, mut client) = pair().await;
    let mut written = 0;
    // Ends when neither the socket nor the outbox takes any more.
    let mut connection = Box::pin(poll_fn(|context| {
        while let Poll::Ready(count) = Pin::new(&mut socket).poll_write(context, &[7; 1_000]) {
            written += count.unwrap();
        }
        Poll::Ready(())
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(outbox.poll_turn(&mut context, connection.as_mut()).is_pending());
    let reading = tokio::spawn(async move {
        let mut received = Vec::new();
        while let Some(more) = receive_some(&mut client).await {
            received.extend(more);
        }
        received
    });
    poll_fn(|context| outbox.poll_turn(context, connection.as_mut())).await;
    drop(connection);
    drop((socket, outbox));
    assert!(reading.await.unwrap() == vec![7; written]);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_writer_and_gets_all_of_it_later() {
    const PIECE: usize = 1_000;
    const PIECES: usize = 40_000;
    let (mut socket, mut outbox, mut client) = pair().await;
    let written = AtomicUsize::new(0);
    let mut connection = pin!(async {
        for number in 0..PIECES {
            socket.write_all(&[(number % 251) as u8; PIECE]).await.unwrap();
            written.fetch_add(1, Ordering::Relaxed);
        }
    });
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    // Turns end also because a task gives way to others; then it has woken itself.
    loop {
        let before = (written.load(Ordering::Relaxed), woken.0.load(Ordering::Relaxed));
        assert!(outbox.poll_turn(&mut context, connection.as_mut()).is_pending());
        let after = (written.load(Ordering::Relaxed), woken.0.load(Ordering::Relaxed));
        if before == after {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(written.load(Ordering::Relaxed) < PIECES, "40 MB wait in the process");

    let reading = tokio::spawn(async move { receive(&mut client, PIECE * PIECES).await });
    poll_fn(|context| outbox.poll_turn(context, connection.as_mut())).await;
    let received = reading.await.unwrap();
    for (number, piece) in received.chunks(PIECE).enumerate() {
        assert!(piece.iter().all(|byte| *byte == (number % 251) as u8), "piece {number}");
    }
}

#[tokio::test]
async fn a_client_that_is_gone_ends_the_connection() {
    let (mut socket, mut outbox, client) = pair().await;
    drop(client);
    let mut connection = pin!(async move {
        loop {
            socket.write_all(b"anybody there?").await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    });
    let turns = poll_fn(|context| outbox.poll_turn(context, connection.as_mut()));
    timeout(Duration::from_secs(60), turns).await.unwrap();
}

#[tokio::test]
async fn more_than_may_wait_goes_past_it_in_order() {
    let (mut socket, mut outbox, mut client) = pair().await;
    let large: Vec<u8> = (0..100_000_u32).map(|byte| (byte % 251) as u8).collect();
    let expected = [b"small", &large[..], b"small"].concat();
    let mut connection = pin!(async move {
        for bytes in [b"small", &large[..], b"small"] {
            socket.write_all(bytes).await.unwrap();
        }
        socket.shutdown().await.unwrap();
    });
    let reading = tokio::spawn(async move {
        let received = receive(&mut client, 100_010).await;
        client.set_nonblocking(false).unwrap();
        (received, client.read(&mut [0]).unwrap())
    });
    poll_fn(|context| outbox.poll_turn(context, connection.as_mut())).await;
    let (received, end) = reading.await.unwrap();
    assert!(received == expected);
    assert_eq!(end, 0);
}
