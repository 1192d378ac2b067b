//! Where the database is and how to get in, without ever showing the password.

use std::fmt;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// A database address such as `mysql://user:password@host:3306/hotrow?ssl-mode=VERIFY_IDENTITY` or
/// `mysql://user:password@localhost/hotrow?socket=/run/mysqld.sock`. Shown without its password.
#[derive(Clone)]
pub struct Address {
    options: MySqlConnectOptions,
    shown: String,
}

/// The address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is not a MySQL URL. The text is not repeated: it may hold a password.
    #[error(
        "the database URL is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE ({0}); \
         special characters of the password have to be percent-encoded"
    )]
    Malformed(String),
    /// It names no database.
    #[error("the database URL names no database; put one after the host, as in .../hotrow")]
    NoDatabase,
}

impl Address {
    pub(super) fn options(&self) -> &MySqlConnectOptions {
        &self.options
    }

    /// True when the connection is not encrypted, or encrypted without knowing with whom, and leaves
    /// the machine.
    #[must_use]
    pub fn unverified(&self) -> bool {
        let local = self.options.get_socket().is_some()
            || matches!(self.options.get_host(), "localhost" | "127.0.0.1" | "::1");
        !local
            && !matches!(
                self.options.get_ssl_mode(),
                MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity
            )
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
            return Err(AddressError::Malformed("it does not begin with mysql://".to_owned()));
        }
        let options = MySqlConnectOptions::from_str(url)
            .map_err(|_| AddressError::Malformed("a part of it cannot be read".to_owned()))?;
        let database = options.get_database().filter(|name| !name.is_empty());
        let Some(database) = database else { return Err(AddressError::NoDatabase) };
        let place = match options.get_socket() {
            Some(socket) => format!("socket {}", socket.display()),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let shown = format!("database {database} at {place} as {}", options.get_username());
        // Identifiers are ascii and compared byte by byte; so are the literals that carry them.
        let options = options
            .charset("ascii")
            .collation("ascii_bin")
            .timezone("+00:00".to_owned())
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .disable_statement_logging();
        Ok(Self { options, shown })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let address: Address = "mysql://shop:s3cret@db.example:3307/hotrow".parse().unwrap();
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("db.example:3307"), "{shown}");
        let refused = "http://shop:s3cret@x/y".parse::<Address>().unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("s3cret"));
    }

    #[test]
    fn a_database_has_to_be_named() {
        assert!(matches!("mysql://root@h".parse::<Address>(), Err(AddressError::NoDatabase)));
    }

    #[test]
    fn only_verified_encryption_may_leave_the_machine_unremarked() {
        let unverified = |url: &str| url.parse::<Address>().unwrap().unverified();
        assert!(unverified("mysql://u:p@db.example/hotrow"));
        assert!(!unverified("mysql://u:p@db.example/hotrow?ssl-mode=VERIFY_IDENTITY"));
        assert!(!unverified("mysql://u:p@127.0.0.1/hotrow"));
        assert!(!unverified("mysql://u:p@localhost/hotrow?socket=/run/my.sock"));
    }
}
