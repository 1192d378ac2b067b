//! The running embedded server.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use sqlx::{Connection, Row};
use tokio::process::Child;

use super::accounts::{Accounts, hotrow_url};
use super::data_dir::{Claim, DataDir};
use super::error::{EmbeddedError, file_error};
use super::initialise::initialise;
use super::installation::{Flavor, Installation, option};
use super::launch::{POLL_INTERVAL, START_LIMIT, launch, not_ready};
use super::sizing::Sizing;
use super::socket::{prepare_socket_directory, remove_outside_directory, socket_path};

/// How long [`EmbeddedServer::shutdown`] waits: the server writes its changed pages first.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// The server program, from [`super::locate`].
    pub installation: Installation,
    /// Where everything is kept; created if needed. One hotrow at a time.
    pub data_dir: PathBuf,
    /// How much the server takes of the machine. An adopted server keeps what it was started with.
    pub sizing: Sizing,
}

/// A running database server of our own.
///
/// Dropping it gives the data directory free and leaves the server running, as a killed hotrow does: the next
/// [`start`](Self::start) adopts it. [`shutdown`](Self::shutdown) ends it.
pub struct EmbeddedServer {
    data_dir: DataDir,
    accounts: Accounts,
    /// None when the server was started by an earlier hotrow.
    child: Option<Child>,
    pid: String,
    _claim: Claim,
}

/// How the server ended although nobody asked it to.
#[derive(Clone, Debug)]
pub struct ServerExit {
    /// The process's status; unknown for an adopted server.
    pub status: Option<ExitStatus>,
    /// The server's log.
    pub log: PathBuf,
    /// The log's last lines.
    pub log_tail: String,
}

impl fmt::Display for ServerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status =
            self.status.map_or_else(|| "status unknown".to_owned(), |status| status.to_string());
        let log = self.log.display();
        write!(
            f,
            "the database server ended by itself ({status}); its log {log} ends with:\n{}",
            self.log_tail
        )
    }
}

impl EmbeddedServer {
    /// Starts the server on the data directory, or adopts the one that already runs on it.
    ///
    /// Returns when `hotrow` can log in. A new data directory is initialised first; after a crash the server recovers
    /// its data. Waits 120 s at most for the first connection.
    ///
    /// # Errors
    /// If another hotrow uses the directory, its data is of the other make, the server ends while starting or takes no
    /// connection in time, or a file operation fails. After an error a server may still run; the next start adopts it.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, EmbeddedError> {
        let EmbeddedConfig { installation, data_dir, sizing } = config;
        let data_dir = DataDir::create(&data_dir)?;
        let claim = data_dir.claim()?;
        let flavor = installation.flavor();
        data_dir.check_flavor(flavor)?;
        let socket = prepare_socket_directory(&data_dir)?;
        let mut accounts = Accounts { socket, port: 0, password: data_dir.password()?, flavor };

        let (child, pid) = match find_running(&data_dir, &mut accounts).await? {
            None => (None, data_dir.pid_text()),
            Some(log) => {
                if !data_dir.tables().exists() {
                    tracing::info!(data_dir = %data_dir.root().display(), "initialising a new {flavor} data directory");
                    initialise(&data_dir, &installation, &log).await?;
                }
                let child = launch(&data_dir, &installation, sizing, &mut accounts, log).await?;
                let pid = child.id().map_or_else(|| data_dir.pid_text(), |pid| pid.to_string());
                (Some(child), pid)
            }
        };
        accounts.ensure(&data_dir.log()).await?;
        let server = Self { data_dir, accounts, child, pid, _claim: claim };
        tracing::info!(
            pid = server.pid,
            port = server.port(),
            socket = %server.socket().display(),
            adopted = server.adopted(),
            "embedded {flavor} is ready"
        );
        Ok(server)
    }

    /// The address for hotrow: its own account on the unix socket. Holds no secret.
    #[must_use]
    pub fn url(&self) -> String {
        self.accounts.url()
    }

    /// The same account over loopback TCP. Holds the password: never print it.
    #[must_use]
    pub fn tcp_url(&self) -> String {
        self.accounts.tcp_url()
    }

    /// `root` on the unix socket, without a database. Holds no secret.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.accounts.admin_url()
    }

    /// The unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.accounts.socket
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.accounts.port
    }

    /// Who makes the server.
    #[must_use]
    pub fn flavor(&self) -> Flavor {
        self.accounts.flavor
    }

    /// The server's process id, or `unknown` if an adopted server's file of it is gone.
    #[must_use]
    pub fn pid(&self) -> &str {
        &self.pid
    }

    /// Whether the server was started by an earlier hotrow.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.child.is_none()
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.data_dir.log()
    }

    /// Waits until the server has ended. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub async fn exited(&mut self) -> Result<ServerExit, EmbeddedError> {
        let status = self.wait().await?;
        Ok(ServerExit { status, log: self.log(), log_tail: self.data_dir.log_tail() })
    }

    /// Ends the server cleanly and waits for it, 120 s at most. A server that has already ended is no error.
    ///
    /// # Errors
    /// If it cannot be asked, or does not end in time; it then runs on, and the next start adopts it.
    pub async fn shutdown(mut self) -> Result<(), EmbeddedError> {
        if let Err(source) = self.ask_to_stop().await {
            // It may have ended by itself before or while it was asked.
            if self.data_dir.server_runs()? {
                return Err(EmbeddedError::Sql { purpose: "shut down", log: self.log(), source });
            }
        }
        match tokio::time::timeout(STOP_LIMIT, self.wait()).await {
            Ok(ended) => ended?,
            Err(_) => {
                let pid = self.pid.clone();
                return Err(EmbeddedError::NotStopped {
                    pid,
                    limit_s: STOP_LIMIT.as_secs(),
                    log: self.log(),
                });
            }
        };
        remove_outside_directory(&self.data_dir)
    }

    async fn ask_to_stop(&self) -> Result<(), sqlx::Error> {
        let mut admin = self.accounts.login_admin().await?;
        sqlx::raw_sql("SHUTDOWN").execute(&mut admin).await.map(|_| ())
    }

    async fn wait(&mut self) -> Result<Option<ExitStatus>, EmbeddedError> {
        if let Some(child) = &mut self.child {
            let tables = self.data_dir.tables();
            return child
                .wait()
                .await
                .map(Some)
                .map_err(file_error("wait for the server of", &tables));
        }
        while self.data_dir.server_runs()? {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(None)
    }
}

