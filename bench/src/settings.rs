//! The flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::experiments::ExperimentName;
use crate::subjects::Subject;

/// Compares ways to deduct stock, on an embedded server or on yours.
#[derive(Debug, Parser)]
#[command(name = "hotrow-bench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures, audits the books after every run, and writes report.json and report.html.
    Run(Box<RunSettings>),
    /// Compares two reports, figure by figure.
    Compare {
        /// The earlier report.json.
        before: PathBuf,
        /// The later report.json.
        after: PathBuf,
    },
    /// Makes report.html of a report.json again.
    Render {
        /// The report.json.
        report: PathBuf,
    },
    /// One hotrow with its HTTP listeners; the harness starts it by itself.
    #[command(hide = true)]
    Instance {
        /// Answers every order as done and writes nothing.
        #[arg(long)]
        without_engine: bool,
        /// Database connections for flushes.
        #[arg(long)]
        flush_connections: usize,
    },
    /// Answers reads of stock by a SELECT each; the harness starts it by itself.
    #[command(hide = true)]
    PlainReads,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suite {
    /// One short round of the main experiments: does it work, and roughly how fast. Under 90 s.
    Quick,
    /// Everything that the bars need; the big ledger has fewer rows than its bar asks for. About
    /// 15 min.
    Standard,
    /// The same with a ledger of 20 million rows, which takes minutes to fill.
    Full,
}

/// Which make of server is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerMake {
    Mysql,
    Mariadb,
}

/// How the clients of the library keep their orders outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    /// Several orders are submitted together and awaited together: a cheap client.
    Chunks,
    /// A task for each order outstanding, which awaits its own verdict.
    Callers,
}

/// The flags of `run`.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub(crate) struct RunSettings {
    /// How much is measured.
    #[arg(long, value_enum, default_value_t = Suite::Standard)]
    pub suite: Suite,
    /// Only these experiments; several with commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub workload: Vec<ExperimentName>,
    /// Only these subjects in the experiments that compare subjects; several with commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub subject: Vec<Subject>,
    /// Measure on this server, in databases that the harness makes and drops; their names begin with
    /// hotrow_bench_. Without it an embedded server is started.
    #[arg(long, env = "HOTROW_BENCH_DATABASE_URL", hide_env_values = true)]
    #[serde(skip)]
    pub database_url: Option<String>,
    /// Use this Redis, whose database has to be empty. Without it a redis-server is started for each run.
    #[arg(long, env = "HOTROW_BENCH_REDIS_URL", hide_env_values = true)]
    #[serde(skip)]
    pub redis_url: Option<String>,
    /// Which make of server is embedded.
    #[arg(long, value_enum, default_value_t = ServerMake::Mysql)]
    #[serde(skip, default = "mysql")]
    pub server: ServerMake,
    /// Where the reports go, and the data of the embedded server.
    #[arg(long, default_value = "target/bench")]
    #[serde(skip)]
    pub out: PathBuf,
    /// Seconds that are counted in each run of each subject. [default: 1.2; quick: 0.7]
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Seconds before them that are not counted. [default: 0.5]
    #[arg(long)]
    pub warmup_seconds: Option<f64>,
    /// Rounds; the subjects take turns. [default: 5; quick: 1]
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Orders outstanding of hotrow (library, and batches up to the requests that it takes at a time) and Redis. The
    /// more wait for each other, the more share a row: a load over many SKUs needs many to find its ceiling.
    #[arg(long, default_value_t = 32_768)]
    pub outstanding: usize,
    /// How the clients of the library keep them outstanding.
    #[arg(long, value_enum, default_value_t = Style::Chunks)]
    pub style: Style,
    /// Orders that are submitted together in that style.
    #[arg(long, default_value_t = 64)]
    pub chunk_orders: usize,
    /// Database connections of hotrow.
    #[arg(long, default_value_t = hotrow::lane::default_connections())]
    pub flush_connections: usize,
    /// Connections of the bare writer on one hot SKU; elsewhere it has as many as hotrow.
    #[arg(long, default_value_t = 2)]
    pub bare_connections: usize,
    /// Connections of plain, for-update and optimistic.
    #[arg(long, default_value_t = 64)]
    pub plain_connections: usize,
    /// Connections of the Redis subjects, which share the orders outstanding.
    #[arg(long, default_value_t = 4)]
    pub redis_connections: usize,
    /// Connections of http, http2 is given as many requests at a time, and http-noop.
    #[arg(long, default_value_t = 2_048)]
    pub http_connections: usize,
    /// Connections over which http2 spreads its requests.
    #[arg(long, default_value_t = 16)]
    pub http2_connections: usize,
    /// Orders in a request of http-batch.
    #[arg(long, default_value_t = 100)]
    pub batch_orders: usize,
    /// Requests that each of the readers beside orders sends at once: the more, the less of these processors the
    /// readers themselves take.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    #[serde(default)]
    pub reads_at_once: u64,
    /// Threads of the client.
    #[arg(long, default_value_t = 1)]
    pub client_threads: usize,
    /// Rows in the big ledger. [default: 1,000,000; full: 20,000,000]
    #[arg(long)]
    pub ledger_rows: Option<usize>,
    /// The seed of every draw.
    #[arg(long, default_value_t = 20_261_122)]
    pub seed: u64,
}

fn mysql() -> ServerMake {
    ServerMake::Mysql
}

impl RunSettings {
    /// The counted part of a run.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(self.by_suite(0.7, 1.2)))
    }

    /// The part before it.
    pub(crate) fn warmup(&self) -> Duration {
        Duration::from_secs_f64(self.warmup_seconds.unwrap_or(0.5))
    }

    /// How often each subject has its turn.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(self.by_suite(1, 5)).max(1)
    }

    /// Rows in the big ledger.
    pub(crate) fn ledger_rows(&self) -> usize {
        self.ledger_rows.unwrap_or(match self.suite {
            Suite::Quick => 200_000,
            Suite::Standard => 1_000_000,
            Suite::Full => 20_000_000,
        })
    }

    /// One value for the quick suite, another for the others.
    pub(crate) fn by_suite<T>(&self, quick: T, otherwise: T) -> T {
        match self.suite {
            Suite::Quick => quick,
            Suite::Standard | Suite::Full => otherwise,
        }
    }
}
