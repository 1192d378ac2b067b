//! Checks that have failed, and when to try them again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::Sku;
use crate::limits::{FOLLOW_ATTEMPTS_MAX, FOLLOW_RETRIES_MAX, FOLLOW_RETRY_MS};
use crate::store::Failure;

/// Bounded: without room a check is given up at once.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<Sku, Retry>);

#[derive(Debug)]
struct Retry {
    attempts: u32,
    at: Instant,
}

impl Retries {
    /// Whether it waits for its next attempt.
    pub(super) fn has(&self, sku: &Sku) -> bool {
        self.0.contains_key(sku)
    }

    /// Those whose time has come.
    pub(super) fn due(&self) -> Vec<Sku> {
        let now = Instant::now();
        let due = self.0.iter().filter(|(_, retry)| retry.at <= now);
        due.map(|(sku, _)| sku.clone()).collect()
    }

    /// These went well.
    pub(super) fn forget(&mut self, skus: &[Sku]) {
        if !self.0.is_empty() {
            for sku in skus {
                self.0.remove(sku);
            }
        }
    }

    /// Once more in vain. Returns what is to be noted when it is given up.
    pub(super) fn failed(&mut self, sku: Sku, reason: String) -> Option<Failure> {
        let attempts = self.0.get(&sku).map_or(0, |retry| retry.attempts) + 1;
        if attempts >= FOLLOW_ATTEMPTS_MAX || self.0.len() >= FOLLOW_RETRIES_MAX {
            self.0.remove(&sku);
            return Some(Failure { sku, reason, attempts });
        }
        let pause = Duration::from_millis(FOLLOW_RETRY_MS) * 2_u32.pow(attempts);
        self.0.insert(sku, Retry { attempts, at: Instant::now() + pause });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(name: &str) -> Sku {
        Sku::new(name).unwrap()
    }

    #[test]
    fn after_its_attempts_it_is_given_up_and_begins_anew() {
        let mut retries = Retries::default();
        for _ in 0..2 {
            for attempt in 1..FOLLOW_ATTEMPTS_MAX {
                assert_eq!(retries.failed(sku("a"), format!("{attempt}")), None);
                assert!(retries.has(&sku("a")) && retries.due().is_empty());
            }
            let failure = retries.failed(sku("a"), "last".to_owned()).unwrap();
            assert_eq!((failure.attempts, &*failure.reason), (FOLLOW_ATTEMPTS_MAX, "last"));
            assert!(!retries.has(&sku("a")));
        }
    }

    #[test]
    fn what_goes_well_is_forgotten_and_room_is_bounded() {
        let mut retries = Retries::default();
        for n in 0..FOLLOW_RETRIES_MAX {
            assert_eq!(retries.failed(sku(&format!("s-{n}")), String::new()), None);
        }
        assert_eq!(retries.failed(sku("one-more"), String::new()).unwrap().attempts, 1);
        retries.forget(&[sku("s-1")]);
        assert!(!retries.has(&sku("s-1")) && retries.has(&sku("s-2")));
        assert_eq!(retries.failed(sku("one-more"), String::new()), None);
    }
}
