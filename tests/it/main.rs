//! The real binary over HTTP against real servers, one test binary for all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Each named function of a flavor becomes one test on MySQL and one on MariaDB.
macro_rules! both_flavors {
    ($($name:ident),+ $(,)?) => {
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(hotrow::embedded::Flavor::MySql).await;
            })+
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(hotrow::embedded::Flavor::MariaDb).await;
            })+
        }
    };
}

mod accounts;
mod archive;
mod by_hand;
mod cache;
mod changes;
mod connection;
mod crashes;
mod holds;
mod hostile;
mod limits;
mod merging;
mod once;
mod openapi;
mod reconcile;
mod rig;
mod selling;
mod support;
mod trouble;
mod wire;
