//! The texts of ten flushes, byte for byte as the server gets them, so that a change of what runs
//! is seen in review. To accept one, copy the text that the failure shows into `tests/plans/golden`.

use hotrow::embedded::Flavor;
use hotrow::engine::{Mode, Plan};

use crate::support::alone::Alone;
use crate::support::make::{adjust, deciding, merged, take};
use crate::support::scene::land;

/// What was sent for a plan, a blank line between messages.
async fn sent(alone: &Alone, plan: &Plan, ahead: bool) -> String {
    let work = async {
        let mut connection = alone.scene.connection();
        match plan.mode {
            Mode::Deciding if ahead => {
                connection.prepare(plan).await.unwrap();
                drop(connection.finish(plan).await);
            }
            Mode::AtOnce => drop(connection.execute(plan).await),
            Mode::Merged | Mode::Deciding => drop(land(&mut connection, plan).await),
        }
    };
    let ((), texts) = alone.logged(work).await;
    // MySQL logs each statement by itself, those that others follow with their semicolon; MariaDB
    // logs the message.
    let ended =
        |text: &String| format!("{text}{}", if text.ends_with(';') { "\n" } else { "\n\n" });
    let text: String = texts.iter().map(ended).collect();
    let beginning = match plan.mode {
        Mode::AtOnce if alone.scene.lines(IS_THERE).await.is_empty() => "BEGIN;",
        Mode::AtOnce => "CALL take_one('",
        Mode::Merged | Mode::Deciding => {
            if ahead {
                "WITH planned"
            } else {
                "BEGIN;"
            }
        }
    };
    let flush = text.find(beginning).expect("a flush begins like this");
    format!("{}\n", text[flush..].trim_end())
}

const IS_THERE: &str =
    "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()";

async fn the_texts_of_a_flush_are_these(flavor: Flavor) {
    let mut alone = Alone::new(flavor).await;
    alone.scene = alone.scene.with(&[("mug", 50), ("pen", 50), ("ink", 50)]).await;
    let goldens: [(&str, Plan, [&str; 2]); 10] = [
        (
            "merged_one_sku",
            merged(1 << 40, vec![take("o-1", &[("mug", 2)]), take("o-2", &[("mug", 1)])]),
            [
                include_str!("golden/merged_one_sku.mysql.sql"),
                include_str!("golden/merged_one_sku.mariadb.sql"),
            ],
        ),
        (
            "merged_alike",
            merged((1 << 40) + 4, vec![take("o-8", &[("mug", 2)]), take("o-9", &[("mug", 2)])]),
            [
                include_str!("golden/merged_alike.mysql.sql"),
                include_str!("golden/merged_alike.mariadb.sql"),
            ],
        ),
        (
            "merged_takes",
            merged((1 << 40) + 5, vec![take("o-10", &[("pen", 1)]), take("o-11", &[("mug", 8)])]),
            [
                include_str!("golden/merged_takes.mysql.sql"),
                include_str!("golden/merged_takes.mariadb.sql"),
            ],
        ),
        (
            "merged_nearly_equal",
            merged((1 << 40) + 9, vec![take("o-16", &[("pen", 1)]), take("o-17", &[("mug", 2)])]),
            [
                include_str!("golden/merged_nearly_equal.mysql.sql"),
                include_str!("golden/merged_nearly_equal.mariadb.sql"),
            ],
        ),
        (
            "merged_equal",
            merged((1 << 40) + 7, vec![take("o-13", &[("pen", 1)]), take("o-14", &[("mug", 1)])]),
            [
                include_str!("golden/merged_equal.mysql.sql"),
                include_str!("golden/merged_equal.mariadb.sql"),
            ],
        ),
        (
            "merged_lines",
            merged(
                (1 << 40) + 1,
                vec![
                    take("o-3", &[("pen", 1), ("ink", 2)]),
                    take("o-4", &[("ink", 1)]),
                    adjust("r-1", "mug", 5, Some("it's back")),
                ],
            ),
            [
                include_str!("golden/merged_lines.mysql.sql"),
                include_str!("golden/merged_lines.mariadb.sql"),
            ],
        ),
        (
            "deciding",
            deciding(
                (1 << 40) + 2,
                vec![
                    take("o-5", &[("pen", 1), ("ink", 2)]),
                    take("o-6", &[("pen", 99)]),
                    take("o-4", &[("ink", 1)]),
                ],
            ),
            [
                include_str!("golden/deciding.mysql.sql"),
                include_str!("golden/deciding.mariadb.sql"),
            ],
        ),
        (
            "deciding_ahead",
            deciding((1 << 40) + 6, vec![take("o-12", &[("mug", 99)])]),
            [
                include_str!("golden/deciding_ahead.mysql.sql"),
                include_str!("golden/deciding_ahead.mariadb.sql"),
            ],
        ),
        (
            "at_once",
            Plan { mode: Mode::AtOnce, ..merged((1 << 40) + 3, vec![take("o-7", &[("mug", 1)])]) },
            [include_str!("golden/at_once.mysql.sql"), include_str!("golden/at_once.mariadb.sql")],
        ),
        (
            "at_once_without_procedure",
            Plan { mode: Mode::AtOnce, ..merged((1 << 40) + 8, vec![take("o-15", &[("mug", 1)])]) },
            [
                include_str!("golden/at_once_without_procedure.mysql.sql"),
                include_str!("golden/at_once_without_procedure.mariadb.sql"),
            ],
        ),
    ];
    let mut changed = String::new();
    for (name, plan, [mysql, mariadb]) in goldens {
        let (suffix, expected) = match flavor {
            Flavor::MySql => ("mysql", mysql),
            Flavor::MariaDb => ("mariadb", mariadb),
        };
        if name.ends_with("_without_procedure") {
            alone.scene.run("DROP PROCEDURE take_one").await;
        }
        let sent = sent(&alone, &plan, name.ends_with("_ahead")).await;
        if sent != expected {
            changed += &format!("=== tests/plans/golden/{name}.{suffix}.sql\n{sent}");
        }
    }
    assert!(changed.is_empty(), "other texts are sent:\n{changed}===");
}

both_flavors!(the_texts_of_a_flush_are_these);
