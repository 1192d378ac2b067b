//! The MySQL and MariaDB store; the only user of sqlx.

mod desk;

pub use desk::Desk;
