//! Rules about files as such, and about the texts around the code.

use std::path::Path;

use hotrow::limits;

use crate::Finding;
use crate::source::Source;

const LINES_MAX: usize = 400;

/// Lines of a file without its tests.
pub(crate) fn check_length(sources: &[Source]) -> Vec<Finding> {
    let lines = |source: &Source| source.code.trim_end().lines().count();
    let long = sources.iter().filter(|source| lines(source) > LINES_MAX);
    let tell = |source: &Source| {
        format!("{} has {} lines; split it at {LINES_MAX}", source.path, lines(source))
    };
    long.map(tell).collect()
}

pub(crate) fn check_statements(user: &str, files: &[(String, String)]) -> Vec<Finding> {
    let unused = files.iter().filter(|(path, _)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        user.matches(&format!("\"{name}\"")).count() != 1
    });
    unused.map(|(path, _)| format!("{path} has to be used once by statement.rs")).collect()
}

pub(crate) fn check_migrations(files: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (path, _)) in files.iter().enumerate() {
        let start = format!("sql/migrations/{:04}_", index + 1);
        if !path.starts_with(&start) {
            findings.push(format!("{path} has to begin with {start}"));
        }
    }
    findings
}

pub(crate) fn check_leftovers(files: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in files {
        for (index, line) in text.lines().enumerate() {
            for mark in ["TODO", "FIXME", "XXX", "dbg!", "/home/", "/root/", "/Users/"] {
                if line.contains(mark) {
                    findings.push(format!("{path}:{}: `{mark}` may not stay", index + 1));
                }
            }
        }
    }
    findings
}

/// The README names every setting with its default, every limit and every metric, and the files
/// that it names are there.
pub(crate) fn check_readme(readme: &str, config: &str, metrics: &str) -> Vec<Finding> {
    let mut findings = check_settings(readme, config);
    for (what, limit) in limits() {
        if !readme.contains(&format!("| {what} | {} |", with_commas(limit))) {
            findings.push(format!("README.md: {what}: the limit is {}", with_commas(limit)));
        }
    }
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap_or(line);
        if !readme.contains(&format!("`{name}`")) {
            findings.push(format!("README.md does not name the metric `{name}`"));
        }
    }
    for target in link_targets(readme) {
        let found = match target.strip_prefix('#') {
            Some(anchor) => anchors(readme).iter().any(|known| known == anchor),
            None => target.contains("://") || Path::new(target).exists(),
        };
        if !found {
            findings.push(format!("README.md links to `{target}`, which is not there"));
        }
    }
    for path in named_paths(readme) {
        if !Path::new(path).exists() {
            findings.push(format!("README.md names `{path}`, which is not there"));
        }
    }
    findings
}

/// What stands in backticks and looks like a path of the tree.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    let in_backticks = text.split('`').skip(1).step_by(2);
    let folders = ["src/", "tests/", "sql/", "docker/", "bench/", ".ci/"];
    in_backticks.filter(move |part| folders.iter().any(|folder| part.starts_with(folder)))
}

/// Each variable has a row with its flag and the default that the help tells.
fn check_settings(readme: &str, config: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut default = None;
    for line in config.lines() {
        if let Some((_, rest)) = line.split_once("[default: ") {
            default = rest.split(']').next();
        }
        let Some((_, rest)) = line.split_once("env = \"HOTROW_") else { continue };
        let name = rest.split('"').next().unwrap_or(rest);
        let flag = name.to_lowercase().replace('_', "-");
        let row = readme.lines().find(|row| {
            row.starts_with(&format!("| `--{flag} "))
                && row.contains(&format!("| `HOTROW_{name}` |"))
        });
        let told = |row: &str, default| {
            row.contains(&format!("| {default} |")) || row.contains(&format!("| `{default}` |"))
        };
        let default = default.take();
        if !row.is_some_and(|row| default.is_none_or(|default| told(row, default))) {
            findings.push(format!("README.md: --{flag} is not told with its default {default:?}"));
        }
    }
    findings
}

/// What the README calls a bound, and the bound.
fn limits() -> Vec<(&'static str, u64)> {
    vec![
        ("length of an id or a SKU, of `A-Z a-z 0-9 . _ : -`", limits::ID_LEN_MAX as u64),
        ("quantity of a line, after the same SKU was summed", limits::QUANTITY_MAX.into()),
        ("lines of an order", limits::LINES_MAX as u64),
        ("magnitude of an adjustment", limits::ADJUSTMENT_DELTA_MAX.unsigned_abs()),
        ("`available` of a SKU", limits::AVAILABLE_MAX.unsigned_abs()),
        ("characters of a reason", limits::REASON_CHARS_MAX as u64),
        ("orders of a batch", limits::BATCH_ORDERS_MAX as u64),
        ("bytes of a batch", limits::BATCH_BODY_BYTES_MAX as u64),
        ("bytes of any other body", limits::BODY_BYTES_MAX as u64),
        ("SKUs of one stock list", limits::STOCK_LIST_SKUS_MAX as u64),
        ("changes of one page", limits::CHANGES_PAGE_MAX as u64),
        ("readers of the change stream at a time", limits::CHANGE_READERS_MAX as u64),
        (
            "ms without a change until the change stream sends a comment",
            limits::CHANGE_HEARTBEAT_MS,
        ),
        (
            "ms that a reader of the change stream may take nothing",
            limits::CHANGE_READER_PATIENCE_MS,
        ),
        ("orders of one flush", limits::FLUSH_ORDERS_MAX as u64),
        ("ledger rows of one flush", limits::FLUSH_ROWS_MAX as u64),
        ("batches worked on at a time", limits::BATCH_REQUESTS_MAX as u64),
        ("bytes of a request's head", limits::HEAD_BYTES_MAX.into()),
        ("header fields", limits::HEADERS_MAX as u64),
        ("HTTP/2 streams of a connection", limits::STREAMS_MAX.into()),
        ("connections of the admin listener", limits::ADMIN_CONNECTIONS_MAX as u64),
        ("ms until a new connection has sent a head", limits::HEAD_TIME_MS),
        ("ms until a body is there", limits::BODY_TIME_MS),
        ("ms until a batch is there", limits::BATCH_BODY_TIME_MS),
        (
            "ms without a request until a connection is closed, once or twice this",
            limits::IDLE_TIME_MS,
        ),
        ("access tokens", limits::TOKENS_MAX as u64),
        ("ms that a call to the cache waits", limits::CACHE_PATIENCE_MS),
        ("SKUs that are kept present in the cache", limits::HOT_SKUS_MAX as u64),
        (
            "SKUs that can be pinned, in the table and in the settings each",
            limits::PINNED_SKUS_MAX as u64,
        ),
        ("ms between two fills of the cache after commits", limits::FILL_ROUND_MS),
        ("ms within which readers of a SKU share one answer of the cache", limits::CACHE_MOMENT_MS),
    ]
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn link_targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Headings as GitHub names them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}
