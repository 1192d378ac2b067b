//! What can go wrong with the embedded server, each with what to do next.

use std::io;
use std::path::{Path, PathBuf};

use super::installation::{Flavor, Version};

/// Why the embedded server could not be found, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Neither `HOTROW_CACHE_DIR` nor `XDG_CACHE_HOME` nor `HOME` is set.
    #[error(
        "no place to keep a fetched server: set HOTROW_CACHE_DIR to a writable directory (HOME is not set either)"
    )]
    NoCacheDirectory,

    /// The script that fetches servers failed.
    #[error("the {what} server could not be fetched:\n{messages}")]
    Fetch {
        /// `mysql`, `mariadb` or `redis`.
        what: &'static str,
        /// The script's last lines; they say what to do.
        messages: String,
    },

    /// A program did not run or is not a database server.
    #[error(
        "{} is not a usable MySQL or MariaDB server ({detail}): give --mysqld the path of a mysqld or mariadbd program, \
         or --database-url the address of a running server",
        program.display()
    )]
    NotAServer {
        /// The program that was tried.
        program: PathBuf,
        /// What it did instead of telling its version.
        detail: String,
    },

    /// The server is older than hotrow works with.
    #[error(
        "{} is {flavor} {version}, too old: give --mysqld the path of MySQL 8.4 or MariaDB 10.11 or later, \
         or take it off PATH so that a private server is fetched",
        program.display()
    )]
    TooOld {
        /// The program.
        program: PathBuf,
        /// What it is.
        flavor: Flavor,
        /// Its version.
        version: Version,
    },

    /// The program given explicitly is of the other make.
    #[error("{} is {found}, but {wanted} is asked for: give --mysqld the path of a {wanted} server", program.display())]
    OtherFlavor {
        /// The program.
        program: PathBuf,
        /// What it is.
        found: Flavor,
        /// What was asked for.
        wanted: Flavor,
    },

    /// Files that belong to a server are not where they should be.
    #[error(
        "{} has no {missing}: install the server's package whole, or delete this directory if hotrow fetched it \
         (it is fetched again)",
        place.display()
    )]
    Incomplete {
        /// Where it was looked for.
        place: PathBuf,
        /// What is missing.
        missing: &'static str,
    },

    /// There is no SQL client program beside the server.
    #[error(
        "no mysql or mariadb client program was found: install mysql-client or mariadb-client, then connect to the \
         socket {}",
        socket.display()
    )]
    NoClient {
        /// The server's unix socket.
        socket: PathBuf,
    },

    /// A SQL shell was asked for, and no server runs.
    #[error("no database server runs on the data directory {}: start hotrow with this --data-dir first", data_dir.display())]
    NotRunning {
        /// The data directory.
        data_dir: PathBuf,
    },

    /// A path cannot be told to the server or put into an address.
    #[error("the path {} is not UTF-8: choose another --data-dir", path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },

    /// A file operation in the data directory failed.
    #[error("cannot {action} {}: {source}; check its owner and the free space, or choose another --data-dir", path.display())]
    File {
        /// What was tried, e.g. `write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// Another hotrow runs on this data directory.
    #[error(
        "the data directory {} is in use by another hotrow process: stop that one, or choose another --data-dir",
        data_dir.display()
    )]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
    },

    /// The data directory was made by the other make of server.
    #[error(
        "the data directory {} was made by {made_by}, and the server found is {found}: give --mysqld the path of a \
         {made_by} server, or choose another --data-dir",
        data_dir.display()
    )]
    DataOfOtherFlavor {
        /// The data directory.
        data_dir: PathBuf,
        /// Who made it.
        made_by: String,
        /// Who should run on it now.
        found: Flavor,
    },

    /// The private directory for the socket exists, and is not private or not ours.
    #[error(
        "the directory {} must belong to this user and be closed to others (mode 0700): remove it, or choose a shorter \
         --data-dir, which needs no directory there",
        path.display()
    )]
    SocketDirectory {
        /// The directory.
        path: PathBuf,
    },

    /// A new data directory could not be initialised.
    #[error(
        "the data directory {} could not be initialised ({status}); the server's log {} ends with:\n{log_tail}\n\
         correct what it names (AppArmor may confine an installed mysqld to /var/lib/mysql), then start again",
        data_dir.display(), log.display()
    )]
    Initialise {
        /// The data directory.
        data_dir: PathBuf,
        /// How the initialisation ended.
        status: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        log_tail: String,
    },

    /// The server ended while it was starting.
    #[error(
        "the database server ended while starting ({status}); its log {} ends with:\n{log_tail}\n\
         correct what it names, then start again",
        log.display()
    )]
    EndedEarly {
        /// How it ended.
        status: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        log_tail: String,
    },

    /// The server runs, and takes no connection.
    #[error(
        "the database server (process {pid}) took no connection within {limit_s} s ({reason}); it still runs, and its \
         log {} ends with:\n{log_tail}\n\
         start again to wait longer; if the log shows no progress, end process {pid} first",
        log.display()
    )]
    NotReady {
        /// The server's process id, or `unknown`.
        pid: String,
        /// How long was waited, in seconds.
        limit_s: u64,
        /// Why the last attempt failed.
        reason: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        log_tail: String,
    },

    /// Another server answers on the socket.
    #[error(
        "the server on the socket {} works on {found}, not on {}: stop that server, then start again",
        socket.display(), expected.display()
    )]
    ForeignServer {
        /// The socket.
        socket: PathBuf,
        /// The data directory it reports.
        found: String,
        /// The data directory it should have.
        expected: PathBuf,
    },

    /// A Redis that was started does not answer.
    #[error("redis-server takes no connection: {reason}")]
    NoRedis {
        /// What trying to connect gave.
        reason: String,
    },
    /// A statement that sets the server up, asks it or stops it failed.
    #[error("the embedded server refused to {purpose}: {source}; its log {} may say why", log.display())]
    Sql {
        /// What the statement was for.
        purpose: &'static str,
        /// The server's log.
        log: PathBuf,
        /// The driver's reason.
        source: sqlx::Error,
    },

    /// The server was asked to stop, and runs on.
    #[error(
        "the database server (process {pid}) did not stop within {limit_s} s; it goes on writing its pages, and the \
         next start adopts it or recovers its data; its log is {}",
        log.display()
    )]
    NotStopped {
        /// The server's process id, or `unknown`.
        pid: String,
        /// How long was waited, in seconds.
        limit_s: u64,
        /// The server's log.
        log: PathBuf,
    },
}

/// For `map_err`: a failed file operation with its action and path.
pub(super) fn file_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> EmbeddedError {
    move |source| EmbeddedError::File { action, path: path.to_owned(), source }
}
