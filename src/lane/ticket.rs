//! How a verdict gets from the combiner to the caller that waits for it.
//!
//! A flush answers thousands of orders at once. Waking a task from a foreign thread costs a lock and
//! often a system call, so the combiner hands the whole lot to one courier task on the callers'
//! runtime, and the courier wakes its neighbours from within.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::domain::Verdict;

/// The answers of one submission; done when none is missing.
#[derive(Debug)]
struct Board {
    verdicts: Vec<Option<Verdict>>,
    missing: usize,
    waker: Option<Waker>,
}

/// Where one verdict is to be put. Dropped without one, it says that the outcome is unknown, so that
/// no caller waits for ever.
#[derive(Debug)]
pub(crate) struct Reply {
    board: Option<Arc<Mutex<Board>>>,
    place: usize,
}

impl Reply {
    /// Puts the verdict on its board and wakes the caller when it was the last one missing.
    pub(crate) fn deliver(mut self, verdict: Verdict) {
        self.put(verdict);
    }

    fn put(&mut self, verdict: Verdict) {
        let Some(board) = self.board.take() else { return };
        let waker = {
            let mut board = board.lock();
            board.verdicts[self.place] = Some(verdict);
            board.missing -= 1;
            if board.missing == 0 { board.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.put(Verdict::Unknown);
    }
}

/// The verdict of one submitted operation. Dropping it changes nothing: what was accepted runs on.
#[derive(Debug)]
pub struct Ticket(BatchTicket);

/// The verdicts of operations submitted together, in the order they were given.
#[derive(Debug)]
pub struct BatchTicket {
    board: Arc<Mutex<Board>>,
}

pub(crate) fn ticket() -> (Ticket, Reply) {
    let (ticket, mut replies) = batch_ticket(1);
    let reply = replies.next().expect("a batch of one has one reply");
    (Ticket(ticket), reply)
}

pub(crate) fn batch_ticket(len: usize) -> (BatchTicket, impl Iterator<Item = Reply> + use<>) {
    let board = Arc::new(Mutex::new(Board {
        verdicts: std::iter::repeat_with(|| None).take(len).collect(),
        missing: len,
        waker: None,
    }));
    let replies = {
        let board = Arc::clone(&board);
        (0..len).map(move |place| Reply { board: Some(Arc::clone(&board)), place })
    };
    (BatchTicket { board }, replies)
}

impl Future for BatchTicket {
    type Output = Vec<Verdict>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<Verdict>> {
        let mut board = self.board.lock();
        if board.missing == 0 {
            return Poll::Ready(board.verdicts.drain(..).flatten().collect());
        }
        board.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Future for Ticket {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|mut verdicts| verdicts.pop().expect("a batch of one has one verdict"))
    }
}
