//! Stock: opening, reading, adjusting.

use hyper::StatusCode;

use super::answer::{self, Outcome};
use super::body::Upload;
use super::problem::Problem;
use super::state::State;
use super::verdict::settle;
use super::wire::{self, AdjustmentAnswer, AdjustmentBody, StockAnswer, StockBody};
use super::{query, route};
use crate::cache::Source;
use crate::domain::Operation;
use crate::store::{StockOpening, StoreError};

/// `PUT /v1/stock/{sku}`
pub(super) async fn open(state: &State, sku: &str, upload: Upload<'_>) -> Outcome {
    let sku = route::sku(sku)?;
    let json = upload.json().await?;
    let (available, terms) = wire::parse::<StockBody>(&json)?.into_stock()?;
    let status = match state.desk.open_stock(sku.clone(), available, terms).await {
        Ok(StockOpening::Created) => StatusCode::CREATED,
        Ok(StockOpening::Same) => StatusCode::OK,
        Ok(StockOpening::OpenedOtherwise { opening }) => {
            return Err(Problem::SkuExists(opening).into());
        }
        Ok(StockOpening::RowMissing) => return Err(Problem::StockRowMissing.into()),
        Err(error @ StoreError::Unavailable(_)) => {
            return Err(state.database_unavailable("opening stock", &error).into());
        }
        Err(StoreError::OutcomeUnknown(_)) => return Err(Problem::StockOutcomeUnknown(sku).into()),
    };
    // The stock is open now; "not executed" would be a lie, whatever happens to the read.
    let Ok(records) = state.desk.stock(vec![sku.clone()]).await else {
        return Err(Problem::StockOutcomeUnknown(sku).into());
    };
    let record = records.first().ok_or(Problem::StockOutcomeUnknown(sku))?;
    Ok(answer::json(status, wire::render(&StockAnswer::new(record, Source::MySql))))
}

/// `GET /v1/stock/{sku}`
pub(super) async fn read_one(state: &State, sku: &str, query: Option<&str>) -> Outcome {
    let sku = route::sku(sku)?;
    let fresh = query::stock_read(query)?;
    let found = state.stock.read(std::slice::from_ref(&sku), fresh).await;
    let found = found.map_err(|error| state.database_unavailable("reading stock", &error))?;
    let (record, source) = found.get(&sku).ok_or(Problem::UnknownSku(sku))?;
    Ok(answer::json(StatusCode::OK, wire::render(&StockAnswer::new(record, *source))))
}

/// `GET /v1/stock?sku=A&sku=B…`: each SKU once, in the order asked.
pub(super) async fn list(state: &State, query: Option<&str>) -> Outcome {
    let (skus, fresh) = query::stock_list(query)?;
    let found = state.stock.read(&skus, fresh).await;
    let found = found.map_err(|error| state.database_unavailable("reading stock", &error))?;
    let answers = skus
        .iter()
        .map(|sku| match found.get(sku) {
            Some((record, source)) => Ok(StockAnswer::new(record, *source)),
            None => Err(Problem::UnknownSku(sku.clone())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(answer::json(StatusCode::OK, wire::render(&answers)))
}

/// `POST /v1/stock/{sku}/adjustments`
pub(super) async fn adjust(state: &State, sku: &str, upload: Upload<'_>) -> Outcome {
    let sku = route::sku(sku)?;
    let json = upload.json().await?;
    let adjustment = wire::parse::<AdjustmentBody<'_>>(&json)?.into_adjustment(sku)?;
    let verdict = state.lanes.submit(Operation::Adjust(adjustment.clone())).await;
    let done = settle(&adjustment.id, "delta", verdict)?;
    Ok(answer::done(done.replayed, wire::render(&AdjustmentAnswer::new(&adjustment, done.at))))
}
