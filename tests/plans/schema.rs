//! Migrations, and tables that explain themselves.

use std::path::Path;

use hotrow::domain::{OrderId, Standing, Verdict};
use hotrow::embedded::Flavor;
use hotrow::engine::Verdicts;
use hotrow::store::mysql::{MigrateError, inspect, migrate, register_instance};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::alone::Alone;
use crate::support::make::{cancel, deciding, held_for, merged, take};
use crate::support::scene::{Scene, land};

const TABLES: [&str; 18] = [
    "archive_state",
    "change_gate",
    "hold_deadline",
    "instance",
    "merge_count",
    "merge_mode",
    "movement",
    "movement_archive",
    "movement_carried",
    "pinned_sku",
    "purchase",
    "reconcile_drift",
    "reconcile_failure",
    "reconcile_run",
    "reconcile_task",
    "stock",
    "stock_version",
    "view_source",
];

async fn tables(scene: &Scene) -> Vec<String> {
    scene
        .lines(
            "SELECT TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME NOT LIKE '\\_%' ORDER BY 1",
        )
        .await
}

async fn migrating_again_changes_nothing(flavor: Flavor) {
    let scene = Scene::empty(flavor).await;
    migrate(&scene.address).await.unwrap();
    assert_eq!(tables(&scene).await, TABLES);
    let scene = scene.with(&[("a", 10)]).await;
    land(&mut scene.connection(), &merged(1, vec![take("o-1", &[("a", 3)])])).await;
    migrate(&scene.address).await.unwrap();
    assert_eq!(scene.stock().await, ["a 7 2"]);
    assert_eq!(scene.movements().await, ["o-1 take 1 deduct a -3 1"]);
}

/// A database that sold before there were holds goes on: old orders are repeated, cancelled and looked up.
async fn a_database_with_orders_is_brought_forward(flavor: Flavor) {
    let scene = Scene::empty(flavor).await;
    let mut admin = scene.admin().await;
    let mut old = Migrator::new(Path::new("sql/migrations")).await.unwrap();
    old.migrations = old.iter().filter(|known| known.version <= 4).cloned().collect();
    assert_eq!(old.iter().count(), 4);
    old.run_direct(None, &mut admin, false).await.unwrap();
    scene
        .run(
            "INSERT INTO stock (sku, available, version) VALUES ('a', 7, 3); \
             INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) VALUES \
                 ('a', 'opening', 1, 'opening', 'a', 10, 0), ('o-1', 'take', 1, 'deduct', 'a', -3, 5), \
                 ('o-2', 'take', 1, 'deduct', 'a', -1, 5), ('o-2', 'settle', 1, 'cancel', 'a', 1, 6); \
             INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) VALUES \
                 ('a', 1, 0, 10, 10, 1), ('a', 2, 5, 6, -4, 2), ('a', 3, 6, 7, 1, 1)",
        )
        .await;
    migrate(&scene.address).await.unwrap();
    let desk = scene.desk().await;
    for (id, standing) in [("o-1", Standing::Deducted), ("o-2", Standing::Cancelled)] {
        let order = desk.order(OrderId::new("order_id", id).unwrap()).await.unwrap().unwrap();
        assert_eq!((order.standing, order.order.buyer(), order.expires_at), (standing, None, None));
    }
    let mut connection = scene.connection();
    let again = deciding(1 << 40, vec![take("o-1", &[("a", 3)]), cancel("o-1", &[("a", 3)])]);
    let Verdicts::Each(verdicts) = land(&mut connection, &again).await else { panic!("decided") };
    assert!(matches!(verdicts[0], Verdict::Done { replayed: true, .. }), "{verdicts:?}");
    assert!(matches!(verdicts[1], Verdict::Done { replayed: false, .. }), "{verdicts:?}");
    land(&mut connection, &merged((1 << 40) + 1, vec![held_for(60, take("h-1", &[("a", 2)]))]))
        .await;
    assert_eq!(scene.held().await, ["a 8 2"]);
}

