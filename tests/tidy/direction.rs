//! Which module may know which.

use crate::Finding;
use crate::source::Source;

/// Each may use those before it. `main` may use all.
const ORDER: [&str; 13] = [
    "limits",
    "telemetry",
    "domain",
    "engine",
    "store",
    "cache",
    "lane",
    "merging",
    "sweep",
    "reconcile",
    "http",
    "config",
    "app",
];

/// Stands alone: uses nothing of the crate, and only `app` uses it.
const ALONE: &str = "embedded";

pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let module = source.module();
        if !matches!(module, "lib" | "main" | ALONE) && !ORDER.contains(&module) {
            findings.push(format!("{}: give module `{module}` a place in the order", source.path));
            continue;
        }
        for (place, used) in used_modules(source) {
            if !allowed(module, &used) {
                findings.push(format!("{place}: `{module}` may not know `{used}`"));
            }
        }
        if module != "main" {
            for offset in source.find("hotrow::") {
                findings
                    .push(format!("{}: write `crate::` within the crate", source.place(offset)));
            }
        }
    }
    findings
}

fn allowed(module: &str, used: &str) -> bool {
    let rank = |name| ORDER.iter().position(|known| *known == name);
    if module == used || (used == ALONE && module == "app") {
        return true;
    }
    match (rank(module), rank(used)) {
        (Some(user), Some(used)) => used < user,
        (Some(_) | None, Some(_) | None) => false,
    }
}

/// The top-level modules that the file names, by `crate::` or by as many `super::` as lead there.
fn used_modules(source: &Source) -> Vec<(String, String)> {
    let root = "super::".repeat(source.depth());
    let ways = if matches!(source.module(), "lib" | "main") {
        vec!["crate::".to_owned()]
    } else {
        vec!["crate::".to_owned(), root]
    };
    let mut used = Vec::new();
    for way in ways {
        for offset in source.find(&way) {
            let name: String = source.code[offset + way.len()..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            let name = if name.is_empty() { "a list or everything".to_owned() } else { name };
            used.push((source.place(offset), name));
        }
    }
    used
}
