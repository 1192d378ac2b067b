//! A real Redis of one test, and the harm and the lies that are done to it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use hotrow::embedded::RedisServer;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redis::aio::MultiplexedConnection;
use tokio::task::{JoinHandle, spawn_blocking};

use super::room;

/// Between two lies.
const LIE_PAUSE: Duration = Duration::from_millis(2);

pub(crate) const PREFIX: &str = "hotrow:stock:";

pub(crate) struct Redis {
    server: Option<RedisServer>,
    pub(crate) url: String,
}

impl Redis {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let directory = room::directory("redis");
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let start = move || {
            let mut all = vec!["--save", ""];
            all.extend(arguments.iter().map(String::as_str));
            RedisServer::start(&directory, &socket(&directory), &all).unwrap()
        };
        let server = spawn_blocking(start).await.unwrap();
        Self { url: server.url(), server: Some(server) }
    }

    fn signal(&self, signal: &str) {
        let pid = self.server.as_ref().unwrap().pid().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), pid]).status().unwrap().success());
    }

    /// Nothing answers any more; connections stay open.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// kill -9. It stays down until [`Redis::restart`].
    pub(crate) fn kill(&mut self) {
        self.server.as_mut().unwrap().kill().unwrap();
    }

    /// A start on the same socket, with nothing in it.
    pub(crate) async fn restart(&mut self) {
        let mut server = self.server.take().unwrap();
        let restart = move || server.restart().map(|()| server);
        self.server = Some(spawn_blocking(restart).await.unwrap().unwrap());
    }

    /// A client past hotrow.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url).await.unwrap()
    }

    pub(crate) async fn flush(&self) {
        let mut connection = self.connect().await;
        redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.unwrap();
    }

    pub(crate) async fn configure(&self, name: &str, value: &str) {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        command.query_async::<()>(&mut self.connect().await).await.unwrap();
    }

    /// What is there for a SKU, with the milliseconds until it expires.
    pub(crate) async fn entry(&self, sku: &str) -> Option<(String, i64)> {
        let (mut connection, key) = (self.connect().await, format!("{PREFIX}{sku}"));
        let (text, left): (Option<Vec<u8>>, i64) = redis::pipe()
            .cmd("GETRANGE")
            .arg(&key)
            .arg(0)
            .arg(200)
            .cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap_or((Some(b"of another type".to_vec()), -1));
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        (!text.is_empty()).then_some((text, left))
    }

    pub(crate) async fn set(&self, sku: &str, text: &str) {
        let mut command = redis::cmd("SET");
        command.arg(format!("{PREFIX}{sku}")).arg(text);
        command.query_async::<()>(&mut self.connect().await).await.unwrap();
    }

    /// All SKUs that have a key.
    pub(crate) async fn skus(&self) -> Vec<String> {
        let mut command = redis::cmd("KEYS");
        let keys: Vec<String> =
            command.arg(format!("{PREFIX}*")).query_async(&mut self.connect().await).await.unwrap();
        let sku = |key: &String| key.strip_prefix(PREFIX).expect("it was asked for").to_owned();
        let mut skus: Vec<String> = keys.iter().map(sku).collect();
        skus.sort();
        skus
    }
}

fn socket(directory: &std::path::Path) -> PathBuf {
    directory.join("redis.sock")
}

async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let limit = Duration::from_secs(1);
    let client = redis::Client::open(url)?;
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(limit)
        .set_response_timeout(limit);
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Somebody who writes lies over every value all the time, until told to stop. None of them expires.
pub(crate) struct Liar {
    over: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Liar {
    pub(crate) fn start(redis: &Redis, skus: &'static [&'static str], seed: u64) -> Self {
        let (url, over) = (redis.url.clone(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&over);
        let task = tokio::spawn(async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut told_lies = 0;
            let mut connection = None;
            while !told.load(Ordering::Relaxed) {
                tokio::time::sleep(LIE_PAUSE).await;
                let mut lying = match connection.take() {
                    Some(lying) => lying,
                    None => match connect(&url).await {
                        Ok(lying) => lying,
                        // It was killed, or is frozen.
                        Err(_) => continue,
                    },
                };
                for sku in skus {
                    let told = lie(&mut lying, &format!("{PREFIX}{sku}"), &mut rng).await;
                    told_lies += u64::from(told.is_ok());
                }
                if redis::cmd("PING").query_async::<()>(&mut lying).await.is_ok() {
                    connection = Some(lying);
                }
            }
            told_lies
        });
        Self { over, task }
    }

    /// Returns how many lies were told.
    pub(crate) async fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn lie(
    connection: &mut MultiplexedConnection,
    key: &str,
    rng: &mut StdRng,
) -> redis::RedisResult<()> {
    let there: Option<String> =
        redis::cmd("GET").arg(key).query_async(connection).await.ok().flatten();
    let numbers: Vec<u64> = there
        .unwrap_or_default()
        .split(' ')
        .skip(1)
        .filter_map(|number| number.parse().ok())
        .collect();
    let (version, available, as_of) = match numbers[..] {
        [version, available, _, as_of] => (version, available, as_of),
        _ => (1, 1_000, now()),
    };
    let text = match rng.random_range(0..9) {
        0 => format!("1 {} 999999 0 {}", version.saturating_add(rng.random_range(1..1_000)), now()),
        1 => format!("1 {version} {} 0 {as_of}", available / 2 + 1),
        2 => format!("1 {version} {} 7 {}", available / 2 + 1, now()),
        3 => format!("1 {version} {available} 0 {}", now() + 3_600_000_000),
        4 => format!("1 {} 5 0 1", u64::MAX),
        5 => format!("1 {} 5 0 {}", version.saturating_sub(1), now()),
        6 => "x".repeat(rng.random_range(1..100_000)),
        7 => "hello".to_owned(),
        _ => {
            let mut pipeline = redis::pipe();
            pipeline.cmd("DEL").arg(key).cmd("LPUSH").arg(key).arg("of another type");
            return pipeline.query_async(connection).await;
        }
    };
    redis::cmd("SET").arg(key).arg(text).query_async(connection).await
}

/// Microseconds since the epoch; the database's clock is that of this machine.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}
