//! hotrow merges stock deductions of the same SKU into one guarded `UPDATE` of an ordinary MySQL.

pub mod embedded;

pub mod limits;

pub mod telemetry;

pub mod domain;

pub mod engine;

pub mod store;

pub mod lane;

pub mod http;

pub mod config;

pub mod app;
