//! The change feed: page by page, or as Server-Sent Events.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::ACCEPT;
use hyper::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::answer::{self, Outcome};
use super::events::{EventWriter, event_body};
use super::problem::Problem;
use super::query;
use super::state::State;
use super::wire::{self, ChangeAnswer};
use crate::domain::{InvalidValue, LimitKind};
use crate::limits::{
    CHANGE_HEARTBEAT_MS, CHANGE_READER_PATIENCE_MS, CHANGE_READERS_MAX, CHANGES_PAGE,
    CHANGES_PAGE_MAX, RECONNECT_PAUSE_MS,
};
use crate::store::mysql::{ChangeFeed, Desk, FeedError};
use crate::store::{Change, Cursor};
use crate::telemetry::metrics::Metrics;

const LAST_EVENT_ID: &str = "last-event-id";
const EVENT_STREAM: &str = "text/event-stream";
/// A comment, which clients skip.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// What all readers of a server share.
pub(super) struct Feed {
    changes: Arc<ChangeFeed>,
    /// A permit for each stream.
    readers: Arc<Semaphore>,
    ended: watch::Sender<bool>,
}

impl Feed {
    pub(super) fn new(desk: Desk) -> Self {
        Self {
            changes: Arc::new(ChangeFeed::new(desk)),
            readers: Arc::new(Semaphore::new(CHANGE_READERS_MAX)),
            ended: watch::Sender::new(false),
        }
    }

    pub(super) fn changes(&self) -> Arc<ChangeFeed> {
        Arc::clone(&self.changes)
    }

    /// Ends all streams.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }
}

/// `GET /v1/changes`
pub(super) async fn read(state: &State, query: Option<&str>, headers: &HeaderMap) -> Outcome {
    let (after, limit) = query::changes(query)?;
    if wants_events(headers) {
        let after = last_event(headers)?.or(after);
        return stream(state, after, limit.unwrap_or(CHANGES_PAGE_MAX)).await;
    }
    let after = after.unwrap_or(Cursor::BEGINNING);
    let page = state.feed.changes.page(after, limit.unwrap_or(CHANGES_PAGE)).await;
    let page = page.map_err(|error| problem(state, &error))?;
    state.metrics.changes_sent(page.len());
    let answers: Vec<ChangeAnswer<'_>> = page.iter().map(ChangeAnswer::from).collect();
    Ok(answer::json(StatusCode::OK, wire::render(&answers)))
}

fn problem(state: &State, error: &FeedError) -> Problem {
    match error {
        FeedError::Forgotten => Problem::InvalidValue(InvalidValue {
            field: "after".to_owned(),
            problem: "is older than the change feed reaches back; read the stock, and begin anew"
                .to_owned(),
        }),
        FeedError::Store(error) => state.database_unavailable("reading changes", error),
    }
}

/// Whether one of the media ranges is that of Server-Sent Events.
fn wants_events(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = ranges.flat_map(|value| value.split(',')).map(|range| {
        let (media_type, _parameters) = range.split_once(';').unwrap_or((range, ""));
        media_type.trim()
    });
    types.any(|media_type| media_type.eq_ignore_ascii_case(EVENT_STREAM))
}

/// Where a client that comes back was; goes before what the address says, which is where it began.
fn last_event(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    Ok(Some(Cursor::parse("Last-Event-ID", text)?))
}

async fn stream(state: &State, after: Option<Cursor>, limit: usize) -> Outcome {
    let after = after.unwrap_or(Cursor::BEGINNING);
    // A stream waits for a database that is away.
    if let Err(error @ FeedError::Forgotten) = state.feed.changes.check(after).await {
        return Err(problem(state, &error).into());
    }
    let Ok(permit) = Arc::clone(&state.feed.readers).try_acquire_owned() else {
        let (limit, limit_value) = (LimitKind::Process, CHANGE_READERS_MAX);
        return Err(Problem::Overloaded { limit, limit_value }.into());
    };
    let (writer, body) = event_body();
    let reader = Reader {
        changes: Arc::clone(&state.feed.changes),
        metrics: state.metrics.clone(),
        after,
        limit,
        _permit: permit,
    };
    reader.metrics.change_reader_came();
    tokio::spawn(reader.serve(writer, state.feed.ended.subscribe()));
    Ok(answer::events(body))
}

/// One stream.
struct Reader {
    changes: Arc<ChangeFeed>,
    metrics: Metrics,
    /// The last change that was handed over.
    after: Cursor,
    limit: usize,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// Serves the stream until its client leaves, or is too slow, or the server shuts down.
    async fn serve(mut self, writer: EventWriter, mut ended: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => {}
            () = self.follow(&writer) => {}
        }
    }

    async fn follow(&mut self, writer: &EventWriter) {
        let patience = Duration::from_millis(CHANGE_READER_PATIENCE_MS);
        loop {
            let changes = tokio::select! {
                () = writer.reader_gone() => return,
                changes = self.next() => changes,
            };
            let Some(changes) = changes else { return };
            let chunk = if changes.is_empty() { HEARTBEAT } else { events(&changes) };
            match timeout(patience, writer.write(chunk)).await {
                Ok(Ok(())) => {}
                Ok(Err(_gone)) => return,
                Err(_) => {
                    tracing::info!("a reader of the change stream took nothing for too long");
                    return;
                }
            }
            self.metrics.changes_sent(changes.len());
            self.after = changes.last().map_or(self.after, |last| last.cursor);
        }
    }

    /// The next changes, no change when it is time for a sign of life, `None` when the feed does not reach back to
    /// the last one any more.
    async fn next(&self) -> Option<Vec<Change>> {
        let heartbeat = Instant::now() + Duration::from_millis(CHANGE_HEARTBEAT_MS);
        loop {
            let page = self.changes.page(self.after, self.limit);
            match timeout_at(heartbeat, page).await {
                Ok(Ok(changes)) if changes.is_empty() => {}
                Ok(Ok(changes)) => return Some(changes),
                Ok(Err(FeedError::Forgotten)) => return None,
                Ok(Err(FeedError::Store(error))) => {
                    tracing::debug!(%error, "a reader of the change stream waits");
                    let again = Instant::now() + Duration::from_millis(RECONNECT_PAUSE_MS);
                    sleep_until(again.min(heartbeat)).await;
                }
                Err(_) => return Some(Vec::new()),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.metrics.change_reader_went();
    }
}

fn events(changes: &[Change]) -> Bytes {
    let mut text = Vec::with_capacity(changes.len() * 192);
    for change in changes {
        text.extend_from_slice(format!("id: {}\nevent: change\ndata: ", change.cursor).as_bytes());
        wire::render_into(&mut text, &ChangeAnswer::from(change));
        text.extend_from_slice(b"\n\n");
    }
    text.into()
}
