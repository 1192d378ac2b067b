//! The threads that requests are answered on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime of so many threads, at least one.
///
/// One thread runs its tasks in the order in which they became ready. tokio's scheduler for several keeps 256 for each
/// thread at hand and takes one of the others now and then: of 1,024 busy connections most wait for the few.
///
/// # Errors
/// When the system gives no threads or no file descriptors.
pub fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        more => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(more);
            builder
        }
    };
    builder.enable_all().build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Pairs of tasks that wake each other, as connections and what answers them do.
    #[test]
    fn on_one_thread_nobody_waits_for_the_others_to_have_two_turns() {
        const PAIRS: usize = 1_024;
        const TURNS: usize = 100;
        let turns: Arc<[AtomicUsize]> = (0..PAIRS).map(|_| AtomicUsize::new(0)).collect();
        runtime(1).unwrap().block_on(async {
            let mut callers = tokio::task::JoinSet::new();
            for pair in 0..PAIRS {
                let (asked, answered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
                let (ask, answer) = (Arc::clone(&asked), Arc::clone(&answered));
                tokio::spawn(async move {
                    loop {
                        asked.notified().await;
                        answer.notify_one();
                    }
                });
                let turns = Arc::clone(&turns);
                callers.spawn(async move {
                    while turns[pair].fetch_add(1, Ordering::Relaxed) < TURNS {
                        ask.notify_one();
                        answered.notified().await;
                    }
                });
            }
            callers.join_next().await.unwrap().unwrap();
        });
        let fewest = turns.iter().map(|turns| turns.load(Ordering::Relaxed)).min();
        assert!(fewest >= Some(TURNS - 2), "one has had {TURNS} turns, another {fewest:?}");
    }
}
