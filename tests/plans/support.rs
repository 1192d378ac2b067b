//! Servers, plans to run on them, and what can be seen of it from outside.

#[path = "../it/support/books.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
mod books;
#[path = "../it/support/database.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
mod database;
#[path = "../it/support/room.rs"]
mod room;

pub(crate) mod alone;
pub(crate) mod long;
pub(crate) mod make;
pub(crate) mod scene;
pub(crate) mod sight;

/// The shared files take their waiting from here.
mod shop {
    pub(crate) use super::sight::until;
}
