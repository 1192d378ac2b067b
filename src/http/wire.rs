//! The JSON of the contract, in and out. Nothing else in [`crate::http`] knows its spelling.

mod answer;
mod form;
mod json;
mod request;

pub(super) use answer::{
    AdjustmentAnswer, ChangeAnswer, HealthAnswer, LaneAnswer, MemberProblem, OrderAnswer,
    ProblemBody, ProblemMembers, ReadinessAnswer, ShortLine, StockAnswer,
};
pub(super) use json::{parse, render, render_into, split_array};
pub(super) use request::{AdjustmentBody, EmptyBody, OrderBody, StockBody, order_id_if_readable};
