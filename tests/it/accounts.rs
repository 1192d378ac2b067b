//! `sql/accounts.sql` and `sql/grants.sql`: every command does all of its work under the account that the scripts
//! make for it, and can do nothing else.

use std::fs;
use std::process::Output;

use hotrow::embedded::Flavor;
use hyper::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};

use crate::support::audit::audit;
use crate::support::client::{Client, lines};
use crate::support::database::{self, Database};
use crate::support::process::{Hotrow, command};
use crate::support::proxy::{Fault, Proxy};
use crate::support::shop::{Shop, sell, until};

const ACCOUNTS: [&str; 6] = ["migrator", "engine", "archiver", "operator", "reconciler", "reader"];

/// ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_PROCACCESS_DENIED_ERROR
const DENIED: [u16; 4] = [1044, 1142, 1227, 1370];

/// A script for this database, with accounts of its own: they belong to the whole server.
fn script(file: &str, database: &Database) -> String {
    let name = database.name();
    fs::read_to_string(file)
        .unwrap()
        .replace("hotrow_", &format!("{name}_"))
        .replace("hotrow.", &format!("{name}."))
        .replace("EXISTS hotrow;", &format!("EXISTS {name};"))
}

/// The proxy reads the packets, so there is no TLS, and so no password either.
fn without_passwords(script: &str) -> String {
    ACCOUNTS.iter().fold(script.to_owned(), |script, account| {
        let clause = format!(" IDENTIFIED BY {{{{{account}_password}}}} REQUIRE SSL");
        assert_eq!(script.matches(&clause).count(), 1, "{clause}");
        script.replace(&clause, "")
    })
}

async fn run(connection: &mut MySqlConnection, text: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}

fn number(error: &sqlx::Error) -> u16 {
    let error = error.as_database_error().unwrap_or_else(|| panic!("not the server's: {error}"));
    error.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number()
}

/// A database with the accounts, not migrated yet.
struct Premises {
    database: Database,
    admin: MySqlConnection,
}

impl Premises {
    async fn new(flavor: Flavor) -> Self {
        let database = database::fresh(flavor).await;
        let mut admin = database.connect().await;
        let accounts = without_passwords(&script("sql/accounts.sql", &database));
        run(&mut admin, accounts).await.unwrap();
        Self { database, admin }
    }

    /// The same, as it is after both scripts and a migration.
    async fn migrated(flavor: Flavor) -> Self {
        let mut premises = Self::new(flavor).await;
        let migrated = premises.command("migrate", "migrator").await;
        assert!(migrated.status.success(), "{}", said(&migrated));
        let grants = script("sql/grants.sql", &premises.database);
        for _ in 0..2 {
            run(&mut premises.admin, grants.clone()).await.unwrap();
        }
        premises
    }

    fn account(&self, account: &str) -> String {
        format!("{}_{account}", self.database.name())
    }

    fn url(&self, account: &str) -> String {
        self.database.url_as(&self.account(account), self.database.address.port)
    }

    async fn login(&self, account: &str) -> MySqlConnection {
        MySqlConnection::connect(&self.url(account)).await.unwrap()
    }

    async fn command(&self, name: &'static str, account: &str) -> Output {
        command(name, &self.url(account), &[]).await
    }

