//! The connection to Redis, and the breaker that spares callers a dead one.
//!
//! Callers use the connection that is there and never wait for one. When several calls in a row fail, or the
//! connection is lost, it is thrown away: calls fail at once from then on. One task alone then tries to come
//! back, with growing pauses, by doing what readers do.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::address::RedisAddress;
use crate::limits::{
    CACHE_CONNECT_MS, CACHE_FAILURES_MAX, CACHE_PATIENCE_MS, CACHE_RETRY_MAX_MS, CACHE_RETRY_MS,
};
use crate::telemetry::metrics::{CacheFailure, Metrics};

pub(super) const PATIENCE: Duration = Duration::from_millis(CACHE_PATIENCE_MS);

/// A call to the cache that came to nothing. What it was to do may be done or not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// It is not asked at the moment.
    #[error("the cache is down")]
    Down,
    /// No answer came in time.
    #[error("the cache was silent for {CACHE_PATIENCE_MS} ms")]
    Silent,
    /// The connection was lost.
    #[error("the connection to the cache was lost: {0}")]
    Lost(String),
    /// Redis refused it.
    #[error("the cache refused: {0}")]
    Refused(String),
}

/// Cheap to clone; the last clone takes the connection and the task with it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    _keeper: Arc<Keeper>,
}

#[derive(Debug)]
struct Shared {
    live: RwLock<Option<Live>>,
    /// Calls in a row that failed.
    failures: AtomicU32,
    lost: Notify,
    metrics: Metrics,
}

#[derive(Clone, Debug)]
struct Live {
    connection: MultiplexedConnection,
    /// Tells it from the connections before and after.
    since: Instant,
}

#[derive(Debug)]
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Begins to connect. `probe` is what a connection has to be good for.
    pub(super) fn open<P, F>(address: RedisAddress, metrics: Metrics, probe: P) -> RedisResult<Self>
    where
        P: Fn(MultiplexedConnection) -> F + Send + Sync + 'static,
        F: Future<Output = RedisResult<()>> + Send + 'static,
    {
        let client = Client::open(address.info())?;
        let shared = Arc::new(Shared {
            live: RwLock::new(None),
            failures: AtomicU32::new(0),
            lost: Notify::new(),
            metrics,
        });
        let keeper = tokio::spawn(keep(client, address, Arc::clone(&shared), probe));
        Ok(Self { shared, _keeper: Arc::new(Keeper(keeper)) })
    }

    pub(super) fn is_up(&self) -> bool {
        self.shared.live.read().is_some()
    }

    /// Asks something that every sound server answers.
    pub(super) async fn ask<T, F>(
        &self,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.call(call, true).await
    }

    /// Changes something, which a sound server may refuse: it may be full, or a replica.
    pub(super) async fn change<T, F>(
        &self,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        self.call(call, false).await
    }

    async fn call<T, F>(
        &self,
        call: impl FnOnce(MultiplexedConnection) -> F,
        refusal_is_failure: bool,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let shared = &self.shared;
        let live = shared.live.read().clone();
        let Some(Live { connection, since }) = live else { return Err(CacheError::Down) };
        let error = match timeout(PATIENCE, call(connection)).await {
            Ok(Ok(answer)) => {
                shared.failures.store(0, Ordering::Relaxed);
                return Ok(answer);
            }
            Ok(Err(error)) => CacheError::from(error),
            Err(_elapsed) => CacheError::Silent,
        };
        match &error {
            CacheError::Lost(_) => {
                shared.metrics.cache_failure(CacheFailure::Lost);
                shared.give_up(since, &error);
            }
            CacheError::Silent => {
                shared.metrics.cache_failure(CacheFailure::Timeout);
                shared.count_failure(since, &error);
            }
            CacheError::Refused(_) => {
                shared.metrics.cache_failure(CacheFailure::Refused);
                if refusal_is_failure {
                    shared.count_failure(since, &error);
                }
            }
            CacheError::Down => {}
        }
        Err(error)
    }
}

impl Shared {
    fn count_failure(&self, since: Instant, error: &CacheError) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= CACHE_FAILURES_MAX {
            self.give_up(since, error);
        }
    }

    /// Throws that connection away, if it is still the one that is used.
    fn give_up(&self, since: Instant, error: &CacheError) {
        let mut live = self.live.write();
        if live.as_ref().is_some_and(|live| live.since == since) {
            *live = None;
            drop(live);
            self.metrics.cache_up(false);
            warn!(%error, "the cache is not used until it is sound again; MySQL is read instead");
            self.lost.notify_one();
        }
    }
}

/// Connects, waits until the connection is given up, and begins anew.
async fn keep<P, F>(client: Client, address: RedisAddress, shared: Arc<Shared>, probe: P)
where
    P: Fn(MultiplexedConnection) -> F,
    F: Future<Output = RedisResult<()>>,
{
    let (first, longest) =
        (Duration::from_millis(CACHE_RETRY_MS), Duration::from_millis(CACHE_RETRY_MAX_MS));
    let mut pause = first;
    let mut told = false;
    loop {
        match connect(&client, &probe).await {
            Ok(connection) => {
                let since = Instant::now();
                shared.failures.store(0, Ordering::Relaxed);
                *shared.live.write() = Some(Live { connection, since });
                shared.metrics.cache_up(true);
                info!(cache = %address, "the cache is used");
                shared.lost.notified().await;
                told = true;
                if since.elapsed() > longest {
                    pause = first;
                }
            }
            Err(error) if told => debug!(%error, "the cache is still not sound"),
            Err(error) => {
                told = true;
                shared.metrics.cache_failure(CacheFailure::Lost);
                warn!(cache = %address, %error, "the cache cannot be used; MySQL is read instead");
            }
        }
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

async fn connect<P, F>(client: &Client, probe: &P) -> Result<MultiplexedConnection, CacheError>
where
    P: Fn(MultiplexedConnection) -> F,
    F: Future<Output = RedisResult<()>>,
{
    let limit = Duration::from_millis(CACHE_CONNECT_MS);
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(limit).set_response_timeout(PATIENCE);
    let connecting = async {
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        probe(connection.clone()).await?;
        Ok(connection)
    };
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(|error: RedisError| CacheError::from(error)),
        Err(_elapsed) => Err(CacheError::Silent),
    }
}

impl From<RedisError> for CacheError {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() {
            Self::Silent
        } else if error.is_io_error() || error.is_unrecoverable_error() {
            Self::Lost(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}
