//! Reading orders and stock, for many callers at a time.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::pooled::Pooled;
use crate::domain::{OrderId, Sku, TakenOrder, Timestamp};
use crate::limits::{LOOKUP_ORDERS_MAX, LOOKUP_SKUS_MAX, LOOKUPS_WAITING_MAX};
use crate::store::mysql::connect::run;
use crate::store::mysql::known::{read_known, sku, taken_order};
use crate::store::mysql::script::write_select_known;
use crate::store::mysql::statement as sql;
use crate::store::mysql::statement::{write_id, write_rows};
use crate::store::together::{READS_AT_A_TIME, Room, Together};
use crate::store::{StockRecord, StoreError};

/// Those who want to know an order.
pub(super) type Orders = Together<OrderId, TakenOrder, StoreError>;

/// Those who want to know the stock of a SKU.
pub(super) type Stocks = Together<Sku, StockRecord, StoreError>;

pub(super) fn orders(pooled: Pooled) -> Orders {
    let room = Room { waiting_max: LOOKUPS_WAITING_MAX, keys_max: LOOKUP_ORDERS_MAX };
    let stopped = || StoreError::Unavailable("the reader of orders has stopped".to_owned());
    Together::start(room, stopped, move |ids: Vec<OrderId>| {
        let pooled = pooled.clone();
        async move { read_orders(&pooled, &ids).await }
    })
}

pub(super) fn stocks(pooled: Pooled) -> Stocks {
    let room = Room { waiting_max: LOOKUPS_WAITING_MAX, keys_max: LOOKUP_SKUS_MAX };
    let stopped = || StoreError::Unavailable("the reader of stock has stopped".to_owned());
    Together::start(room, stopped, move |skus: Vec<Sku>| {
        let pooled = pooled.clone();
        async move { read_stock(&pooled, &skus).await }
    })
}

/// Those of these orders that the ledger has.
pub(super) async fn read_orders(
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
        reads.push(read_some_orders(pooled.clone(), script));
    }
    let parts: Vec<Vec<TakenOrder>> =
        stream::iter(reads).buffer_unordered(READS_AT_A_TIME).try_collect().await?;
    let orders = parts.into_iter().flatten();
    Ok(orders.map(|taken| (taken.order.id().clone(), taken)).collect())
}

async fn read_some_orders(pooled: Pooled, script: String) -> Result<Vec<TakenOrder>, StoreError> {
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
    Ok(read_some_orders(pooled.clone(), script).await?.pop())
}

/// The stock of those SKUs that exist; each is in `skus` once.
async fn read_stock(
    pooled: &Pooled,
    skus: &[Sku],
) -> Result<HashMap<Sku, StockRecord>, StoreError> {
    let mut found = HashMap::with_capacity(skus.len());
    for asked in skus.chunks(LOOKUP_SKUS_MAX) {
        let mut script = String::with_capacity(512 + asked.len() * 24);
        sql::SELECT_STOCK.write(&mut script, |_, script| {
            write_rows(script, pooled.flavor(), asked, |script, sku| {
                write_id(script, sku.as_str());
            });
        });
        let read = pooled.detached(|connection| {
            Box::pin(async move {
                let (_, rows) = run(connection, script).await?;
                Ok(rows.iter().map(stock_record).collect::<Result<Vec<_>, _>>()?)
            })
        });
        found.extend(read.await?.into_iter().map(|record| (record.sku.clone(), record)));
    }
    Ok(found)
}

fn stock_record(row: &MySqlRow) -> Result<StockRecord, sqlx::Error> {
    Ok(StockRecord {
        sku: sku(row, 0)?,
        available: row.try_get(1)?,
        held: row.try_get(2)?,
        version: row.try_get(3)?,
        as_of: Timestamp::from_micros(row.try_get(4)?),
    })
}
