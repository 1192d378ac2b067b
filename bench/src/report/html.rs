//! `report.html`: one page for looking, with everything inside.

use std::fmt::Write;

use clap::ValueEnum;

use super::table::number;
use super::{Experiment, Report, charts};
use crate::outcome::Outcome;
use crate::subjects::Subject;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn page(report: &Report) -> Outcome<String> {
    let mut page = String::with_capacity(256 * 1024);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>hotrow-bench</title><style>{STYLE}</style></head><body><h1>hotrow-bench</h1>"
    )?;
    head(report, &mut page)?;
    failures(report, &mut page)?;
    bars(report, &mut page)?;
    ratios(report, &mut page)?;
    for experiment in &report.experiments {
        section(experiment, &mut page)?;
    }
    subjects(&mut page)?;
    page.push_str("</body></html>\n");
    Ok(page)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn head(report: &Report, page: &mut String) -> Outcome<()> {
    let Report { machine, server, settings, .. } = report;
    let set: Vec<_> =
        server.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for line in [
        format!(
            "{}, {} cores, {} MiB, Linux {}",
            machine.processor, machine.cores, machine.memory_mib, machine.kernel
        ),
        format!("server {}: {} ({})", server.version, server.durability, set.join(", ")),
        format!("Redis {}", report.redis_version.as_deref().unwrap_or("was not used")),
        format!(
            "{}, seed {}, {} rounds of {:.1} s after {:.1} s of warm-up, {:.0} s in all",
            report.started_at,
            settings.seed,
            settings.rounds(),
            settings.duration().as_secs_f64(),
            settings.warmup().as_secs_f64(),
            report.elapsed_s
        ),
    ] {
        write!(page, "<p>{}</p>", escaped(&line))?;
    }
    Ok(())
}

fn failures(report: &Report, page: &mut String) -> Outcome<()> {
    if report.failures.is_empty() {
        page.push_str("<p class=\"good\">The books balanced after every run.</p>");
        return Ok(());
    }
    page.push_str("<h2 class=\"bad\">Failures</h2><ul>");
    for failure in &report.failures {
        write!(page, "<li class=\"bad\">{}</li>", escaped(failure))?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn bars(report: &Report, page: &mut String) -> Outcome<()> {
    page.push_str(
        "<h2>Bars</h2><div class=\"scroll\"><table><thead><tr><th>figure</th><th>bar</th>\
         <th>measured</th><th>holds</th></tr></thead><tbody>",
    );
    for bar in &report.bars {
        let holds = match bar.holds {
            Some(true) => "<td class=\"good\">yes</td>",
            Some(false) => "<td class=\"bad\">no</td>",
            None => "<td></td>",
        };
        write!(
            page,
            "<tr><td>{}<br><span class=\"quiet\">{}</span></td><td>{}</td><td>{}</td>{holds}</tr>",
            escaped(&bar.name),
            escaped(&bar.note),
            escaped(&bar.bar),
            bar.value.map_or_else(|| "not measured".to_owned(), number)
        )?;
    }
    page.push_str("</tbody></table></div>");
    Ok(())
}

fn ratios(report: &Report, page: &mut String) -> Outcome<()> {
    let named: Vec<(String, f64)> = report
        .ratios
        .iter()
        .map(|ratio| (format!("{}: {}", ratio.experiment, ratio.below), ratio.value))
        .collect();
    if let Some(svg) = charts::ratios(&named)? {
        write!(page, "<h2>hotrow against each subject</h2>{svg}")?;
    }
    Ok(())
}

fn section(experiment: &Experiment, page: &mut String) -> Outcome<()> {
    write!(page, "<h2>{}</h2><p>{}</p>", escaped(&experiment.name), escaped(&experiment.title))?;
    let diagrams = [
        ("Accepted orders a second", charts::bars(experiment, "orders_per_s")?),
        ("Latency against load", charts::load(experiment)?),
        ("Latency", charts::percentiles(experiment)?),
        ("Orders of a flush, last round", charts::flushes(experiment)?),
    ];
    for (title, svg) in diagrams {
        if let Some(svg) = svg {
            write!(page, "<h3>{title}</h3>")?;
            if title == "Latency" {
                let what = experiment.series.iter().find_map(|series| series.latency.as_ref());
                write!(page, "<p>{}</p>", escaped(what.map_or("", |latency| &latency.what)))?;
            }
            page.push_str(&svg);
        }
    }
    figures(experiment, page)
}

fn figures(experiment: &Experiment, page: &mut String) -> Outcome<()> {
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th></th><th>figure</th><th>median</th>\
         <th>least</th><th>most</th><th>spread</th></tr></thead><tbody>",
    );
    for series in &experiment.series {
        for figure in &series.figures {
            write!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0} %</td></tr>",
                escaped(&series.name),
                escaped(&figure.unit),
                number(figure.median),
                number(figure.least),
                number(figure.most),
                figure.spread() * 100.0
            )?;
        }
    }
    page.push_str("</tbody></table></div>");
    Ok(())
}

fn subjects(page: &mut String) -> Outcome<()> {
    page.push_str("<h2>What each subject does and does not do</h2><dl>");
    for subject in Subject::value_variants() {
        write!(page, "<dt>{}</dt><dd>{}</dd>", subject.name(), escaped(subject.about()))?;
    }
    page.push_str("</dl>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_shows_what_failed() {
        let mut report = crate::report::ratios::tests::report(&[
            ("one-hot", "hotrow", "orders_per_s", 10.0),
            ("one-hot", "plain", "orders_per_s", 2.0),
        ]);
        report.failures.push("one-hot <plain>: the books do not balance".to_owned());
        let page = page(&report).unwrap();
        assert!(page.contains("one-hot &lt;plain&gt;"), "text is escaped");
        for elsewhere in ["src=", "href=", "url(", "@import"] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }
}
