//! How the server executes every statement that hotrow sends, whatever the tables hold and the
//! server knows of them: driven by the list that was sent, each row looked up by primary key.

mod statement;

use std::collections::{BTreeMap, BTreeSet};

use hotrow::domain::{Available, Goal, Operation, OrderId, Standing, Terms};
use hotrow::embedded::Flavor;
use hotrow::engine::{CommitOutcome, Execution, Mode, Plan};
use hotrow::limits::PINNED_SKUS_MAX;
use hotrow::store::mysql::{ChangeFeed, DeadlineConnection, FlushConnection, SweepConnection};
use hotrow::store::{Cursor, StockOpening};
use sqlx::{AssertSqlSafe, Column as _, MySqlConnection, Row as _};

use self::statement::Statement;
use crate::support::alone::Alone;
use crate::support::make::{
    adjust, bought_by, cancel, deciding, held_for, merged, settle, sku, take,
};
use crate::support::scene::{LONG, Scene, land, run};
use crate::support::sight::until;

/// The tables, and the names that some of them have where rows are deleted.
const TABLES: [&str; 10] = [
    "change_gate",
    "stock",
    "movement",
    "stock_version",
    "purchase",
    "given",
    "hold_deadline",
    "met",
    "pinned_sku",
    "pinned",
];

/// Rows in the lists of a flush, up to a full one.
const SIZES: [usize; 4] = [1, 2, 50, 2_048];

/// SKUs `s-0` and up, and orders `o-0` and up that took one or two lines of them; `{count}` is the
/// number of SKUs and of orders.
const FILL: &str = "\
    CREATE TABLE digit (d INT PRIMARY KEY); \
    INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9); \
    CREATE TABLE number (n INT PRIMARY KEY); \
    INSERT INTO number SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d \
        FROM digit a, digit b, digit c, digit e, digit f; \
    INSERT INTO stock (sku, available, version) \
        SELECT CONCAT('s-', n), 1000000, 1 FROM number WHERE n < {count}; \
    INSERT INTO stock_version (sku, version, flush_id, available, delta, orders) \
        SELECT CONCAT('s-', n), 1, 0, 1000000, 1000000, 1 FROM number WHERE n < {count}; \
    INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
        SELECT CONCAT('o-', n), 'take', 1, 'deduct', CONCAT('s-', n), -1, 1 \
        FROM number WHERE n < {count}; \
    INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id) \
        SELECT CONCAT('o-', n), 'take', 2, 'deduct', CONCAT('t-', n), -1, 1 \
        FROM number WHERE n < {count}; \
    DROP TABLE number, digit";

/// Holds that are not due for a day. A table that is empty is read from end to end.
const FUTURE_HOLDS: &str = "\
    INSERT INTO hold_deadline \
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) \
        SELECT UTC_TIMESTAMP(6) + INTERVAL 1 DAY, CONCAT('future-', n) FROM n";

/// SKUs that are pinned, for the same reason.
const OTHER_PINS: &str = "\
    INSERT INTO pinned_sku (sku) \
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) \
        SELECT CONCAT('other-', n) FROM n";

/// One line of an EXPLAIN.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) table: String,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) extra: String,
}

pub(crate) async fn explain(
    session: &mut MySqlConnection,
    flavor: Flavor,
    text: &str,
) -> Vec<Access> {
    accesses(session, format!("{} {text}", explain_of(flavor))).await
}

/// The procedure for an order that is alone.
const TAKE_ONE: &str = include_str!("../../sql/procedures/take_one.sql");

/// The plans of the statements that it has, each explained where its parameters are those of the procedure.
async fn explain_procedure(
    session: &mut MySqlConnection,
    flavor: Flavor,
) -> Vec<(Statement, Vec<Access>)> {
    let (head, body) = TAKE_ONE.split_once("BEGIN\n").unwrap();
    let parameters = &head[head.find("take_one (").unwrap() + "take_one ".len()..];
    let mut plans = Vec::new();
    for text in body.split(";\n").map(str::trim) {
        let Some(statement) = Statement::of(text) else { continue };
        let explain = explain_of(flavor);
        run(session, "DROP PROCEDURE IF EXISTS explained").await;
        let make = format!("CREATE PROCEDURE explained {parameters} BEGIN {explain} {text}; END");
        run(session, &make).await;
        let call = "CALL explained('alone', 's-1', 1, 1)".to_owned();
        plans.push((statement, accesses(session, call).await));
    }
    run(session, "DROP PROCEDURE IF EXISTS explained").await;
    plans
}

