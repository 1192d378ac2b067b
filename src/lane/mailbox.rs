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