/// SQL that an earlier build recorded could mend a difference twice: it is not offered any more.
async fn what_would_mend_twice_is_forgotten(flavor: Flavor) {
    let scene = Scene::empty(flavor).await;
    let mut old = Migrator::new(Path::new("sql/migrations")).await.unwrap();
    old.migrations = old.iter().filter(|known| known.version <= 16).cloned().collect();
    old.run_direct(None, &mut scene.admin().await, false).await.unwrap();
    scene
        .run(
            "INSERT INTO reconcile_drift (run, number, sku, class, expected, found, version, mend, mended_at) \
             VALUES (1, 1, 'a', 'held_drift', '', '', 1, 'BEGIN', NULL), \
                 (1, 2, 'b', 'held_drift', '', '', 1, 'BEGIN', NOW(6))",
        )
        .await;
    migrate(&scene.address).await.unwrap();
    let left = "SELECT CONCAT_WS(' ', sku, mend, mended_at IS NULL) FROM reconcile_drift";
    assert_eq!(scene.lines(left).await, ["a 1", "b BEGIN 0"]);
}

async fn two_can_migrate_at_once(flavor: Flavor) {
    for _ in 0..5 {
        let scene = Scene::empty(flavor).await;
        let (one, other) = tokio::join!(migrate(&scene.address), migrate(&scene.address));
        one.unwrap();
        other.unwrap();
        assert_eq!(tables(&scene).await, TABLES);
        assert!(inspect(&scene.address).await.unwrap().readiness.migrations_current);
    }
}

async fn a_schema_of_another_build_is_refused(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    scene.run("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2").await;
    let error = migrate(&scene.address).await.unwrap_err();
    assert!(matches!(error, MigrateError::Schema { .. }), "{error:?}");
    let text = error.to_string();
    for part in ["cannot migrate database it_", "migration 2", "made by another build"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!inspect(&scene.address).await.unwrap().readiness.migrations_current);

    // A newer build was here.
    let scene = Scene::new(flavor).await;
    scene.run("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 4").await;
    let error = migrate(&scene.address).await.unwrap_err();
    assert!(matches!(error, MigrateError::Schema { .. }), "{error:?}");
    assert!(error.to_string().contains("9999"), "{error}");
}

async fn a_database_that_cannot_be_written_is_told(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    alone.server.set_read_only(true).await;
    let error = register_instance(&alone.scene.address).await.unwrap_err();
    assert!(matches!(error, MigrateError::Database { .. }), "{error:?}");
    assert!(error.to_string().contains("read"), "{error}");
    alone.server.set_read_only(false).await;
}

async fn no_two_processes_share_flush_ids(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let first = register_instance(&scene.address).await.unwrap();
    let second = register_instance(&scene.address).await.unwrap();
    assert_eq!((first.0, second.0), (1 << 40, 2 << 40));
}

/// Of every table, so that `SHOW CREATE TABLE` explains itself to a DBA.
async fn every_column_has_a_comment(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let mut columns = 0;
    for table in TABLES {
        let query = format!("SHOW CREATE TABLE {table}");
        let row = sqlx::raw_sql(AssertSqlSafe(query)).fetch_one(&mut scene.admin().await).await;
        let text: String = row.unwrap().try_get_unchecked(1).unwrap();
        for column in text.lines().filter(|line| line.trim_start().starts_with('`')) {
            columns += 1;
            assert!(column.contains(" COMMENT '"), "{table}: {column}");
        }
        let end = text.lines().last().unwrap();
        assert!(end.contains("COMMENT='"), "{table}: {end}");
        assert!(end.contains("ENGINE=InnoDB"), "{table}: {end}");
    }
    assert!(columns >= 20, "only {columns} columns were looked at");
}

both_flavors!(
    migrating_again_changes_nothing,
    a_database_with_orders_is_brought_forward,
    what_would_mend_twice_is_forgotten,
    two_can_migrate_at_once,
    a_schema_of_another_build_is_refused,
    a_database_that_cannot_be_written_is_told,
    no_two_processes_share_flush_ids,
    every_column_has_a_comment,
);
