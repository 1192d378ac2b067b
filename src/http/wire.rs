//! The JSON of the contract, in and out. Nothing else in [`crate::http`] knows its spelling.

mod answer;
mod form;
mod json;
mod lane;
mod request;

pub(super) use answer::{
    AdjustmentAnswer, ChangeAnswer, HealthAnswer, MemberProblem, OrderAnswer, ProblemBody,
    ProblemMembers, ReadinessAnswer, ShortLine, StockAnswer,
};
pub(super) use json::{parse, render, render_into, split_array};
pub(super) use lane::LaneAnswer;
pub(super) use request::{AdjustmentBody, EmptyBody, OrderBody, StockBody, order_id_if_readable};