fn explain_of(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::MySql => "EXPLAIN FORMAT=TRADITIONAL",
        Flavor::MariaDb => "EXPLAIN",
    }
}

async fn accesses(session: &mut MySqlConnection, text: String) -> Vec<Access> {
    let rows = sqlx::raw_sql(AssertSqlSafe(text.clone())).fetch_all(session).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let column = |row: &sqlx::mysql::MySqlRow, name: &str| {
        let column = row.columns().iter().find(|column| column.name().eq_ignore_ascii_case(name));
        let text: Option<String> = row.try_get_unchecked(column.unwrap().ordinal()).unwrap();
        text.unwrap_or_default()
    };
    rows.iter()
        // The target of an INSERT, which nothing is read from.
        .filter(|row| column(row, "select_type") != "INSERT")
        .map(|row| Access {
            table: column(row, "table"),
            kind: column(row, "type"),
            key: column(row, "key"),
            extra: column(row, "extra"),
        })
        .collect()
}

/// True if the list that was sent, where there is one, comes before the tables.
fn driven_by_list(plan: &[Access]) -> bool {
    let place = |holds: fn(&Access) -> bool| plan.iter().position(holds);
    let list = place(|access| access.table.starts_with('<'));
    let table = place(|access| TABLES.contains(&&*access.table));
    match (list, table) {
        (Some(list), Some(table)) => list < table,
        (None, _) | (_, None) => true,
    }
}

/// Everything that was sent, each statement by itself, the settings of the session first.
struct Sent {
    settings: Vec<String>,
    statements: Vec<(Statement, String)>,
}

impl Sent {
    fn of(texts: Vec<String>) -> Self {
        let mut sent = Self { settings: Vec::new(), statements: Vec::new() };
        for text in texts.iter().flat_map(|text| text.split(";\n")) {
            let text = text.trim_end_matches(';').trim();
            // MariaDB's form of a statement with a time limit, which it does not explain.
            let text = match text.split_once(" FOR ") {
                Some((limit, bounded)) if limit.starts_with("SET STATEMENT") => bounded,
                Some(_) | None => text,
            };
            if text.starts_with("SET ") {
                if !sent.settings.iter().any(|known| known == text) {
                    sent.settings.push(text.to_owned());
                }
            } else if let Some(statement) = Statement::of(text) {
                sent.statements.push((statement, text.to_owned()));
            }
        }
        sent
    }

    /// What is wrong with the plans in this database, if anything.
    async fn judge(&self, scene: &Scene, flavor: Flavor, state: &str) -> Vec<String> {
        let mut session = scene.admin().await;
        for setting in &self.settings {
            run(&mut session, setting).await;
        }
        let mut wrong = Vec::new();
        for (statement, text) in &self.statements {
            let plan = explain(&mut session, flavor, text).await;
            if !statement.is_as_it_should_be(text, &plan) {
                let rows = rows_of(text);
                wrong.push(format!("{state}: {statement:?} with {rows} rows: {plan:?}"));
            }
        }
        for (statement, plan) in explain_procedure(&mut session, flavor).await {
            if !statement.is_as_it_should_be("", &plan) {
                wrong.push(format!("{state}: {statement:?}, in the procedure: {plan:?}"));
            }
        }
        wrong
    }
}

/// How many rows the list of a text has.
fn rows_of(text: &str) -> usize {
    // Behind other lists of the same SKUs, where there are any.
    if let Some((_, skus)) = text.rsplit_once(" sku IN ('") {
        return 1 + skus.split(')').next().unwrap().matches("','").count();
    }
    let between: &[&str] = if text.contains(" IN ('") { &["','"] } else { &["),(", "),ROW("] };
    1 + between.iter().map(|between| text.matches(between).count()).sum::<usize>()
}

/// Orders over the SKUs from `s-0` on.
fn single_lines(prefix: &str, count: usize) -> Vec<Operation> {
    (0..count).map(|n| take(&format!("{prefix}-{n}"), &[(&format!("s-{n}"), 1)])).collect()
}

/// Orders of two lines, `count` rows in all, over as many SKUs.
fn double_lines(prefix: &str, count: usize) -> Vec<Operation> {
    let pair =
        |n| take(&format!("{prefix}-{n}"), &[(&format!("s-{n}"), 1), (&format!("s-{}", n + 1), 1)]);
    (0..count).step_by(2).map(pair).collect()
}

