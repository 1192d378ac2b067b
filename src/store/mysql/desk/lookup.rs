//! Reading orders for many callers at a time: what is asked for during one read makes up the next.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot};

use super::pooled::Pooled;
use crate::domain::{OrderId, TakenOrder};
use crate::limits::{LOOKUP_ORDERS_MAX, LOOKUPS_WAITING_MAX};
use crate::store::StoreError;
use crate::store::mysql::connect::run;
use crate::store::mysql::known::{read_known, taken_order};
use crate::store::mysql::script::write_select_known;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::write_id;

/// Reads that may be under way at a time: one is sent while another is read.
const READS_AT_A_TIME: usize = 2;

type Answer = Result<Option<TakenOrder>, StoreError>;

struct Wanted {
    id: OrderId,
    answer: oneshot::Sender<Answer>,
}

/// The queue of those who want to know an order.
#[derive(Clone, Debug)]
pub(super) struct Lookups {
    queue: mpsc::Sender<Wanted>,
}

impl Lookups {
    pub(super) fn start(pooled: Pooled) -> Self {
        let (queue, wanted) = mpsc::channel(LOOKUPS_WAITING_MAX);
        let wanted = std::sync::Arc::new(tokio::sync::Mutex::new(wanted));
        for _ in 0..READS_AT_A_TIME {
            let (pooled, wanted) = (pooled.clone(), std::sync::Arc::clone(&wanted));
            tokio::spawn(async move {
                loop {
                    let mut batch = Vec::new();
                    if wanted.lock().await.recv_many(&mut batch, LOOKUP_ORDERS_MAX).await == 0 {
                        return;
                    }
                    answer(&pooled, batch).await;
                }
            });
        }
        Self { queue }
    }

    pub(super) async fn find(&self, id: OrderId) -> Answer {
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::Unavailable("the reader of orders has stopped".to_owned());
        self.queue.send(Wanted { id, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn answer(pooled: &Pooled, batch: Vec<Wanted>) {
    let ids: Vec<OrderId> = batch.iter().map(|wanted| wanted.id.clone()).collect();
    let found = read(pooled, &ids).await;
    for Wanted { id, answer } in batch {
        let answer_to_one = match &found {
            Ok(orders) => Ok(orders.get(&id).cloned()),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have gone.
        let _heard = answer.send(answer_to_one);
    }
}

/// Those of these orders that the ledger has.
pub(super) async fn read(
    pooled: &Pooled,
    ids: &[OrderId],
) -> Result<HashMap<OrderId, TakenOrder>, StoreError> {
    let mut asked: Vec<&OrderId> = ids.iter().collect();
    asked.sort_unstable();
    asked.dedup();
    let mut reads = Vec::new();
    for asked in asked.chunks(LOOKUP_ORDERS_MAX) {
        let mut script = String::with_capacity(512 + asked.len() * 32);
        write_select_known(&mut script, pooled.flavor(), asked);
        reads.push(read_part(pooled.clone(), script));
    }
    let parts: Vec<Vec<TakenOrder>> =
        stream::iter(reads).buffer_unordered(READS_AT_A_TIME).try_collect().await?;
    let orders = parts.into_iter().flatten();
    Ok(orders.map(|taken| (taken.order.id().clone(), taken)).collect())
}

async fn read_part(pooled: Pooled, script: String) -> Result<Vec<TakenOrder>, StoreError> {
    let read = pooled.detached(|connection| {
        Box::pin(async move {
            let (_, rows) = run(connection, script).await?;
            let known = read_known(&rows, 0)?;
            let orders = known.into_iter().map(|(id, known)| taken_order(id, &known));
            Ok(orders.filter_map(Result::transpose).collect::<Result<_, _>>()?)
        })
    });
    Ok(read.await?)
}

/// The order under this id, of which the ledger has no take.
pub(super) async fn read_archived(
    pooled: &Pooled,
    id: OrderId,
) -> Result<Option<TakenOrder>, StoreError> {
    let mut script = String::new();
    sql::SELECT_ARCHIVED.write(&mut script, |_, script| write_id(script, id.as_str()));
    Ok(read_part(pooled.clone(), script).await?.pop())
}
