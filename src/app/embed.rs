//! The embedded server in the life of a command: found, started, watched, stopped.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::AppError;
use crate::config::Database;
use crate::embedded::{
    EmbeddedConfig, EmbeddedError, EmbeddedServer, Installation, Sizing, locate, sql_shell,
    url_of_running,
};
use crate::store::mysql::Address;

/// Pause before a server that ended by itself is started again, and again after each failure.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// A server that is kept running.
pub(super) struct Keeper {
    pub address: Address,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), EmbeddedError>>,
}

impl Keeper {
    /// Starts the server and keeps it running: when it ends by itself it is started again.
    pub(super) async fn start(
        data_dir: PathBuf,
        mysqld: Option<PathBuf>,
    ) -> Result<Self, AppError> {
        let installation = find(mysqld).await?;
        let config = EmbeddedConfig { installation, data_dir, sizing: Sizing::of_this_machine() };
        let server = EmbeddedServer::start(config.clone()).await?;
        let address = server.url().parse()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(server, config, stopped));
        Ok(Self { address, stop, task })
    }

    /// Shuts the server down cleanly.
    pub(super) async fn stop(self) -> Result<(), AppError> {
        drop(self.stop);
        match self.task.await {
            Ok(ended) => Ok(ended?),
            Err(source) => {
                Err(AppError::System { what: "stop the embedded server", source: source.into() })
            }
        }
    }
}

async fn keep(
    mut server: EmbeddedServer,
    config: EmbeddedConfig,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), EmbeddedError> {
    loop {
        let exit = tokio::select! {
            _ = &mut stopped => return server.shutdown().await,
            exit = server.exited() => exit?,
        };
        error!("{exit}");
        // Gives the data directory free for the next start.
        drop(server);
        server = loop {
            tokio::select! {
                _ = &mut stopped => return Ok(()),
                () = tokio::time::sleep(RESTART_PAUSE) => {}
            }
            match EmbeddedServer::start(config.clone()).await {
                Ok(server) => break server,
                Err(failure) => {
                    error!(%failure, "the embedded server does not start; trying again")
                }
            }
        };
        info!("the embedded server runs again");
    }
}

/// Finding may fetch, which blocks.
async fn find(mysqld: Option<PathBuf>) -> Result<Installation, AppError> {
    match tokio::task::spawn_blocking(move || locate(mysqld.as_deref(), None)).await {
        Ok(found) => Ok(found?),
        Err(source) => {
            Err(AppError::System { what: "look for a database server", source: source.into() })
        }
    }
}

/// Does some work on the database: the one given, the embedded one that runs, or an embedded one that
/// is started for it and stopped after it.
///
/// # Errors
/// What the work says, and what keeps the embedded server from running.
pub async fn with_database<T, W>(
    database: Database,
    work: impl FnOnce(Address) -> W,
) -> Result<T, AppError>
where
    W: Future<Output = Result<T, AppError>>,
{
    let (data_dir, mysqld) = match database {
        Database::At(address) => return work(*address).await,
        Database::Embedded { data_dir, mysqld } => (data_dir, mysqld),
    };
    if let Some(url) = url_of_running(&data_dir)? {
        return work(url.parse()?).await;
    }
    let keeper = Keeper::start(data_dir, mysqld).await?;
    let outcome = work(keeper.address.clone()).await;
    keeper.stop().await?;
    outcome
}

/// Opens a SQL shell on the embedded server and returns its exit code.
///
/// # Errors
/// When no server runs, or there is no client program; the text says how to get in otherwise.
pub fn shell(
    data_dir: &Path,
    mysqld: Option<&Path>,
    arguments: &[String],
) -> Result<i32, AppError> {
    let installation = locate(mysqld, None)?;
    let status = sql_shell(&installation, data_dir)?
        .args(arguments)
        .status()
        .map_err(|source| AppError::System { what: "start the SQL shell", source })?;
    Ok(status.code().unwrap_or(1))
}