/// The address of the server that runs on this data directory, `None` when none does. Holds no secret.
///
/// # Errors
/// If the system cannot tell.
pub fn url_of_running(data_dir: &Path) -> Result<Option<String>, EmbeddedError> {
    if !data_dir.exists() {
        return Ok(None);
    }
    let data_dir = DataDir::existing(data_dir)?;
    if !data_dir.server_runs()? {
        return Ok(None);
    }
    Ok(Some(hotrow_url(&socket_path(&data_dir)?)))
}

/// A SQL shell on the server that runs on this data directory, as `hotrow` in its database.
///
/// # Errors
/// If the directory does not exist, no server runs on it, or the installation has no client program.
pub fn sql_shell(installation: &Installation, data_dir: &Path) -> Result<Command, EmbeddedError> {
    let data_dir = DataDir::existing(data_dir)?;
    let socket = socket_path(&data_dir)?;
    fs::metadata(&socket)
        .map_err(|_| EmbeddedError::NotRunning { data_dir: data_dir.root().to_owned() })?;
    let Some(client) = installation.client() else {
        return Err(EmbeddedError::NoClient { socket });
    };
    let mut command = client.command();
    command
        .arg("--no-defaults")
        .arg(option("--socket", &socket))
        .args(["--user=hotrow", "--database=hotrow"]);
    Ok(command)
}

/// Nothing when a server of ours runs already: `accounts` then has its port. Else the log to start a new one with.
async fn find_running(
    data_dir: &DataDir,
    accounts: &mut Accounts,
) -> Result<Option<File>, EmbeddedError> {
    let started = Instant::now();
    loop {
        if let Some(log) = data_dir.hold_log()? {
            return Ok(Some(log));
        }
        // A server that starts, stops or initialises does not answer, and gets there by itself.
        match ask_identity(accounts).await {
            Ok((tables, port)) => {
                let expected = data_dir.tables();
                if fs::canonicalize(&tables).is_ok_and(|found| found == expected) {
                    accounts.port = port;
                    return Ok(None);
                }
                return Err(EmbeddedError::ForeignServer {
                    socket: accounts.socket.clone(),
                    found: tables,
                    expected,
                });
            }
            Err(reason) if started.elapsed() > START_LIMIT => {
                return Err(not_ready(data_dir, &reason.to_string()));
            }
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// The data directory and the port that the server on the socket reports.
async fn ask_identity(accounts: &Accounts) -> Result<(String, u16), sqlx::Error> {
    let mut admin = accounts.login_admin().await?;
    let row =
        sqlx::query("SELECT @@datadir, CAST(@@port AS UNSIGNED)").fetch_one(&mut admin).await?;
    admin.close().await?;
    let port: u64 = row.try_get(1)?;
    Ok((row.try_get(0)?, u16::try_from(port).map_err(|error| sqlx::Error::Decode(error.into()))?))
}
