//! The open loop: orders are sent at their times, whether or not earlier ones are answered, and their
//! latency counts from the time at which they should have been sent (no coordinated omission).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hotrow::domain::Verdict;
use hotrow::lane::{BatchTicket, Lanes};
use tokio::sync::mpsc;

use crate::orders::Orders;
use crate::outcome::Outcome;
use crate::subjects::join_clients;
use crate::turn::Turn;

/// How long the sender sleeps at least; what fell due meanwhile is sent at once, and its wait counts.
const NAP: Duration = Duration::from_millis(1);

/// When each order should be sent: evenly, from the first on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Orders a second, above 0.
    pub orders_per_s: f64,
}

impl Schedule {
    /// When the order with this number should be sent, from the start.
    fn intended(self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.orders_per_s)
    }

    /// How many orders should have been sent after so long.
    fn due(self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * self.orders_per_s) as u64 + 1
    }
}

/// Orders that fell due during one nap of the sender: submitted together, since a client that wakes for
/// each of a hundred thousand a second would take the processor from what it measures.
struct Sent {
    start: Instant,
    /// Of the first of them, in the schedule.
    first: u64,
    ticket: BatchTicket,
}

/// Sends at its times until the turn ends and waits for the last answer. Orders that hotrow did not
/// take, because a queue was full, are counted and told; any other failure ends the turn.
pub(crate) async fn send(
    lanes: &Lanes,
    orders: &Orders,
    schedule: Schedule,
    turn: &Arc<Turn>,
) -> Outcome<u64> {
    let not_executed = Arc::new(AtomicU64::new(0));
    // Bounded by what the lanes admit.
    let (sent, mut batches) = mpsc::unbounded_channel::<Sent>();
    let sender = {
        let (lanes, orders, turn) = (lanes.clone(), orders.clone(), Arc::clone(turn));
        let thread = std::thread::Builder::new().name("client-pacer".to_owned());
        thread.spawn(move || pace(&lanes, &orders, schedule, &turn, &sent))?
    };
    let mut clients = tokio::task::JoinSet::new();
    while let Some(batch) = batches.recv().await {
        let (turn, not_executed) = (Arc::clone(turn), Arc::clone(&not_executed));
        clients.spawn(async move {
            let verdicts = batch.ticket.await;
            for (number, verdict) in (batch.first..).zip(verdicts) {
                note(&turn, &not_executed, batch.start + schedule.intended(number), verdict)?;
            }
            Ok(())
        });
        while let Some(ended) = clients.try_join_next() {
            let ended: Outcome<()> = ended?;
            ended?;
        }
    }
    join_clients(clients, turn).await?;
    sender.join().map_err(|_| "the sending thread failed")??;
    Ok(not_executed.load(Ordering::Relaxed))
}

fn note(turn: &Turn, not_executed: &AtomicU64, intended: Instant, verdict: Verdict) -> Outcome<()> {
    if let Verdict::NotExecuted(_) = verdict {
        not_executed.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    let noted = turn.answered(0, intended, &[verdict]);
    if noted.is_err() {
        turn.stop();
    }
    noted
}

fn pace(
    lanes: &Lanes,
    orders: &Orders,
    schedule: Schedule,
    turn: &Turn,
    sent: &mpsc::UnboundedSender<Sent>,
) -> Outcome<()> {
    let start = Instant::now();
    let mut next = 0;
    while turn.running() {
        let due = schedule.due(start.elapsed());
        if next < due {
            let operations = orders.operations((due - next) as usize)?;
            let ticket = lanes.submit_all(operations);
            if sent.send(Sent { start, first: next, ticket }).is_err() {
                return Ok(());
            }
            next = due;
        }
        std::thread::park_timeout(NAP.max(schedule.intended(next).saturating_sub(start.elapsed())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_neither_hurries_nor_forgets_what_was_late() {
        let schedule = Schedule { orders_per_s: 1_000.0 };
        assert_eq!(schedule.due(Duration::ZERO), 1);
        assert_eq!(schedule.due(Duration::from_micros(1_500)), 2);
        // After a stall of a second all of its orders are due, each with its own intended time.
        assert_eq!(schedule.due(Duration::from_secs(1)), 1_001);
        assert_eq!(schedule.intended(0), Duration::ZERO);
        assert_eq!(schedule.intended(250), Duration::from_millis(250));
        for number in 0..5_000 {
            assert!(schedule.due(schedule.intended(number)) >= number);
            assert!(schedule.due(schedule.intended(number)) <= number + 1);
        }
    }
}
