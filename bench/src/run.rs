//! `run`: from the settings to the reports.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use hotrow::embedded::Flavor;

use crate::bench::Bench;
use crate::experiments::ExperimentName;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::report::facts::{Machine, ServerFacts};
use crate::report::{Report, bars, html, ratios, table};
use crate::servers::mysql::MySql;
use crate::servers::redis_server::Fsync;
use crate::settings::{RunSettings, ServerMake};
use crate::subjects::{Subject, ready_redis};
use crate::workload::Workload;

/// The form of `report.json`.
const FORMAT: u32 = 2;

/// Measures everything that is asked for. The exit code is 1 when a run failed.
pub(crate) async fn run(settings: RunSettings) -> Outcome<ExitCode> {
    let started = Instant::now();
    let out = std::path::absolute(&settings.out)?;
    std::fs::create_dir_all(&out)?;
    let names = ExperimentName::chosen(&settings);
    let expected_s = names.iter().map(|name| name.expected_s(&settings)).sum();
    let progress = Progress::new(expected_s);
    progress.tell(&format!("seed {}; about {expected_s:.0} s", settings.seed));
    progress.doing("starting the database server".to_owned());
    let mut mysql = match (&settings.database_url, settings.server) {
        (Some(url), _) => MySql::given(url).await?,
        (None, ServerMake::Mysql) => MySql::embedded(&out.join("mysql"), Flavor::MySql).await?,
        (None, ServerMake::Mariadb) => {
            MySql::embedded(&out.join("mariadb"), Flavor::MariaDb).await?
        }
    };
    let report =
        empty_report(&settings, &mut mysql, names.contains(&ExperimentName::OneHot)).await?;
    let mut bench = Bench { settings, mysql, progress, failures: Vec::new() };
    let measured = tokio::select! {
        measured = measure(&mut bench, report, &names) => measured,
        signal = tokio::signal::ctrl_c() => match signal {
            Ok(()) => Err("interrupted; nothing is reported".into()),
            Err(error) => Err(error.into()),
        },
    };
    bench.progress.doing("stopping the database server".to_owned());
    let stopped = bench.mysql.stop().await;
    bench.progress.finish();
    let mut report = measured?;
    stopped?;
    report.elapsed_s = started.elapsed().as_secs_f64();
    write(&report, &out)
}

async fn measure(
    bench: &mut Bench,
    mut report: Report,
    names: &[ExperimentName],
) -> Outcome<Report> {
    for name in names {
        match name.measure(bench).await {
            Ok(experiment) => report.experiments.push(experiment),
            Err(error) => bench.failed(&format!("{name:?}"), &error),
        }
    }
    report.failures = std::mem::take(&mut bench.failures);
    report.ratios = ratios::ratios(&report.experiments);
    report.bars = bars::bars(&report);
    Ok(report)
}

async fn empty_report(
    settings: &RunSettings,
    mysql: &mut MySql,
    all_subjects: bool,
) -> Outcome<Report> {
    let database = mysql.fresh(&Workload::one_hot()?).await?;
    let server = ServerFacts::of(&database.address, mysql.is_embedded()).await?;
    mysql.drop(database).await?;
    let redis = [Subject::RedisAlways, Subject::RedisEverysec];
    let with_redis =
        settings.subject.is_empty() || redis.iter().any(|s| settings.subject.contains(s));
    let redis_version = if all_subjects && with_redis {
        Some(ready_redis(settings, Fsync::Always).await?.version()?)
    } else {
        None
    };
    Ok(Report {
        format: FORMAT,
        started_at: jiff::Timestamp::now().to_string(),
        elapsed_s: 0.0,
        settings: settings.clone(),
        machine: Machine::here()?,
        server,
        redis_version,
        experiments: Vec::new(),
        ratios: Vec::new(),
        bars: Vec::new(),
        failures: Vec::new(),
    })
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn write(report: &Report, out: &Path) -> Outcome<ExitCode> {
    let json = out.join("report.json");
    std::fs::write(&json, serde_json::to_vec_pretty(report)?)?;
    render(&json)?;
    println!("{}", table::text(report));
    println!("{} and report.html beside it", json.display());
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads a report.
pub(crate) fn read(file: &Path) -> Outcome<Report> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let report: Report =
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if report.format != FORMAT {
        let format = report.format;
        return Err(format!("{}: is of form {format}, not {FORMAT}", file.display()).into());
    }
    Ok(report)
}

/// Makes `report.html` beside a `report.json`.
pub(crate) fn render(json: &Path) -> Outcome<()> {
    std::fs::write(json.with_extension("html"), html::page(&read(json)?)?)?;
    Ok(())
}
