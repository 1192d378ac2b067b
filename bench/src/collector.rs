//! Gathers the rounds of each series into the experiment that the report has.

use crate::bench::Played;
use crate::latencies::{Times, no_times, quantile_ms};
use crate::outcome::Outcome;
use crate::report::{Experiment, Figure, Latency, Run, Series};
use crate::turn::Window;

/// The series of one experiment, in the order in which they first appeared.
pub(crate) struct Collector {
    name: String,
    title: String,
    latency_is: &'static str,
    series: Vec<Gathered>,
}

struct Gathered {
    name: String,
    figures: Vec<(&'static str, &'static str, Vec<f64>)>,
    runs: Vec<Run>,
    times: Times,
    flushes: Vec<(f64, f64)>,
}

impl Collector {
    /// Nothing yet. `latency_is` says from when to when latencies are taken.
    pub(crate) fn new(name: &str, title: String, latency_is: &'static str) -> Self {
        Self { name: name.to_owned(), title, latency_is, series: Vec::new() }
    }

    /// One more round of a figure.
    pub(crate) fn figure(
        &mut self,
        series: &str,
        name: &'static str,
        unit: &'static str,
        value: f64,
    ) {
        let figures = &mut self.place(series).figures;
        match figures.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., rounds)) => rounds.push(value),
            None => figures.push((name, unit, vec![value])),
        }
    }

    /// One more run, with the figures that every run has.
    pub(crate) fn run(&mut self, series: &str, played: Played) -> Outcome<()> {
        self.window(series, &played.window, &played.times)?;
        let place = self.place(series);
        place.runs.push(played.run);
        place.flushes = played.flushes;
        Ok(())
    }

    /// The figures that every counted window has.
    pub(crate) fn window(&mut self, series: &str, window: &Window, times: &Times) -> Outcome<()> {
        let answered = window.tally.answered().max(1) as f64;
        self.figure(series, "orders_per_s", "orders/s", window.accepted_per_s());
        self.times(series, times)?;
        let cpu = window.cpu;
        self.figure(series, "client_us", "us of client/order", cpu.client * 1e6 / answered);
        let servers = (cpu.engine + cpu.service + cpu.database) * 1e6 / answered;
        self.figure(series, "servers_us", "us of servers/order", servers);
        Ok(())
    }

    /// The counts of one more run, without figures.
    pub(crate) fn counts(&mut self, series: &str, run: Run) {
        self.place(series).runs.push(run);
    }

    /// Latencies of one more run; their quantiles become figures.
    pub(crate) fn times(&mut self, series: &str, times: &Times) -> Outcome<()> {
        if !times.is_empty() {
            self.figure(series, "p50_ms", "ms p50", quantile_ms(times, 0.5));
            self.figure(series, "p99_ms", "ms p99", quantile_ms(times, 0.99));
            self.place(series).times.add(times)?;
        }
        Ok(())
    }

    fn place(&mut self, series: &str) -> &mut Gathered {
        let known = self.series.iter().position(|found| found.name == series);
        let place = known.unwrap_or_else(|| {
            self.series.push(Gathered {
                name: series.to_owned(),
                figures: Vec::new(),
                runs: Vec::new(),
                times: no_times(),
                flushes: Vec::new(),
            });
            self.series.len() - 1
        });
        &mut self.series[place]
    }

    /// The experiment.
    pub(crate) fn finish(self) -> Outcome<Experiment> {
        let what = self.latency_is;
        let series = self.series.into_iter().map(|gathered| {
            let figures = gathered.figures.into_iter();
            let latency = if gathered.times.is_empty() {
                None
            } else {
                Some(Latency::new(what, &gathered.times)?)
            };
            Ok(Series {
                name: gathered.name,
                figures: figures
                    .filter_map(|(name, unit, rounds)| Figure::new(name, unit, rounds))
                    .collect(),
                runs: gathered.runs,
                latency,
                flushes: gathered.flushes,
            })
        });
        Ok(Experiment {
            name: self.name,
            title: self.title,
            series: series.collect::<Outcome<_>>()?,
        })
    }
}
