//! The schema, brought up to date from `sql/migrations`, forward only.

use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
use sqlx::migrate::{Migrate, Migrator};
use sqlx::{Connection, MySqlConnection, Row};

use super::address::Address;
use super::connect::{close, run};
use super::error::describe;
use crate::engine::FlushId;

static MIGRATIONS: Migrator = sqlx::migrate!("sql/migrations");

/// How long a migration waits for another process that migrates, in seconds.
const LOCK_WAIT_S: u32 = 60;

/// Flushes that one process can name: the lower bits of a flush id.
const FLUSHES_PER_INSTANCE_BITS: u32 = 40;

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

/// Applies every migration that is not applied yet. Safe to call from several processes at once.
///
/// # Errors
/// [`MigrateError`] with what to do.
pub async fn migrate(address: &Address) -> Result<(), MigrateError> {
    let failed = |error: &sqlx::Error| MigrateError::Database {
        address: address.to_string(),
        reason: describe(error),
    };
    let mut connection =
        MySqlConnection::connect_with(address.options()).await.map_err(|error| failed(&error))?;
    lock(&mut connection).await.map_err(|error| failed(&error))?;
    MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| {
        if let Execute(cause) | ExecuteMigration(cause, _) = &error {
            return failed(cause);
        }
        MigrateError::Schema { address: address.to_string(), reason: error.to_string() }
    })?;
    close(connection).await;
    Ok(())
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
    let table = "SELECT TABLE_NAME FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '_sqlx_migrations'";
    if run(connection, table.to_owned()).await?.1.is_empty() {
        return Ok(false);
    }
    let applied = connection
        .list_applied_migrations(&MIGRATIONS.table_name)
        .await
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(MIGRATIONS.iter().all(|known| {
        applied.iter().any(|done| done.version == known.version && done.checksum == known.checksum)
    }))
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
    let mut connection = MySqlConnection::connect_with(address.options()).await.map_err(failed)?;
    let done = sqlx::query("INSERT INTO instance () VALUES ()")
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    let first = done.last_insert_id() << FLUSHES_PER_INSTANCE_BITS;
    close(connection).await;
    Ok(FlushId(first))
}