/// Drives every way in which the product talks to the tables, with lists of this many rows.
async fn drive(scene: &Scene, size: usize) {
    let mut connection = scene.connection();
    assert!(connection.probe().await);
    let mut flush = size as u64 * 100;
    let mut next = |operations: Vec<Operation>, make: fn(u64, Vec<Operation>) -> Plan| {
        flush += 1;
        make(flush, operations)
    };
    land(&mut connection, &next(single_lines(&format!("single{size}"), size), merged)).await;
    land(&mut connection, &next(double_lines(&format!("double{size}"), size), merged)).await;
    // Half of them known, and taken back.
    let mut operations = single_lines(&format!("decided{size}"), size.div_ceil(2));
    operations.extend(single_lines(&format!("single{size}"), size / 2));
    operations.push(cancel(&format!("single{size}-0"), &[("s-0", 1)]));
    operations.push(adjust(&format!("r{size}"), "s-0", 1, Some("found")));
    land(&mut connection, &next(operations, deciding)).await;
    let ahead = next(double_lines(&format!("ahead{size}"), size), deciding);
    connection.prepare(&ahead).await.unwrap();
    assert!(matches!(connection.finish(&ahead).await, Execution::Ready { .. }));
    assert_eq!(connection.commit(ahead.id).await, CommitOutcome::Committed);
    // So unlike that lists of powers of two would be longer than a join.
    let mixed =
        |n| take(&format!("mixed{size}-{n}"), &[(&format!("s-{n}"), 1 + n as i64 % 3 * 127)]);
    land(&mut connection, &next((0..size).map(mixed).collect(), merged)).await;
    let nearly =
        |n| take(&format!("nearly{size}-{n}"), &[(&format!("s-{n}"), 1 + i64::from(n % 9 == 0))]);
    land(&mut connection, &next((0..size).map(nearly).collect(), merged)).await;
    let alone = take(&format!("alone{size}"), &[("s-1", 1)]);
    let alone = Plan { mode: Mode::AtOnce, ..next(vec![alone], merged) };
    assert!(matches!(connection.execute(&alone).await, Execution::Committed { .. }));
    // Of one SKU.
    let one = |n| take(&format!("one{size}-{n}"), &[("s-1", 1)]);
    land(&mut connection, &next((0..size).map(one).collect(), merged)).await;
    drive_holds(scene, &mut connection, size, &mut next).await;
    connection.close().await;
    let desk = scene.desk().await;
    let skus = (0..size).map(|n| sku(&format!("s-{n}"))).collect();
    assert_eq!(desk.stock(skus).await.unwrap().len(), size);
    let pins: Vec<_> = (0..size).map(|n| sku(&format!("pin-{n}"))).collect();
    desk.pin(&pins).await.unwrap();
    desk.pin(&pins).await.unwrap();
    assert_eq!(desk.pinned().await.unwrap().len(), PINNED_SKUS_MAX);
    desk.unpin(&pins).await.unwrap();
    assert!(!desk.pinned().await.unwrap().contains(&pins[0]));
    let order = OrderId::new("order_id", &format!("single{size}-0")).unwrap();
    assert!(desk.order(order).await.unwrap().is_some());
    let opened = || {
        let name = sku(&format!("n-{size}"));
        desk.open_stock(name, Available::new(1).unwrap(), Terms::default())
    };
    assert_eq!(opened().await.unwrap(), StockOpening::Created);
    assert_eq!(opened().await.unwrap(), StockOpening::Same);
    let feed = ChangeFeed::new(desk.clone());
    let page = feed.page(Cursor::BEGINNING, size).await.unwrap();
    assert_eq!(page.len(), size);
    feed.page(page[size - 1].cursor, size).await.unwrap();
    desk.close().await;
}

