//! Starts the server process and waits until it takes connections.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::accounts::Accounts;
use super::data_dir::{
    DataDir, own_user_id, random_bytes, read_if_there, remove_if_there, write_whole,
};
use super::error::{EmbeddedError, file_error};
use super::installation::{Flavor, Installation, option};
use super::sizing::Sizing;

/// How long a start waits for the first connection: recovery after a crash reads the whole redo log.
pub(super) const START_LIMIT: Duration = Duration::from_secs(120);

/// How often a state that nobody announces is looked at.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Below the ports that systems hand out to outgoing connections, so that none of those takes ours before the server
/// binds it.
const PORT_FIRST: u16 = 20_000;
const PORT_COUNT: u16 = 10_000;

/// Another process may take the port between the choice and the server's bind.
const PORT_ATTEMPTS_MAX: u32 = 3;

/// Starts the server on initialised tables; `log` carries the lock that the server keeps.
pub(super) async fn launch(
    data_dir: &DataDir,
    installation: &Installation,
    sizing: Sizing,
    accounts: &mut Accounts,
    log: File,
) -> Result<Child, EmbeddedError> {
    let mut attempt = 1;
    loop {
        accounts.port = choose_port(data_dir)?;
        for stale in
            [&accounts.socket, &accounts.socket.with_extension("sock.lock"), &data_dir.pid_file()]
        {
            remove_if_there(stale)?;
        }
        let mut child = spawn(data_dir, installation, sizing, accounts, &log)?;
        let Some(status) = wait_until_ready(data_dir, accounts, &mut child).await? else {
            return Ok(child);
        };
        if attempt == PORT_ATTEMPTS_MAX || is_free(accounts.port) {
            return Err(EmbeddedError::EndedEarly {
                status: status.to_string(),
                log: data_dir.log(),
                log_tail: data_dir.log_tail(),
            });
        }
        tracing::warn!(
            port = accounts.port,
            "another process took the database server's port, choosing another"
        );
        attempt += 1;
    }
}

fn spawn(
    data_dir: &DataDir,
    installation: &Installation,
    sizing: Sizing,
    accounts: &Accounts,
    log: &File,
) -> Result<Child, EmbeddedError> {
    let log_copy = || log.try_clone().map_err(file_error("open", &data_dir.log()));
    let mut command = Command::from(installation.server_command());
    if own_user_id(data_dir)? == 0 {
        command.arg("--user=root");
    }
    command
        .arg(option("--datadir", &data_dir.tables()))
        .arg(option("--tmpdir", &data_dir.temporary()?))
        .arg(option("--socket", &accounts.socket))
        .arg(option("--pid-file", &data_dir.pid_file()))
        .arg(format!("--port={}", accounts.port))
        .arg(format!("--innodb-buffer-pool-size={}M", sizing.buffer_pool_mib))
        .args([
            "--bind-address=127.0.0.1",
            // With it, a TCP client is never 'localhost': the accounts of the socket are the socket's alone.
            "--skip-name-resolve",
            "--local-infile=OFF",
            "--innodb-flush-log-at-trx-commit=1",
            "--sync-binlog=1",
            // A flush of many SKUs is many look-ups by primary key: it runs a sixth to two fifths faster with it,
            // one hot row runs the same.
            "--innodb-adaptive-hash-index=ON",
            "--server-id=1",
            "--log-bin=binlog",
            // A merged flush is one big transaction, which must not spill to a temporary file.
            "--binlog-cache-size=8M",
            // Nobody replicates from here by default: a day is for reading back what happened.
            "--binlog-expire-logs-seconds=86400",
            "--max-binlog-size=256M",
            "--max-connections=200",
            "--default-time-zone=+00:00",
            "--character-set-server=utf8mb4",
        ]);
    match installation.flavor() {
        // The binlog's format is ROW by default, and setting it is deprecated.
        Flavor::MySql => command
            .args(["--mysqlx=OFF", "--secure-file-priv=NULL"])
            .arg(format!("--innodb-redo-log-capacity={}M", sizing.redo_log_mib)),
        Flavor::MariaDb => command
            .arg("--binlog-format=ROW")
            // MariaDB knows no NULL here, so it gets a directory in which there is nothing to read.
            .arg(option("--secure-file-priv", accounts.socket.parent().unwrap_or(data_dir.root())))
            .arg(format!("--innodb-log-file-size={}M", sizing.redo_log_mib)),
    };
    command
        .stdin(Stdio::null())
        .stdout(log_copy()?)
        .stderr(log_copy()?)
        // Ctrl-C reaches hotrow's group only: the server must live until hotrow has flushed.
        .process_group(0)
        .spawn()
        .map_err(file_error("run", installation.server().program()))
}

/// Nothing when the server takes connections, or how it ended.
async fn wait_until_ready(
    data_dir: &DataDir,
    accounts: &Accounts,
    child: &mut Child,
) -> Result<Option<ExitStatus>, EmbeddedError> {
    let started = Instant::now();
    loop {
        if let Some(status) =
            child.try_wait().map_err(file_error("wait for", &data_dir.tables()))?
        {
            return Ok(Some(status));
        }
        match accounts.answers().await {
            Ok(()) => return Ok(None),
            Err(reason) if started.elapsed() > START_LIMIT => {
                return Err(not_ready(data_dir, &reason.to_string()));
            }
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// The server runs and took no connection in time.
pub(super) fn not_ready(data_dir: &DataDir, reason: &str) -> EmbeddedError {
    EmbeddedError::NotReady {
        pid: data_dir.pid_text(),
        limit_s: START_LIMIT.as_secs(),
        reason: reason.to_owned(),
        log: data_dir.log(),
        log_tail: data_dir.log_tail(),
    }
}

/// The port of the last start if it is free, else a random one.
fn choose_port(data_dir: &DataDir) -> Result<u16, EmbeddedError> {
    let file = data_dir.port_file();
    let kept = read_if_there(&file)?.and_then(|text| text.trim().parse().ok());
    if let Some(port) = kept.filter(|&port| is_free(port)) {
        return Ok(port);
    }
    loop {
        let port = PORT_FIRST + u16::from_ne_bytes(random_bytes()?) % PORT_COUNT;
        if is_free(port) {
            write_whole(&file, &port.to_string())?;
            return Ok(port);
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
