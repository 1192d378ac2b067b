//! A body that is written while it is sent, one chunk at a time.
//!
//! The writer waits until its chunk is taken, so that a reader who takes nothing costs one chunk and
//! the time that the writer gives him.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::body::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::connection::InFlight;

/// The end that is sent.
pub(super) struct EventBody(Arc<Shared>);

/// The end that is written. Dropping it ends the body.
pub(super) struct EventWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// The chunk was taken, or the reader has gone.
    taken: Notify,
}

#[derive(Default)]
struct State {
    chunk: Option<Bytes>,
    ended: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    in_flight: Option<InFlight>,
}

/// The client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReaderGone;

/// The two ends of a body.
pub(super) fn event_body() -> (EventWriter, EventBody) {
    let shared = Arc::new(Shared::default());
    (EventWriter(Arc::clone(&shared)), EventBody(shared))
}

impl EventBody {
    /// Keeps the request in flight for as long as the body is written.
    pub(super) fn keep(&self, in_flight: InFlight) {
        let mut state = self.0.state.lock();
        if !state.ended {
            state.in_flight = Some(in_flight);
        }
    }

    pub(super) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.0.state.lock();
        if let Some(chunk) = state.chunk.take() {
            self.0.taken.notify_one();
            return Poll::Ready(Some(chunk));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.reader_gone = true;
        state.in_flight = None;
        self.0.taken.notify_one();
    }
}

impl EventWriter {
    /// Hands over a chunk and waits until it is taken.
    pub(super) async fn write(&self, chunk: Bytes) -> Result<(), ReaderGone> {
        {
            let mut state = self.0.state.lock();
            state.chunk = Some(chunk);
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
        self.until(|state| state.chunk.is_none()).await
    }

    /// Completes when the client has left.
    pub(super) async fn reader_gone(&self) {
        let _gone = self.until(|_| false).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) -> Result<(), ReaderGone> {
        loop {
            {
                let state = self.0.state.lock();
                if state.reader_gone {
                    return Err(ReaderGone);
                }
                if holds(&state) {
                    return Ok(());
                }
            }
            // A call in between is kept for this.
            self.0.taken.notified().await;
        }
    }
}

impl Drop for EventWriter {
    /// A chunk that was not taken is taken back: its reader is too slow.
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.ended = true;
        let in_flight = state.in_flight.take();
        if state.chunk.take().is_some()
            && let Some(in_flight) = in_flight
        {
            in_flight.abandon();
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn take(body: &mut EventBody) -> Option<Bytes> {
        poll_fn(|context| body.poll_chunk(context)).await
    }

    #[tokio::test]
    async fn chunks_come_in_order_and_then_the_end() {
        let (writer, mut body) = event_body();
        let written = tokio::spawn(async move {
            for chunk in ["a", "b"] {
                writer.write(chunk.into()).await.unwrap();
            }
        });
        assert_eq!(take(&mut body).await.unwrap(), "a");
        assert_eq!(take(&mut body).await.unwrap(), "b");
        assert_eq!(take(&mut body).await, None);
        written.await.unwrap();
    }

    #[tokio::test]
    async fn a_chunk_that_is_not_taken_is_taken_back() {
        let (writer, mut body) = event_body();
        let written = tokio::time::timeout(Duration::from_millis(10), writer.write("a".into()));
        assert!(written.await.is_err());
        drop(writer);
        assert_eq!(take(&mut body).await, None);
    }

    #[tokio::test]
    async fn the_writer_learns_that_the_client_has_left() {
        let (writer, body) = event_body();
        let waiting = tokio::spawn(async move { writer.write("a".into()).await });
        tokio::task::yield_now().await;
        drop(body);
        assert_eq!(waiting.await.unwrap(), Err(ReaderGone));
        let (writer, body) = event_body();
        drop(body);
        writer.reader_gone().await;
    }
}
