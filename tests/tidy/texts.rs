//! Rules about files as such, and about the texts around the code.

use std::path::Path;

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

/// The README names every setting and every metric, and its links within the tree lead to something.
pub(crate) fn check_readme(readme: &str, config: &str, metrics: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let variables = config.split('"').filter(|part| part.starts_with("HOTROW_"));
    for variable in variables {
        let flag = format!("--{}", variable["HOTROW_".len()..].to_lowercase().replace('_', "-"));
        for name in [variable, &flag] {
            if !readme.contains(&format!("`{name}`")) && !readme.contains(&format!("`{name} ")) {
                findings.push(format!("README.md does not name the setting `{name}`"));
            }
        }
    }
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap_or(line);
        if !readme.contains(&format!("`{name}")) {
            findings.push(format!("README.md does not name the metric `{name}`"));
        }
    }
    for target in link_targets(readme) {
        let found = match target.strip_prefix('#') {
            Some(anchor) => anchors(readme).iter().any(|known| known == anchor),
            None => Path::new(target.split('#').next().unwrap_or(target)).exists(),
        };
        if !target.contains("://") && !found {
            findings.push(format!("README.md links to `{target}`, which is not there"));
        }
    }
    findings
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
