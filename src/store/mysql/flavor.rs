//! Where MySQL and MariaDB differ, and nowhere else.

/// The two families of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavor {
    /// MySQL 8.4 and later.
    MySql,
    /// MariaDB 10.11 and later.
    MariaDb,
}

impl Flavor {
    /// From the text of `SELECT VERSION()`.
    pub(super) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") { Self::MariaDb } else { Self::MySql }
    }

    /// What stands before each row of a `VALUES` list.
    pub(super) fn row(self) -> &'static str {
        match self {
            Self::MySql => "ROW",
            Self::MariaDb => "",
        }
    }

    /// The session variable that has the isolation level.
    pub(super) fn isolation(self) -> &'static str {
        match self {
            Self::MySql => "transaction_isolation",
            Self::MariaDb => "tx_isolation",
        }
    }
}
