//! What a connection writes in one turn leaves in one piece at the end of the turn. hyper hands over each answer by
//! itself; a client that sends several requests at once then costs a system call for each answer, and is woken as
//! often. Nothing is held back: a turn ends when the connection has to wait for anything at all.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Bytes that wait for the end of a turn. What comes on top is sent before it, as far as the client takes it.
const WAITING_MAX: usize = 16 * 1024;

/// The socket as hyper sees it.
pub(super) struct Socket {
    incoming: OwnedReadHalf,
    outgoing: Arc<Mutex<Outgoing>>,
}

/// Polls a connection turn by turn, and sends what each of them has written.
pub(super) struct Outbox {
    outgoing: Arc<Mutex<Outgoing>>,
    /// The connection has ended; what it wrote last is still being sent.
    ended: bool,
}

struct Outgoing {
    socket: OwnedWriteHalf,
    waiting: Vec<u8>,
    /// Bytes at the front of `waiting` that the socket has.
    sent: usize,
}

pub(super) fn split(stream: TcpStream) -> (Socket, Outbox) {
    let (incoming, socket) = stream.into_split();
    let outgoing = Outgoing { socket, waiting: Vec::new(), sent: 0 };
    let outgoing = Arc::new(Mutex::new(outgoing));
    (Socket { incoming, outgoing: Arc::clone(&outgoing) }, Outbox { outgoing, ended: false })
}

impl Outbox {
    /// One turn. Ready when the connection has ended and the client has the last of its bytes, or takes no more.
    pub(super) fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        connection: Pin<&mut impl Future>,
    ) -> Poll<()> {
        self.ended = self.ended || connection.poll(context).is_ready();
        match self.outgoing.lock().poll_send(context) {
            Poll::Ready(Ok(())) if self.ended => Poll::Ready(()),
            // How a client ends its connection is the client's affair.
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Outgoing {
    /// Sends all that waits.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            let left = &self.waiting[self.sent..];
            match ready!(Pin::new(&mut self.socket).poll_write(context, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.waiting.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn has_room_for(&self, length: usize) -> bool {
        self.waiting.len() + length <= WAITING_MAX
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().incoming).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let mut outgoing = self.outgoing.lock();
        if !outgoing.has_room_for(length) {
            ready!(outgoing.poll_send(context))?;
        }
        if !outgoing.has_room_for(length) {
            return Pin::new(&mut outgoing.socket).poll_write_vectored(context, slices);
        }
        slices.iter().for_each(|slice| outgoing.waiting.extend_from_slice(slice));
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The end of the turn does it.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outgoing = self.outgoing.lock();
        ready!(outgoing.poll_send(context))?;
        Pin::new(&mut outgoing.socket).poll_shutdown(context)
    }
}
