//! A lane as `/v1/lanes` tells it.

use schemars::JsonSchema;
use serde::Serialize;

use super::form::{Identifier, MergeModeName};
use crate::lane::LaneReport;

/// One lane.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct LaneAnswer<'a> {
    #[schemars(with = "Identifier")]
    sku: &'a str,
    /// Orders that wait.
    depth: usize,
    /// Flushes in the air.
    in_flight: usize,
    /// Mean orders of a flush since the lane last began to have traffic.
    merged_per_flush: f64,
    /// Stock after the newest flush that told it, in units.
    last_available: Option<i64>,
    /// Whether what waits together is one transaction, see `hotrow merge-mode`.
    #[schemars(with = "MergeModeName")]
    mode: &'static str,
    /// Mean orders of a flush, had the orders of a dry run been merged; only when there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    would_be_per_flush: Option<f64>,
}

impl<'a> From<&'a LaneReport> for LaneAnswer<'a> {
    fn from(lane: &'a LaneReport) -> Self {
        Self {
            sku: lane.sku.as_str(),
            depth: lane.depth,
            in_flight: lane.in_flight,
            merged_per_flush: lane.merged_per_flush,
            last_available: lane.last_available,
            mode: lane.mode.name(),
            would_be_per_flush: lane.would_be_per_flush,
        }
    }
}
