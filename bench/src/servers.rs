//! The servers that subjects run against: started, made ready, and stopped by the harness.

pub(crate) mod cache;
pub(crate) mod database;
pub(crate) mod instance;
pub(crate) mod mysql;
pub(crate) mod plain_reads;
pub(crate) mod redis_server;
