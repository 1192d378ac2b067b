//! The SQL that hotrow really runs, on real MySQL and MariaDB: how the server executes it, what it
//! locks, and what each answer of the store leaves in the tables.
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

mod archive;
mod at_once;
mod change_feed;
mod cookbook;
mod dba;
mod deciding;
mod explain;
mod golden;
mod holds;
mod locks;
mod merge_modes;
mod merging;
mod reconcile;
mod resolving;
mod schema;
mod server;
mod support;
mod sweep;
mod trouble;
mod views;
