//! From values to HTTP answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use super::events::EventBody;
use super::problem::Problem;
use super::wire::render;
use crate::limits::RETRY_AFTER_S_MAX;

/// An answer.
pub(super) type Answer = Response<AnswerBody>;

/// The body of an answer.
pub(super) enum AnswerBody {
    /// At hand before it is sent.
    Whole(Full<Bytes>),
    /// Made while it is sent.
    Events(EventBody),
}

impl<B: Into<Bytes>> From<B> for AnswerBody {
    fn from(bytes: B) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Events(body) => {
                body.poll_chunk(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Why a request gets something else than a success.
#[derive(Debug)]
pub(super) enum Failure {
    /// A documented answer.
    Problem(Problem),
    /// The body did not arrive in time: the connection is closed without an answer.
    BodyTooSlow,
}

impl<P: Into<Problem>> From<P> for Failure {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

/// The answer of a handler.
pub(super) type Outcome = Result<Answer, Failure>;

/// An answer with these bytes.
pub(super) fn bytes(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// An answer that goes on as Server-Sent Events.
pub(super) fn events(body: EventBody) -> Answer {
    let mut answer = Response::new(AnswerBody::Events(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that collects an answer before it passes it on would hold events back.
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    answer
}

/// An answer with this JSON.
pub(super) fn json(status: StatusCode, json: Vec<u8>) -> Answer {
    bytes(status, JSON, json.into())
}

/// 201, or 200 marked as a repeat.
pub(super) fn done(replayed: bool, body: Vec<u8>) -> Answer {
    if !replayed {
        return json(StatusCode::CREATED, body);
    }
    let mut answer = json(StatusCode::OK, body);
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// The answer that tells a problem.
pub(super) fn problem(problem: &Problem) -> Answer {
    let body = render(&problem.body(&problem.detail()));
    let mut answer = bytes(problem.status(), PROBLEM_JSON, body.into());
    let headers = answer.headers_mut();
    if let Some(seconds) = retry_after_s(problem) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Problem::MethodNotAllowed(allowed) = problem {
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    if let Problem::Unauthorized = problem {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hotrow\""));
    }
    answer
}

/// When to send again, for the statuses that mean just that: 1 to 3 seconds in turn, so that those
/// who were refused together do not come back together, after what a quota needs to have room.
fn retry_after_s(problem: &Problem) -> Option<u32> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let wait_s = match problem.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => problem.wait().as_secs(),
        _ => return None,
    };
    let spread_s = 1 + TURN.fetch_add(1, Ordering::Relaxed) % RETRY_AFTER_S_MAX;
    Some(u32::try_from(wait_s).unwrap_or(u32::MAX).saturating_add(spread_s))
}
