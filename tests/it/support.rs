//! The rig: servers, proxy, processes, clients, and the judge of what they did.

pub(crate) mod audit;
pub(crate) mod books;
pub(crate) mod checker;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod history;
pub(crate) mod hits;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod redis;
mod room;
pub(crate) mod shop;
pub(crate) mod stream;