    /// Every one of these has to be refused to the account, for want of the right.
    async fn denied(&self, account: &str, statements: &[&str]) {
        let mut connection = self.login(account).await;
        for statement in statements {
            let error = run(&mut connection, (*statement).to_owned()).await;
            let error = error.expect_err(&format!("{account} may {statement}"));
            assert!(DENIED.contains(&number(&error)), "{account}: {statement}: {error}");
        }
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// What no account but the migrator may do.
const SCHEMA: [&str; 10] = [
    "CREATE TABLE mine (n INT)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE TEMPORARY TABLE mine (n INT)",
    "ALTER TABLE stock ADD COLUMN mine INT",
    "CREATE INDEX mine ON movement (sku)",
    "DROP TABLE movement",
    "DROP VIEW desk_growth",
    "CREATE PROCEDURE mine () SELECT 1",
    "DROP PROCEDURE take_one",
    "TRUNCATE TABLE hold_deadline",
];

/// What no account may do.
const NEVER: [&str; 5] = [
    "SET GLOBAL max_connections = 100",
    "CREATE USER mine",
    "GRANT SELECT ON stock TO CURRENT_USER",
    "SELECT * FROM mysql.user",
    "CREATE DATABASE mine",
];

/// The script does not get past a password that is left to be chosen.
async fn no_account_has_a_password_of_the_script(flavor: Flavor) {
    let database = database::fresh(flavor).await;
    let mut admin = database.connect().await;
    let made = format!(
        "SELECT CONCAT(user, '@', host) FROM mysql.user WHERE user LIKE '{}\\_%' ORDER BY user",
        database.name()
    );
    let mut filled = script("sql/accounts.sql", &database);
    for (count, account) in ACCOUNTS.iter().enumerate() {
        let error = run(&mut admin, filled.clone()).await.unwrap_err();
        assert_eq!(number(&error), 1064, "{error}");
        assert_eq!(database.lines(&made).await.len(), count);
        filled = filled.replace(&format!("{{{{{account}_password}}}}"), &format!("'{account} 1'"));
    }
    run(&mut admin, filled).await.unwrap();
    let name = database.name();
    let expected = ["archiver", "engine", "migrator", "operator", "reader", "reconciler"]
        .map(|it| format!("{name}_{it}@%"));
    assert_eq!(database.lines(&made).await, expected);
    // With a password and over TLS only, as far as the server has any.
    let in_the_clear = database.url_as(&format!("{name}_engine:engine%201"), database.address.port);
    assert!(MySqlConnection::connect(&in_the_clear).await.is_err());
    if flavor == Flavor::MySql {
        let login = in_the_clear.replace("ssl-mode=DISABLED", "ssl-mode=REQUIRED");
        let error = MySqlConnection::connect(&login).await.err();
        // It has no right to the database before the second script.
        assert_eq!(error.map(|error| number(&error)), Some(1044));
    }
}

/// The engine with its account, through everything that it does.
struct Engine {
    premises: Premises,
    shop: Shop,
    proxy: Proxy,
    hotrow: Hotrow,
    client: Client,
}

impl Engine {
    async fn start(flavor: Flavor) -> Self {
        let premises = Premises::migrated(flavor).await;
        let proxy = Proxy::start(premises.database.address.port, 1).await;
        let url = premises.database.url_as(&premises.account("engine"), proxy.port);
        let shop = Shop {
            database: premises.database.clone(),
            history: std::sync::Arc::new(crate::support::history::History::new()),
        };
        let schedule = ["--order-deadline-ms", "5000", "--reconcile-schedule", "0 4 * * *"];
        let hotrow = Hotrow::serve(url, &schedule).await;
        let client = shop.client(&hotrow);
        Self { premises, shop, proxy, hotrow, client }
    }

    async fn post(&self, path: &str, body: serde_json::Value, status: u16) {
        let method = if path.starts_with("/v1/stock/") && !path.ends_with("adjustments") {
            Method::PUT
        } else {
            Method::POST
        };
        let body = (!body.is_null()).then_some(body);
        let reply = self.client.call(method, path, body).await.unwrap();
        assert_eq!(reply.status, status, "{path}: {reply:?}");
    }

    async fn every_call(&self) {
        let nothing = serde_json::Value::Null;
        for status in [201, 200] {
            self.post("/v1/stock/a", json!({"available": 1000, "purchase_limit": 100}), status)
                .await;
            self.post("/v1/stock/b", json!({"available": 1000}), status).await;
        }
        let line = |sku: &str| json!([{"sku": sku, "quantity": 1}]);
        let order =
            |id: &str, sku: &str| json!({"order_id": id, "lines": line(sku), "buyer": "anna"});
        let hold = |id: &str, seconds: i64| json!({"order_id": id, "lines": line("a"), "buyer": "anna", "hold_seconds": seconds});
        for status in [201, 200] {
            self.post("/v1/orders", order("o-1", "a"), status).await;
            self.post("/v1/orders", order("o-2", "b"), status).await;
        }
        for (id, seconds) in [("h-1", 600), ("h-2", 600), ("h-3", 1)] {
            self.post("/v1/orders", hold(id, seconds), 201).await;
        }
        let many: Vec<_> = (0..100).map(|n| order(&format!("many-{n}"), "b")).collect();
        self.post("/v1/orders/batch", many.into(), 200).await;
        self.post("/v1/orders/h-1/confirm", nothing.clone(), 200).await;
        self.post("/v1/orders/h-2/cancel", nothing.clone(), 200).await;
        self.post("/v1/orders/o-1/cancel", nothing.clone(), 200).await;
        let adjustment = json!({"adjustment_id": "a-1", "delta": 5, "reason": "found"});
        self.post("/v1/stock/a/adjustments", adjustment, 201).await;
        until("the hold expires", async || {
            self.client.get_order("h-3").await.body["status"] == "expired"
        })
        .await;
        // Expired and confirmed all the same, and taken back.
        self.post("/v1/orders/h-3/confirm", nothing.clone(), 200).await;
        self.post("/v1/orders/h-3/cancel", nothing, 200).await;
        until("its deadline is removed", async || {
            let deadlines = "SELECT order_id FROM hold_deadline WHERE due_at < UTC_TIMESTAMP(6)";
            self.shop.database.lines(deadlines).await.is_empty()
        })
        .await;
        let changes = self.client.get("/v1/changes?after=0&limit=1000").await;
        assert!(changes.body.as_array().unwrap().len() >= 8, "{changes:?}");
        let ready = self.shop.admin(&self.hotrow).get("/readyz").await;
        assert_eq!(ready.status, 200, "{ready:?}");
    }

    async fn merging_is_switched(&self) {
        for more in [&["dry-run"][..], &["off", "--sku", "a"], &["default", "--sku", "a"], &[]] {
            let switched = command("merge-mode", &self.premises.url("operator"), more).await;
            assert!(switched.status.success(), "{}", said(&switched));
        }
        for more in [&["a", "b"][..], &["a"], &["--remove", "a"], &["--list"]] {
            let pinned = command("pin", &self.premises.url("operator"), more).await;
            assert!(pinned.status.success(), "{}", said(&pinned));
        }
        until("the engine has written its counts", async || {
            let counts = "SELECT mode FROM merge_count WHERE sku = '*'";
            self.shop.database.lines(counts).await == ["dry-run"]
        })
        .await;
    }

    /// The network goes before a commit: the session that is left behind has to be ended by the engine, as it
    /// has locked the rows. Of orders of two lines the commit is a message of its own. A second one that is lost would
    /// be that of the same flush, whose orders have waited for too long then.
    async fn an_outage(&self) {
        self.post("/v1/stock/c", json!({"available": 1000}), 201).await;
        self.proxy.arm(Fault::BlackHoleBeforeCommit, 1);
        let mut sent = 0;
        until("a commit was lost", async || {
            let orders = (sent..sent + 20)
                .map(|n| (format!("out-{n}"), lines(&[("b", 1), ("c", 1)])))
                .collect();
            sent += 20;
            sell(&self.client, 10, orders).await;
            self.proxy.armed() == 0
        })
        .await;
        self.proxy.require_hits(&[Fault::BlackHoleBeforeCommit]);
        self.proxy.heal();
        self.shop.ready(&self.hotrow).await;
        self.shop.settle(&self.client).await;
        let resolved = "hotrow_commit_resolutions_total{outcome=\"not_landed\"}";
        assert!(self.shop.admin(&self.hotrow).metric(resolved).await > 0);
        let log = self.hotrow.log();
        assert!(log.contains("ended an abandoned session"), "{log}");
    }
}

impl Engine {
    /// One that was missed, which is made up within the minute.
    async fn a_scheduled_run(&self) {
        let database = &self.shop.database;
        until("the schedule is known", async || {
            !database
                .lines("SELECT cron FROM reconcile_task WHERE name = 'schedule'")
                .await
                .is_empty()
        })
        .await;
        let missed = "UPDATE reconcile_task SET due_at = '2015-01-01'".to_owned();
        run(&mut database.connect().await, missed).await.unwrap();
        until("the scheduled run is done", async || {
            let runs = "SELECT CONCAT_WS(' ', state, differences) FROM reconcile_run";
            database.lines(runs).await == ["done 0"]
        })
        .await;
    }
}

async fn the_engine_needs_no_more(flavor: Flavor) {
    let engine = Engine::start(flavor).await;
    engine.every_call().await;
    engine.an_outage().await;
    engine.merging_is_switched().await;
    audit(&engine.shop.database).await;
    engine.a_scheduled_run().await;
    // What was sold is old by now.
    let admin = &mut engine.shop.database.connect().await;
    let age = "UPDATE movement SET created_at = created_at - INTERVAL 500 DAY, \
                   expires_at = expires_at - INTERVAL 500 DAY; \
               UPDATE stock_version SET created_at = created_at - INTERVAL 500 DAY";
    run(admin, age.to_owned()).await.unwrap();
    let archived = engine.premises.command("archive", "archiver").await;
    let text = said(&archived);
    assert!(archived.status.success() && text.contains("older than 400 days: "), "{text}");
    assert!(!text.contains(" 0 orders") && !text.contains(" 0 changes"), "{text}");
    audit(&engine.shop.database).await;
    // What was carried over and what was forgotten is no difference.
    let compared = engine.premises.command("reconcile", "reconciler").await;
    assert_eq!(compared.status.code(), Some(0), "{}", said(&compared));
    assert_eq!(engine.client.get_order("o-2").await.body["status"], "deducted");
    engine.post("/v1/orders/o-2/cancel", serde_json::Value::Null, 409).await;

    let doctor = engine.premises.command("doctor", "engine").await;
    assert!(doctor.status.success(), "{}", said(&doctor));
    assert!(!said(&doctor).contains("views"), "{}", said(&doctor));

    // An account that cannot write orders is told so, whichever right it lacks.
    let (database, account) = (engine.premises.database.name(), engine.premises.account("engine"));
    for right in [
        "INSERT ON {}.movement",
        "INSERT ON {}.stock_version",
        "SELECT ON {}.change_gate",
        "DELETE ON {}.purchase",
        "DELETE ON {}.hold_deadline",
        "UPDATE ON {}.stock",
    ] {
        let right = right.replace("{}", &format!("`{database}`"));
        run(admin, format!("REVOKE {right} FROM '{account}'@'%'")).await.unwrap();
        let doctor = engine.premises.command("doctor", "engine").await;
        let text = said(&doctor);
        assert!(
            !doctor.status.success() && text.contains("cannot write orders now"),
            "{right}: {text}"
        );
        assert!(text.contains("sql/grants.sql"), "{right}: {text}");
        run(admin, format!("GRANT {right} TO '{account}'@'%'")).await.unwrap();
    }

    let premises = &engine.premises;
    premises.denied("engine", &SCHEMA).await;
    premises.denied("engine", &NEVER).await;
    let own = [
        "DELETE FROM movement",
        "DELETE FROM movement_archive",
        "INSERT INTO movement_archive SELECT * FROM movement_archive",
        "UPDATE movement_carried SET held = 0",
        "DELETE FROM reconcile_task",
        "UPDATE movement SET delta = 0",
        "DELETE FROM stock",
        "DELETE FROM stock_version",
        "UPDATE stock_version SET delta = 0",
        "DELETE FROM change_gate",
        "INSERT INTO change_gate VALUES (2)",
        "SELECT * FROM instance",
        "UPDATE view_source SET source = ''",
        "INSERT INTO _sqlx_migrations SELECT * FROM _sqlx_migrations",
        "SELECT * FROM desk_growth",
        "UPDATE merge_mode SET mode = 'off'",
    ];
    premises.denied("engine", &own).await;
    premises.denied("operator", &SCHEMA).await;
    premises.denied("operator", &NEVER).await;
    let own = ["SELECT * FROM stock", "DELETE FROM movement", "DELETE FROM merge_count"];
    premises.denied("operator", &own).await;
    premises.denied("archiver", &SCHEMA).await;
    premises.denied("archiver", &NEVER).await;
    let own = [
        "UPDATE movement SET delta = 0",
        "INSERT INTO movement SELECT * FROM movement",
        "DELETE FROM movement_archive",
        "UPDATE stock SET available = 0",
        "UPDATE stock_version SET delta = 0",
        "SELECT * FROM desk_growth",
    ];
    premises.denied("archiver", &own).await;
    // It sees and ends its own sessions, and nobody else's.
    let mut other = premises.login("migrator").await;
    let id: u64 = sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(&mut other).await.unwrap();
    let mut session = premises.login("engine").await;
    let error = run(&mut session, format!("KILL CONNECTION {id}")).await.unwrap_err();
    // ER_KILL_DENIED_ERROR, ER_NO_SUCH_THREAD
    assert!([1094, 1095].contains(&number(&error)), "{error}");
    run(&mut other, "SELECT 1".to_owned()).await.unwrap();
}

async fn an_engine_on_an_old_schema_says_who_has_to_migrate(flavor: Flavor) {
    let mut premises = Premises::migrated(flavor).await;
    let nothing_to_do = premises.command("migrate", "engine").await;
    assert!(nothing_to_do.status.success(), "{}", said(&nothing_to_do));
    let newest = "SELECT MAX(version) INTO @newest FROM _sqlx_migrations; \
                  DELETE FROM _sqlx_migrations WHERE version = @newest; DROP TABLE view_source";
    run(&mut premises.admin, newest.to_owned()).await.unwrap();
    let refused = premises.command("serve", "engine").await;
    let text = said(&refused);
    assert!(!refused.status.success(), "{text}");
    for part in
        ["CREATE command denied", "`hotrow migrate` with an account that may", "sql/accounts.sql"]
    {
        assert!(text.contains(part), "{text}");
    }
}

async fn a_migrator_leaves_out_what_it_may_not_make(flavor: Flavor) {
    let mut premises = Premises::new(flavor).await;
    let migrator = premises.account("migrator");
    let revoke = format!(
        "REVOKE CREATE VIEW, CREATE ROUTINE ON {}.* FROM '{migrator}'@'%'",
        premises.database.name()
    );
    run(&mut premises.admin, revoke).await.unwrap();
    let migrated = premises.command("migrate", "migrator").await;
    let text = said(&migrated);
    assert!(migrated.status.success() && text.contains("CREATE VIEW command denied"), "{text}");
    assert!(text.contains("the procedure take_one could not be made"), "{text}");
    let grants = script("sql/grants.sql", &premises.database);
    run(&mut premises.admin, grants).await.unwrap();
    let doctor = premises.command("doctor", "engine").await;
    let text = said(&doctor);
    assert!(doctor.status.success() && text.contains("orders can be taken"), "{text}");
    assert!(text.contains("should be changed: views for DBAs are missing"), "{text}");
    assert!(text.contains("should be changed: the procedure take_one is missing"), "{text}");
    // Given back, the next migration makes them.
    let accounts = without_passwords(&script("sql/accounts.sql", &premises.database));
    run(&mut premises.admin, accounts).await.unwrap();
    assert!(premises.command("migrate", "migrator").await.status.success());
    let doctor = premises.command("doctor", "engine").await;
    assert!(!said(&doctor).contains("should be changed: views"), "{}", said(&doctor));
    assert!(!said(&doctor).contains("take_one"), "{}", said(&doctor));
}

async fn the_reconciler_finds_and_mends(flavor: Flavor) {
    let mut premises = Premises::migrated(flavor).await;
    let shop = Shop {
        database: premises.database.clone(),
        history: std::sync::Arc::new(crate::support::history::History::new()),
    };
    let hotrow = Hotrow::serve(premises.url("engine"), &[]).await;
    shop.client(&hotrow).put_stock("a", 10).await;
    let by_hand = "UPDATE stock SET available = available - 3";
    run(&mut premises.admin, by_hand.to_owned()).await.unwrap();
    let url = premises.url("reconciler");
    let found = command("reconcile", &url, &[]).await;
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    let drift = "SELECT CONCAT_WS(' ', run, class, amount) FROM desk_drift WHERE mended_at IS NULL";
    assert_eq!(premises.database.lines(drift).await, ["1 changed_outside -3"]);
    let mended = command("reconcile", &url, &["--apply", "1", "--yes"]).await;
    assert_eq!(mended.status.code(), Some(0), "{}", said(&mended));
    assert!(premises.database.lines(drift).await.is_empty());
    let again = command("reconcile", &url, &[]).await;
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

async fn readers_see_everything_and_change_nothing(flavor: Flavor) {
    let premises = Premises::migrated(flavor).await;
    for account in ["reader", "reconciler"] {
        let mut connection = premises.login(account).await;
        let views = premises.database.lines("SELECT name FROM view_source").await;
        assert!(views.len() >= 8);
        let tables =
            ["movement", "stock", "stock_version", "purchase", "hold_deadline", "view_source"];
        for name in views.iter().map(String::as_str).chain(tables) {
            run(&mut connection, format!("SELECT * FROM {name} LIMIT 1")).await.unwrap();
        }
        premises.denied(account, &SCHEMA).await;
        premises.denied(account, &NEVER).await;
        let writes = [
            "INSERT INTO stock (sku, available, version) VALUES ('a', 1, 1)",
            "DELETE FROM stock",
            "DELETE FROM purchase",
            "UPDATE movement SET delta = 0",
            "DELETE FROM movement",
            "DELETE FROM stock_version",
            "DELETE FROM reconcile_task",
            "DELETE FROM desk_order_history",
            "LOCK TABLES stock READ",
        ];
        premises.denied(account, &writes).await;
    }
    let writes = [
        "UPDATE stock SET available = 0",
        "UPDATE change_gate SET id = 2",
        "INSERT INTO reconcile_run (kind, dry_run, phase) VALUES ('full', 0, 'books')",
    ];
    premises.denied("reader", &writes).await;
    let mut reader = premises.login("reader").await;
    run(&mut reader, "SHOW CREATE VIEW desk_growth".to_owned()).await.unwrap();
    let cookbook = fs::read_to_string("sql/cookbook.sql").unwrap();
    for query in cookbook.split(";\n").filter(|query| !query.trim().is_empty()) {
        // 17 alone needs PROCESS.
        let refused = run(&mut reader, query.to_owned()).await.err();
        let expected = query.contains("INNODB_TRX").then_some(1227);
        assert_eq!(refused.as_ref().map(number), expected, "{refused:?}\n{query}");
    }
}

both_flavors!(
    no_account_has_a_password_of_the_script,
    the_engine_needs_no_more,
    an_engine_on_an_old_schema_says_who_has_to_migrate,
    a_migrator_leaves_out_what_it_may_not_make,
    the_reconciler_finds_and_mends,
    readers_see_everything_and_change_nothing,
);
