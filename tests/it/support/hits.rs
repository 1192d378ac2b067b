//! How often each kind of fault and of answer was really hit. A run that promises a kind and never
//! hit it has tested nothing, and fails.

use std::collections::BTreeMap;

use super::history::{Call, Request};

/// Counts by kind.
#[derive(Debug, Default)]
pub(crate) struct Hits(BTreeMap<String, u64>);

impl Hits {
    /// The answers of a run, by kind: `order 201`, `order insufficient-stock`, `cancel 200`, `order
    /// lost`.
    pub(crate) fn of_answers(calls: &[Call]) -> Self {
        let mut hits = Self::default();
        for call in calls {
            let verb = match call.request {
                Request::Order { .. } => "order",
                Request::Cancel { .. } => "cancel",
                Request::Open { .. } => "open",
                Request::Adjust { .. } => "adjust",
            };
            hits.add(&format!("{verb} {}", call.answer.kind()), 1);
        }
        hits
    }

    pub(crate) fn add(&mut self, kind: &str, count: u64) {
        *self.0.entry(kind.to_owned()).or_default() += count;
    }

    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// # Panics
    /// When one of the kinds was never hit.
    pub(crate) fn require(&self, kinds: &[&str]) {
        let missed: Vec<_> = kinds.iter().filter(|kind| self.count(kind) == 0).collect();
        assert!(missed.is_empty(), "never hit: {missed:?}; hit: {:?}", self.0);
    }
}

#[test]
#[should_panic(expected = "never hit: [\"order 201\"]")]
fn a_kind_that_was_never_hit_fails_the_run() {
    let mut hits = Hits::default();
    hits.add("order insufficient-stock", 3);
    hits.require(&["order insufficient-stock", "order 201"]);
}
