//! The read cache: what it tells, how it is filled and kept right, and that orders do not care.

mod entries;
mod harm;
mod hot;
mod reads;
