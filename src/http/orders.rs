//! Orders, one at a time.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::access::Caller;
use super::answer::{self, Failure, Outcome};
use super::problem::Problem;
use super::state::State;
use super::verdict::settle;
use super::wire::{self, EmptyBody, OrderAnswer, OrderBody};
use super::{body, route};
use crate::domain::{Cancellation, Operation, Order, OrderStatus};
use crate::limits::{BODY_BYTES_MAX, BODY_TIME_MS};
use crate::store::OrderRecord;

/// `POST /v1/orders`
pub(super) async fn take(state: &State, caller: Caller, request: Call<'_>) -> Outcome {
    body::expect_json(request.headers(), request.body())?;
    let json = read(request.into_body()).await?;
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
pub(super) async fn confirm(state: &State, id: &str, request: Call<'_>) -> Outcome {
    expect_nothing(request).await?;
    let record = find(state, id).await?;
    match record.status {
        OrderStatus::Deducted => Ok(answer_with(&record, record.status)),
        OrderStatus::Cancelled => Err(Problem::OrderSettled(record.status).into()),
    }
}

/// `POST /v1/orders/{order_id}/cancel`
pub(super) async fn cancel(
    state: &State,
    caller: Caller,
    id: &str,
    request: Call<'_>,
) -> Outcome {
    expect_nothing(request).await?;
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

async fn expect_nothing(request: Call<'_>) -> Result<(), Failure> {
    let (head, incoming) = request.into_parts();
    if hyper::body::Body::is_end_stream(&incoming) {
        return Ok(());
    }
    body::expect_json(&head.headers, &incoming)?;
    let json = read(incoming).await?;
    wire::parse::<EmptyBody>(&json)?;
    Ok(())
}

/// The body of any call but a batch.
pub(super) async fn read(incoming: Incoming) -> Result<hyper::body::Bytes, Failure> {
    body::read(incoming, BODY_BYTES_MAX, Duration::from_millis(BODY_TIME_MS)).await
}