/// Holds of buyers: taken, confirmed and released, one by one and together, and swept.
async fn drive_holds(
    scene: &Scene,
    connection: &mut FlushConnection,
    size: usize,
    next: &mut impl FnMut(Vec<Operation>, fn(u64, Vec<Operation>) -> Plan) -> Plan,
) {
    let hold = |n: usize| {
        let order = take(&format!("hold{size}-{n}"), &[(&format!("s-{n}"), 1)]);
        bought_by(&format!("b-{}", n % 7), held_for(1, order))
    };
    let holds: Vec<Operation> = (0..size).map(hold).collect();
    land(connection, &next(holds.clone(), merged)).await;
    let settled = |goal| {
        let settle = move |(n, order): (usize, &Operation)| {
            (n % 2 == usize::from(goal == Goal::Cancel))
                .then(|| settle(order, Standing::Held, goal))
        };
        holds.iter().enumerate().filter_map(settle).collect::<Vec<_>>()
    };
    land(connection, &next(settled(Goal::Confirm), merged)).await;
    let mut released = settled(Goal::Cancel);
    released.push(settle(&holds[0], Standing::Confirmed, Goal::Cancel));
    land(connection, &next(released, deciding)).await;
    until("the holds are due", async || {
        scene
            .lines(
                "SELECT CAST(COUNT(*) AS CHAR) FROM hold_deadline WHERE due_at > UTC_TIMESTAMP(6) AND order_id LIKE 'hold%'",
            )
            .await
            == ["0"]
    })
    .await;
    let mut sweep = SweepConnection::acquire(&scene.address, LONG).await.unwrap().unwrap();
    let page = size + 1;
    let due = sweep.due(None, page).await.unwrap();
    assert_eq!(due.len(), size);
    let deadlines: Vec<_> = due.into_iter().map(|hold| hold.deadline).collect();
    assert!(sweep.due(deadlines.last(), page).await.unwrap().is_empty());
    let mut forgetting = DeadlineConnection::open(&scene.address, LONG).await.unwrap();
    // As a range; one by one, because most are gone; as a range.
    for part in [1..size, 0..size / 2, 0..1] {
        forgetting.forget(&deadlines[part]).await.unwrap();
    }
    assert!(sweep.due(None, page).await.unwrap().is_empty());
}

async fn every_statement_looks_rows_up_by_primary_key(flavor: Flavor) {
    let alone = Alone::new(flavor).await;
    // So that the statistics are of the moment that the test says.
    alone.scene.run("SET GLOBAL innodb_stats_auto_recalc = OFF").await;
    if flavor == Flavor::MySql {
        // The least that an administrator can allow a list: the setting of the session goes before it.
        alone.scene.run("SET GLOBAL range_optimizer_max_mem_size = 1").await;
    }
    let large = alone.another().await;
    let tiny = alone.another().await;
    let empty = alone.another().await;
    for scene in [&large, &tiny, &empty] {
        scene.run(FUTURE_HOLDS).await;
        scene.run(OTHER_PINS).await;
    }
    tiny.run(&FILL.replace("{count}", "3")).await;
    large.run(&FILL.replace("{count}", "100000")).await;

    let ((), texts) = alone
        .logged(async {
            for size in SIZES {
                Box::pin(drive(&large, size)).await;
            }
        })
        .await;
    let sent = Sent::of(texts);
    assert_eq!(explain_procedure(&mut tiny.admin().await, flavor).await.len(), 3);
    let seen: BTreeSet<Statement> =
        sent.statements.iter().map(|(statement, _)| *statement).collect();
    let mut expected = BTreeSet::from(Statement::ALL);
    if flavor == Flavor::MariaDb {
        expected.retain(|statement| !statement.is_for_mysql());
    }
    assert_eq!(seen, expected, "some statement was never sent");
    let mut longest: BTreeMap<Statement, usize> = BTreeMap::new();
    for (statement, text) in &sent.statements {
        let rows = longest.entry(*statement).or_default();
        *rows = (*rows).max(rows_of(text));
    }
    for list in [
        Statement::InsertTakes,
        Statement::InsertAlikeTakes,
        Statement::InsertEqualTakes,
        Statement::InsertMovements,
        Statement::UpdateStock,
        Statement::UpdateStockTakes,
        Statement::UpdateStockRangeTakes,
        Statement::InsertVersions,
        Statement::InsertEqualVersions,
        Statement::SelectStock,
    ] {
        if expected.contains(&list) {
            assert_eq!(longest[&list], SIZES[3], "{list:?}");
        }
    }

    let mut wrong = Vec::new();
    for (name, scene) in [("large", &large), ("tiny", &tiny), ("empty", &empty)] {
        wrong.extend(sent.judge(scene, flavor, &format!("{name}, no statistics")).await);
        scene
            .run(
                "ANALYZE TABLE stock, movement, stock_version, purchase, hold_deadline, pinned_sku",
            )
            .await;
        wrong.extend(sent.judge(scene, flavor, &format!("{name}, analysed")).await);
    }
    if flavor == Flavor::MySql {
        alone.scene.run("SET GLOBAL range_optimizer_max_mem_size = DEFAULT").await;
    }
    assert!(wrong.is_empty(), "{} plans:\n{}", wrong.len(), wrong.join("\n"));
}

both_flavors!(every_statement_looks_rows_up_by_primary_key);
