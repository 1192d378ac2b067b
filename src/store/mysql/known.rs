//! From the rows of the reads that a decision is made from to the words of the engine.

use rustc_hash::FxHashMap;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::connect::text;
use crate::domain::{
    Buyer, HoldSeconds, InvalidValue, Kind, Line, Order, OrderId, PurchaseLimit, Quantity,
    SaleWindow, Sku, TakenOrder, Terms, Timestamp,
};
use crate::engine::{
    FlushId, KnownAdjustment, KnownMovements, KnownStep, KnownTake, Ledger, LockedStock,
};

/// Columns of `lock_stock.sql`.
const STOCK_COLUMNS: usize = 8;
/// Columns of `select_versions.sql`.
const VERSION_COLUMNS: usize = 2;
/// Columns of `select_bought.sql`.
const BOUGHT_COLUMNS: usize = 4;

/// Sorts out the rows of all reads under the locks by their width.
pub(super) fn read_ledger(rows: &[MySqlRow]) -> Result<Ledger, sqlx::Error> {
    let mut ledger = Ledger::default();
    let mut known = Vec::new();
    for row in rows {
        match row.len() {
            STOCK_COLUMNS => {
                ledger.now = ledger.now.max(Timestamp::from_micros(row.try_get(6)?));
                ledger.stock.insert(sku(row, 0)?, locked_stock(row)?);
            }
            BOUGHT_COLUMNS => {
                // The stock rows come first, and with them the time.
                let expires_at = time(row, 2)?;
                if expires_at.is_none_or(|expires_at| expires_at > ledger.now) {
                    let buyer = Buyer::new(text(row, 1)?).map_err(decode_error)?;
                    let bought = ledger.bought.entry(sku(row, 0)?).or_default();
                    *bought.entry(buyer).or_default() += units(row, 3)?;
                }
            }
            _ => known.push(row),
        }
    }
    ledger.known = read_known(known, 0)?;
    Ok(ledger)
}

/// What was read without a lock, to be used if the versions are the same under it.
#[derive(Debug)]
pub(super) struct Foreseen {
    versions: FxHashMap<Sku, u64>,
    known: FxHashMap<OrderId, KnownMovements>,
}

impl Foreseen {
    /// From the rows of the text that foresees: the versions come first.
    pub(super) fn of(rows: &[MySqlRow]) -> Result<Self, sqlx::Error> {
        let (versions, known) =
            rows.split_at(rows.partition_point(|row| row.len() == VERSION_COLUMNS));
        let version = |row: &MySqlRow| Ok((sku(row, 0)?, row.try_get(1)?));
        let versions = versions.iter().map(version).collect::<Result<_, sqlx::Error>>()?;
        Ok(Self { versions, known: read_known(known, 0)? })
    }

    /// What was known of the ids, if nothing of these SKUs was written since: by the rows that were read
    /// under the locks.
    pub(super) fn still_known(
        self,
        rows: &[MySqlRow],
    ) -> Result<Option<FxHashMap<OrderId, KnownMovements>>, sqlx::Error> {
        let locked = rows.iter().filter(|row| row.len() == STOCK_COLUMNS);
        let version = |row: &MySqlRow| Ok((sku(row, 0)?, row.try_get(STOCK_COLUMNS - 1)?));
        let locked: FxHashMap<Sku, u64> =
            locked.map(version).collect::<Result<_, sqlx::Error>>()?;
        Ok((locked == self.versions).then_some(self.known))
    }
}

fn locked_stock(row: &MySqlRow) -> Result<LockedStock, sqlx::Error> {
    let limit: Option<u64> = row.try_get(3)?;
    // A limit below 1 or beyond all stock can be set by hand only; it is taken for the next that is valid.
    let limit = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let limit = limit.map(|limit| limit.clamp(1, crate::limits::PURCHASE_LIMIT_MAX));
    Ok(LockedStock {
        available: row.try_get(1)?,
        held: row.try_get(2)?,
        terms: Terms {
            purchase_limit: limit.map(PurchaseLimit::new).transpose().map_err(decode_error)?,
            window: SaleWindow::as_stored(time(row, 4)?, time(row, 5)?),
        },
    })
}

