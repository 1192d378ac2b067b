//! What `hotrow doctor` and `/readyz` read from the server's settings.

use hotrow::embedded::Flavor;
use hotrow::engine::{Execution, Failure};
use hotrow::store::DurabilityClass;
use hotrow::store::mysql::{Finding, inspect};

use crate::support::alone::Alone;
use crate::support::make::{adjust, merged, take};
use crate::support::scene::{Scene, land};

async fn durability_is_read_from_the_settings(flavor: Flavor) {
    use DurabilityClass::{PowerLoss, ProcessCrash, Weak};
    let alone = Alone::new(flavor).await;
    let mut cases = vec![
        (1, 1, PowerLoss, 0),
        (1, 0, ProcessCrash, 1),
        (1, 100, ProcessCrash, 1),
        (2, 1, ProcessCrash, 1),
        (2, 0, ProcessCrash, 2),
        (0, 1, Weak, 1),
        (0, 0, Weak, 2),
    ];
    if flavor == Flavor::MariaDb {
        // One more sync at each commit than 1.
        cases.push((3, 1, PowerLoss, 0));
    }
    for (at_commit, sync_binlog, class, findings) in cases {
        let set = format!(
            "SET GLOBAL innodb_flush_log_at_trx_commit = {at_commit}; \
             SET GLOBAL sync_binlog = {sync_binlog}"
        );
        alone.scene.run(&set).await;
        let inspection = inspect(&alone.scene.address).await.unwrap();
        assert_eq!(inspection.readiness.durability, class, "{set}");
        assert_eq!(inspection.findings.len(), findings, "{set}: {:?}", inspection.findings);
        assert!(inspection.findings.iter().all(|finding| !finding.prevents_orders), "{set}");
        for (name, value) in
            [("innodb_flush_log_at_trx_commit", at_commit), ("sync_binlog", sync_binlog)]
        {
            let shown = (name.to_owned(), value.to_string());
            assert!(inspection.readiness.settings.contains(&shown), "{shown:?}");
        }
        let readiness = alone.scene.desk().await.readiness().await.unwrap();
        assert_eq!(readiness, inspection.readiness, "the desk sees the same");
    }
}

/// The texts of what prevents orders.
async fn prevents(scene: &Scene) -> Vec<String> {
    let inspection = inspect(&scene.address).await.unwrap();
    let (worst, rest): (Vec<Finding>, Vec<Finding>) =
        inspection.findings.clone().into_iter().partition(|finding| finding.prevents_orders);
    assert_eq!(inspection.findings, [worst.clone(), rest].concat(), "the worst come first");
    worst.into_iter().map(|finding| finding.text).collect()
}

async fn a_read_only_server_prevents_orders(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = &alone.scene;
    assert_eq!(prevents(scene).await, [""; 0]);
    let mut switches = vec!["read_only"];
    if flavor == Flavor::MySql {
        switches.push("super_read_only");
    }
    for switch in switches {
        scene.run(&format!("SET GLOBAL {switch} = ON")).await;
        let found = prevents(scene).await;
        assert_eq!(found.len(), 1, "{switch}: {found:?}");
        assert!(found[0].contains("read-only"), "{switch}: {found:?}");
        assert!(!inspect(&scene.address).await.unwrap().readiness.writable, "{switch}");
        alone.server.set_read_only(false).await;
        assert!(inspect(&scene.address).await.unwrap().readiness.writable, "{switch}");
    }
}

async fn a_binlog_of_statements_prevents_orders(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    let scene = alone.scene.with(&[("a", 10)]).await;
    for (format, found) in [("ROW", 0), ("MIXED", 0), ("STATEMENT", 1)] {
        scene.run(&format!("SET GLOBAL binlog_format = '{format}'")).await;
        let told = prevents(&scene).await;
        assert_eq!(told.len(), found, "{format}: {told:?}");
        let plan = merged(1, vec![take(&format!("o-{format}"), &[("a", 1)])]);
        let execution = scene.connection().execute(&plan).await;
        assert_eq!(execution == Execution::Failed(Failure::Statement), found == 1, "{execution:?}");
    }
    assert!(prevents(&scene).await[0].contains("binlog_format = 'ROW'"));
}

