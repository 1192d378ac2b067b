//! A private Redis as a child process, for tests and measurements: on a unix socket, killed when it is dropped.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::{EmbeddedError, file_error};
use super::provision::{fetch_redis, on_path};

/// How long a new server may take to answer.
const START_LIMIT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A `redis-server` of our own.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    data: PathBuf,
    socket: PathBuf,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Runs the `redis-server` on PATH, or one that is fetched, with its files in `data` and these arguments.
    /// The socket's path must be short: 103 bytes at most.
    ///
    /// Blocks for milliseconds; for longer when the program has to be fetched first.
    ///
    /// # Errors
    /// If there is no program, or it does not answer.
    pub fn start(data: &Path, socket: &Path, arguments: &[&str]) -> Result<Self, EmbeddedError> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let process = spawn(data, socket, &arguments)?;
        Ok(Self { process, data: data.to_owned(), socket: socket.to_owned(), arguments })
    }

    /// Kills it and starts it again on the same files and socket.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub fn restart(&mut self) -> Result<(), EmbeddedError> {
        self.kill()?;
        self.process = spawn(&self.data, &self.socket, &self.arguments)?;
        Ok(())
    }

    /// kill -9; returns when it has ended.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn kill(&mut self) -> Result<(), EmbeddedError> {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        ended.map(drop).map_err(file_error("end the server of", &self.data))
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.kill();
    }
}

fn spawn(data: &Path, socket: &Path, arguments: &[String]) -> Result<Child, EmbeddedError> {
    let mut command = match on_path("redis-server").into_iter().next() {
        Some(program) => Command::new(program),
        None => fetch_redis()?.command(),
    };
    command.arg("--port").arg("0").arg("--unixsocket").arg(socket).arg("--dir").arg(data);
    command.args(arguments).current_dir(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().map_err(file_error("run redis-server in", data))?;
    let started = Instant::now();
    while let Err(error) = answers(socket) {
        let ended = process.try_wait().map_err(file_error("wait for the server of", data))?;
        if ended.is_some() || started.elapsed() > START_LIMIT {
            // It may have ended already.
            let _ended = process.kill().and_then(|()| process.wait());
            return Err(EmbeddedError::NoRedis { reason: error.to_string() });
        }
        std::thread::park_timeout(POLL_INTERVAL);
    }
    Ok(process)
}

/// A server that still loads its data answers with another error than one that wants a password.
fn answers(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(START_LIMIT))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    if matches!(&answer, b"+PONG\r\n" | b"-NOAUTH") {
        Ok(())
    } else {
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }
}
