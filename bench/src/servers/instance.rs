//! hotrow with its HTTP listeners as a process of its own, as in production: this program started
//! again with the command `instance`. It ends when its standard input does, so also with the harness.

use std::net::SocketAddr;
use std::process::Stdio;

use hotrow::cache::{HotSkus, StockReads};
use hotrow::http::{Access, Http, HttpConfig};
use hotrow::lane::{Lanes, LanesConfig};
use hotrow::limits::DESK_PATIENCE;
use hotrow::store::mysql::{Address, Desk};
use hotrow::telemetry::metrics::Metrics;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::cache::{self, Filled};
use super::database::Database;
use crate::outcome::Outcome;

/// The variable that carries the database URL, which may hold a password.
pub(super) const URL_VARIABLE: &str = "HOTROW_BENCH_INSTANCE_URL";

/// The variable that carries the URL of the read cache, when it is to have one.
const REDIS_VARIABLE: &str = "HOTROW_BENCH_INSTANCE_REDIS_URL";

/// A running process.
pub(crate) struct Instance {
    process: Child,
    /// Where it takes orders.
    pub orders: SocketAddr,
}

impl Instance {
    /// Starts one on this database; without an engine it answers every order as done and writes nothing.
    pub(crate) async fn start(
        database: &Database,
        with_engine: bool,
        flush_connections: usize,
    ) -> Outcome<Self> {
        let mut command = command(flush_connections)?;
        if !with_engine {
            command.arg("--without-engine");
        }
        Self::launch(command, database).await
    }

    /// Starts one with a read cache.
    pub(crate) async fn start_cached(
        database: &Database,
        flush_connections: usize,
        redis_url: &str,
    ) -> Outcome<Self> {
        let mut command = command(flush_connections)?;
        command.env(REDIS_VARIABLE, redis_url);
        Self::launch(command, database).await
    }

    /// Starts a process that is not hotrow and answers reads of stock by a SELECT each.
    pub(crate) async fn start_plain_reads(database: &Database) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("plain-reads");
        Self::launch(command, database).await
    }

    async fn launch(mut command: Command, database: &Database) -> Outcome<Self> {
        let mut process = command
            .env(URL_VARIABLE, database.secret_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("a pipe was asked for")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let orders = line.trim().parse().map_err(|_| "the instance did not start")?;
        Ok(Self { process, orders })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Lets it answer everything and waits for its end.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the instance ended with {status}").into())
        }
    }
}

fn command(flush_connections: usize) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("instance").arg("--flush-connections").arg(flush_connections.to_string());
    Ok(command)
}

/// The instance itself: prints the address of its orders listener and serves.
#[expect(clippy::print_stdout, reason = "the harness reads the address from there")]
pub(crate) async fn serve(with_engine: bool, flush_connections: usize) -> Outcome<()> {
    let url = std::env::var(URL_VARIABLE)
        .map_err(|_| "this command is for the harness itself; use `run`")?;
    let address: Address = url.parse()?;
    let metrics = Metrics::new();
    let desk = Desk::open(&address, 2, DESK_PATIENCE).await?;
    // The filling ends with the process.
    let (stock, commits, _filling) = match std::env::var(REDIS_VARIABLE) {
        Ok(url) => {
            let hot = HotSkus::default();
            let Filled { stock, commits, filling } =
                cache::fill(&url, desk.clone(), hot, metrics.clone())?;
            (stock, Some(commits), Some(filling))
        }
        Err(_) => (StockReads::new(desk.clone()), None, None),
    };
    let lanes = if with_engine {
        let config = LanesConfig { connections: flush_connections, ..LanesConfig::default() };
        Lanes::start_telling(address, config, metrics.clone(), commits).await?
    } else {
        Lanes::without_engine(metrics.clone())
    };
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let access = Access::open();
    let config = HttpConfig::new(loopback, loopback);
    let http = Http::bind(&config, lanes, desk.clone(), stock, metrics, access).await?;
    println!("{}", http.orders_addr());
    http.run(parent_gone()).await;
    desk.close().await;
    Ok(())
}

/// Completes when the harness closes the standard input, or has gone.
pub(super) async fn parent_gone() {
    // An error means the same as the end.
    let _end = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}
