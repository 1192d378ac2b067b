//! What the cache has said a moment ago: readers who come within that moment share one answer of it. How old
//! an answer can be does not change: that is checked for each reader.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::Cached;
use crate::domain::Sku;
use crate::limits::{CACHE_MOMENT_MS, HOT_SKUS_MAX};

const MOMENT: Duration = Duration::from_millis(CACHE_MOMENT_MS);

/// Bounded like the set of hot SKUs.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<FxHashMap<Sku, Answer>>);

#[derive(Debug)]
struct Answer {
    asked: Instant,
    cached: Cached,
}

impl Recent {
    /// What was there when it was asked for, if that was a moment ago.
    pub(super) fn get(&self, sku: &Sku) -> Option<Cached> {
        let answers = self.0.lock();
        let answer = answers.get(sku).filter(|answer| answer.asked.elapsed() < MOMENT)?;
        Some(answer.cached.clone())
    }

    /// This was there, asked for at this time.
    pub(super) fn keep(&self, asked: Instant, cached: &Cached) {
        let mut answers = self.0.lock();
        if answers.len() >= HOT_SKUS_MAX && !answers.contains_key(cached.sku()) {
            answers.retain(|_, answer| answer.asked.elapsed() < MOMENT);
            if answers.len() >= HOT_SKUS_MAX {
                return;
            }
        }
        answers.insert(cached.sku().clone(), Answer { asked, cached: cached.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(name: usize) -> Cached {
        let sku = Sku::new(&format!("s-{name}")).unwrap();
        Cached::read(sku, b"1 7 998 2 60".to_vec()).unwrap()
    }

    #[test]
    fn an_answer_is_shared_for_a_moment() {
        let recent = Recent::default();
        let (old, new) = (cached(0), cached(1));
        let before = Instant::now().checked_sub(MOMENT).unwrap();
        recent.keep(before, &old);
        recent.keep(Instant::now() + MOMENT * 1_000, &new);
        assert_eq!((recent.get(old.sku()), recent.get(new.sku())), (None, Some(new)));
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let recent = Recent::default();
        let long = Instant::now() + MOMENT * 1_000;
        for n in 0..HOT_SKUS_MAX + 5 {
            recent.keep(long, &cached(n));
        }
        assert_eq!(recent.0.lock().len(), HOT_SKUS_MAX);
        assert_eq!(recent.get(cached(HOT_SKUS_MAX).sku()), None);
    }
}
