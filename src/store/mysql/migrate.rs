//! The schema, brought up to date from `sql/migrations`, forward only, and the views and the procedure
//! from `sql/views` and `sql/procedures`.

use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
use sqlx::migrate::{AppliedMigration, Migrate, Migration, Migrator};
use sqlx::{MySqlConnection, Row};

use super::address::Address;
use super::connect::{close, connect, run};
use super::error::{describe, is_denied};
use super::statement as sql;
use super::{procedures, views};
use crate::engine::FlushId;
use crate::limits::DESK_PATIENCE;

static MIGRATIONS: Migrator = sqlx::migrate!("sql/migrations");

/// How long a migration waits for another process that migrates, in seconds.
const LOCK_WAIT_S: u32 = 60;

/// Flushes that one process can name: the lower bits of a flush id.
const FLUSHES_PER_INSTANCE_BITS: u32 = 40;
/// The last process that a flush id can name.
const INSTANCE_MAX: u64 = u64::MAX >> FLUSHES_PER_INSTANCE_BITS;

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be used.
    #[error("cannot migrate {address}: {reason}")]
    Database {
        /// Where, without credentials.
        address: String,
        /// What the server said.
        reason: String,
    },
    /// The schema is not one that this build can bring forward.
    #[error(
        "cannot migrate {address}: {reason}; the schema was made by another build, use that one or \
         restore the migration that is missing"
    )]
    Schema {
        /// Where, without credentials.
        address: String,
        /// What does not fit.
        reason: String,
    },
}

/// Applies every migration that is not applied yet, and makes the views that are not those of this build and
/// the procedure. Safe to call from several processes at once. Where nothing is to be done, no right to do it is
/// needed; what the account may not make of these is left out, and told in the log.
///
/// # Errors
/// [`MigrateError`] with what to do.
pub async fn migrate(address: &Address) -> Result<(), MigrateError> {
    let failed = |error: &sqlx::Error| MigrateError::Database {
        address: address.to_string(),
        reason: if is_denied(error) {
            format!(
                "{}; run `hotrow migrate` with an account that may change the schema, see \
                 sql/accounts.sql",
                describe(error)
            )
        } else {
            describe(error)
        },
    };
    let mut connection = connect_patiently(address).await.map_err(|error| failed(&error))?;
    let untouched =
        soon(is_exactly_current(&mut connection)).await.map_err(|error| failed(&error))?;
    if !untouched {
        lock(&mut connection).await.map_err(|error| failed(&error))?;
        MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| {
            if let Execute(cause) | ExecuteMigration(cause, _) = &error {
                return failed(cause);
            }
            MigrateError::Schema { address: address.to_string(), reason: error.to_string() }
        })?;
    }
    make_views(&mut connection).await.map_err(|error| failed(&error))?;
    make_procedure(&mut connection).await.map_err(|error| failed(&error))?;
    close(connection).await;
    Ok(())
}

async fn connect_patiently(address: &Address) -> Result<MySqlConnection, sqlx::Error> {
    let connecting = async {
        let mut connection = connect(address).await?.connection;
        run(&mut connection, sql::SESSION_MIGRATE.text().to_owned()).await?;
        Ok(connection)
    };
    soon(connecting).await
}

/// With a limit that a server does not need which is there.
async fn soon<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(DESK_PATIENCE, work).await.unwrap_or_else(late)
}

async fn make_views(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    if soon(views::outdated(connection)).await?.is_empty() {
        return Ok(());
    }
    lock(connection).await?;
    views::apply(connection).await
}

async fn make_procedure(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    if soon(procedures::are_callable(connection)).await? {
        return Ok(());
    }
    lock(connection).await?;
    procedures::make(connection).await
}

/// Lets one process at a time migrate this database, until its connection closes. The lock of the
/// driver holds on MySQL only: MariaDB knows no unlimited wait and gives no lock then.
async fn lock(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    // A lock's name has 64 characters at most and is known to the whole server.
    let text =
        format!("SELECT GET_LOCK(CONCAT('hotrow ', SHA2(DATABASE(), 224)), {LOCK_WAIT_S}) <=> 1");
    let (_, rows) = run(connection, text).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    if row.try_get_unchecked::<i64, _>(0)? == 1 {
        return Ok(());
    }
    let reason = format!("another process has been migrating it for {LOCK_WAIT_S} s");
    Err(sqlx::Error::Configuration(reason.into()))
}

/// True when every migration that this build knows is applied.
pub(super) async fn is_current(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let applied = applied(connection).await?;
    Ok(MIGRATIONS.iter().all(|known| applied.iter().any(|done| is_the_same(done, known))))
}

/// True when these are applied, all of them to their end, and no others.
async fn is_exactly_current(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let applied = applied(connection).await?;
    let same = applied.len() == MIGRATIONS.iter().count()
        && applied.iter().zip(MIGRATIONS.iter()).all(|(done, known)| is_the_same(done, known));
    if !same {
        return Ok(false);
    }
    let half_applied = connection.dirty_version(&MIGRATIONS.table_name).await.map_err(cause)?;
    Ok(half_applied.is_none())
}

fn is_the_same(done: &AppliedMigration, known: &Migration) -> bool {
    done.version == known.version && done.checksum == known.checksum
}

/// In the order of their numbers; none where there is no table of them.
async fn applied(connection: &mut MySqlConnection) -> Result<Vec<AppliedMigration>, sqlx::Error> {
    let table = "SELECT TABLE_NAME FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '_sqlx_migrations'";
    if run(connection, table.to_owned()).await?.1.is_empty() {
        return Ok(Vec::new());
    }
    connection.list_applied_migrations(&MIGRATIONS.table_name).await.map_err(cause)
}

/// What the driver wraps when it reads its table.
fn cause(error: sqlx::migrate::MigrateError) -> sqlx::Error {
    if let Execute(cause) = error { cause } else { sqlx::Error::Decode(error.into()) }
}

/// The number of the process whose flush this is.
#[must_use]
pub fn instance_of(flush: FlushId) -> u64 {
    flush.0 >> FLUSHES_PER_INSTANCE_BITS
}

/// Registers this process and returns the first of its flush ids.
///
/// # Errors
/// [`MigrateError::Database`] when the database cannot be written.
pub async fn register_instance(address: &Address) -> Result<FlushId, MigrateError> {
    let failed = |error: sqlx::Error| MigrateError::Database {
        address: address.to_string(),
        reason: describe(&error),
    };
    let registering = async {
        let mut connection = connect(address).await?.connection;
        let insert = sqlx::query("INSERT INTO instance () VALUES ()");
        let instance = insert.execute(&mut connection).await?.last_insert_id();
        close(connection).await;
        Ok(instance)
    };
    let instance = soon(registering).await.map_err(failed)?;
    if instance > INSTANCE_MAX {
        return Err(MigrateError::Database {
            address: address.to_string(),
            reason: format!(
                "{INSTANCE_MAX} processes have been started, and flush ids name no more"
            ),
        });
    }
    Ok(FlushId(instance << FLUSHES_PER_INSTANCE_BITS))
}
