//! A seeded simulation of combiner and resolver over a model store that loses acknowledgements,
//! deadlocks, duplicates, times out and crashes.
//!
//! `HOTROW_SIM_SEEDS=n` sets how many seeds are tried, `HOTROW_SIM_SEED=n` runs one seed and prints
//! what happens in it.

mod hits;
mod ledger;
mod oracle;
mod plant;
mod planted;
mod rule;
mod seeds;
mod setting;
mod store;
mod world;

use seeds::{Tally, number_from_env, run_seed, run_seeds};

const SEEDS: u64 = 20_000;

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = number_from_env("HOTROW_SIM_SEED") {
        if let Err(violation) = run_seed(seed, None, true).outcome {
            panic!("seed {seed} breaks a promise: {violation}");
        }
        return;
    }
    let seeds = number_from_env("HOTROW_SIM_SEEDS").unwrap_or(SEEDS);
    let Tally { hits, violations } = run_seeds(0..seeds);
    eprintln!("{seeds} seeds met:\n{hits}");
    let shown: Vec<String> = violations
        .iter()
        .take(5)
        .map(|(seed, violation)| format!("HOTROW_SIM_SEED={seed} breaks {violation}"))
        .collect();
    assert!(
        violations.is_empty(),
        "{} of {seeds} seeds break a promise; the first:\n{}",
        violations.len(),
        shown.join("\n\n")
    );
    let missing = hits.missing();
    assert!(missing.is_empty(), "no seed met {missing:?}");
}
