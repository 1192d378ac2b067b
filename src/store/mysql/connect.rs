//! Connections whose session is as hotrow needs it, checked rather than assumed.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Either, Row};

use super::address::Address;
use super::flavor::Flavor;
use super::statement as sql;

/// So many rows are read, and made something of, in some 50 us.
const ROWS_BY_THE_WAY: usize = 32;

/// A checked session.
pub(super) struct Session {
    pub connection: MySqlConnection,
    pub flavor: Flavor,
    /// The server's name for it.
    pub id: u64,
    /// Whether an order that is alone can be written by the procedure for it.
    pub can_call: bool,
}

/// Connects, sets the session and checks that the server took the settings.
pub(super) async fn connect(address: &Address) -> Result<Session, sqlx::Error> {
    let mut connection = MySqlConnection::connect_with(address.options()).await?;
    run(&mut connection, sql::SESSION.text().to_owned()).await?;
    let (_, rows) = run(&mut connection, sql::SELECT_SESSION.text().to_owned()).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let id: u64 = row.try_get(0)?;
    let version = text(row, 1)?;
    let flavor = Flavor::of(version);
    let isolation = format!("SELECT @@session.{}", flavor.isolation());
    let (_, isolation_rows) = run(&mut connection, isolation).await?;
    let isolation = text(isolation_rows.first().ok_or(sqlx::Error::RowNotFound)?, 0)?;
    let (sql_mode, time_zone) = (text(row, 2)?, text(row, 3)?);
    let as_needed = isolation == "READ-COMMITTED"
        && sql_mode.contains("STRICT_ALL_TABLES")
        && time_zone == "+00:00"
        && row.try_get::<i64, _>(4)? == 1;
    if !as_needed {
        return Err(sqlx::Error::Configuration(
            format!(
                "the server or a proxy before it did not take the session settings: isolation is \
                 {isolation}, sql_mode {sql_mode}, time_zone {time_zone}; hotrow needs \
                 READ-COMMITTED, STRICT_ALL_TABLES and +00:00"
            )
            .into(),
        ));
    }
    Ok(Session { connection, flavor, id, can_call: false })
}

/// What a server answered to a text of one or more statements, up to its end or to an error.
pub(super) struct Answers {
    /// The affected rows of each statement that was answered.
    pub affected: Vec<u64>,
    /// What each of them handed over by `LAST_INSERT_ID(…)`.
    pub handed: Vec<u64>,
    /// All rows in their order.
    pub rows: Vec<MySqlRow>,
    /// What ended it early.
    pub error: Option<sqlx::Error>,
}

/// Runs a text of one or more statements: the affected rows of each, and all rows in their order.
///
/// The text is made by this store alone: constants of `sql/` filled in by [`super::statement`].
pub(super) async fn run(
    connection: &mut MySqlConnection,
    text: String,
) -> Result<(Vec<u64>, Vec<MySqlRow>), sqlx::Error> {
    let answers = run_to_error(connection, text).await;
    match answers.error {
        None => Ok((answers.affected, answers.rows)),
        Some(error) => Err(error),
    }
}

/// The same, for whom it matters what was answered before an error.
pub(super) async fn run_to_error(connection: &mut MySqlConnection, text: String) -> Answers {
    use futures_util::TryStreamExt;
    let mut answers =
        Answers { affected: Vec::new(), handed: Vec::new(), rows: Vec::new(), error: None };
    let mut stream = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(connection);
    loop {
        match stream.try_next().await {
            Ok(Some(Either::Left(done))) => {
                answers.affected.push(done.rows_affected());
                answers.handed.push(done.last_insert_id());
            }
            Ok(Some(Either::Right(row))) => answers.rows.push(row),
            Ok(None) => return answers,
            Err(error) => {
                answers.error = Some(error);
                return answers;
            }
        }
    }
}

/// Runs a text whose rows nobody waits for, and takes them one by one: after every few of them whoever else wants
/// the processor gets it.
pub(super) async fn run_by_the_way(
    connection: &mut MySqlConnection,
    text: String,
    mut take: impl FnMut(MySqlRow) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    use futures_util::TryStreamExt;
    let mut rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch(connection);
    let mut taken = 0;
    while let Some(row) = rows.try_next().await? {
        take(row)?;
        taken += 1;
        if taken % ROWS_BY_THE_WAY == 0 {
            std::thread::yield_now();
        }
    }
    Ok(())
}

/// Says goodbye. A server that has closed its end first has lost nothing by it.
pub(super) async fn close(connection: MySqlConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the server closed the connection first");
    }
}

/// A column of identifiers or settings, whatever character type the server gives it.
pub(super) fn text(row: &MySqlRow, index: usize) -> Result<&str, sqlx::Error> {
    let bytes: &[u8] = row.try_get_unchecked(index)?;
    std::str::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}
