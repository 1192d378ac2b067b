//! hotrow takes very many stock deductions on one hot row of an ordinary MySQL, durably and exactly.
//!
//! Deductions of the same SKU wait in that SKU's lane. Whatever waits is merged and written in one
//! transaction: a ledger row for every order line, and one guarded `UPDATE` for every SKU. After its
//! COMMIT every caller gets an answer of their own: done, refused, not executed, or, when a commit was
//! lost and nobody could tell in time, unknown. MySQL alone decides; what is remembered elsewhere only
//! chooses the way to ask it.
//!
//! The program `hotrow` puts HTTP around this; its README is the place to start for that.
//!
//! # As a library, without HTTP
//!
//! [`Lanes`](lane::Lanes) is the handle: [`submit`](lane::Lanes::submit) takes an
//! [`Operation`](domain::Operation) and gives a ticket, which is a future of its
//! [`Verdict`](domain::Verdict). Everything else that talks to the database goes through the
//! [`Desk`](store::mysql::Desk).
//!
//! ```
//! use std::time::Duration;
//!
//! use hotrow::domain::{
//!     Available, Line, Operation, Order, OrderId, Quantity, Sku, Terms, Verdict,
//! };
//! use hotrow::lane::{Lanes, LanesConfig};
//! use hotrow::store::mysql::{Address, Desk, migrate};
//! use hotrow::telemetry::metrics::Metrics;
//!
//! # use hotrow::embedded::{EmbeddedConfig, EmbeddedServer, Sizing, locate};
//! # type Failed = Box<dyn std::error::Error + Send + Sync>;
//! # #[tokio::main]
//! # async fn main() -> Result<(), Failed> {
//! # let room = tempfile::tempdir()?;
//! # let server = EmbeddedServer::start(EmbeddedConfig {
//! #     installation: tokio::task::spawn_blocking(|| locate(None, None)).await??,
//! #     data_dir: room.path().to_owned(),
//! #     sizing: Sizing::for_machine(0, 1),
//! # })
//! # .await?;
//! # let url = server.url();
//! # let here = tokio::task::LocalSet::new();
//! # let shown = here.run_until(async { tokio::task::spawn_local(async move {
//! let address: Address = url.parse()?; // mysql://user:password@host:3306/hotrow
//! migrate(&address).await?;
//!
//! let desk = Desk::open(&address, 2, Duration::from_secs(5)).await?;
//! let ticket = Sku::new("ticket")?;
//! desk.open_stock(ticket.clone(), Available::new(1_000)?, Terms::default()).await?;
//!
//! let lanes = Lanes::start(address, LanesConfig::default(), Metrics::new()).await?;
//! let line = Line { sku: ticket.clone(), quantity: Quantity::new(2)? };
//! let order = Operation::Take(Order::new(OrderId::new("order_id", "o-1")?, vec![line])?);
//!
//! let verdict = lanes.submit(order.clone()).await;
//! assert!(matches!(verdict, Verdict::Done { replayed: false, .. }));
//! let verdict = lanes.submit(order).await; // the same id again takes nothing
//! assert!(matches!(verdict, Verdict::Done { replayed: true, .. }));
//! assert_eq!(desk.stock(vec![ticket]).await?[0].available, 998);
//!
//! lanes.drain().await; // answers everything that was accepted
//! desk.close().await;
//! # Ok::<(), Failed>(())
//! # }).await })
//! # .await;
//! # server.shutdown().await?;
//! # shown?
//! # }
//! ```
//!
//! Without a server at hand, [`embedded`] runs one: the example above is tested that way.
//!
//! # A tour, in reading order
//!
//! The modules are listed from left to right: each may use those before it and none after, which a
//! test (`tests/tidy`) holds them to. [`embedded`] stands apart.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`limits`] | every bound of the product, in one place |
//! | [`telemetry`] | log lines and metrics |
//! | [`domain`] | the words: order, line, SKU, operation, verdict; their constructors hold the rules |
//! | [`engine`] | merging and deciding as plain code: no clock, no I/O, no threads |
//! | [`store`] | where stock lives; [`store::mysql`] is the only user of sqlx |
//! | [`cache`] | the read cache, which decides nothing; the only user of the crate `redis` |
//! | [`lane`] | the engine thread, the flush connections, the tickets |
//! | [`merging`] | follows the merge modes that people set, and writes what they cost or would gain |
//! | [`sweep`] | releases holds whose time is over |
//! | [`reconcile`] | compares stock with its ledger, and the cache with stock |
//! | [`http`] | the HTTP contract on two listeners |
//! | [`config`] | settings from flags, variables and a file, checked whole |
//! | [`app`] | the commands: puts the parts together and takes them down |
//! | [`embedded`] | a private MySQL or MariaDB as a child process |
//!
//! To follow one order: [`domain::Order`] is what a caller wants. [`lane::Lanes::submit`] admits it.
//! [`engine::Combiner`] queues it in its lanes and makes it part of a [`engine::Plan`].
//! [`store::mysql::FlushConnection`] executes the plan; when it does not go through whole,
//! [`engine::decide`] answers each operation on its own, under locks. [`domain::Verdict`] is what comes
//! back. The statements are in `sql/statements`, the tables in `sql/migrations`.

pub mod limits;

pub mod telemetry;

pub mod domain;

pub mod engine;

pub mod store;

pub mod cache;

pub mod lane;

pub mod merging;

pub mod sweep;

pub mod reconcile;

pub mod http;

pub mod config;

pub mod app;

pub mod embedded;
