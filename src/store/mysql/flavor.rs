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

    /// Whether the statements for SKUs that all change alike carry more orders than those for any. On MariaDB they take
    /// less of the processor and leave more of it idle: fewer orders a second.
    pub(super) fn gains_by_equal_forms(self) -> bool {
        match self {
            Self::MySql => true,
            Self::MariaDb => false,
        }
    }

    /// The session variable that has the isolation level.
    pub(super) fn isolation(self) -> &'static str {
        match self {
            Self::MySql => "transaction_isolation",
            Self::MariaDb => "tx_isolation",
        }
    }

    /// A `SELECT` that may run, or wait, for so many milliseconds. The time-out of a lock wait only has
    /// whole seconds.
    pub(super) fn select_within(self, ms: u64) -> String {
        match self {
            Self::MySql => format!("SELECT /*+ MAX_EXECUTION_TIME({ms}) */"),
            Self::MariaDb => {
                format!(
                    "SET STATEMENT max_statement_time = {}.{:03} FOR SELECT",
                    ms / 1_000,
                    ms % 1_000
                )
            }
        }
    }
}
