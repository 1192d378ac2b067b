//! Who may log in, and the addresses for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::error::EmbeddedError;
use super::installation::Flavor;

/// A server that accepts and does not greet is treated as not ready.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);

/// How to reach one server. Never printed: it holds the password.
pub(super) struct Accounts {
    pub(super) socket: PathBuf,
    pub(super) port: u16,
    pub(super) password: String,
    pub(super) flavor: Flavor,
}

/// `hotrow` on this socket. Holds no secret.
pub(super) fn hotrow_url(socket: &Path) -> String {
    socket_url(socket, "hotrow", "hotrow")
}

fn socket_url(socket: &Path, user: &str, database: &str) -> String {
    let socket = percent_encoded(socket);
    format!("mysql://{user}@localhost/{database}?ssl-mode=disabled&socket={socket}")
}

impl Accounts {
    /// `hotrow` on the socket. The path is UTF-8: [`super::data_dir::DataDir`] has checked it.
    pub(super) fn url(&self) -> String {
        hotrow_url(&self.socket)
    }

    /// `root` on the socket, without a database.
    pub(super) fn admin_url(&self) -> String {
        socket_url(&self.socket, "root", "")
    }

    /// `hotrow` on loopback, with its password.
    pub(super) fn tcp_url(&self) -> String {
        // MySQL takes a password that it has not cached only over TLS, and makes itself a certificate; MariaDB 10.11
        // has none to offer, and its login does not show the password.
        let tls = match self.flavor {
            Flavor::MySql => "required",
            Flavor::MariaDb => "preferred",
        };
        format!("mysql://hotrow:{}@127.0.0.1:{}/hotrow?ssl-mode={tls}", self.password, self.port)
    }

    /// Logs in as root through the socket.
    pub(super) async fn login_admin(&self) -> Result<MySqlConnection, sqlx::Error> {
        login(self.socket_options("root")).await
    }

    /// Whether the server takes connections.
    pub(super) async fn answers(&self) -> Result<(), sqlx::Error> {
        self.login_admin().await?.close().await
    }

    /// Makes sure that `hotrow` and its database are there and both ways in work.
    pub(super) async fn ensure(&self, log: &Path) -> Result<(), EmbeddedError> {
        if self.try_both_ways().await.is_ok() {
            return Ok(());
        }
        let failed = |source| EmbeddedError::Sql {
            purpose: "set up its accounts",
            log: log.to_owned(),
            source,
        };
        let mut admin = self.login_admin().await.map_err(failed)?;
        let tcp = format!("'hotrow'@'127.0.0.1' IDENTIFIED BY '{}'", self.password);
        for statement in [
            "CREATE DATABASE IF NOT EXISTS hotrow".to_owned(),
            "CREATE USER IF NOT EXISTS 'hotrow'@'localhost'".to_owned(),
            format!("CREATE USER IF NOT EXISTS {tcp}"),
            format!("ALTER USER {tcp}"),
            "GRANT ALL ON hotrow.* TO 'hotrow'@'localhost'".to_owned(),
            "GRANT ALL ON hotrow.* TO 'hotrow'@'127.0.0.1'".to_owned(),
            // Who looks with SQL sees open transactions, too.
            "GRANT PROCESS ON *.* TO 'hotrow'@'localhost', 'hotrow'@'127.0.0.1'".to_owned(),
        ] {
            // The only part that is not fixed is the password: hexadecimal digits.
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.map_err(failed)?;
        }
        admin.close().await.map_err(failed)?;
        self.try_both_ways().await.map_err(|source| EmbeddedError::Sql {
            purpose: "let its own account in",
            log: log.to_owned(),
            source,
        })
    }

    async fn try_both_ways(&self) -> Result<(), sqlx::Error> {
        let tcp = self.tcp_url().parse::<MySqlConnectOptions>()?;
        for options in [self.socket_options("hotrow").database("hotrow"), tcp] {
            login(options).await?.close().await?;
        }
        Ok(())
    }

    fn socket_options(&self, user: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .socket(&self.socket)
            .username(user)
            .ssl_mode(MySqlSslMode::Disabled)
    }
}

async fn login(options: MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    // The driver would log a CREATE USER with its password.
    let options = options.disable_statement_logging();
    match tokio::time::timeout(LOGIN_LIMIT, MySqlConnection::connect_with(&options)).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(
            |&byte| {
                if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_any_path() {
        let socket = PathBuf::from("/tmp/a b+c&d=é%/mysqld.sock");
        let accounts = Accounts {
            socket: socket.clone(),
            port: 1,
            password: "ab".to_owned(),
            flavor: Flavor::MySql,
        };
        let options: MySqlConnectOptions =
            accounts.url().parse().expect("the address is well formed");
        assert_eq!(options.get_socket(), Some(&socket));
        assert_eq!(options.get_database(), Some("hotrow"));
    }
}
