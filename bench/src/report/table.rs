//! The report as text, for the terminal and for the README.

use std::fmt::Write;

use clap::ValueEnum;

use super::{Report, Series};
use crate::subjects::Subject;

/// Tables in Markdown: they read well as they are.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    head(report, &mut text);
    summary(report, &mut text);
    for experiment in &report.experiments {
        line(&mut text, &format!("\n### {}: {}\n", experiment.name, experiment.title));
        line(
            &mut text,
            "| | figures: median (least to most) | busy processors: client, engine, service, database |",
        );
        line(&mut text, "| --- | --- | --- |");
        for series in &experiment.series {
            line(
                &mut text,
                &format!("| {} | {} | {} |", series.name, figures(series), busy(series)),
            );
        }
    }
    bars(report, &mut text);
    if !report.failures.is_empty() {
        line(&mut text, "\n### Failures: this report is worth nothing until they are understood\n");
        for failure in &report.failures {
            line(&mut text, &format!("- {failure}"));
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

fn head(report: &Report, text: &mut String) {
    let Report { machine, server, settings, .. } = report;
    let redis = report.redis_version.as_deref().unwrap_or("not used");
    line(
        text,
        &format!(
            "{}, {} cores shared by {}, {} MiB; Linux {}",
            machine.processor,
            machine.cores,
            if server.embedded { "server, engine and client" } else { "engine and client" },
            machine.memory_mib,
            machine.kernel
        ),
    );
    let set: Vec<_> =
        server.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    line(
        text,
        &format!(
            "server {} ({}; {}); Redis {redis}",
            server.version,
            server.durability,
            set.join(", ")
        ),
    );
    line(
        text,
        &format!(
            "{}: seed {}, {} rounds of {:.1} s after {:.1} s of warm-up, {} orders outstanding in {:?} of {}, {:.0} s in all",
            report.started_at,
            settings.seed,
            settings.rounds(),
            settings.duration().as_secs_f64(),
            settings.warmup().as_secs_f64(),
            settings.outstanding,
            settings.style,
            settings.chunk_orders,
            report.elapsed_s
        ),
    );
}

/// Experiments that compare subjects by how many orders they accept a second.
const CONTESTS: [&str; 4] = ["one-hot", "zipf-10k", "uniform-100k", "three-lines"];

/// Accepted orders a second: a row for each subject, a column for each contest, with hotrow's ratio.
fn summary(report: &Report, text: &mut String) {
    let measured = |name: &&str| report.experiments.iter().any(|found| found.name == **name);
    let contests: Vec<&str> = CONTESTS.into_iter().filter(measured).collect();
    if contests.is_empty() {
        return;
    }
    line(text, "\n### Accepted orders a second, and how many times as many hotrow accepts\n");
    line(text, &format!("| | {} |", contests.join(" | ")));
    line(text, &format!("| --- |{}", " ---: |".repeat(contests.len())));
    for subject in Subject::value_variants() {
        let cells: Vec<String> =
            contests.iter().map(|contest| cell(report, contest, *subject)).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            line(text, &format!("| {} | {} |", subject.name(), cells.join(" | ")));
        }
    }
}

fn cell(report: &Report, contest: &str, subject: Subject) -> String {
    let Some(rate) = report.median(contest, subject.name(), "orders_per_s") else {
        return String::new();
    };
    let ratio = report
        .ratios
        .iter()
        .find(|ratio| ratio.experiment == contest && ratio.below == subject.name());
    match ratio {
        Some(ratio) => format!("{} ({}x)", number(rate), number(ratio.value)),
        None => number(rate),
    }
}

fn figures(series: &Series) -> String {
    let shown = series.figures.iter().map(|figure| {
        let range = if figure.rounds.len() > 1 {
            format!(" ({} to {})", number(figure.least), number(figure.most))
        } else {
            String::new()
        };
        format!("{} {}{range}", number(figure.median), figure.unit)
    });
    shown.collect::<Vec<_>>().join("; ")
}

fn busy(series: &Series) -> String {
    let Some(count) = Some(series.runs.len()).filter(|count| *count > 0) else {
        return String::new();
    };
    let mean = |of: fn(&super::Busy) -> f64| {
        series.runs.iter().map(|run| of(&run.busy)).sum::<f64>() / count as f64
    };
    format!(
        "{:.2}, {:.2}, {:.2}, {:.2}",
        mean(|busy| busy.client),
        mean(|busy| busy.engine),
        mean(|busy| busy.service),
        mean(|busy| busy.database)
    )
}

fn bars(report: &Report, text: &mut String) {
    line(text, "\n### Bars\n");
    line(text, "| figure | bar | measured | holds | |");
    line(text, "| --- | --- | --- | --- | --- |");
    for bar in &report.bars {
        let value = bar.value.map_or_else(|| "not measured".to_owned(), number);
        let holds = match bar.holds {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        line(text, &format!("| {} | {} | {value} | {holds} | {} |", bar.name, bar.bar, bar.note));
    }
}

/// Four digits are enough; thousands are set apart.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 10.0 {
        return format!("{value:.2}");
    }
    if magnitude < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{magnitude:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value < 0.0 { format!("-{grouped}") } else { grouped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_what_was_measured() {
        let report = crate::report::ratios::tests::report(&[
            ("one-hot", "hotrow", "orders_per_s", 120_000.0),
            ("one-hot", "plain", "orders_per_s", 1_000.0),
            ("uniform-100k", "hotrow", "orders_per_s", 50_000.0),
        ]);
        let text = text(&report);
        for row in [
            "| | one-hot | uniform-100k |",
            "| plain | 1,000 (120x) |  |",
            "| hotrow | 120,000 | 50,000 |",
        ] {
            assert!(text.contains(row), "{row} is missing in\n{text}");
        }
    }

    #[test]
    fn numbers_read_easily() {
        let shown: Vec<_> =
            [0.0, 0.904, 12.34, 123.4, 1_234.5, 1_234_567.0, -1_500.0].map(number).into();
        assert_eq!(shown, ["0.00", "0.90", "12.3", "123", "1,234", "1,234,567", "-1,500"]);
    }
}
