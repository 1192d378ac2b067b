//! Reading for many callers at a time: what is asked for during one read makes up the next. So whatever a
//! caller gets was read after it had asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

/// Reads that may be under way at a time: one is sent while another is read.
pub(crate) const READS_AT_A_TIME: usize = 2;

/// The queue of those who want to know something. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Together<K, V, E> {
    queue: mpsc::Sender<Wanted<K, V, E>>,
    stopped: fn() -> E,
}

#[derive(Debug)]
struct Wanted<K, V, E> {
    keys: Vec<K>,
    answer: oneshot::Sender<Result<Vec<Option<V>>, E>>,
}

/// How many may wait, and for how much one read looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub waiting_max: usize,
    /// Keys that are looked for together; those of one caller may be more.
    pub keys_max: usize,
}

impl<K, V, E> Clone for Together<K, V, E> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), stopped: self.stopped }
    }
}

impl<K, V, E> Together<K, V, E>
where
    K: Clone + Eq + Hash + Ord + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// `read` is given keys, sorted and each once, and returns what there is of them. `stopped` is the error
    /// of those who ask when nobody reads any more.
    pub(crate) fn start<R, F>(room: Room, stopped: fn() -> E, read: R) -> Self
    where
        R: Fn(Vec<K>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<HashMap<K, V>, E>> + Send,
    {
        let (queue, wanted) = mpsc::channel(room.waiting_max);
        let wanted = Arc::new(tokio::sync::Mutex::new(wanted));
        for _ in 0..READS_AT_A_TIME {
            let (wanted, read) = (Arc::clone(&wanted), read.clone());
            tokio::spawn(async move {
                loop {
                    let batch = gather(&mut *wanted.lock().await, room.keys_max).await;
                    if batch.is_empty() {
                        return;
                    }
                    answer(batch, &read).await;
                }
            });
        }
        Self { queue, stopped }
    }

    /// What there is of each of these keys, in their order.
    pub(crate) async fn find(&self, keys: Vec<K>) -> Result<Vec<Option<V>>, E> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(Wanted { keys, answer }).await;
        sent.map_err(|_| (self.stopped)())?;
        answered.await.map_err(|_| (self.stopped)())?
    }
}

/// Those who wait, up to the one whose keys make it so many; nobody when nobody can come any more.
async fn gather<K, V, E>(
    wanted: &mut mpsc::Receiver<Wanted<K, V, E>>,
    keys_max: usize,
) -> Vec<Wanted<K, V, E>> {
    let mut batch = Vec::new();
    let mut keys = 0;
    let mut next = wanted.recv().await;
    while let Some(one) = next {
        keys += one.keys.len();
        batch.push(one);
        next = if keys < keys_max { wanted.try_recv().ok() } else { None };
    }
    batch
}

async fn answer<K, V, E, F>(batch: Vec<Wanted<K, V, E>>, read: &impl Fn(Vec<K>) -> F)
where
    K: Clone + Eq + Hash + Ord,
    V: Clone,
    E: Clone,
    F: Future<Output = Result<HashMap<K, V>, E>>,
{
    let mut keys: Vec<K> = batch.iter().flat_map(|wanted| &wanted.keys).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    let found = read(keys).await;
    for Wanted { keys, answer } in batch {
        let own = match &found {
            Ok(found) => Ok(keys.iter().map(|key| found.get(key).cloned()).collect()),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have gone.
        let _heard = answer.send(own);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    const ROOM: Room = Room { waiting_max: 1_000, keys_max: 1_000 };

    #[tokio::test]
    async fn those_who_ask_during_a_read_share_the_next_one() {
        let (reads, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let together = {
            let (reads, gate) = (Arc::clone(&reads), Arc::clone(&gate));
            Together::start(
                ROOM,
                || "stopped",
                move |keys: Vec<u32>| {
                    let (reads, gate) = (Arc::clone(&reads), Arc::clone(&gate));
                    async move {
                        let number = reads.fetch_add(1, Ordering::SeqCst);
                        gate.acquire().await.map_err(|_| "closed")?.forget();
                        Ok(keys
                            .into_iter()
                            .filter(|key| key % 2 == 0)
                            .map(|key| (key, number))
                            .collect())
                    }
                },
            )
        };
        let ask = |keys: Vec<u32>| {
            let together = together.clone();
            tokio::spawn(async move { together.find(keys).await })
        };
        let begun = async |number| {
            while reads.load(Ordering::SeqCst) < number {
                tokio::task::yield_now().await;
            }
        };
        let first = ask(vec![2]);
        begun(1).await;
        let second = ask(vec![2]);
        begun(2).await;
        // Both readers are busy: all these wait, and are answered by one read that starts later.
        let others: Vec<_> = (0..100).map(|_| ask(vec![2, 3])).collect();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(10);
        assert_eq!(first.await.unwrap(), Ok(vec![Some(0)]));
        assert_eq!(second.await.unwrap(), Ok(vec![Some(1)]));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(vec![Some(2), None]));
        }
        assert_eq!(reads.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_read_looks_for_so_many_keys_however_many_each_caller_has() {
        let (queue, mut wanted) = mpsc::channel::<Wanted<u32, (), ()>>(10);
        for keys in [vec![1, 2, 3], vec![4], vec![5, 6], vec![7]] {
            let (answer, _) = oneshot::channel();
            queue.send(Wanted { keys, answer }).await.unwrap();
        }
        drop(queue);
        let mut sizes = Vec::new();
        loop {
            let batch = gather(&mut wanted, 4).await;
            if batch.is_empty() {
                break;
            }
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [2, 2]);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_shared_it() {
        let together = Together::start(
            ROOM,
            || "stopped",
            |_: Vec<u32>| async { Err::<HashMap<u32, u32>, _>("down") },
        );
        assert_eq!(together.find(vec![1]).await, Err("down"));
    }
}
