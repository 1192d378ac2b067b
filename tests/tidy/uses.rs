//! Where dependencies and dangerous calls may stand.

use crate::Finding;
use crate::source::Source;

/// Every dependency, and the places that may know it. What is not here for `src/domain` and
/// `src/engine` is not theirs: they are plain code.
const DEPENDENCIES: [(&str, &[&str]); 31] = [
    ("clap", &["src/main.rs", "src/config.rs"]),
    ("cronexpr", &["src/reconcile/schedule.rs"]),
    ("crossbeam_channel", &["src/lane/"]),
    ("form_urlencoded", &["src/http/"]),
    ("futures_util", &["src/store/mysql/", "src/http/connection.rs"]),
    ("governor", &["src/http/access/"]),
    ("http_body_util", &["src/http/"]),
    ("hyper", &["src/http.rs", "src/http/"]),
    ("hyper_util", &["src/http/"]),
    ("indicatif", &["src/app/reconcile/"]),
    ("itoa", &["src/store/mysql/"]),
    ("jiff", &["src/http/wire/"]),
    ("mimalloc", &["src/main.rs"]),
    (
        "parking_lot",
        &[
            "src/app/reconcile/progress.rs",
            "src/cache/",
            "src/http/events.rs",
            "src/http/outbox.rs",
            "src/lane.rs",
            "src/lane/",
            "src/store/mysql/",
        ],
    ),
    ("percent_encoding", &["src/http/"]),
    ("prometheus_client", &["src/telemetry/"]),
    ("redis", &["src/cache.rs", "src/cache/"]),
    ("rlimit", &["src/app/open_files.rs"]),
    (
        "rustc_hash",
        &["src/cache/", "src/engine/", "src/lane/", "src/reconcile/sums.rs", "src/store/mysql/"],
    ),
    ("schemars", &["src/http/wire/", "src/http/openapi.rs", "src/http/openapi/"]),
    (
        "serde",
        &[
            "src/http/wire.rs",
            "src/http/wire/",
            "src/http/openapi/",
            "src/http/access.rs",
            "src/config.rs",
        ],
    ),
    (
        "serde_json",
        &[
            "src/http/wire.rs",
            "src/http/wire/",
            "src/http/openapi.rs",
            "src/http/openapi/",
            "src/app/reconcile/report.rs",
        ],
    ),
    ("sha2", &["src/http/access.rs"]),
    ("smallvec", &["src/domain/order.rs"]),
    ("sqlx", &["src/store/mysql.rs", "src/store/mysql/", "src/embedded/"]),
    ("subtle", &["src/http/access.rs"]),
    ("thiserror", &["src/"]),
    (
        "tokio",
        &[
            "src/store/mysql/",
            "src/store/together.rs",
            "src/cache/",
            "src/lane.rs",
            "src/lane/",
            "src/merging.rs",
            "src/sweep.rs",
            "src/reconcile/",
            "src/http.rs",
            "src/http/",
            "src/embedded/",
            "src/app/",
            "src/main.rs",
        ],
    ),
    ("toml", &["src/config.rs"]),
    (
        "tracing",
        &[
            "src/store/mysql/",
            "src/cache/",
            "src/lane.rs",
            "src/lane/",
            "src/merging.rs",
            "src/sweep.rs",
            "src/reconcile/",
            "src/http.rs",
            "src/http/",
            "src/embedded/",
            "src/app/",
        ],
    ),
    ("tracing_subscriber", &["src/telemetry.rs"]),
];

/// What may be done only where it was thought about, and why.
const PLACES: [(&str, &[&str], &str); 14] = [
    ("thread::spawn", &["src/lane/"], "only the lanes start threads"),
    ("thread::Builder", &["src/lane/"], "only the lanes start threads"),
    ("thread::scope", &["src/lane/"], "only the lanes start threads"),
    ("thread::sleep", &[], "it stops a whole runtime thread; await tokio::time::sleep"),
    (".begin(", &[], "a cancelled begin leaves its transaction to the next user of the connection"),
    ("MySqlPool", &["src/store/mysql/desk/pooled.rs"], "the write path owns its connections"),
    (
        "AssertSqlSafe",
        &["src/store/mysql/connect.rs", "src/embedded/accounts.rs"],
        "statement texts are made by src/store/mysql/statement.rs",
    ),
    ("SystemTime", &[], "times are the database's"),
    ("process::exit", &["src/app/serve.rs"], "it answers nobody; return an error"),
    ("unbounded", &["src/lane.rs", "src/lane/"], "every queue has a bound"),
    ("unbounded_channel", &["src/lane.rs", "src/lane/"], "every queue has a bound"),
    ("io::stdout", &["src/app/serve.rs"], "standard output is for what a command was asked for"),
    (
        "include_str!",
        &[
            "src/store/mysql/statement.rs",
            "src/store/mysql/procedures.rs",
            "src/store/mysql/views.rs",
            "src/cache.rs",
            "src/embedded/provision.rs",
            "src/http/admin.rs",
        ],
        "files of the tree that end up in the program are few and known",
    ),
    ("unsafe", &[], "nothing here needs it"),
];

pub(crate) fn check_dependencies(manifest: &str, sources: &[Source]) -> Vec<Finding> {
    let declared = declared_dependencies(manifest);
    let mut findings = Vec::new();
    for name in &declared {
        if !DEPENDENCIES.iter().any(|(known, _)| known == name) {
            findings.push(format!("Cargo.toml: say in tests/tidy/uses.rs who may know `{name}`"));
        }
    }
    for (name, places) in DEPENDENCIES {
        if !declared.iter().any(|declared| declared == name) {
            findings.push(format!("tests/tidy/uses.rs: `{name}` is no dependency any more"));
        }
        for source in sources.iter().filter(|source| !source.is_in(places)) {
            for offset in source.find(name) {
                if is_crate_path(source, offset, name) {
                    let place = source.place(offset);
                    findings.push(format!("{place}: `{name}` may be known by {places:?} only"));
                }
            }
        }
    }
    findings
}

/// `name::…`, `use name;` or `use name as …`, and not `something::name`.
fn is_crate_path(source: &Source, offset: usize, name: &str) -> bool {
    let before = source.code[..offset].trim_end();
    let after = source.code[offset + name.len()..].trim_start();
    let rooted = !before.ends_with("::") && !before.ends_with("mod");
    rooted && (after.starts_with("::") || before.ends_with("use"))
}

fn declared_dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or("");
    let names = section.lines().filter(|line| !line.starts_with('#'));
    names.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

pub(crate) fn check_places(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, places, why) in PLACES {
        for source in sources.iter().filter(|source| !source.is_in(places)) {
            for offset in source.find(what) {
                findings
                    .push(format!("{}: `{what}` has no place here: {why}", source.place(offset)));
            }
        }
    }
    findings
}
