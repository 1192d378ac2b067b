//! Orders, one at a time.

use hyper::StatusCode;

use super::access::Caller;
use super::answer::{self, Failure, Outcome};
use super::body::Upload;
use super::problem::Problem;
use super::route;
use super::state::State;
use super::verdict::settle;
use super::wire::{self, EmptyBody, OrderAnswer, OrderBody};
use crate::domain::{Cancellation, Operation, Order, OrderStatus};
use crate::store::OrderRecord;

/// `POST /v1/orders`
pub(super) async fn take(state: &State, caller: Caller, upload: Upload<'_>) -> Outcome {
    let json = upload.json().await?;
    let order = parse(&json)?;
    state.access.spend(caller, 1)?;
    let verdict = state.lanes.submit(Operation::Take(order.clone())).await;
    let done = settle(order.id(), "lines", verdict)?;
    Ok(answer::done(done.replayed, wire::render(&OrderAnswer::new(&order, done.status, done.at))))
}

/// An order from its JSON.
///
/// # Errors
/// [`Problem::Malformed`] and [`Problem::InvalidValue`].
pub(super) fn parse(json: &[u8]) -> Result<Order, Problem> {
    Ok(wire::parse::<OrderBody<'_>>(json)?.into_order()?)
}

/// `GET /v1/orders/{order_id}`
pub(super) async fn read_one(state: &State, id: &str) -> Outcome {
    let record = find(state, id).await?;
    Ok(answer_with(&record, record.status))
}

/// `POST /v1/orders/{order_id}/confirm`. Orders are never held, so there is nothing left to confirm.
pub(super) async fn confirm(state: &State, id: &str, upload: Upload<'_>) -> Outcome {
    expect_nothing(upload).await?;
    let record = find(state, id).await?;
    match record.status {
        OrderStatus::Deducted => Ok(answer_with(&record, record.status)),
        OrderStatus::Cancelled => Err(Problem::OrderSettled(record.status).into()),
    }
}

/// `POST /v1/orders/{order_id}/cancel`
pub(super) async fn cancel(state: &State, caller: Caller, id: &str, upload: Upload<'_>) -> Outcome {
    expect_nothing(upload).await?;
    state.access.spend(caller, 1)?;
    let record = find(state, id).await?;
    let cancellation = Cancellation(record.order.clone());
    let verdict = state.lanes.submit(Operation::Cancel(cancellation)).await;
    settle(record.order.id(), "available", verdict)?;
    Ok(answer_with(&record, OrderStatus::Cancelled))
}

fn answer_with(record: &OrderRecord, status: OrderStatus) -> answer::Answer {
    answer::json(
        StatusCode::OK,
        wire::render(&OrderAnswer::new(&record.order, status, record.created_at)),
    )
}

async fn find(state: &State, id: &str) -> Result<OrderRecord, Failure> {
    let id = route::order_id(id)?;
    match state.desk.order(id.clone()).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(Problem::UnknownOrder(id).into()),
        // A read whose outcome is unknown has changed nothing either.
        Err(error) => Err(state.database_unavailable("reading an order", &error).into()),
    }
}

async fn expect_nothing(upload: Upload<'_>) -> Result<(), Failure> {
    if let Some(json) = upload.json_if_any().await? {
        wire::parse::<EmptyBody>(&json)?;
    }
    Ok(())
}
