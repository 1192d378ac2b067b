//! Runs seeds, on all processors.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::hits::Hits;
use crate::oracle::judge;
use crate::plant::Plant;
use crate::rule::{Rule, Violation};
use crate::world::World;

pub(crate) struct SeedRun {
    pub(crate) hits: Hits,
    pub(crate) outcome: Result<(), Violation>,
}

/// What many seeds came to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) hits: Hits,
    /// By seed, in ascending order.
    pub(crate) violations: Vec<(u64, Violation)>,
}

/// Lives one seed and judges it.
pub(crate) fn run_seed(seed: u64, plant: Option<Plant>, traced: bool) -> SeedRun {
    let mut world = World::new(seed, plant, traced);
    // A panic of the combiner is a finding like any other; its message is on stderr.
    let lived = catch_unwind(AssertUnwindSafe(|| world.run()));
    let outcome = match lived {
        Ok(Ok(())) => judge(&world),
        Ok(Err(violation)) => Err(violation),
        Err(_) => Err(Violation::new(Rule::Panic, format!("seed {seed} panicked, see above"))),
    };
    SeedRun { hits: world.hits, outcome }
}

pub(crate) fn run_seeds(seeds: Range<u64>) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return tally;
            }
            let run = run_seed(seed, None, false);
            tally.hits.add(&run.hits);
            tally.violations.extend(run.outcome.err().map(|violation| (seed, violation)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut total = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let tally = worker.join().expect("seeds do not panic");
            total.hits.add(&tally.hits);
            total.violations.extend(tally.violations);
        }
    });
    total.violations.sort_by_key(|(seed, _)| *seed);
    total
}

/// A number from the environment, `None` when it is not set.
pub(crate) fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}; a number is allowed")))
}
