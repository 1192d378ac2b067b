//! The bounds of the lanes.

use std::time::Duration;

use super::{ConfigError, Settings, bounded};
use crate::lane::LanesConfig;
use crate::limits;

impl Settings {
    pub(super) fn lanes(&self) -> Result<LanesConfig, ConfigError> {
        let mut lanes = LanesConfig::default();
        lanes.process_depth_max = bounded(
            "process_depth_max",
            self.process_depth_max.unwrap_or(lanes.process_depth_max),
            1..=limits::PROCESS_DEPTH_LIMIT,
        )?;
        lanes.lane_depth_max = bounded(
            "lane_depth_max",
            self.lane_depth_max.unwrap_or(lanes.lane_depth_max.min(lanes.process_depth_max)),
            1..=limits::PROCESS_DEPTH_LIMIT,
        )?;
        if lanes.lane_depth_max > lanes.process_depth_max {
            return Err(ConfigError::Setting {
                setting: "lane_depth_max",
                value: lanes.lane_depth_max.to_string(),
                allowed: format!(
                    "at most process_depth_max, which is {}, is allowed",
                    lanes.process_depth_max
                ),
            });
        }
        lanes.connections = bounded(
            "connections",
            self.connections.unwrap_or(lanes.connections),
            1..=limits::FLUSH_CONNECTIONS_LIMIT,
        )?;
        lanes.order_deadline = Duration::from_millis(self.order_deadline_ms()?);
        Ok(lanes)
    }

    pub(super) fn order_deadline_ms(&self) -> Result<u64, ConfigError> {
        bounded(
            "order_deadline_ms",
            self.order_deadline_ms.unwrap_or(limits::ORDER_DEADLINE_MS),
            limits::ORDER_DEADLINE_LEAST_MS..=limits::ORDER_DEADLINE_MOST_MS,
        )
    }
}
