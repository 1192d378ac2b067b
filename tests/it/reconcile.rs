//! Reconciliation: what is planted by hand is found, said to be what it is, and mended by what was reported.

mod books;
mod entries;
mod mends;
mod runs;

use serde_json::Value;

use crate::support::database::Database;
use crate::support::process;

/// What `hotrow reconcile` says: its exit code, and its standard output.
async fn reconcile(database: &Database, more: &[&str]) -> (i32, String) {
    let url = database.url();
    let output = process::run(&[&["reconcile", "--database-url", &url], more].concat()).await;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The report of a run, and whether it says that there are differences.
async fn report(database: &Database, more: &[&str]) -> Value {
    let (code, text) = reconcile(database, &[&["--json"], more].concat()).await;
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(code, i32::from(report["differences"] != 0), "{text}");
    report
}

/// `sku class amount` of everything that was found.
fn found(report: &Value) -> Vec<String> {
    let drifts = report["drifts"].as_array().unwrap();
    let told = drifts.iter().map(|drift| {
        let text = |member: &str| drift[member].as_str().unwrap().to_owned();
        format!("{} {} {}", text("sku"), text("class"), drift["amount"])
    });
    told.collect()
}

async fn run(database: &Database, text: &str) {
    let mut admin = database.connect().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut admin).await.unwrap();
}
