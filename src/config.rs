//! Settings: from flags, else from `HOTROW_*` variables, else from a TOML file, else the defaults.
//!
//! They are checked whole before anything is started, so that a contradiction costs an error message
//! and nothing else.

mod cache;
mod lanes;

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cache::{CacheConfig, RedisAddressError};
use crate::domain::{InvalidValue, Sku};
use crate::http::{Access, AccessConfig, AccessError, HttpConfig};
use crate::lane::LanesConfig;
use crate::limits;
use crate::reconcile::{Cron, CronError};
use crate::store::mysql::{Address, AddressError};
use crate::telemetry::LogFormat;

/// Connections of the desk: reads, opening stock, readiness.
const DESK_CONNECTIONS: u32 = 8;

/// Every setting, as given. The same names in flags (`--lane-depth-max`), variables
/// (`HOTROW_LANE_DEPTH_MAX`) and the file (`lane_depth_max`).
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A TOML file with settings; flags and variables go before it.
    #[arg(long, env = "HOTROW_CONFIG", value_name = "FILE", global = true)]
    #[serde(skip)]
    config: Option<PathBuf>,

    /// The database, as mysql://USER:PASSWORD@HOST:PORT/DATABASE. Without it an embedded server is run.
    #[arg(
        long,
        env = "HOTROW_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_url: Option<String>,

    /// A Redis that stock is read from, as redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// for TLS, or
    /// redis+unix:///PATH. Without it MySQL alone is read.
    #[arg(
        long,
        env = "HOTROW_REDIS_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    redis_url: Option<String>,

    /// What every key in Redis begins with; databases that share a Redis need one each, none the beginning of
    /// another. [default: hotrow:stock:]
    #[arg(long, env = "HOTROW_REDIS_PREFIX", value_name = "TEXT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    redis_prefix: Option<String>,

    /// Milliseconds that stock which is read from Redis can be old. [default: 2000]
    #[arg(long, env = "HOTROW_REDIS_STALE_MS", value_name = "MS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    redis_stale_ms: Option<u64>,

    /// A SKU to keep present in Redis, beside those of `hotrow pin`; can be given several times.
    #[arg(long, env = "HOTROW_PIN", value_name = "SKU", value_delimiter = ',', global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pin: Vec<String>,

    /// Where the embedded server keeps its data. [default: .hotrow]
    #[arg(long, env = "HOTROW_DATA_DIR", value_name = "DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,

    /// The server program to embed: a mysqld or mariadbd. Without it one on PATH is used, or one is fetched.
    #[arg(long, env = "HOTROW_MYSQLD", value_name = "PATH", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mysqld: Option<PathBuf>,

    /// Where orders are taken. [default: 127.0.0.1:8080]
    #[arg(long, env = "HOTROW_LISTEN", value_name = "ADDR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,

    /// Where operators look: health, readiness, metrics, lanes. [default: 127.0.0.1:8081]
    #[arg(long, env = "HOTROW_ADMIN_LISTEN", value_name = "ADDR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_listen: Option<SocketAddr>,

    /// Orders that may wait for one SKU; more are refused. [default: 50000]
    #[arg(long, env = "HOTROW_LANE_DEPTH_MAX", value_name = "ORDERS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lane_depth_max: Option<usize>,

    /// Orders that may be accepted and not yet answered; more are refused. [default: 200000]
    #[arg(long, env = "HOTROW_PROCESS_DEPTH_MAX", value_name = "ORDERS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    process_depth_max: Option<usize>,

    /// Flushes side by side, each on a database connection; two more step in while some are slow. [default:
    /// as many as processors, 2 to 4]
    #[arg(long, env = "HOTROW_CONNECTIONS", value_name = "COUNT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<usize>,

    /// Milliseconds after which an order is answered, known or not. [default: 10000]
    #[arg(long, env = "HOTROW_ORDER_DEADLINE_MS", value_name = "MS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    order_deadline_ms: Option<u64>,

    /// Days after its last step for which an order id is known; older orders are archived by `hotrow archive`.
    /// [default: 400]
    #[arg(long, env = "HOTROW_IDEMPOTENCY_DAYS", value_name = "DAYS", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_days: Option<u32>,

    /// Client connections of the orders listener. [default: 4096]
    #[arg(long, env = "HOTROW_HTTP_CONNECTIONS_MAX", value_name = "COUNT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    http_connections_max: Option<usize>,

    /// Threads that requests are answered on, beside the engine's own. [default: half of the processors]
    #[arg(long, env = "HOTROW_THREADS", value_name = "COUNT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,

    /// When `serve` reconciles by itself: minute, hour, day, month and weekday, by UTC, such as `0 4 * * *`. Without
    /// it, never.
    #[arg(long, env = "HOTROW_RECONCILE_SCHEDULE", value_name = "CRON", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reconcile_schedule: Option<String>,

    /// How log lines look. [default: text]
    #[arg(long, env = "HOTROW_LOG_FORMAT", value_name = "FORMAT", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogStyle>,

    /// Which log lines are written, such as warn or hotrow=debug. [default: info,sqlx=off]
    #[arg(long, env = "HOTROW_LOG", value_name = "FILTER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,

    /// Tokens and quotas; only in the file.
    #[arg(skip)]
    #[serde(skip_serializing)]
    access: AccessConfig,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum LogStyle {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config is {}: {source}; give the path of a readable TOML file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("config is {}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what, without values.
        problem: String,
    },
    /// A setting is out of its bounds, or two of them contradict each other.
    #[error("{setting} is {value}; {allowed}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it was.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The database address.
    #[error("database_url cannot be used: {0}")]
    Address(#[from] AddressError),
    /// The address of the read cache.
    #[error("redis_url cannot be used: {0}")]
    Redis(#[from] RedisAddressError),
    /// A pinned SKU.
    #[error("pin: {0}")]
    Pin(InvalidValue),
    /// The schedule.
    #[error("reconcile_schedule cannot be used: {0}")]
    Schedule(#[from] CronError),
    /// Tokens and quotas.
    #[error("access.{0}")]
    Access(#[from] AccessError),
}

/// Checked settings.
#[derive(Debug)]
pub struct Config {
    /// Where the database is, or how to run one.
    pub database: Database,
    /// Where to listen, and how much.
    pub http: HttpConfig,
    /// Who may call, and how often.
    pub access: Access,
    /// The bounds of the lanes.
    pub lanes: LanesConfig,
    /// The read cache, if there is to be one.
    pub cache: Option<CacheConfig>,
    /// SKUs to keep present there, beside those of the table.
    pub pins: Vec<Sku>,
    /// When reconciliation runs by itself, if it does.
    pub reconcile_schedule: Option<Cron>,
    /// Threads that requests are answered on.
    pub threads: usize,
    /// Connections for everything that is not a flush.
    pub desk_connections: u32,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_filter: String,
}

/// Half of the processors, at least one: the engine has a thread of its own, and more threads with less to do each
/// wake each other more often than they help.
#[must_use]
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Database {
    /// A server that somebody else runs.
    At(Box<Address>),
    /// A server of our own.
    Embedded {
        /// Where it keeps its data.
        data_dir: PathBuf,
        /// The server program, when it is not to be looked for.
        mysqld: Option<PathBuf>,
    },
}

impl Settings {
    /// Adds what the file says and checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be used; nothing has been started then.
    pub fn check(self) -> Result<Config, ConfigError> {
        let settings = self.with_file()?;
        Ok(Config {
            http: settings.http()?,
            database: settings.database()?,
            access: Access::new(&settings.access)?,
            lanes: settings.lanes()?,
            cache: settings.cache()?,
            pins: settings.pins()?,
            reconcile_schedule: settings
                .reconcile_schedule
                .as_deref()
                .map(str::parse)
                .transpose()?,
            threads: bounded(
                "threads",
                settings.threads.unwrap_or_else(default_threads),
                1..=limits::THREADS_LIMIT,
            )?,
            desk_connections: DESK_CONNECTIONS,
            log_format: match settings.log_format {
                None | Some(LogStyle::Text) => LogFormat::Text,
                Some(LogStyle::Json) => LogFormat::Json,
            },
            log_filter: settings.log.unwrap_or_else(|| crate::telemetry::FILTER_DEFAULT.to_owned()),
        })
    }

    fn with_file(self) -> Result<Self, ConfigError> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::File { path: path.clone(), source })?;
        // Only the message: the whole error would repeat the line, and with it a secret.
        let syntax =
            |problem: &str| ConfigError::Syntax { path: path.clone(), problem: problem.to_owned() };
        let file: Self = toml::from_str(&text).map_err(|error| syntax(error.message()))?;
        let access = file.access.clone();
        let mut merged = table(&file).map_err(|error| syntax(&error.to_string()))?;
        merged.extend(table(&self).map_err(|error| syntax(&error.to_string()))?);
        let merged: Self =
            merged.try_into().map_err(|error: toml::de::Error| syntax(error.message()))?;
        Ok(Self { access, ..merged })
    }

    fn http(&self) -> Result<HttpConfig, ConfigError> {
        let orders = self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let admin = self.admin_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8081)));
        if orders == admin && orders.port() != 0 {
            return Err(ConfigError::Setting {
                setting: "admin_listen",
                value: admin.to_string(),
                allowed: "another address than that of listen is allowed".to_owned(),
            });
        }
        let mut http = HttpConfig::new(orders, admin);
        http.drain_ms = self.order_deadline_ms()? + limits::DRAIN_MARGIN_MS;
        http.idempotency_days = bounded(
            "idempotency_days",
            self.idempotency_days.unwrap_or(http.idempotency_days),
            limits::IDEMPOTENCY_DAYS_LEAST..=limits::IDEMPOTENCY_DAYS_MOST,
        )?;
        http.connections_max = bounded(
            "http_connections_max",
            self.http_connections_max.unwrap_or(http.connections_max),
            1..=limits::CONNECTIONS_LIMIT,
        )?;
        Ok(http)
    }

    fn database(&self) -> Result<Database, ConfigError> {
        let Some(url) = &self.database_url else {
            return Ok(Database::Embedded {
                data_dir: self.data_dir.clone().unwrap_or_else(|| PathBuf::from(".hotrow")),
                mysqld: self.mysqld.clone(),
            });
        };
        for (setting, value) in [("mysqld", &self.mysqld), ("data_dir", &self.data_dir)] {
            if let Some(value) = value {
                return Err(ConfigError::Setting {
                    setting,
                    value: value.display().to_string(),
                    allowed: "it belongs to the embedded server, which is not run when \
                              database_url is given; leave one of the two out"
                        .to_owned(),
                });
            }
        }
        Ok(Database::At(Box::new(url.parse()?)))
    }
}

