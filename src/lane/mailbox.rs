//! Where callers put what the engine thread is to do.
//!
//! A plain list under a lock, which the engine takes away whole: what travels through it stays in the
//! processors' caches, and however much is put in at once, the engine is woken once. Admission bounds it:
//! it holds no more than `process_depth_max` operations.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Message;

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inbox: Mutex<Inbox>,
    /// Rung when the first message is put into an empty inbox, and when an end of it is gone.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: VecDeque<Message>,
    /// Nobody reads any more.
    closed: bool,
    /// Nobody can write any more.
    orphaned: bool,
}

impl Mailbox {
    /// Puts messages in, in their order and with no others between them.
    ///
    /// # Errors
    /// Gives them back, untouched, when nobody reads any more.
    pub(super) fn post<I: Iterator<Item = Message>>(&self, messages: I) -> Result<(), I> {
        let mut inbox = self.inbox.lock();
        if inbox.closed {
            return Err(messages);
        }
        let was_empty = inbox.messages.is_empty();
        inbox.messages.extend(messages);
        let ring = was_empty && !inbox.messages.is_empty();
        drop(inbox);
        if ring {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Exchanges everything that is there for `read`, which has to be empty and whose memory is used again.
    pub(super) fn take(&self, read: &mut VecDeque<Message>) {
        debug_assert!(read.is_empty(), "what was not read would be read out of order");
        std::mem::swap(&mut self.inbox.lock().messages, read);
    }

    /// True when nobody is left who could put anything in, and nothing is.
    pub(super) fn is_orphaned(&self) -> bool {
        let inbox = self.inbox.lock();
        inbox.orphaned && inbox.messages.is_empty()
    }

    /// Returns when something was put in since the last [`take`](Self::take), or the callers are gone.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// The last handle of the callers is gone.
    pub(super) fn orphan(&self) {
        self.inbox.lock().orphaned = true;
        self.bell.notify_one();
    }

    /// The reader is gone. What nobody has read is dropped: its callers are told that the outcome is unknown.
    pub(super) fn close(&self) {
        let left = {
            let mut inbox = self.inbox.lock();
            inbox.closed = true;
            std::mem::take(&mut inbox.messages)
        };
        drop(left);
    }

    /// Gives the memory of a burst back.
    pub(super) fn shrink(&self) {
        let mut inbox = self.inbox.lock();
        if inbox.messages.is_empty() {
            inbox.messages = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;

    use super::*;

    fn drains(count: usize) -> impl Iterator<Item = Message> {
        repeat_with(|| Message::Drain).take(count)
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
        let mut read = VecDeque::new();
        mailbox.take(&mut read);
        assert_eq!(read.len(), 3);
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
        let mut read = VecDeque::new();
        mailbox.take(&mut read);
        assert!(read.is_empty(), "what nobody had read is dropped with the reader");
    }

    #[test]
    fn what_is_there_is_read_before_the_end_is_seen() {
        let mailbox = Mailbox::default();
        assert!(mailbox.post(drains(1)).is_ok());
        mailbox.orphan();
        assert!(!mailbox.is_orphaned());
        mailbox.take(&mut VecDeque::new());
        assert!(mailbox.is_orphaned());
    }
}
