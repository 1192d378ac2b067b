//! Subjects in turns under one workload, each as fast as it can: the closed loop that finds ceilings.

use super::run_weight_s;
use crate::bench::Bench;
use crate::collector::Collector;
use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::report::table::number;
use crate::settings::RunSettings;
use crate::subjects::Subject;
use crate::workload::Workload;

/// What from when to when latencies of a closed loop are.
pub(crate) const CLOSED_LOOP: &str =
    "closed loop: from sending to the answer; for orders sent together, to the last answer";

/// One comparison.
pub(crate) struct Contest {
    pub title: String,
    pub workload: Workload,
    /// With the rounds that each has.
    pub subjects: Vec<(Subject, usize)>,
    pub settings: RunSettings,
}

impl Contest {
    pub(crate) async fn measure(self, bench: &mut Bench) -> Outcome<Experiment> {
        let Self { title, workload, subjects, settings } = self;
        let all_rounds = subjects.iter().map(|&(_, rounds)| rounds).max().unwrap_or(0);
        let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
        for round in 0..all_rounds {
            for (subject, rounds) in in_turn(&subjects, round) {
                if round >= rounds {
                    continue;
                }
                let what =
                    format!("{} {}, round {}/{rounds}", workload.name, subject.name(), round + 1);
                bench.progress.doing(what.clone());
                match bench.play(subject, &settings, Orders::new(&workload)).await {
                    Ok(played) => {
                        let rate = number(played.window.accepted_per_s());
                        bench
                            .progress
                            .done(run_weight_s(&settings), &format!("{what}: {rate} orders/s"));
                        collector.run(subject.name(), played)?;
                    }
                    Err(error) => bench.failed(&what, &error),
                }
            }
        }
        collector.finish()
    }
}

/// Each round begins with another subject, so that none always has the same neighbour in time.
fn in_turn<T: Copy>(all: &[T], round: usize) -> impl Iterator<Item = T> {
    let first = if all.is_empty() { 0 } else { round % all.len() };
    all[first..].iter().chain(&all[..first]).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_every_subject_and_begins_with_another() {
        let round = |number| in_turn(&['a', 'b', 'c'], number).collect::<String>();
        assert_eq!([round(0), round(1), round(2), round(3)], ["abc", "bca", "cab", "abc"]);
        assert_eq!(in_turn::<char>(&[], 3).count(), 0);
    }
}
