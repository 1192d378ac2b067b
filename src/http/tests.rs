//! The layer's behaviour towards clients, without a database.

mod bad_bodies;
mod connections;
mod openapi;
mod outbox;
mod problems;
