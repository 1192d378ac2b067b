//! Accepting connections, up to a limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::answer::Answer;
use super::connection::{self, Patience};
use crate::telemetry::metrics::{ListenerName, Metrics};

/// Pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that the system takes before they are accepted, where its own bound (Linux:
/// `net.core.somaxconn`) is not lower. Past it the system drops the first packet of a connection, and its
/// client tries again after a second or more: the usual 128 are few when a sale begins.
const BACKLOG: u32 = 4_096;

/// A bound port that is not served yet.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) name: ListenerName,
    pub(super) socket: TcpListener,
    /// Connections at a time; more stay in the system's backlog.
    pub(super) connections_max: usize,
    pub(super) patience: Patience,
}

/// The two steps of ending a listener.
pub(super) struct Stops {
    /// True: accept no more.
    pub(super) accepting: watch::Receiver<bool>,
    /// True: finish the requests in flight and close.
    pub(super) serving: watch::Receiver<bool>,
}

/// Binds a port; from now on the system takes connections.
pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As `TcpListener::bind` does: a port is had again at once after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// Accepts and serves until told to stop, and returns when the last connection has ended.
    /// Dropping it closes all connections at once.
    pub(super) async fn serve<H, F, E>(self, handler: H, metrics: Metrics, mut stops: Stops)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let builder = Arc::new(connection::protocol());
        let slots = Arc::new(Semaphore::new(self.connections_max));
        let mut connections = JoinSet::new();
        loop {
            let (stream, slot) = tokio::select! {
                biased;
                _ = stops.accepting.wait_for(|stop| *stop) => break,
                Some(_ended) = connections.join_next() => continue,
                accepted = accept(&self.socket, &slots) => accepted,
            };
            let (builder, handler) = (Arc::clone(&builder), handler.clone());
            let (leave, patience) = (stops.serving.clone(), self.patience);
            let open = OpenConnection::new(metrics.clone(), self.name, slot);
            connections.spawn(async move {
                let _open = open;
                connection::serve(&builder, stream, patience, leave, handler).await;
            });
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
    }
}

/// Takes a slot, and then a connection for it.
async fn accept(socket: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match socket.accept().await {
            Ok((stream, _peer)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted; trying on");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Holds a slot and its place in the metrics until the connection ends, however it ends.
struct OpenConnection {
    metrics: Metrics,
    name: ListenerName,
    _slot: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(metrics: Metrics, name: ListenerName, slot: OwnedSemaphorePermit) -> Self {
        metrics.http_connection_opened(name);
        Self { metrics, name, _slot: slot }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.http_connection_closed(self.name);
    }
}
