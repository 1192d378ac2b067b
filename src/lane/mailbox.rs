//! Where callers put what the engine thread is to do.
//!
//! However much is put in before the engine looks, it is woken once. Admission bounds the queue: it holds no
//! more than `process_depth_max` operations, so the queue itself need not, and it takes no memory for what is
//! not there.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::sync::Notify;

use super::Message;

#[derive(Debug)]
pub(super) struct Mailbox {
    inlet: Sender<Message>,
    outlet: Receiver<Message>,
    /// True when the bell was rung for what is there.
    rung: AtomicBool,
    bell: Notify,
    /// Nobody reads any more.
    closed: AtomicBool,
    /// Nobody can write any more.
    orphaned: AtomicBool,
}

impl Default for Mailbox {
    fn default() -> Self {
        let (inlet, outlet) = unbounded();
        Self {
            inlet,
            outlet,
            rung: AtomicBool::new(false),
            bell: Notify::new(),
            closed: AtomicBool::new(false),
            orphaned: AtomicBool::new(false),
        }
    }
}

impl Mailbox {
    /// Puts messages in, in their order.
    ///
    /// # Errors
    /// Gives them back, untouched, when nobody reads any more.
    pub(super) fn post<I: Iterator<Item = Message>>(&self, messages: I) -> Result<(), I> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(messages);
        }
        let mut any = false;
        for message in messages {
            self.inlet.send(message).expect("both ends live as long as the mailbox");
            any = true;
        }
        if self.closed.load(Ordering::SeqCst) {
            // The reader went meanwhile, and may have missed them.
            self.discard();
        } else if any && !self.rung.swap(true, Ordering::SeqCst) {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// From now on the reader is woken again. To be called before reading: what comes in meanwhile rings.
    pub(super) fn hush(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }

    /// The oldest message.
    pub(super) fn next(&self) -> Option<Message> {
        self.outlet.try_recv().ok()
    }

    /// True when nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.outlet.is_empty()
    }

    /// True when nobody is left who could put anything in, and nothing is.
    pub(super) fn is_orphaned(&self) -> bool {
        self.orphaned.load(Ordering::SeqCst) && self.is_empty()
    }

    /// Returns when something was put in since the last [`hush`](Self::hush), or the callers are gone.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// The last handle of the callers is gone.
    pub(super) fn orphan(&self) {
        self.orphaned.store(true, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// The reader is gone. What nobody has read is dropped: its callers are told that the outcome is unknown.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.discard();
    }

    fn discard(&self) {
        self.outlet.try_iter().for_each(drop);
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;

    use super::*;

    fn drains(count: usize) -> impl Iterator<Item = Message> {
        repeat_with(|| Message::Drain).take(count)
    }

    fn read_all(mailbox: &Mailbox) -> usize {
        std::iter::from_fn(|| mailbox.next()).count()
    }

    fn is_rung(mailbox: &Mailbox) -> bool {
        use std::future::Future;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(mailbox.rung()).poll(&mut context).is_ready()
    }

    #[test]
    fn the_reader_is_woken_once_for_what_it_takes_at_once() {
        let mailbox = Mailbox::default();
        assert!(mailbox.post(drains(0)).is_ok());
        assert!(!is_rung(&mailbox), "for nothing");
        assert!(mailbox.post(drains(2)).is_ok());
        assert!(is_rung(&mailbox));
        assert!(mailbox.post(drains(1)).is_ok());
        assert!(!is_rung(&mailbox), "again, before it has taken anything");
        mailbox.hush();
        assert_eq!(read_all(&mailbox), 3);
        assert!(mailbox.post(drains(1)).is_ok());
        assert!(is_rung(&mailbox));
    }

    #[test]
    fn without_a_reader_everything_comes_back() {
        let mailbox = Mailbox::default();
        assert!(mailbox.post(drains(3)).is_ok());
        mailbox.close();
        let refused = mailbox.post(drains(2)).err().map(Iterator::count);
        assert_eq!(refused, Some(2));
        assert_eq!(read_all(&mailbox), 0, "what nobody had read is dropped with the reader");
    }

    #[test]
    fn what_is_there_is_read_before_the_end_is_seen() {
        let mailbox = Mailbox::default();
        assert!(mailbox.post(drains(1)).is_ok());
        mailbox.orphan();
        assert!(!mailbox.is_orphaned());
        assert_eq!(read_all(&mailbox), 1);
        assert!(mailbox.is_orphaned());
    }
}