/// Rows with the columns of `select_known.sql`, the first of them at `from`.
pub(super) fn read_known<'r>(
    rows: impl IntoIterator<Item = &'r MySqlRow>,
    from: usize,
) -> Result<FxHashMap<OrderId, KnownMovements>, sqlx::Error> {
    let mut known: FxHashMap<OrderId, KnownMovements> = FxHashMap::default();
    for row in rows {
        let movements = known.entry(order_id(row, from)?).or_default();
        let kind = text(row, from + 3)?;
        let flush = FlushId(row.try_get(from + 8)?);
        let at = Timestamp::from_micros(row.try_get(from + 9)?);
        let step =
            |kind| Ok::<_, sqlx::Error>(Some(KnownStep { kind: settled_by(kind)?, flush, at }));
        match text(row, from + 1)? {
            "take" => {
                let take = match &mut movements.take {
                    Some(take) => take,
                    None => movements.take.insert(KnownTake {
                        lines: Vec::new(),
                        buyer: buyer(row, from + 6)?,
                        expires_at: time(row, from + 7)?,
                        flush,
                        at,
                    }),
                };
                take.lines.push((sku(row, from + 4)?, -row.try_get::<i64, _>(from + 5)?));
            }
            "settle" => movements.settle = step(kind)?,
            "retake" => movements.retake = step(kind)?,
            "return" => movements.returned = step(kind)?,
            "adjust" => {
                let (sku, delta) = (sku(row, from + 4)?, row.try_get(from + 5)?);
                movements.adjust = Some(KnownAdjustment { sku, delta, flush, at });
            }
            // The opening of a SKU that happens to have the name of an order.
            _ => {}
        }
    }
    for take in known.values_mut().filter_map(|movements| movements.take.as_mut()) {
        take.lines.sort_unstable();
    }
    Ok(known)
}

/// The order under this id, if there is one.
pub(super) fn taken_order(
    id: OrderId,
    known: &KnownMovements,
) -> Result<Option<TakenOrder>, sqlx::Error> {
    let Some(take) = &known.take else { return Ok(None) };
    let lines = take
        .lines
        .iter()
        .map(|(sku, units)| Ok(Line { sku: sku.clone(), quantity: Quantity::new(*units)? }));
    let hold = take
        .expires_at
        .map(|expires_at| HoldSeconds::new((expires_at.micros() - take.at.micros()) / 1_000_000));
    let lines = lines.collect::<Result<Vec<_>, InvalidValue>>().map_err(decode_error)?;
    let order = Order::new(id, lines).map_err(decode_error)?;
    Ok(Some(TakenOrder {
        order: order
            .for_buyer(take.buyer.clone())
            .held_for(hold.transpose().map_err(decode_error)?),
        standing: known.standing(take),
        created_at: take.at,
        expires_at: take.expires_at,
    }))
}

fn settled_by(kind: &str) -> Result<Kind, sqlx::Error> {
    match kind {
        "confirm" => Ok(Kind::Confirm),
        "release" => Ok(Kind::Release),
        "expire" => Ok(Kind::Expire),
        "cancel" => Ok(Kind::Cancel),
        "deduct" => Ok(Kind::Deduct),
        other => Err(sqlx::Error::Decode(format!("a settling movement of kind {other:?}").into())),
    }
}

pub(super) fn order_id(row: &MySqlRow, index: usize) -> Result<OrderId, sqlx::Error> {
    OrderId::new("order_id", text(row, index)?).map_err(decode_error)
}

pub(super) fn sku(row: &MySqlRow, index: usize) -> Result<Sku, sqlx::Error> {
    Sku::new(text(row, index)?).map_err(decode_error)
}

fn buyer(row: &MySqlRow, index: usize) -> Result<Option<Buyer>, sqlx::Error> {
    let bytes: Option<&[u8]> = row.try_get_unchecked(index)?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Buyer::new(text).map(Some).map_err(decode_error)
}

fn time(row: &MySqlRow, index: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(index)?.map(Timestamp::from_micros))
}

/// A sum of units: a decimal number to the server.
fn units(row: &MySqlRow, index: usize) -> Result<i64, sqlx::Error> {
    text(row, index)?
        .parse()
        .map_err(|error: std::num::ParseIntError| sqlx::Error::Decode(error.into()))
}

fn decode_error(error: InvalidValue) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
