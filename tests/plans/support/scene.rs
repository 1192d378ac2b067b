//! A database of one test, the product's way into it, and a look at its rows.

use std::time::Duration;

use hotrow::domain::{Available, Terms};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Plan, Verdicts};
use hotrow::store::mysql::{Abandoned, Address, Desk, FlushConnection, FlushTiming, migrate};
use sqlx::{AssertSqlSafe, MySqlConnection, Row as _};

use super::database::{self, Database};
use super::make::sku;

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const TIMING: FlushTiming = FlushTiming { connect: LONG, execute: LONG, commit: LONG };

pub(crate) struct Scene {
    pub(crate) address: Address,
    pub(super) database: Database,
}

impl Scene {
    /// A migrated database on the server that the tests share.
    pub(crate) async fn new(flavor: Flavor) -> Self {
        let scene = Self::empty(flavor).await;
        migrate(&scene.address).await.unwrap();
        scene
    }

    /// A database without tables.
    pub(crate) async fn empty(flavor: Flavor) -> Self {
        Self::of(database::fresh(flavor).await)
    }

    pub(super) fn of(database: Database) -> Self {
        Self { address: database.url().parse().unwrap(), database }
    }

    /// Opens the stock of some SKUs.
    pub(crate) async fn with(self, stock: &[(&str, i64)]) -> Self {
        let desk = self.desk().await;
        for &(name, units) in stock {
            let available = Available::new(units).unwrap();
            desk.open_stock(sku(name), available, Terms::default()).await.unwrap();
        }
        desk.close().await;
        self
    }

    pub(crate) async fn desk(&self) -> Desk {
        Desk::open(&self.address, 1, LONG).await.unwrap()
    }

    pub(crate) fn connection(&self) -> FlushConnection {
        FlushConnection::new(self.address.clone(), TIMING, Abandoned::default())
    }

    /// A connection as `root`.
    pub(crate) async fn admin(&self) -> MySqlConnection {
        let mut admin = self.database.connect().await;
        // The default is a year.
        run(&mut admin, "SET lock_wait_timeout = 60").await;
        admin
    }

    /// A connection of hotrow's own account.
    pub(crate) async fn colleague(&self) -> MySqlConnection {
        <MySqlConnection as sqlx::Connection>::connect(&self.database.url()).await.unwrap()
    }

    /// Runs a text of one or more statements as `root`.
    pub(crate) async fn run(&self, text: &str) {
        run(&mut self.admin().await, text).await;
    }

    /// `sku available version` of every stock row.
    pub(crate) async fn stock(&self) -> Vec<String> {
        self.lines("SELECT CONCAT_WS(' ', sku, available, version) FROM stock ORDER BY sku").await
    }

    /// `order_id step line kind sku delta flush_id reason` of every movement but the openings.
    pub(crate) async fn movements(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', order_id, step, line, kind, sku, delta, flush_id, reason) \
             FROM movement WHERE step <> 'opening' ORDER BY flush_id, order_id, step, line",
        )
        .await
    }

    /// `sku version flush_id available delta orders` of every version but the openings.
    pub(crate) async fn versions(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', sku, version, flush_id, available, delta, orders) \
             FROM stock_version WHERE flush_id <> 0 ORDER BY sku, version",
        )
        .await
    }

    /// `sku available held` of every stock row.
    pub(crate) async fn held(&self) -> Vec<String> {
        self.lines("SELECT CONCAT_WS(' ', sku, available, held) FROM stock ORDER BY sku").await
    }

    /// `order_id step line kind delta held_delta buyer` of every movement but the openings; `-` for NULL.
    pub(crate) async fn history(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', order_id, step, line, kind, delta, COALESCE(held_delta, '-'), \
             COALESCE(buyer, '-')) \
             FROM movement WHERE step <> 'opening' ORDER BY order_id, step, line",
        )
        .await
    }

    /// `sku buyer order_id quantity` of what buyers have, with `held` behind it where it can expire.
    pub(crate) async fn purchases(&self) -> Vec<String> {
        self.lines(
            "SELECT CONCAT_WS(' ', sku, buyer, order_id, quantity, IF(expires_at IS NULL, NULL, 'held')) \
             FROM purchase ORDER BY sku, buyer, order_id",
        )
        .await
    }

    /// One column as text.
    pub(crate) async fn lines(&self, query: &str) -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(query.to_owned()));
        let rows = query.fetch_all(&mut self.admin().await).await.unwrap();
        // Whatever type the server gives it: they differ in the character set of a number's text.
        rows.iter().map(|row| row.try_get_unchecked(0).unwrap()).collect()
    }
}

pub(crate) async fn run(connection: &mut MySqlConnection, text: &str) {
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(connection).await.unwrap();
}

/// The verdicts of a plan that has to be ready for its commit.
pub(crate) async fn ready(connection: &mut FlushConnection, plan: &Plan) -> Verdicts {
    match connection.execute(plan).await {
        Execution::Ready { verdicts, .. } => verdicts,
        other @ (Execution::NothingToWrite { .. }
        | Execution::Committed { .. }
        | Execution::CommitUnknown
        | Execution::Landed { .. }
        | Execution::Failed(_)) => {
            panic!("flush {} is not ready: {other:?}", plan.id.0)
        }
    }
}

/// The verdicts of a plan that has to be committed.
pub(crate) async fn land(connection: &mut FlushConnection, plan: &Plan) -> Verdicts {
    let verdicts = ready(connection, plan).await;
    assert_eq!(connection.commit(plan.id).await, CommitOutcome::Committed);
    verdicts
}
