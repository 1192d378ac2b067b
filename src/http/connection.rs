//! One connection: protocol, time limits, end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval, interval_at};

use super::answer::{Answer, AnswerBody};
use super::outbox;
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, STREAMS_MAX};

/// How long a connection may go without a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From being accepted to the first request's head.
    pub(super) head: Duration,
    /// Between one request and the next; noticed after one to two of these.
    pub(super) idle: Duration,
}

/// Requests of one connection, to tell a quiet client from one that waits for its answer.
#[derive(Default)]
struct Activity {
    started: AtomicU64,
    ended: AtomicU64,
    abandoned: Notify,
}

impl Activity {
    fn is_waited_for(&self) -> bool {
        self.ended.load(Ordering::Relaxed) < self.started.load(Ordering::Relaxed)
    }
}

/// A request that is answered; ends also when its handler is dropped, and goes on in an answer that is
/// made while it is sent.
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    fn start(activity: Arc<Activity>) -> Self {
        activity.started.fetch_add(1, Ordering::Relaxed);
        Self(activity)
    }

    /// The client does not take its answer: closes the connection, unless it waits for another.
    pub(super) fn abandon(self) {
        let activity = Arc::clone(&self.0);
        drop(self);
        activity.abandoned.notify_one();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The protocol settings of both listeners.
pub(super) fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // hyper's own header timer costs an allocation and a timer a request; `serve` has one for the
    // whole connection instead, which also covers the time before the protocol is known.
    builder.http1().max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX as usize);
    // The limits on streams that a client opens and resets stay at hyper's defaults.
    builder.http2().max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_BYTES_MAX);
    builder
}

/// Serves one connection to its end. `leave` turning true lets the requests in flight finish and
/// then ends it. A handler's error ends it at once, without an answer.
pub(super) async fn serve<H, F, E>(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    patience: Patience,
    leave: watch::Receiver<bool>,
    handler: H,
) where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Answer, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    // Small answers must not wait for the acknowledgement of earlier ones.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let activity = Arc::clone(&activity);
        let only_head = request.method() == Method::HEAD;
        let in_flight = InFlight::start(activity);
        // A block that awaits the handler would have it in memory twice, and copy it for each request.
        handler(request).map(move |answered| {
            let mut answer = answered?;
            if only_head {
                // Over HTTP/2 hyper would send it.
                *answer.body_mut() = Bytes::new().into();
            }
            if let AnswerBody::Events(events) = answer.body_mut() {
                events.keep(in_flight);
            }
            Ok::<_, E>(answer)
        })
    });
    let (socket, mut outbox) = outbox::split(stream);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let watch = Watch::new(patience, leave, Arc::clone(&activity));
    // A collection, though of one: it asks again only when woken, and a connection is woken far more often by its
    // client and its answers.
    let mut watches = FuturesUnordered::from_iter([watch.next()]);
    loop {
        tokio::select! {
            biased;
            () = poll_fn(|context| outbox.poll_turn(context, connection.as_mut())) => return,
            Some(notice) = watches.next() => match notice {
                Notice::Leave(watch) => {
                    connection.as_mut().graceful_shutdown();
                    watches.push(watch.next());
                }
                Notice::End => return,
            }
        }
    }
}

/// What ends a connection from outside.
struct Watch {
    leave: watch::Receiver<bool>,
    leaving: bool,
    look: Interval,
    activity: Arc<Activity>,
    started_before: u64,
}

enum Notice {
    /// Finish the requests in flight.
    Leave(Watch),
    /// Close now.
    End,
}

impl Watch {
    fn new(patience: Patience, leave: watch::Receiver<bool>, activity: Arc<Activity>) -> Self {
        let look = interval_at(Instant::now() + patience.head, patience.idle);
        Self { leave, leaving: false, look, activity, started_before: 0 }
    }

    async fn next(mut self) -> Notice {
        loop {
            tokio::select! {
                biased;
                _ = self.leave.wait_for(|leave| *leave), if !self.leaving => self.leaving = true,
                () = self.activity.abandoned.notified() => {
                    if !self.activity.is_waited_for() {
                        return Notice::End;
                    }
                    continue;
                }
                _ = self.look.tick() => {
                    let started = self.activity.started.load(Ordering::Relaxed);
                    if !self.activity.is_waited_for() && started == self.started_before {
                        return Notice::End;
                    }
                    self.started_before = started;
                    continue;
                }
            }
            return Notice::Leave(self);
        }
    }
}
