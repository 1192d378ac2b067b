//! Each rule, broken on purpose.

use crate::source::Source;
use crate::{direction, texts, uses};

fn direction_findings(path: &str, text: &str) -> usize {
    direction::check(&[Source::new(path, text)]).len()
}

#[test]
fn looking_to_the_right_is_found() {
    for (path, text) in [
        ("src/domain/id.rs", "use crate::engine::Plan;"),
        ("src/engine.rs", "fn f() { crate::lane::g(); }"),
        ("src/store/mysql/flush.rs", "use crate::cache::Cache;"),
        ("src/engine/combiner.rs", "use super::super::store::Desk;"),
        ("src/limits.rs", "use super::config::Config;"),
        ("src/store/mysql/desk.rs", "use crate::{lane, http};"),
        ("src/store/mysql/desk.rs", "use crate::*;"),
        ("src/http/state.rs", "use crate::embedded::Sizing;"),
        ("src/embedded/sizing.rs", "use crate::limits::ID_LEN_MAX;"),
        ("src/config.rs", "use crate::app::serve;"),
        ("src/lane/crew.rs", "use hotrow::store::Desk;"),
        ("src/novel.rs", ""),
    ] {
        assert_eq!(direction_findings(path, text), 1, "{path}: {text}");
    }
}

#[test]
fn looking_to_the_left_is_fine_and_so_is_talk() {
    for (path, text) in [
        ("src/engine/combiner/intake.rs", "use super::Combiner; use crate::domain::Verdict;"),
        (
            "src/engine/combiner/intake.rs",
            "use super::super::plan::Plan; use crate::engine::lane::L;",
        ),
        ("src/app/embed.rs", "use crate::embedded::Sizing; use crate::http::Http;"),
        (
            "src/limits.rs",
            "//! see [`crate::config`]\n/* crate::app */ const A: &str = \"crate::app\";",
        ),
        ("src/domain.rs", "#[cfg(test)] mod tests { use crate::app::serve; fn f() { {} } }"),
        ("src/domain.rs", "const A: char = '\"'; const B: char = '\\''; // crate::app"),
        ("src/domain.rs", "const A: &str = r#\"\" crate::app\"#;"),
        ("src/main.rs", "use hotrow::app;"),
    ] {
        assert_eq!(direction_findings(path, text), 0, "{path}: {text}");
    }
}

#[test]
fn code_after_tests_and_after_literals_is_still_seen() {
    for text in [
        "#[cfg(test)] mod tests { } use crate::app::serve;",
        "#[cfg(test)]\nmod tests;\nuse crate::app::serve;",
        "fn f<'a>(c: &'a str) -> char { 'x' } use crate::app::serve;",
        "const A: &str = \"\\\"\"; use crate::app::serve;",
        "/* /* nested */ */ use crate::app::serve;",
    ] {
        assert_eq!(direction_findings("src/domain.rs", text), 1, "{text}");
    }
}

fn dependency_findings(path: &str, text: &str) -> usize {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    uses::check_dependencies(&manifest, &[Source::new(path, text)]).len()
}

#[test]
fn dependencies_in_the_wrong_place_are_found() {
    for (path, text) in [
        ("src/domain/order.rs", "use serde::Deserialize;"),
        ("src/engine/combiner.rs", "fn f() { tracing::info!(\"x\"); }"),
        ("src/engine/combiner.rs", "use tokio::sync::Notify;"),
        ("src/lane.rs", "use sqlx::Row;"),
        ("src/store/record.rs", "use sqlx as other;"),
        ("src/lane/crew.rs", "let client = redis::Client::open(url);"),
        ("src/http/problem.rs", "#[derive(serde::Serialize)] struct A;"),
        ("src/domain.rs", "use rustc_hash::FxHashMap;"),
    ] {
        assert_eq!(dependency_findings(path, text), 1, "{path}: {text}");
    }
    let fine = "use crate::store::sqlx::x; mod sqlx; fn sqlx() {}";
    assert_eq!(dependency_findings("src/lane.rs", fine), 0);
}

#[test]
fn dependencies_without_a_place_are_found() {
    let manifest = "[package]\n\n[dependencies]\n# why\nnew-thing = \"1\"\n\n[lints]\n";
    let findings = uses::check_dependencies(manifest, &[]);
    assert!(findings[0].contains("`new_thing`"), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.contains("`sqlx` is no dependency")));
}

#[test]
fn dangerous_things_are_found() {
    for (path, text) in [
        ("src/http/state.rs", "std::thread::spawn(f);"),
        ("src/store/mysql/flush.rs", "let t = connection.begin().await?;"),
        ("src/store/mysql/flush.rs", "fn f(pool: &MySqlPool) {}"),
        ("src/store/mysql/flush.rs", "raw_sql(AssertSqlSafe(text))"),
        ("src/engine/combiner.rs", "SystemTime::now()"),
        ("src/http/body.rs", "tokio::sync::mpsc::unbounded_channel()"),
        ("src/main.rs", "std::process::exit(1)"),
    ] {
        assert_eq!(uses::check_places(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
}

#[test]
fn long_files_are_found_and_tests_do_not_count() {
    let code = "fn f() {}\n".repeat(400);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
    let findings = |text: &str| texts::check_length(&[Source::new("src/a.rs", text)]).len();
    assert_eq!(findings(&code), 0);
    assert_eq!(findings(&format!("{code}{tests}")), 0);
    assert_eq!(findings(&format!("{code}// one more\nfn g() {{}}\n")), 1);
}

#[test]
fn statements_and_migrations_out_of_order_are_found() {
    let file = |path: &str| (path.to_owned(), String::new());
    let user = "statement!(A, \"a.sql\");";
    let files = [file("sql/statements/a.sql"), file("sql/statements/b.sql")];
    assert_eq!(texts::check_statements(user, &files).len(), 1);
    assert_eq!(texts::check_statements(&user.repeat(2), &files[..1]).len(), 1);
    let files = [file("sql/migrations/0001_a.sql"), file("sql/migrations/0003_b.sql")];
    assert_eq!(texts::check_migrations(&files).len(), 1);
    assert_eq!(texts::check_migrations(&files[..1]).len(), 0);
}

#[test]
fn leftovers_are_found() {
    for text in ["// TODO: later", "dbg!(x)", "see /home/somebody/notes"] {
        assert_eq!(texts::check_leftovers(&[("a".to_owned(), text.to_owned())]).len(), 1, "{text}");
    }
}

#[test]
fn gaps_in_the_readme_are_found() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let findings = |from: &str, to: &str| {
        assert!(readme.contains(from), "{from}");
        let config = "/// Where. [default: .hotrow]\nenv = \"HOTROW_DATA_DIR\"";
        let metrics = "# TYPE hotrow_commit_seconds histogram\n";
        texts::check_readme(&readme.replace(from, to), config, metrics).len()
    };
    assert_eq!(findings("# hotrow", "# hotrow"), 0);
    assert_eq!(findings("| `--data-dir ", "| `--data "), 1);
    assert_eq!(findings("`HOTROW_DATA_DIR`", "`HOTROW_DIR`"), 1);
    assert_eq!(findings("| `.hotrow` |", "| `.cold` |"), 1);
    assert_eq!(findings("| 2,048 |", "| 2,049 |"), 1);
    assert_eq!(findings("hotrow_commit_seconds", "hotrow_commit"), 1);
    assert_eq!(findings("`tests/it/once.rs`", "`tests/it/twice.rs`"), 1);
    assert_eq!(findings("(LICENSE-MIT)", "(LICENSE-BSD)"), 1);
    assert_eq!(findings("(#try-it)", "(#try-them)"), 1);
}
