//! The views for DBAs: made, made again when they change, and cheap when they are asked as their examples ask.

use std::fs;

use hotrow::embedded::Flavor;
use hotrow::store::mysql::{inspect, migrate};

use crate::support::long::{ROWS, ask, fill, judge};
use crate::support::scene::{Scene, run};

/// Windows over the newest changes read more than lookups; that of an hour reads all that there is here.
fn reads_at_most(view: &str) -> u64 {
    match view {
        "desk_hot_hour" => 3 * ROWS,
        "desk_hot_now" | "desk_merging" => ROWS / 2,
        _ => 3_000,
    }
}

/// Name and text of every file.
fn sources() -> Vec<(String, String)> {
    let mut sources: Vec<(String, String)> = fs::read_dir("sql/views")
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    sources.sort();
    sources
}

fn example(source: &str) -> &str {
    let line = source.lines().find_map(|line| line.strip_prefix("-- Example: "));
    line.and_then(|line| line.strip_suffix(';')).expect("a view has an example on one line")
}

#[test]
fn every_view_says_what_it_is_for_what_it_costs_and_how_to_ask() {
    for (name, source) in sources() {
        assert!(source.starts_with("-- "), "{name} begins with its purpose");
        assert_eq!(source.matches("\n-- Cost: ").count(), 1, "{name}");
        assert!(example(&source).contains(&format!(" FROM {name} ")), "{name}");
        let made = format!("\nCREATE OR REPLACE SQL SECURITY INVOKER VIEW {name} AS\n");
        assert_eq!(source.matches(&made).count(), 1, "{name}");
    }
}

async fn examples_do_not_scan_the_ledger(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    fill(&scene).await;
    let mut wrong = Vec::new();
    for (name, source) in sources() {
        let query = example(&source).replace("demo-ticket", "s-7").replace("'o-1'", "'f-7'");
        wrong.extend(judge(&scene, flavor, &query, reads_at_most(&name)).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What must not be found is found where it is.
    for scan in [
        "SELECT * FROM desk_order_history WHERE sku = 's-7'",
        "SELECT COUNT(*) FROM desk_sku_history",
        "SELECT COUNT(*) FROM stock_version AS recent WHERE created_at > UTC_TIMESTAMP(6)",
    ] {
        assert!(judge(&scene, flavor, scan, u64::MAX).await.is_some(), "{scan}");
    }
    let many = "SELECT COUNT(*) FROM stock_version AS recent WHERE place > 30000";
    assert!(judge(&scene, flavor, many, 10_000).await.is_some());
}

async fn what_changes_is_made_again(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    let names: Vec<String> = sources().into_iter().map(|(name, _)| name).collect();
    let made = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1";
    assert_eq!(scene.lines(made).await, names);
    assert_eq!(scene.lines("SELECT name FROM view_source ORDER BY name").await, names);
    for (name, source) in sources() {
        let kept = format!("SELECT source FROM view_source WHERE name = '{name}'");
        assert_eq!(scene.lines(&kept).await, [source], "the comments are where the view is");
    }
    assert_eq!(inspect(&scene.address).await.unwrap().findings, []);

    scene.run("CREATE OR REPLACE VIEW desk_growth AS SELECT 1 AS other").await;
    scene
        .run("UPDATE view_source SET source = 'of an older build' WHERE name = 'desk_growth'")
        .await;
    scene.run("DROP VIEW desk_merging; DELETE FROM view_source WHERE name = 'desk_merging'").await;
    let findings = inspect(&scene.address).await.unwrap().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(!findings[0].prevents_orders);
    for part in ["desk_growth, desk_merging;", "hotrow migrate", "CREATE VIEW"] {
        assert!(findings[0].text.contains(part), "{}", findings[0].text);
    }
    let (one, other) = tokio::join!(migrate(&scene.address), migrate(&scene.address));
    one.unwrap();
    other.unwrap();
    assert_eq!(scene.lines(made).await, names);
    assert_eq!(inspect(&scene.address).await.unwrap().findings, []);
    let mut session = scene.admin().await;
    let tables = ask(&mut session, "SELECT table_name FROM desk_growth ORDER BY 1").await;
    assert!(tables.pick(&["table_name"]).contains(&"movement".to_owned()));
}

/// A name that is taken, by a table of somebody else: told, and nothing else is harmed.
async fn what_the_server_refuses_is_left_out(flavor: Flavor) {
    let scene = Scene::new(flavor).await;
    scene
        .run(
            "DROP VIEW desk_growth; CREATE TABLE desk_growth (mine INT); INSERT INTO desk_growth VALUES (7); \
             DELETE FROM view_source WHERE name LIKE 'desk\\_%'",
        )
        .await;
    migrate(&scene.address).await.unwrap();
    let findings = inspect(&scene.address).await.unwrap().findings;
    assert!(findings.len() == 1 && findings[0].text.contains(": desk_growth;"), "{findings:?}");
    let mut session = scene.admin().await;
    assert_eq!(ask(&mut session, "SELECT * FROM desk_growth").await.pick(&["mine"]), ["7"]);
    run(&mut session, "SELECT COUNT(*) FROM desk_sku_history WHERE sku = 'a'").await;
}

both_flavors!(
    examples_do_not_scan_the_ledger,
    what_changes_is_made_again,
    what_the_server_refuses_is_left_out,
);
