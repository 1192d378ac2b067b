//! The SQL that a run reports, as a DBA runs it: pasted, copied together, twice, late, from two sessions, and by
//! clients that go on after an error.

use hotrow::embedded::Flavor;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};

use super::books::hold;
use super::{found, reconcile, report, run};
use crate::support::audit::audit;
use crate::support::client::{Client, lines};
use crate::support::database::{self, Database};
use crate::support::process::Hotrow;
use crate::support::shop::{Load, Shop};

/// What a run has recorded to mend a difference.
async fn recorded(database: &Database, run: u64, number: u64) -> String {
    let query = format!("SELECT mend FROM reconcile_drift WHERE run = {run} AND number = {number}");
    database.lines(&query).await.remove(0)
}

/// Runs it all at once; what its last line says.
async fn told(session: &mut MySqlConnection, text: &str) -> String {
    let text = AssertSqlSafe(text.to_owned());
    let rows = sqlx::raw_sql(text).fetch_all(session).await.unwrap();
    rows.last().unwrap().try_get_unchecked(0).unwrap()
}

/// The same as a client that goes on after errors, with which errors there were.
async fn told_in_spite_of(session: &mut MySqlConnection, text: &str) -> (String, Vec<String>) {
    let (mut last, mut errors) = (String::new(), Vec::new());
    for statement in text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        match sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(&mut *session).await {
            Ok(rows) => {
                if let Some(row) = rows.last() {
                    last = row.try_get_unchecked(0).unwrap();
                }
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    (last, errors)
}

/// `available held` of a SKU by its stock row, and by its ledger.
async fn books(database: &Database, sku: &str) -> [String; 2] {
    let query = format!(
        "SELECT CONCAT_WS(' ', available, held) FROM stock WHERE sku = '{sku}' UNION ALL \
         SELECT CONCAT_WS(' ', SUM(delta), COALESCE(SUM(held_delta), 0)) FROM movement WHERE sku = '{sku}'"
    );
    database.lines(&query).await.try_into().unwrap()
}

/// Every row of the tables that a mend writes to.
async fn everything(database: &Database) -> Vec<String> {
    let query = "SELECT CONCAT_WS(' ', sku, available, held, version) FROM stock \
         UNION ALL SELECT CONCAT_WS(' ', order_id, step, delta) FROM movement \
         UNION ALL SELECT CONCAT_WS(' ', sku, version, delta) FROM stock_version \
         UNION ALL SELECT CONCAT_WS(' ', run, number) FROM reconcile_drift WHERE mended_at IS NOT NULL \
         UNION ALL SELECT CONCAT('instance ', COUNT(*)) FROM instance";
    database.lines(query).await
}

/// What the view offers.
async fn offered(database: &Database) -> Vec<String> {
    let offered = "SELECT CONCAT_WS(' ', run, sku, class) FROM desk_drift WHERE mend IS NOT NULL \
                   ORDER BY run, sku, class";
    database.lines(offered).await
}

/// `a` to `f` with 100 units each, of which one is sold and two are held.
async fn selling(flavor: Flavor) -> (Shop, Hotrow, Client) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    for sku in ["a", "b", "c", "d", "e", "f"] {
        client.put_stock(sku, 100).await;
        client.order(&format!("o-{sku}"), &lines(&[(sku, 1)])).await;
        hold(&client, &format!("h-{sku}"), sku, 2).await;
    }
    (shop, hotrow, client)
}

/// In the ledger, in `held`, in `available`; each difference has the number of its SKU.
const HARM: &str = "UPDATE movement SET delta = delta - 3 WHERE order_id IN ('o-a', 'o-d'); \
                    UPDATE stock SET held = held - 2 WHERE sku IN ('b', 'e'); \
                    UPDATE stock SET available = available - 7 WHERE sku IN ('c', 'f')";

/// The same difference told by two nights is mended once, whichever night's SQL is run first.
async fn a_difference_of_two_runs_is_mended_once(flavor: Flavor) {
    let (shop, _hotrow, client) = selling(flavor).await;
    let database = &shop.database;
    run(database, HARM).await;
    let first = found(&report(database, &[]).await);
    assert_eq!(found(&report(database, &[]).await), first);
    assert_eq!(first.len(), 6, "{first:?}");
    assert_eq!(offered(database).await.len(), 6, "a later run has looked at those of the first");
    let mut session = database.connect().await;
    for (number, runs) in (1..).zip([[1, 2], [1, 2], [1, 2], [2, 1], [2, 1], [2, 1]]) {
        for (run, expected) in runs.into_iter().zip(["mended", "changed"]) {
            let mend = recorded(database, run, number).await;
            assert_eq!(told(&mut session, &mend).await, expected, "{number} of run {run}");
        }
        let again = recorded(database, runs[0], number).await;
        assert_eq!(told(&mut session, &again).await, "before", "{number}");
        client.order(&format!("between-{number}"), &lines(&[("a", 1), ("b", 1)])).await;
    }
    for sku in ["a", "b", "c", "d", "e", "f"] {
        let [stock, ledger] = books(database, sku).await;
        assert_eq!(stock, ledger, "{sku}");
    }
    assert_eq!(offered(database).await, [""; 0]);
    for run in ["1", "2"] {
        let (code, text) = reconcile(database, &["--apply", run, "--yes"]).await;
        let left = text.lines().filter(|line| line.contains("is not what was reported any more"));
        assert_eq!((code, left.count()), (1, 3), "{text}");
    }
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
    audit(database).await;
}

/// Nor is it mended twice when the archive has forgotten that it was mended.
async fn what_was_forgotten_meanwhile_is_not_guessed(flavor: Flavor) {
    let (shop, _hotrow, client) = selling(flavor).await;
    let database = &shop.database;
    run(database, "UPDATE movement SET delta = delta - 3 WHERE order_id = 'o-a'").await;
    for _ in 0..2 {
        assert_eq!(found(&report(database, &[]).await), ["a ledger_drift -3"]);
    }
    let mut session = database.connect().await;
    assert_eq!(told(&mut session, &recorded(database, 2, 1).await).await, "mended");
    client.order("later", &lines(&[("a", 1)])).await;
    let newest = "SELECT MAX(version) INTO @newest FROM stock_version WHERE sku = 'a'; \
                  DELETE FROM stock_version WHERE sku = 'a' AND version < @newest; \
                  DELETE FROM reconcile_drift WHERE run = 2";
    run(database, newest).await;
    assert_eq!(told(&mut session, &recorded(database, 1, 1).await).await, "changed");
    audit(database).await;
}

/// `held` that somebody has put right by hand stays so, though orders and holds went on in between.
async fn held_that_was_put_right_by_hand_stays(flavor: Flavor) {
    let (shop, _hotrow, client) = selling(flavor).await;
    let database = &shop.database;
    run(database, "UPDATE stock SET held = held - 2 WHERE sku IN ('a', 'b')").await;
    assert_eq!(found(&report(database, &[]).await), ["a held_drift -2", "b held_drift -2"]);
    run(database, "UPDATE stock SET held = held + 2 WHERE sku = 'a'").await;
    let mut session = database.connect().await;
    assert_eq!(told(&mut session, &recorded(database, 1, 1).await).await, "changed");
    for sku in ["a", "b"] {
        for n in 0..3 {
            hold(&client, &format!("later-{sku}-{n}"), sku, 2).await;
        }
        // Alone, and with others.
        client
            .call(hyper::Method::POST, &format!("/v1/orders/later-{sku}-1/confirm"), None)
            .await
            .unwrap();
        client
            .call(hyper::Method::POST, &format!("/v1/orders/later-{sku}-2/cancel"), None)
            .await
            .unwrap();
    }
    let body = serde_json::json!({
        "order_id": "both", "hold_seconds": 600,
        "lines": [{"sku": "a", "quantity": 5}, {"sku": "b", "quantity": 5}],
    });
    client.call(hyper::Method::POST, "/v1/orders", Some(body)).await.unwrap();
    assert_eq!(books(database, "a").await, ["88 9", "88 9"]);
    assert_eq!(told(&mut session, &recorded(database, 1, 1).await).await, "changed");
    assert_eq!(told(&mut session, &recorded(database, 1, 2).await).await, "mended");
    for sku in ["a", "b"] {
        assert_eq!(books(database, sku).await, ["88 9", "88 9"], "{sku}");
    }
    audit(database).await;
}

/// All that desk_drift offers, pasted at once into a session whose clock is not UTC.
async fn all_at_once_in_any_time_zone(flavor: Flavor) {
    let (shop, _hotrow, _client) = selling(flavor).await;
    let database = &shop.database;
    run(database, HARM).await;
    let report = report(database, &[]).await;
    let drifts = report["drifts"].as_array().unwrap();
    assert!(drifts.iter().all(|drift| drift["sql"].as_str().unwrap().ends_with(';')), "{drifts:?}");
    let (_, text) = reconcile(database, &[]).await;
    assert!(!text.contains(";;") && text.matches("BEGIN;").count() == 6, "{text}");
    // One is gone: what was read of the one before, which is alike, is not taken for it.
    run(database, "DELETE FROM stock WHERE sku = 'd'").await;
    let all = "SELECT mend FROM desk_drift WHERE mend IS NOT NULL ORDER BY class, sku";
    let blocks = database.lines(all).await;
    let mut session = database.connect().await;
    sqlx::raw_sql("SET time_zone = '+05:00'").execute(&mut session).await.unwrap();
    let rows =
        sqlx::raw_sql(AssertSqlSafe(blocks.join("\n"))).fetch_all(&mut session).await.unwrap();
    let mut told: Vec<&str> =
        rows.iter().map(|row| row.try_get_unchecked::<&str, _>(0).unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["changed", "mended", "mended", "mended", "mended", "mended"]);
    let of_the_gone = "SELECT order_id FROM movement WHERE sku = 'd' AND step = 'adjust' UNION ALL \
                       SELECT 'version' FROM stock_version WHERE sku = 'd' AND version > 3";
    assert_eq!(database.lines(of_the_gone).await, [""; 0]);
    let wrong = "SELECT 'movement' FROM movement WHERE ABS(TIMESTAMPDIFF(MINUTE, created_at, UTC_TIMESTAMP())) > 9 \
        UNION ALL SELECT 'version' FROM stock_version WHERE ABS(TIMESTAMPDIFF(MINUTE, created_at, UTC_TIMESTAMP())) > 9 \
        UNION ALL SELECT 'instance' FROM instance WHERE ABS(TIMESTAMPDIFF(MINUTE, started_at, UTC_TIMESTAMP())) > 9 \
        UNION ALL SELECT 'drift' FROM reconcile_drift WHERE ABS(TIMESTAMPDIFF(MINUTE, mended_at, UTC_TIMESTAMP())) > 9";
    assert_eq!(database.lines(wrong).await, [""; 0]);
    run(database, "DELETE FROM movement WHERE sku = 'd'").await;
    audit(database).await;
}

/// What a mend takes, and one missing each time: it does nothing, and says so.
async fn what_cannot_be_done_whole_is_not_done(flavor: Flavor) {
    let (shop, _hotrow, _client) = selling(flavor).await;
    let database = &shop.database;
    run(database, HARM).await;
    report(database, &[]).await;
    let before = everything(database).await;
    let rights = [
        "INSERT ON {}.instance",
        "INSERT ON {}.movement",
        "UPDATE ON {}.stock",
        "UPDATE ON {}.reconcile_drift",
        "INSERT ON {}.stock_version",
        "UPDATE ON {}.change_gate",
    ];
    let (name, account) = (database.name(), format!("{}_mender", database.name()));
    let mut admin = database.connect().await;
    let mut by_admin = async |text: String| {
        let text = text.replace("{}", name);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut admin).await.unwrap();
    };
    by_admin(format!("CREATE USER '{account}'@'%'; GRANT SELECT ON {{}}.* TO '{account}'@'%'"))
        .await;
    for right in rights {
        by_admin(format!("GRANT {right} TO '{account}'@'%'")).await;
    }
    let url = database.url_as(&account, database.address.port);
    for right in &rights[..5] {
        by_admin(format!("REVOKE {right} FROM '{account}'@'%'")).await;
        // Of the ledger: the others need no movement.
        let mend = recorded(database, 1, 1).await;
        let mut session = MySqlConnection::connect(&url).await.unwrap();
        let (last, errors) = told_in_spite_of(&mut session, &mend).await;
        assert_eq!(last, "failed", "without {right}: {errors:?}");
        // MySQL does not lock what may not be changed.
        let all = if right.starts_with("UPDATE ON {}.stock") { 1..=2 } else { 1..=1 };
        assert!(all.contains(&errors.len()), "without {right}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains("denied")), "{errors:?}");
        assert_eq!(everything(database).await, before, "without {right}");
        by_admin(format!("GRANT {right} TO '{account}'@'%'")).await;
    }
    // Without an error: a version is only written under the gate.
    by_admin("DELETE FROM {}.change_gate".to_owned()).await;
    let mut session = MySqlConnection::connect(&url).await.unwrap();
    for number in 1..=6 {
        let mend = recorded(database, 1, number).await;
        assert_eq!(told(&mut session, &mend).await, "failed");
    }
    assert_eq!(everything(database).await, before);
    let (code, text) = reconcile(database, &["--apply", "1", "--yes"]).await;
    let failed = text.lines().filter(|line| line.contains("so nothing was changed"));
    assert_eq!((code, failed.count()), (1, 6), "{text}");
    assert_eq!(everything(database).await, before);
    by_admin("INSERT INTO {}.change_gate (id) VALUES (1)".to_owned()).await;
    // Somebody keeps the stock row.
    by_admin("BEGIN; SELECT * FROM {}.stock WHERE sku = 'a' FOR UPDATE".to_owned()).await;
    let mend = recorded(database, 1, 1).await;
    sqlx::raw_sql("SET innodb_lock_wait_timeout = 1").execute(&mut session).await.unwrap();
    let (last, errors) = told_in_spite_of(&mut session, &mend).await;
    assert_eq!((&*last, errors.len()), ("failed", 1), "{errors:?}");
    by_admin("ROLLBACK".to_owned()).await;
    assert_eq!(everything(database).await, before);
    for number in 1..=6 {
        let (last, errors) =
            told_in_spite_of(&mut session, &recorded(database, 1, number).await).await;
        assert_eq!((&*last, errors.len()), ("mended", 0), "{errors:?}");
    }
    by_admin(format!("DROP USER '{account}'@'%'")).await;
    audit(database).await;
}

/// Orders and holds of the SKUs go on, and two DBAs run the same.
async fn two_sessions_mend_once_beside_orders(flavor: Flavor) {
    let shop = Shop::open(database::fresh(flavor).await).await;
    let hotrow = shop.serve(&[]).await;
    let client = shop.client(&hotrow);
    let database = &shop.database;
    let skus = ["a", "b", "c", "d", "e", "f"];
    for sku in skus {
        client.put_stock(sku, 1_000_000).await;
        client.order(&format!("o-{sku}"), &lines(&[(sku, 1)])).await;
        hold(&client, &format!("h-{sku}"), sku, 2).await;
    }
    run(database, HARM).await;
    let load = Load::start(&client, 8, "load", move |n| {
        if n % 4 == 0 { lines(&[("a", 1), ("b", 1), ("c", 1)]) } else { lines(&[(skus[n % 6], 1)]) }
    });
    let holds = {
        let client = client.clone();
        tokio::spawn(async move {
            for n in 0..150 {
                let (id, sku) = (format!("beside-{n}"), skus[n % 6]);
                hold(&client, &id, sku, 1).await;
                if n % 3 > 0 {
                    let what = if n % 3 == 1 { "confirm" } else { "cancel" };
                    let path = format!("/v1/orders/{id}/{what}");
                    client.call(hyper::Method::POST, &path, None).await.unwrap();
                }
            }
        })
    };
    for _ in 0..2 {
        assert_eq!(report(database, &[]).await["differences"], 6);
    }
    let (mut one, mut other) = (database.connect().await, database.connect().await);
    for number in 1..=6 {
        let old = recorded(database, 1, number).await;
        let new = recorded(database, 2, number).await;
        let (told_one, told_other) = if number % 2 == 0 {
            tokio::join!(told(&mut one, &new), told(&mut other, &new))
        } else {
            tokio::join!(told(&mut one, &old), told(&mut other, &new))
        };
        let mut both = [told_one, told_other];
        both.sort_unstable();
        let second = if number % 2 == 0 { "before" } else { "changed" };
        assert_eq!(both, [second, "mended"], "{number}");
    }
    holds.await.unwrap();
    load.end().await;
    assert_eq!(found(&report(database, &[]).await), [""; 0]);
    audit(database).await;
}

/// What was mended before the database stopped answering is told, and the same command does the rest.
async fn what_was_mended_before_an_error_is_told(flavor: Flavor) {
    let (shop, _hotrow, _client) = selling(flavor).await;
    let database = &shop.database;
    run(database, HARM).await;
    assert_eq!(report(database, &[]).await["differences"], 6);
    run(
        database,
        "CREATE TABLE kept SELECT mend FROM reconcile_drift WHERE number = 3; \
         UPDATE reconcile_drift SET mend = 'SELECT nothing_of_that_name' WHERE number = 3",
    )
    .await;
    let (code, text) = reconcile(database, &["--apply", "1", "--yes", "--json"]).await;
    assert_eq!(code, 2, "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let outcomes: Vec<_> = told.as_array().unwrap().iter().map(|told| &told["outcome"]).collect();
    assert_eq!(
        outcomes,
        ["mended", "mended", "unknown", "not_tried", "not_tried", "not_tried"],
        "{text}"
    );
    run(
        database,
        "UPDATE reconcile_drift, kept SET reconcile_drift.mend = kept.mend WHERE number = 3",
    )
    .await;
    let (code, text) = reconcile(database, &["--apply", "1", "--yes"]).await;
    assert_eq!((code, text.matches(": mended").count()), (0, 4), "{text}");
    run(database, "DROP TABLE kept").await;
    audit(database).await;
}

both_flavors!(
    what_was_mended_before_an_error_is_told,
    a_difference_of_two_runs_is_mended_once,
    what_was_forgotten_meanwhile_is_not_guessed,
    held_that_was_put_right_by_hand_stays,
    all_at_once_in_any_time_zone,
    what_cannot_be_done_whole_is_not_done,
    two_sessions_mend_once_beside_orders,
);
