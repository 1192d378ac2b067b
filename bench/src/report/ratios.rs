//! hotrow against every other subject of the same experiment, and so its variants.

use serde::{Deserialize, Serialize};

use super::Experiment;

/// How many times as fast one is as another, within one experiment: the median over its rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub experiment: String,
    pub above: String,
    pub below: String,
    pub value: f64,
}

/// Whom the others are compared with.
const REFERENCE: &str = "hotrow";

/// Accepted orders a second of hotrow against every other series where both were measured.
pub(crate) fn ratios(experiments: &[Experiment]) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for experiment in experiments {
        let reference = experiment.series.iter().find(|series| series.name == REFERENCE);
        let rate = reference.and_then(|series| series.figure("orders_per_s"));
        let Some(above) = rate else { continue };
        for series in experiment.series.iter().filter(|series| series.name != REFERENCE) {
            let below = series.figure("orders_per_s");
            if let Some(value) = below.and_then(|below| above.over(below)) {
                ratios.push(Ratio {
                    experiment: experiment.name.clone(),
                    above: REFERENCE.to_owned(),
                    below: series.name.clone(),
                    value,
                });
            }
        }
    }
    ratios
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;
    use crate::report::facts::{Machine, ServerFacts};
    use crate::report::{Figure, Report, Series};
    use crate::settings::{Arguments, Command};

    /// A report of these figures, each of one round: experiment, series, figure, value.
    pub(crate) fn report(measured: &[(&str, &str, &str, f64)]) -> Report {
        let Command::Run(settings) = Arguments::parse_from(["hotrow-bench", "run"]).command else {
            panic!("these are the arguments of `run`");
        };
        let mut experiments: Vec<Experiment> = Vec::new();
        for (experiment, series, figure, value) in measured {
            if !experiments.iter().any(|found| found.name == *experiment) {
                experiments.push(Experiment {
                    name: (*experiment).to_owned(),
                    title: String::new(),
                    series: Vec::new(),
                });
            }
            let place = experiments.iter_mut().find(|found| found.name == *experiment).unwrap();
            if !place.series.iter().any(|found| found.name == *series) {
                place.series.push(Series {
                    name: (*series).to_owned(),
                    figures: Vec::new(),
                    runs: Vec::new(),
                    latency: None,
                    flushes: Vec::new(),
                });
            }
            let place = place.series.iter_mut().find(|found| found.name == *series).unwrap();
            place.figures.push(Figure::new(figure, "", vec![*value]).unwrap());
        }
        Report {
            format: 1,
            started_at: String::new(),
            elapsed_s: 0.0,
            settings: *settings,
            machine: Machine {
                processor: String::new(),
                cores: 2,
                memory_mib: 1,
                kernel: String::new(),
            },
            server: ServerFacts {
                version: String::new(),
                durability: String::new(),
                settings: Vec::new(),
                embedded: true,
            },
            redis_version: None,
            ratios: ratios(&experiments),
            experiments,
            bars: Vec::new(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn hotrow_is_compared_with_all_others_of_its_experiment() {
        let report = report(&[
            ("one-hot", "hotrow", "orders_per_s", 100.0),
            ("one-hot", "plain", "orders_per_s", 4.0),
            ("one-hot", "idle", "orders_per_s", 0.0),
            ("uniform-100k", "plain", "orders_per_s", 2.0),
        ]);
        let values: Vec<_> = report.ratios.iter().map(|r| (r.below.as_str(), r.value)).collect();
        assert_eq!(values, [("plain", 25.0)]);
    }
}
