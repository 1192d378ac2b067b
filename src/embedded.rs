//! The embedded database: a real MySQL or MariaDB as a child process, for whoever has none at hand.
//!
//! [`locate`] finds a server program or fetches one privately; [`EmbeddedServer::start`] runs it on a private data
//! directory, adopts one that outlived an earlier hotrow, or recovers one that did not; [`sql_shell`] opens a SQL
//! shell on it.
//!
//! What keeps it private: `root` and `hotrow` have no password on the unix socket, whose directory only this user may
//! enter. Over TCP (loopback only) there is one account, `hotrow`, with a random password kept in the data directory.
//! A password on the socket would protect nothing that the directory does not, and MySQL's default authentication
//! would then need TLS or RSA for each first login after a restart.

mod accounts;
mod data_dir;
mod error;
mod initialise;
mod installation;
mod launch;
mod provision;
mod redis_server;
mod server;
mod sizing;
mod socket;

pub use error::EmbeddedError;
pub use installation::{Flavor, Installation, Launcher, Version};
pub use provision::{fetch, fetch_redis, locate};
pub use redis_server::RedisServer;
pub use server::{EmbeddedConfig, EmbeddedServer, ServerExit, sql_shell, url_of_running};
pub use sizing::Sizing;
