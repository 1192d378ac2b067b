//! What was asked, what was answered, and when, by one monotonic clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;

/// The summed lines of an order: units by SKU.
pub(crate) type Lines = BTreeMap<String, i64>;

/// A call that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Order { id: String, lines: Lines },
    Cancel { id: String },
    Open { sku: String, available: i64 },
    Adjust { id: String, sku: String, delta: i64 },
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Http {
        status: u16,
        body: Value,
    },
    /// The connection broke, or the caller left, before an answer was there.
    Lost(String),
}

/// What an answer says about the call that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done by this call (`first`) or by an earlier one.
    Executed { first: bool },
    /// Decided, nothing changed; the slug of the problem.
    Refused(String),
    /// Never decided, nothing changed; the slug of the problem.
    NotExecuted(String),
    /// It may have happened, and may still happen.
    Unknown,
    /// The contract knows no such answer.
    Undocumented(String),
}

const REFUSALS: [(u16, &str); 10] = [
    (400, "malformed-request"),
    (422, "invalid-value"),
    (404, "unknown-sku"),
    (404, "unknown-order"),
    (413, "too-large"),
    (415, "unsupported-media-type"),
    (409, "insufficient-stock"),
    (409, "order-settled"),
    (409, "sku-exists"),
    (422, "order-mismatch"),
];
const NOT_EXECUTED: [(u16, &str); 4] =
    [(429, "rate-limited"), (503, "overloaded"), (503, "database-unavailable"), (503, "draining")];

impl Answer {
    /// The slug of the problem, if it is one.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Http { body, .. } => body.get("type")?.as_str()?.strip_prefix("/problems/"),
            Self::Lost(_) => None,
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Http { status, .. } => Some(*status),
            Self::Lost(_) => None,
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let Some(status) = self.status() else {
            return Outcome::Unknown;
        };
        let slug = self.problem().unwrap_or_default();
        match status {
            200 | 201 => Outcome::Executed { first: status == 201 },
            504 if slug == "outcome-unknown" => Outcome::Unknown,
            _ if REFUSALS.contains(&(status, slug)) => Outcome::Refused(slug.to_owned()),
            _ if NOT_EXECUTED.contains(&(status, slug)) => Outcome::NotExecuted(slug.to_owned()),
            _ => Outcome::Undocumented(format!("{self:?}")),
        }
    }

    /// True when sending the same again cannot change what is known: it is executed or was decided
    /// against.
    pub(crate) fn is_definite(&self) -> bool {
        matches!(self.outcome(), Outcome::Executed { .. } | Outcome::Refused(_))
    }

    /// The name under which coverage counts it: the problem's slug, the status, or `lost`.
    pub(crate) fn kind(&self) -> String {
        match (self.problem(), self.status()) {
            (Some(slug), _) => slug.to_owned(),
            (None, Some(status)) => status.to_string(),
            (None, None) => "lost".to_owned(),
        }
    }
}

impl Outcome {
    /// False when the answer promises that this call changed nothing.
    pub(crate) fn may_have_executed(&self) -> bool {
        match self {
            Self::Executed { .. } | Self::Unknown | Self::Undocumented(_) => true,
            Self::Refused(_) | Self::NotExecuted(_) => false,
        }
    }
}

/// One call with its answer. Times count from the start of the history.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) invoked: Duration,
    pub(crate) returned: Duration,
    pub(crate) answer: Answer,
}

/// Everything that was asked and answered in one run.
#[derive(Debug)]
pub(crate) struct History {
    start: Instant,
    calls: Mutex<Vec<Call>>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), calls: Mutex::new(Vec::new()) }
    }

    /// The time for [`Call::invoked`], read before the first byte is sent.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Records an answer that has just arrived.
    pub(crate) fn answered(&self, request: Request, invoked: Duration, answer: Answer) {
        let returned = self.now();
        self.calls.lock().push(Call { request, invoked, returned, answer });
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().clone()
    }
}
