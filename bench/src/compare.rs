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
                push(
                    &mut text,
                    &format!(
                        "| {} | {} | {} | {} | {} | {:.2} | {} |",
                        experiment.name,
                        series.name,
                        figure.unit,
                        number(old.median),
                        number(figure.median),
                        if old.median == 0.0 { f64::NAN } else { figure.median / old.median },
                        if overlap(old, figure) { "rounds overlap" } else { "rounds lie apart" }
                    ),
                );
            }
        }
    }
    text
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

/// True when the difference is within what the rounds differ among themselves.
fn overlap(one: &Figure, other: &Figure) -> bool {
    one.least <= other.most && other.least <= one.most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_overlap_or_lie_apart() {
        let figure = |rounds: &[f64]| Figure::new("f", "u", rounds.to_vec()).unwrap();
        assert!(overlap(&figure(&[1.0, 3.0]), &figure(&[2.0, 4.0])));
        assert!(!overlap(&figure(&[1.0, 2.0]), &figure(&[3.0, 4.0])));
    }
}
