//! Every error number of the server that hotrow knows, in one table.
//!
//! The numbers are those of the MySQL and MariaDB error references; all that are not listed are
//! treated as the statement's own fault before a commit, and as unknown in answer to one.

use crate::engine::{CommitOutcome, Failure};

/// What went wrong before the commit was sent: nothing of it can be in the database.
pub(super) fn failure_of(error: &sqlx::Error) -> Failure {
    match number_of(error) {
        Some(number) => classify(number),
        // The connection's own trouble: refused, reset, closed, out of step.
        None => Failure::Lost,
    }
}

/// What an error in answer to COMMIT means.
pub(super) fn commit_outcome_of(error: &sqlx::Error) -> CommitOutcome {
    match number_of(error).map(classify) {
        // The server says that it gave the transaction up.
        Some(Failure::Conflict) => CommitOutcome::NotCommitted,
        Some(
            Failure::Duplicate
            | Failure::Guard
            | Failure::LockWait
            | Failure::Lost
            | Failure::NotWritable
            | Failure::Statement,
        )
        | None => CommitOutcome::Unknown,
    }
}

/// True for an error that says that the row is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    number_of(error).map(classify) == Some(Failure::Duplicate)
}

/// True for an error that says that this account may not do that (ER_DBACCESS_DENIED_ERROR,
/// ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR).
pub(super) fn is_denied(error: &sqlx::Error) -> bool {
    matches!(number_of(error), Some(1044 | 1142 | 1143 | 1227))
}

/// True for an error by which a procedure says that the stock row is not as it has to be (ER_SIGNAL_EXCEPTION).
pub(super) fn is_guard(error: &sqlx::Error) -> bool {
    number_of(error) == Some(1644)
}

/// True for an error that says that a procedure is not there, has other parameters, or may not do what it does for
/// this account (ER_SP_DOES_NOT_EXIST, ER_SP_WRONG_NO_OF_ARGS, ER_PROCACCESS_DENIED_ERROR).
pub(super) fn is_uncallable(error: &sqlx::Error) -> bool {
    matches!(number_of(error), Some(1305 | 1318 | 1370)) || is_denied(error)
}

/// True for an error that the server has sent, so that it is known what it did up to there.
pub(super) fn is_answer(error: &sqlx::Error) -> bool {
    number_of(error).is_some()
}

/// True for an error that says that there is no such session (ER_NO_SUCH_THREAD).
pub(super) fn is_gone(error: &sqlx::Error) -> bool {
    number_of(error) == Some(1094)
}

/// True for an error that says that the statement has waited for as long as it may (ER_QUERY_TIMEOUT,
/// ER_STATEMENT_TIMEOUT, ER_LOCK_WAIT_TIMEOUT).
pub(super) fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(number_of(error), Some(3024 | 1969 | 1205))
}

/// The error's text for a log or an answer, without statement text or credentials.
pub(super) fn describe(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => match number(error) {
            Some(number) => format!("error {number}: {}", error.message()),
            None => error.message().to_owned(),
        },
        None => error.to_string(),
    }
}

/// The same, with what to do about it.
pub(super) fn describe_with_advice(error: &sqlx::Error) -> String {
    let advice = match (number_of(error), error) {
        // ER_ACCESS_DENIED_ERROR, ER_BAD_DB_ERROR
        (Some(1045 | 1049), _) => "; check database_url",
        _ if is_denied(error) => "; which account runs what, and its rights, are in sql/grants.sql",
        // ER_NO_SUCH_TABLE
        (Some(1146), _) => "; `hotrow migrate` makes the tables",
        // ER_LOCK_WAIT_TIMEOUT
        (Some(1205), _) => "; somebody has locked a table: end that transaction",
        (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut) => {
            "; check that the server runs and that database_url is right"
        }
        _ => "",
    };
    format!("{}{advice}", describe(error))
}

fn number_of(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error().and_then(number)
}

fn number(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<u16> {
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|error| error.number())
}

fn classify(number: u16) -> Failure {
    match number {
        // ER_DUP_ENTRY
        1062 => Failure::Duplicate,
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT: only the statement is undone
        1205 | 3572 => Failure::LockWait,
        // ER_LOCK_DEADLOCK, ER_CHECKREAD (MariaDB snapshot conflict), ER_XA_RBROLLBACK,
        // ER_TRANSACTION_ROLLBACK_DURING_COMMIT (group replication): the transaction is gone
        1213 | 1020 | 1402 | 3101 => Failure::Conflict,
        // ER_OPTION_PREVENTS_STATEMENT (read_only), ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
        // ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY
        1290 | 1792 | 1836 | 1874 => Failure::NotWritable,
        // ER_CON_COUNT_ERROR, ER_OUT_OF_RESOURCES, ER_HOST_IS_BLOCKED, ER_SERVER_SHUTDOWN,
        // ER_NORMAL_SHUTDOWN, ER_ABORTING_CONNECTION, ER_NEW_ABORTING_CONNECTION,
        // ER_UNKNOWN_COM_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED,
        // ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED, ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT,
        // ER_CLIENT_INTERACTION_TIMEOUT, ER_NET_READ_ERROR and its kin; ER_SP_DOES_NOT_EXIST,
        // ER_PROCACCESS_DENIED_ERROR and ER_NEED_REPREPARE: the procedure that the session called is no longer there
        1040
        | 1041
        | 1129
        | 1053
        | 1077
        | 1152
        | 1184
        | 1047
        | 1203
        | 1226
        | 1317
        | 1927
        | 3024
        | 1969
        | 4031
        | 1158..=1161
        | 1305
        | 1370
        | 1615 => Failure::Lost,
        // ER_ACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_SECURE_TRANSPORT_REQUIRED,
        // ER_ACCOUNT_HAS_BEEN_LOCKED: nobody gets in until somebody changes that
        1045 | 1044 | 1049 | 3159 | 3118 => Failure::Lost,
        // ER_DISK_FULL, ER_OUTOFMEMORY, ER_GET_ERRNO, ER_RECORD_FILE_FULL, ER_ERROR_ON_WRITE
        1021 | 1037 | 1030 | 1114 | 1026 => Failure::NotWritable,
        _ => Failure::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_undoes_a_statement_is_not_what_undoes_a_transaction() {
        assert_eq!(classify(1205), Failure::LockWait);
        assert_eq!(classify(1213), Failure::Conflict);
    }

    #[test]
    fn a_lost_connection_leaves_a_commit_unknown() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(commit_outcome_of(&lost), CommitOutcome::Unknown);
        assert_eq!(failure_of(&lost), Failure::Lost);
    }
}
