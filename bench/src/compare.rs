//! Two reports side by side.

use std::fmt::Write;

use crate::report::table::number;
use crate::report::{Figure, Report};

/// Every figure that both have, as a Markdown table: before, after, and whether the rounds overlap.
pub(crate) fn compare(before: &Report, after: &Report) -> String {
    let mut text = String::new();
    for (name, report) in [("before", before), ("after", after)] {
        push(
            &mut text,
            &format!(
                "{name}: {}, server {}, {} cores, {} rounds",
                report.started_at,
                report.server.version,
                report.machine.cores,
                report.settings.rounds()
            ),
        );
    }
    push(&mut text, "\n| experiment | subject | figure | before | after | after / before | |");
    push(&mut text, "| --- | --- | --- | --- | --- | --- | --- |");
    for experiment in &after.experiments {
        for series in &experiment.series {
            let Some(earlier) = before.series(&experiment.name, &series.name) else { continue };
            for figure in &series.figures {
                let Some(old) = earlier.figure(&figure.name) else { continue };
                let cells = [
                    &experiment.name,
                    &series.name,
                    &figure.name,
                    &number(old.median),
                    &number(figure.median),
                    &change(old, figure),
                    told_apart(old, figure),
                ];
                push(&mut text, &format!("| {} |", cells.join(" | ")));
            }
        }
    }
    text
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

fn change(before: &Figure, after: &Figure) -> String {
    if before.median == 0.0 {
        return String::new();
    }
    format!("{:.2}", after.median / before.median)
}

/// Whether the difference is more than what the rounds differ among themselves.
fn told_apart(one: &Figure, other: &Figure) -> &'static str {
    if one.rounds.len() < 2 || other.rounds.len() < 2 {
        "too few rounds to tell"
    } else if one.least <= other.most && other.least <= one.most {
        "rounds overlap"
    } else {
        "rounds lie apart"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_overlap_or_lie_apart() {
        let told = |one: &[f64], other: &[f64]| {
            let figure = |rounds: &[f64]| Figure::new("f", "u", rounds.to_vec()).unwrap();
            told_apart(&figure(one), &figure(other))
        };
        assert_eq!(told(&[1.0, 3.0], &[2.0, 4.0]), "rounds overlap");
        assert_eq!(told(&[1.0, 2.0], &[3.0, 4.0]), "rounds lie apart");
        assert_eq!(told(&[1.0], &[3.0, 4.0]), "too few rounds to tell");
    }

    #[test]
    fn figures_of_both_reports_stand_side_by_side() {
        let report = |rate| {
            crate::report::ratios::tests::report(&[("one-hot", "hotrow", "orders_per_s", rate)])
        };
        let text = compare(&report(50_000.0), &report(60_000.0));
        assert!(text.contains("| 50,000 | 60,000 | 1.20 |"), "{text}");
    }
}
