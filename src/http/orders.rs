//! Orders, one at a time.

use hyper::StatusCode;

use super::access::Caller;
use super::answer::{self, Failure, Outcome};
use super::body::Upload;
use super::problem::Problem;
use super::state::State;
use super::wire::{self, EmptyBody, OrderAnswer, OrderBody};
use super::{route, verdict};
use crate::domain::{
    Goal, Operation, Order, OrderId, OrderStatus, Settled, Settlement, TakenOrder,
};

/// The order that a `POST /v1/orders` brings.
pub(super) async fn read(
    state: &State,
    caller: Caller,
    upload: Upload<'_>,
) -> Result<Order, Failure> {
    let json = upload.json().await?;
    let order = parse(&json)?;
    state.access.spend(caller, 1)?;
    Ok(order)
}

/// Takes an order.
pub(super) async fn take(state: &State, order: Order) -> Outcome {
    let verdict = state.lanes.submit(Operation::Take(order.clone())).await;
    let done = verdict::settle(order.id(), "lines", verdict)?;
    let answer = OrderAnswer::new(&order, done.status, done.at, done.expires_at);
    Ok(answer::done(done.replayed, wire::render(&answer)))
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
    let (Found::InLedger(taken) | Found::Archived(taken)) =
        find(state, route::order_id(id)?).await?;
    Ok(answer_with(&taken, taken.standing.status()))
}

/// `POST /v1/orders/{order_id}/confirm` and `…/cancel`: the order becomes what the goal says, once.
pub(super) async fn settle(
    state: &State,
    caller: Caller,
    id: &str,
    goal: Goal,
    upload: Upload<'_>,
) -> Outcome {
    expect_nothing(upload).await?;
    state.access.spend(caller, 1)?;
    let id = route::order_id(id)?;
    let found = match state.lanes.recent_hold(&id) {
        Some(taken) => Found::InLedger(taken),
        None => find(state, id).await?,
    };
    let (taken, archived) = match found {
        Found::InLedger(taken) => (taken, false),
        Found::Archived(taken) => (taken, true),
    };
    let settlement = match Settlement::new(taken.clone(), goal) {
        Ok(settlement) if !archived => settlement,
        // What is archived stays as it is.
        Ok(_) => return Err(Problem::OrderSettled(taken.standing.status()).into()),
        Err(Settled::AsWanted) => return Ok(answer_with(&taken, goal.status())),
        Err(Settled::Otherwise(status)) => return Err(Problem::OrderSettled(status).into()),
    };
    let verdict = state.lanes.submit(Operation::Settle(settlement)).await;
    let done = verdict::settle(taken.order.id(), "available", verdict)?;
    Ok(answer_with(&taken, done.status))
}

fn answer_with(taken: &TakenOrder, status: OrderStatus) -> answer::Answer {
    let TakenOrder { order, created_at, expires_at, .. } = taken;
    let answer = OrderAnswer::new(order, status, *created_at, *expires_at);
    answer::json(StatusCode::OK, wire::render(&answer))
}

/// Where an order was found.
enum Found {
    InLedger(TakenOrder),
    /// Older than the lifetime of its id.
    Archived(TakenOrder),
}

async fn find(state: &State, id: OrderId) -> Result<Found, Failure> {
    // A read whose outcome is unknown has changed nothing either.
    let unavailable = |error| state.database_unavailable("reading an order", &error);
    if let Some(taken) = state.desk.order(id.clone()).await.map_err(unavailable)? {
        return Ok(Found::InLedger(taken));
    }
    let archived = state.desk.archived_order(id.clone()).await.map_err(unavailable)?;
    archived.map(Found::Archived).ok_or_else(|| Problem::UnknownOrder(id).into())
}

async fn expect_nothing(upload: Upload<'_>) -> Result<(), Failure> {
    if let Some(json) = upload.json_if_any().await? {
        wire::parse::<EmptyBody>(&json)?;
    }
    Ok(())
}
