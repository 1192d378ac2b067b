//! One run of one subject: warm-up, the counted window, the end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hotrow::domain::Verdict;
use tokio::sync::Notify;

use crate::cpu::{CpuSeconds, CpuWatch};
use crate::latencies::Latencies;
use crate::outcome::Outcome;

/// What all clients of a run share.
#[derive(Debug)]
pub(crate) struct Turn {
    warmup: Duration,
    duration: Duration,
    running: AtomicBool,
    counting: AtomicBool,
    exhausted: Notify,
    counts: Counts,
    /// Of the counted window.
    pub latencies: Latencies,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    replayed: AtomicU64,
    retried: AtomicU64,
}

/// Orders by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Answered yes, each id once.
    pub accepted: u64,
    /// Answered no, for lack of stock.
    pub refused: u64,
    /// Answered with what an earlier try had done.
    pub replayed: u64,
    /// Tries that a subject had to make again by itself.
    pub retried: u64,
}

impl Tally {
    /// What was added since an earlier tally.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            accepted: self.accepted - earlier.accepted,
            refused: self.refused - earlier.refused,
            replayed: self.replayed - earlier.replayed,
            retried: self.retried - earlier.retried,
        }
    }

    /// Orders answered.
    pub(crate) fn answered(self) -> u64 {
        self.accepted + self.refused + self.replayed
    }
}

/// What the counted window saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Its length.
    pub seconds: f64,
    /// Orders answered in it.
    pub tally: Tally,
    /// Processor time used in it.
    pub cpu: CpuSeconds,
}

impl Window {
    /// Accepted orders a second.
    pub(crate) fn accepted_per_s(&self) -> f64 {
        self.tally.accepted as f64 / self.seconds
    }
}

impl Turn {
    pub(crate) fn new(warmup: Duration, duration: Duration) -> Self {
        Self {
            warmup,
            duration,
            running: AtomicBool::new(true),
            counting: AtomicBool::new(false),
            exhausted: Notify::new(),
            counts: Counts::default(),
            latencies: Latencies::new(),
        }
    }

    /// Warm-up and window together.
    pub(crate) fn length(&self) -> Duration {
        self.warmup + self.duration
    }

    /// False once clients should send no more.
    pub(crate) fn running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Ends the turn.
    pub(crate) fn stop(&self) {
        self.running.store(false, Ordering::Relaxed);
        self.exhausted.notify_one();
    }

    /// Sleeps through the warm-up, watches the window, and ends the turn; earlier when it is stopped.
    pub(crate) async fn conduct(&self, watch: &CpuWatch) -> Outcome<Window> {
        self.pause(self.warmup).await;
        let (start, cpu, tally) = (Instant::now(), watch.read()?, self.tally());
        self.counting.store(true, Ordering::Relaxed);
        self.pause(self.duration).await;
        let seconds = start.elapsed().as_secs_f64();
        let window =
            Window { seconds, tally: self.tally().since(tally), cpu: watch.read()?.since(cpu) };
        self.counting.store(false, Ordering::Relaxed);
        self.stop();
        Ok(window)
    }

    async fn pause(&self, length: Duration) {
        if self.running() {
            tokio::select! {
                () = tokio::time::sleep(length) => {}
                () = self.exhausted.notified() => {}
            }
        }
    }

    /// Orders since the start.
    pub(crate) fn tally(&self) -> Tally {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            accepted: read(&self.counts.accepted),
            refused: read(&self.counts.refused),
            replayed: read(&self.counts.replayed),
            retried: read(&self.counts.retried),
        }
    }

    /// Counts what another turn on the same tables came to, so that one audit covers both.
    pub(crate) fn also(&self, other: Tally) {
        self.counts.accepted.fetch_add(other.accepted, Ordering::Relaxed);
        self.counts.refused.fetch_add(other.refused, Ordering::Relaxed);
        self.counts.replayed.fetch_add(other.replayed, Ordering::Relaxed);
    }

    /// So many orders that were sent together were accepted.
    pub(crate) fn accepted(&self, client: usize, sent: Instant, count: u64) {
        self.counts.accepted.fetch_add(count, Ordering::Relaxed);
        self.time(client, sent, count);
    }

    /// So many were refused for lack of stock.
    pub(crate) fn refused(&self, count: u64) {
        self.counts.refused.fetch_add(count, Ordering::Relaxed);
    }

    /// So many tries have to be made again.
    pub(crate) fn retried(&self, count: u64) {
        self.counts.retried.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts the verdicts of orders that were sent together; any without a decision fails the run.
    pub(crate) fn answered(
        &self,
        client: usize,
        sent: Instant,
        verdicts: &[Verdict],
    ) -> Outcome<()> {
        let mut tally = Tally::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Done { replayed: false, .. } => tally.accepted += 1,
                Verdict::Done { replayed: true, .. } => tally.replayed += 1,
                Verdict::Refused(_) => tally.refused += 1,
                Verdict::NotExecuted(_) | Verdict::Unknown => {
                    return Err(format!("an order was answered {verdict:?}").into());
                }
            }
        }
        self.counts.accepted.fetch_add(tally.accepted, Ordering::Relaxed);
        self.counts.replayed.fetch_add(tally.replayed, Ordering::Relaxed);
        self.counts.refused.fetch_add(tally.refused, Ordering::Relaxed);
        self.time(client, sent, verdicts.len() as u64);
        Ok(())
    }

    fn time(&self, client: usize, sent: Instant, count: u64) {
        if self.counting.load(Ordering::Relaxed) {
            self.latencies.record(client, sent.elapsed(), count);
        }
    }
}
