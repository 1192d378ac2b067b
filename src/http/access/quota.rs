//! How many orders one caller may send.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::http::problem::Problem;

/// The quota of one caller; callers are a fixed set, so nothing here grows.
#[derive(Debug)]
pub(super) struct CallerQuota {
    burst: NonZeroU32,
    limiter: DefaultDirectRateLimiter,
}

impl CallerQuota {
    pub(super) fn new(orders_per_s: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(orders_per_s).allow_burst(burst);
        Self { burst, limiter: RateLimiter::direct(quota) }
    }

    /// Takes all of these orders off the quota or none.
    pub(super) fn spend(&self, orders: NonZeroU32) -> Result<(), Problem> {
        match self.limiter.check_n(orders) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                Err(Problem::RateLimited(not_until.wait_time_from(DefaultClock::default().now())))
            }
            Err(_above_burst) => Err(Problem::BatchAboveQuota(self.burst.get())),
        }
    }
}
