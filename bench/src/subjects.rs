//! The ways to deduct stock that are compared.

pub(crate) mod bare;
mod hotrow;
mod http;
mod optimistic;
mod plain;
mod redis_lua;

use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(crate) use self::hotrow::{lanes, lanes_over, send_chunks};
pub(crate) use self::http::{accepted_members, batch_of_orders, connect1, send_batches};
use self::plain::Locking;
pub(crate) use self::redis_lua::ready as ready_redis;
use crate::orders::Orders;
use crate::outcome::{Failed, Outcome};
use crate::servers::database::Database;
use crate::servers::instance::Instance;
use crate::servers::redis_server::Fsync;
use crate::settings::{RunSettings, Style};
use crate::turn::{Turn, Window};

/// A way to deduct stock.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// A transaction an order: INSERT, guarded UPDATE.
    Plain,
    /// The same with SELECT ... FOR UPDATE first.
    ForUpdate,
    /// Read, then UPDATE where the version is still the same, and again when it is not.
    Optimistic,
    /// The engine's own statements with plans made beforehand: no lanes, no answers.
    Bare,
    /// The library in this process.
    Hotrow,
    /// The library in this process with a task for each order outstanding.
    HotrowCallers,
    /// Redis with the append-only file synced before each answer.
    RedisAlways,
    /// Redis with the append-only file synced once a second.
    RedisEverysec,
    /// One order a request, HTTP/1.1 keep-alive.
    Http,
    /// One order a request, HTTP/2.
    Http2,
    /// Many orders a request.
    HttpBatch,
    /// The same listener and parsing as http with nothing behind it.
    HttpNoop,
}

/// Everything that one run of one subject has.
pub(crate) struct Stage<'a> {
    pub settings: &'a RunSettings,
    pub database: &'a Database,
    /// The database server's process, when it is ours.
    pub database_pid: Option<u32>,
    pub orders: Orders,
    pub turn: Arc<Turn>,
}

impl Subject {
    /// As flags and reports have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::ForUpdate => "for-update",
            Self::Optimistic => "optimistic",
            Self::Bare => "bare",
            Self::Hotrow => "hotrow",
            Self::HotrowCallers => "hotrow-callers",
            Self::RedisAlways => "redis-always",
            Self::RedisEverysec => "redis-everysec",
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::HttpBatch => "http-batch",
            Self::HttpNoop => "http-noop",
        }
    }

    /// What it does and does not do, in one line.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Plain => {
                "a transaction an order on its own connection: INSERT of the ledger row, guarded UPDATE, COMMIT; exact and durable; prepared statements"
            }
            Self::ForUpdate => "the same, with SELECT ... FOR UPDATE of the stock row before it",
            Self::Optimistic => {
                "reads stock and version, then INSERT and UPDATE where the version is the same, and all again when it is not"
            }
            Self::Bare => {
                "the engine's own statements on two connections, plans made beforehand: no queue, no merging, nobody is answered; the ceiling of hotrow"
            }
            Self::Hotrow => {
                "the library in the client's process: lanes, merging, an exact verdict for every order after COMMIT; the client submits several orders together"
            }
            Self::HotrowCallers => "the same, with a task for each order outstanding",
            Self::RedisAlways => {
                "Lua check-and-decrement with a key for each order, pipelined; append-only file synced before each answer; no SQL, no ledger rows, one SKU an order"
            }
            Self::RedisEverysec => {
                "the same, synced once a second: answered orders of the last second can be lost"
            }
            Self::Http => {
                "one order a request over HTTP/1.1 keep-alive to a hotrow process; JSON in and out"
            }
            Self::Http2 => "the same requests multiplexed over a few HTTP/2 connections",
            Self::HttpBatch => "many orders a request; each has its own result",
            Self::HttpNoop => {
                "the listener, parsing and answering of http with nothing behind it: takes no stock, leaves no row; the ceiling of http"
            }
        }
    }

    /// True for those that leave a row for each order in the database.
    pub(crate) fn leaves_rows(self) -> bool {
        match self {
            Self::Plain | Self::ForUpdate | Self::Optimistic | Self::Bare => true,
            Self::Hotrow | Self::HotrowCallers => true,
            Self::Http | Self::Http2 | Self::HttpBatch => true,
            Self::RedisAlways | Self::RedisEverysec | Self::HttpNoop => false,
        }
    }

    /// True for those that write by hotrow's flushes, and so a row of `stock_version` for each.
    pub(crate) fn flushes(self) -> bool {
        match self {
            Self::Plain | Self::ForUpdate | Self::Optimistic => false,
            Self::RedisAlways | Self::RedisEverysec | Self::HttpNoop => false,
            Self::Bare | Self::Hotrow | Self::HotrowCallers => true,
            Self::Http | Self::Http2 | Self::HttpBatch => true,
        }
    }

    /// Runs it once: gets ready, sends orders until the turn ends, waits for the last answer.
    pub(crate) async fn play(self, stage: &Stage<'_>) -> Outcome<Window> {
        match self {
            Self::Plain => plain::play(stage, Locking::Guard).await,
            Self::ForUpdate => plain::play(stage, Locking::Row).await,
            Self::Optimistic => optimistic::play(stage).await,
            Self::Bare => bare::play(stage).await,
            Self::Hotrow => hotrow::play(stage, stage.settings.style).await,
            Self::HotrowCallers => hotrow::play(stage, Style::Callers).await,
            Self::RedisAlways => redis_lua::play(stage, Fsync::Always).await,
            Self::RedisEverysec => redis_lua::play(stage, Fsync::EverySecond).await,
            Self::Http => self.over_http(stage, true, http::play_http1).await,
            Self::Http2 => self.over_http(stage, true, http::play_http2).await,
            Self::HttpBatch => self.over_http(stage, true, http::play_batch).await,
            Self::HttpNoop => self.over_http(stage, false, http::play_http1).await,
        }
    }

    async fn over_http(
        self,
        stage: &Stage<'_>,
        with_engine: bool,
        play: impl AsyncFn(&Stage<'_>, &Instance) -> Outcome<Window>,
    ) -> Outcome<Window> {
        let connections = stage.settings.flush_connections;
        let instance = Instance::start(stage.database, with_engine, connections).await?;
        let window = play(stage, &instance).await?;
        instance.stop().await?;
        Ok(window)
    }
}

/// The clients of a run: ends the turn at the first failure, and tells it.
pub(crate) async fn join_clients(
    mut clients: tokio::task::JoinSet<Outcome<()>>,
    turn: &Turn,
) -> Outcome<()> {
    let mut failure: Option<Failed> = None;
    while let Some(ended) = clients.join_next().await {
        if let Err(error) = ended? {
            turn.stop();
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}
