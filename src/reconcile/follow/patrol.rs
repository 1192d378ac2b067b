//! Goes through all entries of the cache, again and again.

use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::domain::Sku;
use crate::limits::{PATROL_PAUSE_MS, PATROL_SCANS_MAX};
use crate::reconcile::entries::CheckError;

/// Where a look through all entries is, or when the last one ended.
#[derive(Debug)]
pub(super) enum Patrol {
    Under { cursor: u64 },
    Over { at: Option<Instant> },
}

impl Default for Patrol {
    fn default() -> Self {
        Self::Over { at: None }
    }
}

impl Patrol {
    /// Begins one if the last one is long enough ago.
    pub(super) fn begins(&mut self) -> bool {
        let pause = Duration::from_millis(PATROL_PAUSE_MS);
        let Self::Over { at } = self else { return false };
        let due = at.is_none_or(|at| at.elapsed() >= pause);
        if due {
            *self = Self::Under { cursor: 0 };
        }
        due
    }

    /// The next SKUs, in bounded steps.
    pub(super) async fn next(&mut self, cache: &Cache) -> Result<Vec<Sku>, CheckError> {
        let mut skus = Vec::new();
        for _ in 0..PATROL_SCANS_MAX {
            let Self::Under { cursor } = self else { break };
            let (next, some) = cache.scan(*cursor).await?;
            skus.extend(some);
            *self = match next {
                0 => Self::Over { at: Some(Instant::now()) },
                cursor => Self::Under { cursor },
            };
        }
        Ok(skus)
    }
}
