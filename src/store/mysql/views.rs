//! The views for DBAs, kept as `sql/views` has them. Orders need none of them.

use sqlx::MySqlConnection;

use super::connect::{run, text};
use super::error::{describe, is_answer};
use super::statement as sql;
use super::statement::{Statement, write_id, write_text};

/// A view and the file that makes it.
struct View {
    name: &'static str,
    source: &'static str,
}

macro_rules! views {
    ($($name:literal),+ $(,)?) => {
        &[$(View {
            name: $name,
            source: include_str!(concat!("../../../sql/views/", $name, ".sql")),
        }),+]
    };
}

const VIEWS: &[View] = views![
    "desk_buyers_near_limit",
    "desk_drift",
    "desk_failures",
    "desk_growth",
    "desk_hot_hour",
    "desk_hot_now",
    "desk_merge_mode",
    "desk_merging",
    "desk_open_holds",
    "desk_order_history",
    "desk_sku_history",
];

/// The names of those that are missing or were made from another source, as far as hotrow knows.
pub(super) async fn outdated(
    connection: &mut MySqlConnection,
) -> Result<Vec<&'static str>, sqlx::Error> {
    Ok(find_outdated(connection).await?.iter().map(|view| view.name).collect())
}

/// Makes all that are outdated. One that the server refuses stays as it is, and the log tells why.
pub(super) async fn apply(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for view in find_outdated(connection).await? {
        match make(connection, view).await {
            Ok(()) => {}
            Err(error) if is_answer(&error) => tracing::warn!(
                view = view.name,
                error = describe(&error),
                "a view for DBAs could not be made; orders need none"
            ),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn find_outdated(
    connection: &mut MySqlConnection,
) -> Result<Vec<&'static View>, sqlx::Error> {
    let (_, rows) = run(connection, sql::SELECT_VIEW_SOURCES.text().to_owned()).await?;
    let made = rows.iter().map(|row| Ok((text(row, 0)?, text(row, 1)?)));
    let made: Vec<(&str, &str)> = made.collect::<Result<_, sqlx::Error>>()?;
    Ok(VIEWS.iter().filter(|view| !made.contains(&(view.name, view.source))).collect())
}

async fn make(connection: &mut MySqlConnection, view: &View) -> Result<(), sqlx::Error> {
    run(connection, Statement::parse(view.source).text().to_owned()).await?;
    let mut script = String::new();
    sql::NOTE_VIEW.write(&mut script, |hole, script| match hole {
        "name" => write_id(script, view.name),
        _ => write_text(script, view.source),
    });
    run(connection, script).await.map(drop)
}
