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

/// The series of hotrow on one hot SKU in the same rounds as something else.
const ONE_HOT: &str = "one-hot";

/// One comparison.
pub(crate) struct Contest {
    pub title: String,
    pub workload: Workload,
    /// With the rounds that each has.
    pub subjects: Vec<(Subject, usize)>,
    pub settings: RunSettings,
    /// hotrow runs on one hot SKU as well, each time after its turn.
    pub with_one_hot: bool,
}

impl Contest {
    pub(crate) async fn measure(self, bench: &mut Bench) -> Outcome<Experiment> {
        let Self { title, workload, subjects, settings, with_one_hot } = self;
        let all_rounds = subjects.iter().map(|&(_, rounds)| rounds).max().unwrap_or(0);
        let mut collector = Collector::new(workload.name, title, CLOSED_LOOP);
        for round in 0..all_rounds {
            for (subject, rounds) in in_turn(&subjects, round) {
                if round >= rounds {
                    continue;
                }
                let name = subject.name();
                let what = format!("{} {name}, round {}/{rounds}", workload.name, round + 1);
                play_round(bench, &mut collector, name, subject, &settings, &workload, what)
                    .await?;
                if with_one_hot && subject == Subject::Hotrow {
                    play_one_hot(bench, &mut collector, workload.name, round).await?;
                }
            }
        }
        collector.finish()
    }
}

/// One more round of hotrow on one hot SKU, for what an experiment measures elsewhere to be compared with. Returns the
/// orders a second, if the run did not fail.
pub(crate) async fn play_one_hot(
    bench: &mut Bench,
    collector: &mut Collector,
    experiment: &'static str,
    round: usize,
) -> Outcome<Option<f64>> {
    let settings = bench.settings.clone();
    let workload = Workload::one_hot()?.named(experiment);
    let what = format!("{experiment} {ONE_HOT}, round {}", round + 1);
    play_round(bench, collector, ONE_HOT, Subject::Hotrow, &settings, &workload, what).await
}

async fn play_round(
    bench: &mut Bench,
    collector: &mut Collector,
    series: &str,
    subject: Subject,
    settings: &RunSettings,
    workload: &Workload,
    what: String,
) -> Outcome<Option<f64>> {
    bench.progress.doing(what.clone());
    match bench.play(subject, settings, Orders::new(workload)).await {
        Ok(played) => {
            let rate = played.window.accepted_per_s();
            let told = format!("{what}: {} orders/s", number(rate));
            bench.progress.done(run_weight_s(settings), &told);
            collector.run(series, played)?;
            Ok(Some(rate))
        }
        Err(error) => {
            bench.failed(&what, &error);
            Ok(None)
        }
    }
}

/// Each round begins with another subject, and every other one goes backwards, so that none always plays after the
/// same one: what a run leaves behind, pages to be written and rows to be purged, falls to whoever is next.
fn in_turn<T: Copy>(all: &[T], round: usize) -> Vec<T> {
    let mut turns = all.to_vec();
    if !turns.is_empty() {
        turns.rotate_left(round % all.len());
    }
    if round % 2 == 1 {
        turns.reverse();
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_subject_always_plays_after_the_same_one() {
        let round = |number| in_turn(&['a', 'b', 'c'], number).iter().collect::<String>();
        assert_eq!([round(0), round(1), round(2), round(3)], ["abc", "acb", "cab", "cba"]);
        assert!(in_turn::<char>(&[], 3).is_empty());
    }
}