async fn a_database_without_tables_prevents_orders(flavor: Flavor) {
    let scene = Scene::empty(flavor).await;
    let found = prevents(&scene).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("hotrow migrate"), "{found:?}");
    assert!(!inspect(&scene.address).await.unwrap().readiness.migrations_current);
    // Half of it.
    let scene = Scene::new(flavor).await;
    scene.run("DELETE FROM _sqlx_migrations WHERE version = 4; DROP TABLE instance").await;
    assert_eq!(prevents(&scene).await, found);
    hotrow::store::mysql::migrate(&scene.address).await.unwrap();
    assert_eq!(prevents(&scene).await, [""; 0]);
}

/// 64 bytes, the last ones of them the number.
fn longest(prefix: &str, n: usize) -> String {
    format!("{prefix}{n:0>width$}", width = 64 - prefix.len())
}

/// The smallest message that a server may take is as large as the largest that a flush sends.
async fn a_server_that_doctor_accepts_takes_a_full_flush(flavor: Flavor) {
    const REASON: &str = "\u{1f680}";
    let alone = Alone::new(flavor).await;
    let set = async |bytes: u64| {
        alone.scene.run(&format!("SET GLOBAL max_allowed_packet = {bytes}")).await;
    };
    set(1024 * 1024).await;
    let found = prevents(&alone.scene).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let needed = found[0].split_once("a flush needs ").unwrap().1.split_once(':').unwrap().0;
    let needed: u64 = needed.parse().unwrap();
    set(needed - 1024).await;
    assert_eq!(prevents(&alone.scene).await.len(), 1);
    set(needed).await;
    assert_eq!(prevents(&alone.scene).await, [""; 0]);

    let scene = &alone.scene;
    let names: Vec<String> = (0..4096).map(|n| longest("sku", n)).collect();
    for names in names.chunks(512) {
        let rows: Vec<String> =
            names.iter().map(|name| format!("('{name}', 500000000000000, 1)")).collect();
        let insert =
            format!("INSERT INTO stock (sku, available, version) VALUES {}", rows.join(","));
        scene.run(&insert).await;
    }
    let mut connection = scene.connection();
    // As many orders, ledger rows and SKUs as a flush may have.
    let order = |n: usize| {
        let lines = [(names[2 * n].as_str(), 1_000_000), (names[2 * n + 1].as_str(), 1_000_000)];
        take(&longest("order", n), &lines)
    };
    land(&mut connection, &merged(u64::MAX / 4, (0..2048).map(order).collect())).await;
    // Its widest rows: adjustments with the longest reasons.
    let reason = REASON.repeat(255);
    let adjustment =
        |n: usize| adjust(&longest("adjust", n), &names[n], -1_000_000_000_000, Some(&reason));
    land(&mut connection, &merged(u64::MAX / 4 + 1, (0..2048).map(adjustment).collect())).await;
    assert_eq!(scene.movements().await.len(), 4096 + 2048);
    // The bound that is checked here is the server's: half of it does not do.
    set(needed / 4).await;
    let plan = merged(1, (2048..4096).map(adjustment).collect());
    let execution = scene.connection().execute(&plan).await;
    assert!(
        matches!(execution, Execution::Failed(Failure::Lost | Failure::Statement)),
        "{execution:?}"
    );
}

both_flavors!(
    durability_is_read_from_the_settings,
    a_read_only_server_prevents_orders,
    a_binlog_of_statements_prevents_orders,
    a_database_without_tables_prevents_orders,
    a_server_that_doctor_accepts_takes_a_full_flush,
);
