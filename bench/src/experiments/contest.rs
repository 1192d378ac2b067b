//! Subjects in turns under one workload, each as fast as it can: the closed loop that finds ceilings.

use super::{ExperimentName, run_weight_s};
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
    pub subjects: Vec<Subject>,
    /// Those of them that no bar is about: they have fewer rounds.
    pub for_looking: Vec<Subject>,
    pub settings: RunSettings,
}

impl Contest {
    pub(crate) async fn measure(self, bench: &mut Bench) -> Outcome<Experiment> {
        let Self { title, workload, subjects, for_looking, settings } = self;
        let rounds = settings.rounds();
        let fewer_rounds = ExperimentName::fewer_rounds(&settings);
        let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
        for round in 0..rounds {
            for subject in in_turn(&subjects, round) {
                if round >= fewer_rounds && for_looking.contains(&subject) {
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
