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

use crate::domain::{Operation, Order, Verdict};

/// The answers of one submission; done when none is missing.
#[derive(Debug)]
struct Board {
    verdicts: Places,
    missing: usize,
    waker: Option<Waker>,
}

/// A place for each verdict. Most submissions have one, which then costs no list.
#[derive(Debug)]
enum Places {
    One(Option<Verdict>),
    Many(Vec<Option<Verdict>>),
}

impl Board {
    fn new(len: usize) -> Self {
        let verdicts = match len {
            1 => Places::One(None),
            _ => Places::Many(std::iter::repeat_with(|| None).take(len).collect()),
        };
        Self { verdicts, missing: len, waker: None }
    }

    fn put(&mut self, place: usize, verdict: Verdict) {
        match &mut self.verdicts {
            Places::One(only) => *only = Some(verdict),
            Places::Many(verdicts) => verdicts[place] = Some(verdict),
        }
        self.missing -= 1;
    }

    /// Whom to wake, when that was the last one missing.
    fn complete(&mut self) -> Option<Waker> {
        if self.missing == 0 { self.waker.take() } else { None }
    }

    fn poll(&mut self, cx: &Context<'_>) -> bool {
        if self.missing > 0 {
            self.waker = Some(cx.waker().clone());
        }
        self.missing == 0
    }
}

/// Where one verdict is to be put. Dropped without one, it says that the outcome is unknown, so that
/// no caller waits for ever.
#[derive(Debug)]
pub(crate) struct Reply {
    board: Option<Arc<Mutex<Board>>>,
    place: usize,
    /// The order, if it is to be held.
    hold: Option<Box<Order>>,
}

impl Reply {
    /// The same reply, which knows what is to be held.
    pub(crate) fn knowing(mut self, operation: &Operation) -> Self {
        if let Operation::Take(order) = operation
            && order.hold().is_some()
        {
            self.hold = Some(Box::new(order.clone()));
        }
        self
    }

    /// What was to be held, once.
    pub(crate) fn take_hold(&mut self) -> Option<Box<Order>> {
        self.hold.take()
    }

    /// Puts the verdict on its board and wakes the caller when it was the last one missing.
    pub(crate) fn deliver(mut self, verdict: Verdict) {
        self.put(verdict);
    }

    fn put(&mut self, verdict: Verdict) {
        let Some(board) = self.board.take() else { return };
        let waker = {
            let mut board = board.lock();
            board.put(self.place, verdict);
            board.complete()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_on(&self, board: &Arc<Mutex<Board>>) -> bool {
        self.board.as_ref().is_some_and(|own| Arc::ptr_eq(own, board))
    }
}

/// Delivers many verdicts; those of one submission that stand side by side under one lock.
pub(crate) fn deliver_all(answers: Vec<(Reply, Verdict)>) {
    let mut answers = answers.into_iter().peekable();
    while let Some((mut reply, verdict)) = answers.next() {
        let Some(board) = reply.board.take() else { continue };
        let waker = {
            let mut open = board.lock();
            open.put(reply.place, verdict);
            while let Some((mut next, verdict)) = answers.next_if(|(next, _)| next.is_on(&board)) {
                next.board = None;
                open.put(next.place, verdict);
            }
            open.complete()
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
pub struct Ticket(Arc<Mutex<Board>>);

/// The verdicts of operations submitted together, in the order they were given.
#[derive(Debug)]
pub struct BatchTicket(Arc<Mutex<Board>>);

pub(crate) fn ticket() -> (Ticket, Reply) {
    let board = Arc::new(Mutex::new(Board::new(1)));
    (Ticket(Arc::clone(&board)), Reply { board: Some(board), place: 0, hold: None })
}

pub(crate) fn batch_ticket(
    len: usize,
) -> (BatchTicket, impl ExactSizeIterator<Item = Reply> + use<>) {
    let board = Arc::new(Mutex::new(Board::new(len)));
    let ticket = BatchTicket(Arc::clone(&board));
    (
        ticket,
        (0..len).map(move |place| Reply { board: Some(Arc::clone(&board)), place, hold: None }),
    )
}

impl Future for BatchTicket {
    type Output = Vec<Verdict>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<Verdict>> {
        let mut board = self.0.lock();
        if !board.poll(cx) {
            return Poll::Pending;
        }
        Poll::Ready(match &mut board.verdicts {
            Places::One(only) => only.take().into_iter().collect(),
            Places::Many(verdicts) => verdicts.drain(..).flatten().collect(),
        })
    }
}

impl Future for Ticket {
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let mut board = self.0.lock();
        if !board.poll(cx) {
            return Poll::Pending;
        }
        Poll::Ready(match &mut board.verdicts {
            Places::One(only) => only.take().expect("a ticket is asked once"),
            Places::Many(_) => panic!("the board of a ticket has one place"),
        })
    }
}
