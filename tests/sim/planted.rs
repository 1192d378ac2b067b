//! The oracle bites: each planted mistake breaks, within a few seeds, the promise that it should.

use crate::plant::Plant;
use crate::rule::Rule;
use crate::seeds::run_seed;

/// Seeds within which each mistake has to be caught.
const SEEDS_TO_CATCH: u64 = 500;

fn caught(plant: Plant, rule: Rule) {
    for seed in 0..SEEDS_TO_CATCH {
        let outcome = run_seed(seed, Some(plant), false).outcome;
        if let Err(violation) = outcome
            && violation.rule == rule
        {
            eprintln!("{plant:?} is caught by seed {seed}: {violation}");
            return;
        }
    }
    panic!("{plant:?} broke {rule:?} in none of {SEEDS_TO_CATCH} seeds");
}

#[test]
fn an_answer_before_its_commit_is_caught() {
    caught(Plant::AnswerBeforeCommit, Rule::LostOrder);
}

#[test]
fn a_retry_without_the_ledger_key_is_caught() {
    caught(Plant::NoLedgerKey, Rule::ExecutedTwice);
}

#[test]
fn going_on_after_a_lock_wait_is_caught() {
    caught(Plant::GoOnAfterLockWait, Rule::Books);
}

#[test]
fn duplicates_told_by_affected_rows_are_caught() {
    caught(Plant::DuplicatesByAffectedRows, Rule::Books);
}

#[test]
fn resolving_by_a_plain_read_is_caught() {
    caught(Plant::ResolveByPlainRead, Rule::ExecutedUnasked);
}

#[test]
fn deciding_again_what_landed_is_caught() {
    caught(Plant::DecideAgainWhatLanded, Rule::Version);
}

#[test]
fn a_refusal_caused_by_a_neighbour_is_caught() {
    caught(Plant::NeighbourRefuses, Rule::WrongRefusal);
}

#[test]
fn taking_without_looking_is_caught() {
    caught(Plant::NoGuard, Rule::Bounds);
}

#[test]
fn a_commit_lost_in_a_crash_is_caught() {
    caught(Plant::CommitNotDurable, Rule::LostOrder);
}

#[test]
fn a_merged_confirm_without_a_look_at_the_clock_is_caught() {
    caught(Plant::ConfirmWithoutClock, Rule::Unfit);
}

#[test]
fn an_expiry_without_a_look_at_the_clock_is_caught() {
    caught(Plant::ExpireWithoutClock, Rule::Unfit);
}

#[test]
fn purchases_that_are_never_released_are_caught() {
    caught(Plant::PurchasesNotReleased, Rule::WrongRefusal);
}

#[test]
fn counting_holds_whose_time_is_over_is_caught() {
    caught(Plant::OverdueHoldsCount, Rule::WrongRefusal);
}

#[test]
fn taking_without_a_look_at_the_terms_is_caught() {
    caught(Plant::NoTerms, Rule::Unfit);
}

#[test]
fn giving_back_held_units_that_are_not_there_is_caught() {
    caught(Plant::NoHeldGuard, Rule::Books);
}

#[test]
fn merging_what_is_not_to_be_merged_is_caught() {
    caught(Plant::ModesNotTold, Rule::MergeMode);
}

#[test]
fn settling_without_the_ledger_key_is_caught() {
    caught(Plant::NoSettleKey, Rule::ExecutedTwice);
}
