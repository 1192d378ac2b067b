//! The JSON of the contract, in and out. Nothing else in [`crate::http`] knows its spelling.

mod answer;
mod form;
mod json;
mod problem;
mod request;
mod time;

pub(super) use answer::{
    AdjustmentAnswer, ChangeAnswer, HealthAnswer, LaneAnswer, OrderAnswer, ReadinessAnswer,
    StockAnswer,
};
pub(super) use json::{parse, render, render_into, split_array};
pub(super) use problem::{MemberProblem, ProblemBody, ProblemMembers, ShortLine};
pub(super) use request::{AdjustmentBody, EmptyBody, OrderBody, StockBody, order_id_if_readable};
