//! The rig itself: each fault of the proxy does what it says, seen by a plain client on a real
//! server.

use std::time::{Duration, Instant};

use hotrow::embedded::Flavor;
use sqlx::{Connection as _, MySqlConnection};
use tokio::time::timeout;

use crate::support::database::{self, Database};
use crate::support::proxy::{Fault, Proxy};
use crate::support::shop::until;

/// Longer than anything here takes on a busy machine, except what never ends.
const LONG: Duration = Duration::from_secs(20);
/// For what never ends.
const SHORT: Duration = Duration::from_millis(300);

async fn table(database: &Database) {
    let mut admin = database.connect().await;
    sqlx::raw_sql("CREATE TABLE t (n INT PRIMARY KEY)").execute(&mut admin).await.unwrap();
}

async fn rows(database: &Database) -> i64 {
    let mut admin = database.connect().await;
    sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut admin).await.unwrap()
}

async fn insert(connection: &mut MySqlConnection, n: i32) -> Result<(), sqlx::Error> {
    let text = format!("BEGIN; INSERT INTO t VALUES ({n}); SELECT REPEAT('x', 1000)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut *connection).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await.map(drop)
}

/// What the client saw of one insert under the fault, and how many rows there are then.
async fn under(
    flavor: Flavor,
    fault: Fault,
) -> (Result<Result<(), sqlx::Error>, &'static str>, i64) {
    let database = database::fresh(flavor).await;
    table(&database).await;
    let proxy = Proxy::start(database.address.port, 1).await;
    let mut connection = MySqlConnection::connect(&database.url_through(proxy.port)).await.unwrap();
    insert(&mut connection, 1).await.unwrap();
    proxy.arm(fault, 1);
    let limit = if matches!(fault, Fault::BlackHoleBeforeCommit | Fault::BlackHoleAfterCommit) {
        SHORT
    } else {
        LONG
    };
    let seen = timeout(limit, insert(&mut connection, 2)).await.map_err(|_| "no answer");
    assert_eq!((proxy.armed(), proxy.count(fault)), (0, 1));
    proxy.require_hits(&[fault]);
    // The next connection is sound.
    let mut next = MySqlConnection::connect(&database.url_through(proxy.port)).await.unwrap();
    insert(&mut next, 3).await.unwrap();
    (seen, rows(&database).await)
}

async fn faults(flavor: Flavor) {
    let (seen, rows) = under(flavor, Fault::DropCommit).await;
    assert!(matches!(seen, Ok(Err(sqlx::Error::Io(_)))), "{seen:?}");
    assert_eq!(rows, 2);

    let (seen, rows) = under(flavor, Fault::SwallowOk).await;
    assert!(matches!(seen, Ok(Err(sqlx::Error::Io(_)))), "{seen:?}");
    assert_eq!(rows, 3);

    let (seen, rows) = under(flavor, Fault::ResetOnCommit).await;
    assert!(matches!(seen, Ok(Err(sqlx::Error::Io(_)))), "{seen:?}");
    assert!((2..=3).contains(&rows), "{rows}");

    let (seen, rows) = under(flavor, Fault::BlackHoleBeforeCommit).await;
    assert_eq!((seen.unwrap_err(), rows), ("no answer", 2));

    let (seen, rows) = under(flavor, Fault::BlackHoleAfterCommit).await;
    assert_eq!((seen.unwrap_err(), rows), ("no answer", 3));

    let (seen, rows) = under(flavor, Fault::CutInExecute).await;
    assert!(matches!(seen, Ok(Err(sqlx::Error::Io(_)))), "{seen:?}");
    assert_eq!(rows, 2);

    let (seen, rows) = under(flavor, Fault::SplitPackets).await;
    assert!(matches!(seen, Ok(Ok(()))), "{seen:?}");
    assert_eq!(rows, 3);

    let delay = Duration::from_millis(200);
    let begun = Instant::now();
    let (seen, rows) = under(flavor, Fault::DelayCommit(delay)).await;
    assert!(matches!(seen, Ok(Ok(()))), "{seen:?}");
    assert!(begun.elapsed() >= delay);
    assert_eq!(rows, 3);
}

async fn a_commit_lands_after_its_client_has_gone(flavor: Flavor) {
    let database = database::fresh(flavor).await;
    table(&database).await;
    let proxy = Proxy::start(database.address.port, 1).await;
    let mut connection = MySqlConnection::connect(&database.url_through(proxy.port)).await.unwrap();
    proxy.arm(Fault::LateCommit(Duration::from_millis(200)), 1);
    let seen = timeout(LONG, insert(&mut connection, 1)).await.unwrap();
    assert!(matches!(seen, Err(sqlx::Error::Io(_))), "{seen:?}");
    until("the commit lands", async || rows(&database).await == 1).await;
}

async fn darkness(flavor: Flavor) {
    let database = database::fresh(flavor).await;
    table(&database).await;
    let proxy = Proxy::start(database.address.port, 1).await;
    let url = database.url_through(proxy.port);
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    proxy.black_hole();
    assert!(timeout(SHORT, insert(&mut connection, 1)).await.is_err());
    assert!(timeout(SHORT, MySqlConnection::connect(&url)).await.is_err());
    proxy.heal();
    let mut next = MySqlConnection::connect(&url).await.unwrap();
    insert(&mut next, 2).await.unwrap();
    assert_eq!(rows(&database).await, 1);
}

async fn harm(flavor: Flavor) {
    let mut server = database::harmed(flavor).await;
    let database = server.fresh_database().await;
    table(&database).await;
    let mut connection = MySqlConnection::connect(&database.url()).await.unwrap();
    insert(&mut connection, 1).await.unwrap();
    server.freeze().await;
    assert!(timeout(SHORT, insert(&mut connection, 2)).await.is_err());
    server.thaw();
    server.kill();
    server.restart().await;
    let mut next = MySqlConnection::connect(&database.url()).await.unwrap();
    insert(&mut next, 3).await.unwrap();
    assert!(rows(&database).await >= 2);
}

both_flavors!(faults, a_commit_lands_after_its_client_has_gone, darkness, harm);
