//! Sessions that were left without knowing what became of them.

use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::Row;
use tracing::{debug, info};

use super::connect::{Session, run, text};
use super::error::is_gone;

/// The abandoned sessions of all flush connections that share this list. They may hold locks for as
/// long as the server takes to miss its client, so whichever connection works next ends them.
#[derive(Clone, Debug, Default)]
pub struct Abandoned(Arc<Mutex<Vec<u64>>>);

impl Abandoned {
    pub(super) fn add(&self, session: u64) {
        self.0.lock().push(session);
    }

    /// Ends all of them, over a session that works. After an error it may be called again.
    pub(super) async fn end_all(&self, session: &mut Session) -> Result<(), sqlx::Error> {
        loop {
            let Some(id) = self.0.lock().last().copied() else { return Ok(()) };
            end(session, id).await?;
            self.0.lock().retain(|&other| other != id);
        }
    }
}

/// Ends a session. If it is committing, the commit comes first or not at all; what it was sent and has
/// not begun, it never begins: nobody may decide on that again before.
async fn end(session: &mut Session, id: u64) -> Result<(), sqlx::Error> {
    // Ids start anew with the server: only a session of our own account on our database is ended. What has the id of
    // this session now is this session: the server has been restarted.
    if id == session.id || !is_ours(session, id).await? {
        return Ok(());
    }
    match run(&mut session.connection, format!("KILL CONNECTION {id}")).await {
        Ok(_) => info!(session = id, "ended an abandoned session"),
        Err(error) if is_gone(&error) => debug!(session = id, "it has ended by itself meanwhile"),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// True if there is such a session, of this account on this database.
///
/// information_schema.PROCESSLIST is no way to see that: MySQL converts the statements of all sessions in it, and as
/// long as one of them has a byte that its character set does not know, whoever reads the table gets error 3854.
async fn is_ours(session: &mut Session, id: u64) -> Result<bool, sqlx::Error> {
    let look = "SELECT SUBSTRING_INDEX(USER(), '@', 1), DATABASE(); SHOW PROCESSLIST";
    let (_, rows) = run(&mut session.connection, look.to_owned()).await?;
    let (own, sessions) = rows.split_first().ok_or(sqlx::Error::RowNotFound)?;
    for found in sessions {
        if found.try_get_unchecked::<u64, _>(0)? == id {
            let database: Option<&[u8]> = found.try_get_unchecked(3)?;
            return Ok(
                text(found, 1)? == text(own, 0)? && database == Some(text(own, 1)?.as_bytes())
            );
        }
    }
    Ok(false)
}
