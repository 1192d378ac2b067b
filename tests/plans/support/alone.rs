//! A server for one test at a time, whose settings the test may change.

use hotrow::embedded::Flavor;
use hotrow::store::mysql::migrate;

use super::database::{self, HarmedServer};
use super::scene::{Scene, run};

/// A scene on a server that no other test uses meanwhile.
pub(crate) struct Alone {
    pub(crate) scene: Scene,
    pub(crate) server: HarmedServer,
}

/// What the tests change, as it is at the start: a test that failed may have left it otherwise.
const SETTINGS: &str = "SET GLOBAL general_log = OFF; SET GLOBAL log_output = 'FILE'; \
    SET GLOBAL sql_mode = DEFAULT; SET GLOBAL time_zone = '+00:00'; SET GLOBAL autocommit = ON; \
    SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
    SET GLOBAL sql_select_limit = DEFAULT; SET GLOBAL max_join_size = DEFAULT; \
    SET GLOBAL sql_big_selects = ON; SET GLOBAL sql_safe_updates = OFF; \
    SET GLOBAL completion_type = 'NO_CHAIN'; SET GLOBAL binlog_format = DEFAULT; \
    SET GLOBAL max_allowed_packet = 67108864; \
    SET GLOBAL innodb_flush_log_at_trx_commit = 1; SET GLOBAL sync_binlog = 1; \
    SET GLOBAL innodb_stats_auto_recalc = ON";

impl Alone {
    pub(crate) async fn new(flavor: Flavor) -> Self {
        let server = database::harmed(flavor).await;
        let scene = Scene::of(server.fresh_database().await);
        scene.run(SETTINGS).await;
        migrate(&scene.address).await.unwrap();
        Self { scene, server }
    }

    /// Another database on the same server.
    pub(crate) async fn another(&self) -> Scene {
        let scene = Scene::of(self.server.fresh_database().await);
        migrate(&scene.address).await.unwrap();
        scene
    }

    /// Runs some work and returns the statements that the product's sessions sent meanwhile.
    pub(crate) async fn logged<T>(&self, work: impl Future<Output = T>) -> (T, Vec<String>) {
        let mut admin = self.scene.admin().await;
        let start = "SET GLOBAL log_output = 'TABLE'; TRUNCATE TABLE mysql.general_log; \
                     SET GLOBAL general_log = ON";
        run(&mut admin, start).await;
        let result = work.await;
        run(&mut admin, "SET GLOBAL general_log = OFF").await;
        let sent = sqlx::query_scalar(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log \
             WHERE user_host LIKE 'it[%' AND command_type = 'Query'",
        );
        (result, sent.fetch_all(&mut admin).await.unwrap())
    }
}
