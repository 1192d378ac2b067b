//! What was measured, as `report.json` has it.

pub(crate) mod bars;
pub(crate) mod charts;
pub(crate) mod facts;
pub(crate) mod html;
pub(crate) mod ratios;
pub(crate) mod table;

use serde::{Deserialize, Serialize};

use self::bars::Bar;
use self::facts::{Machine, ServerFacts};
use self::ratios::Ratio;
use crate::latencies::{Times, quantile_ms, to_base64};
use crate::outcome::Outcome;
use crate::settings::RunSettings;

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Of this form; it changes when a member changes its meaning.
    pub format: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Seconds that all of it took.
    pub elapsed_s: f64,
    /// The arguments, without URLs.
    pub settings: RunSettings,
    pub machine: Machine,
    pub server: ServerFacts,
    pub redis_version: Option<String>,
    pub experiments: Vec<Experiment>,
    pub ratios: Vec<Ratio>,
    pub bars: Vec<Bar>,
    /// Runs that failed, or whose books did not balance. Empty, or the report is worth nothing.
    pub failures: Vec<String>,
}

/// Subjects that were measured in turns under one workload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Experiment {
    pub name: String,
    /// What was done, in a sentence.
    pub title: String,
    pub series: Vec<Series>,
}

/// One subject, or one variant, of an experiment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub name: String,
    pub figures: Vec<Figure>,
    pub runs: Vec<Run>,
    pub latency: Option<Latency>,
    /// Of the last round, on the first SKU: seconds since the first flush, orders of a flush.
    pub flushes: Vec<(f64, f64)>,
}

/// One figure over all rounds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub name: String,
    pub unit: String,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// Each round, in order.
    pub rounds: Vec<f64>,
}

/// One run: counts of the whole of it, times of its counted window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub window_s: f64,
    pub accepted: u64,
    pub refused: u64,
    pub replayed: u64,
    pub retried: u64,
    /// Orders that the ledger has afterwards; absent for subjects that leave no rows.
    pub durable: Option<u64>,
    /// Processors that were busy, by role.
    pub busy: Busy,
}

/// Processors that were busy on the average of the window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Busy {
    pub client: f64,
    pub engine: f64,
    pub service: f64,
    pub database: f64,
}

/// Latencies of all rounds, merged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// From when to when.
    pub what: String,
    pub orders: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// HdrHistogram V2, base64; microseconds.
    pub histogram: String,
}

impl Latency {
    /// Of a histogram in microseconds.
    pub(crate) fn new(what: &str, times: &Times) -> Outcome<Self> {
        let at = |quantile| quantile_ms(times, quantile);
        Ok(Self {
            what: what.to_owned(),
            orders: times.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: at(1.0),
            histogram: to_base64(times)?,
        })
    }
}

impl Figure {
    /// Median, least and most of the rounds; there has to be one.
    pub(crate) fn new(name: &str, unit: &str, rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { name: name.to_owned(), unit: unit.to_owned(), median, least, most, rounds })
    }

    /// How many times as much as the other: the median over the rounds that both have. What both were measured in within
    /// a minute of each other, a machine that is faster at one time than at another changes less than their medians.
    pub(crate) fn over(&self, other: &Self) -> Option<f64> {
        let rounds = self.rounds.iter().zip(&other.rounds);
        let ratios = rounds.filter(|(_, below)| **below > 0.0).map(|(above, below)| above / below);
        Some(Self::new("", "", ratios.collect())?.median)
    }

    /// How far the rounds lie apart, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.most - self.least) / self.median }
    }
}

impl Report {
    /// One series of one experiment, if it was measured.
    pub(crate) fn series(&self, experiment: &str, series: &str) -> Option<&Series> {
        let experiment = self.experiments.iter().find(|found| found.name == experiment)?;
        experiment.series.iter().find(|found| found.name == series)
    }

    /// The median of a figure, if it was measured.
    pub(crate) fn median(&self, experiment: &str, series: &str, figure: &str) -> Option<f64> {
        self.series(experiment, series)?.median(figure)
    }

    /// How many times as much one figure of an experiment is as another, if both were measured: each by its series and
    /// its name.
    pub(crate) fn ratio(
        &self,
        experiment: &str,
        above: (&str, &str),
        below: (&str, &str),
    ) -> Option<f64> {
        let figure = |(series, name)| self.series(experiment, series)?.figure(name);
        figure(above)?.over(figure(below)?)
    }
}

impl Series {
    /// A figure, if it was measured.
    pub(crate) fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The median of a figure, if it was measured.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        Some(self.figure(name)?.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let figure = Figure::new("f", "u", vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((figure.least, figure.median, figure.most), (1.0, 2.5, 4.0));
        assert!((figure.spread() - 1.2).abs() < 1e-9);
        assert_eq!(Figure::new("f", "u", vec![5.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert!(Figure::new("f", "u", vec![]).is_none());
    }

    #[test]
    fn a_ratio_is_that_of_rounds_and_not_of_medians() {
        let figure = |rounds: &[f64]| Figure::new("f", "u", rounds.to_vec()).unwrap();
        let (above, below) = (figure(&[8.0, 2.0, 30.0]), figure(&[4.0, 1.0, 10.0, 50.0]));
        assert_eq!(above.over(&below), Some(2.0), "and of 8 and 7 it would be 1.14");
        assert_eq!(figure(&[3.0, 1.0]).over(&figure(&[0.0, 2.0])), Some(0.5));
        assert_eq!(above.over(&figure(&[0.0])), None);
    }
}
