//! Holds the tree to its own rules: which module may know which, which dependency is used where, how
//! long a file may get, and that the texts around the code are true.
//!
//! The checks read text, not types: they are exact enough because the code keeps to plain paths. Each
//! is shown to bite in `planted`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod direction;
mod planted;
mod source;
mod texts;
mod uses;

use source::{Source, read_tree};

/// One thing that is against a rule, with the place and what to do.
type Finding = String;

/// The code of `src`, without its tests.
fn sources() -> Vec<Source> {
    let tree = read_tree("src").into_iter();
    let sources: Vec<Source> = tree
        .filter(|(path, _)| path.ends_with(".rs") && !path.starts_with("src/http/tests"))
        .map(|(path, text)| Source::new(&path, &text))
        .collect();
    assert!(sources.len() > 50, "src was not found");
    sources
}

#[track_caller]
fn assert_none(findings: &[Finding]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn modules_know_only_what_is_left_of_them() {
    assert_none(&direction::check(&sources()));
}

#[test]
fn dependencies_are_used_where_they_belong() {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    assert_none(&uses::check_dependencies(&manifest, &sources()));
}

#[test]
fn dangerous_things_are_done_in_one_place() {
    assert_none(&uses::check_places(&sources()));
}

#[test]
fn files_are_short() {
    assert_none(&texts::check_length(&sources()));
}

#[test]
fn statements_are_all_used() {
    let user = std::fs::read_to_string("src/store/mysql/statement.rs").unwrap();
    let files = read_tree("sql/statements");
    assert_none(&texts::check_statements(&user, &files));
}

#[test]
fn migrations_are_numbered_without_gaps() {
    assert_none(&texts::check_migrations(&read_tree("sql/migrations")));
}

#[test]
fn nothing_is_left_for_later_and_no_private_path_is_named() {
    let own = |path: &String| path.starts_with("tests/tidy/");
    let mut files: Vec<_> = ["src", "sql", "bench", "tests", "docker", ".ci"]
        .iter()
        .flat_map(|folder| read_tree(folder))
        .filter(|(path, _)| !own(path))
        .collect();
    for name in ["README.md", "CHANGELOG.md", "Makefile", "Cargo.toml", "clippy.toml", "deny.toml"]
    {
        files.push((name.to_owned(), std::fs::read_to_string(name).unwrap()));
    }
    assert_none(&texts::check_leftovers(&files));
}

#[test]
fn the_readme_is_complete_and_its_links_lead_somewhere() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let config = std::fs::read_to_string("src/config.rs").unwrap();
    let metrics = hotrow::telemetry::metrics::Metrics::new().encode();
    assert_none(&texts::check_readme(&readme, &config, &metrics));
}
