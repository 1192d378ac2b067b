//! The Redis of the Redis subjects: one of our own for each run, or one that is given.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use hotrow::embedded;
use redis::{Client, Connection};

use crate::outcome::Outcome;

/// When the append-only file is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    /// Before each answer.
    Always,
    /// Once a second, behind the answers.
    EverySecond,
    /// There is none: what is in Redis may be lost.
    Never,
}

impl Fsync {
    /// The settings `appendonly` and `appendfsync`.
    fn settings(self) -> [&'static str; 2] {
        match self {
            Self::Always => ["yes", "always"],
            Self::EverySecond => ["yes", "everysec"],
            Self::Never => ["no", "no"],
        }
    }
}

/// A Redis with an empty database.
pub(crate) struct RedisServer {
    client: Client,
    url: String,
    own: Option<Own>,
}

struct Own {
    process: embedded::RedisServer,
    /// For the append-only file, on the disk of the reports, where MySQL has its data, too; and for the
    /// socket, whose path must be short.
    _rooms: [Room; 2],
}

/// A directory that only this user may enter, and that is removed again.
struct Room(PathBuf);

impl Room {
    fn new(parent: &Path) -> Outcome<Self> {
        let path = parent.join(format!("hotrow-bench-redis-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What is left over is in nobody's way but on the disk.
        let _removed = fs::remove_dir_all(&self.0);
    }
}

impl RedisServer {
    /// A new server whose append-only file is in a directory of its own in `out`. Snapshots and
    /// rewrites of the file are off, which favours Redis. Blocks for milliseconds; for longer when the
    /// program has to be fetched first. One at a time.
    pub(crate) fn start(out: &Path, fsync: Fsync) -> Outcome<Self> {
        let (data, socket) = (Room::new(out)?, Room::new(&std::env::temp_dir())?);
        let path = socket.0.join("redis.sock");
        let [appendonly, appendfsync] = fsync.settings();
        let arguments = ["--save", "", "--auto-aof-rewrite-percentage", "0"];
        let append = ["--appendonly", appendonly, "--appendfsync", appendfsync];
        let process = embedded::RedisServer::start(&data.0, &path, &[arguments, append].concat())?;
        let url = process.url();
        let client = Client::open(url.as_str())?;
        Ok(Self { client, url, own: Some(Own { process, _rooms: [data, socket] }) })
    }

    /// The server at this URL, whose database has to be empty: it is emptied again after the run.
    pub(crate) fn given(url: &str, fsync: Fsync) -> Outcome<Self> {
        let server = Self { client: Client::open(url)?, url: url.to_owned(), own: None };
        let mut connection = server.connect()?;
        let keys: u64 = redis::cmd("DBSIZE").query(&mut connection)?;
        if keys != 0 {
            return Err(format!(
                "the Redis database has {keys} keys; give one that is empty (redis://HOST/NUMBER): \
                 the harness empties it after each run"
            )
            .into());
        }
        let [appendonly, appendfsync] = fsync.settings();
        for (name, value) in [("appendonly", appendonly), ("appendfsync", appendfsync)] {
            redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query::<()>(&mut connection)?;
        }
        Ok(server)
    }

    /// Its URL. May hold a password: for the environment of a process, never for a command line.
    pub(crate) fn secret_url(&self) -> &str {
        &self.url
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Outcome<Connection> {
        Ok(self.client.get_connection()?)
    }

    /// The server's process, when it is ours.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.own.as_ref().map(|own| own.process.pid())
    }

    /// The server's version.
    pub(crate) fn version(&self) -> Outcome<String> {
        let info: String = redis::cmd("INFO").arg("server").query(&mut self.connect()?)?;
        let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(line.ok_or("Redis does not tell its version")?.trim().to_owned())
    }

    /// Empties the database that was given; a server of ours ends when this is dropped.
    pub(crate) fn clear(&self) -> Outcome<()> {
        if self.own.is_none() {
            redis::cmd("FLUSHDB").query::<()>(&mut self.connect()?)?;
        }
        Ok(())
    }
}