/// The value of a setting, if it is one of these.
fn bounded<T: PartialOrd + Display>(
    setting: &'static str,
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    let allowed = format!("{} to {} are allowed", allowed.start(), allowed.end());
    Err(ConfigError::Setting { setting, value: value.to_string(), allowed })
}

fn table(settings: &Settings) -> Result<toml::Table, toml::ser::Error> {
    toml::Table::try_from(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_times_have_bounds() {
        for (setting, least, most) in [
            ("process_depth_max", 1, 10_000_000),
            ("lane_depth_max", 1, 200_000),
            ("connections", 1, 64),
            ("order_deadline_ms", 3_000, 120_000),
            ("idempotency_days", 2, 36_500),
            ("http_connections_max", 1, 65_536),
            ("threads", 1, 256),
            ("redis_stale_ms", 400, 60_000),
        ] {
            let check = |value: u64| {
                toml::from_str::<Settings>(&format!("{setting} = {value}")).unwrap().check()
            };
            for inside in [least, most] {
                check(inside).unwrap();
            }
            for outside in [0, least - 1, most + 1] {
                match check(outside) {
                    Err(ConfigError::Setting { setting: told, value, allowed: _ }) => {
                        assert_eq!((told, value), (setting, outside.to_string()));
                    }
                    other => panic!("{setting} = {outside}: {other:?}"),
                }
            }
        }
    }
}
