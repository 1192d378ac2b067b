//! Sessions that were left without knowing what became of them.

use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{debug, info};

use super::connect::{Session, run};
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
    // Ids start anew with the server: only a session of our own account on our database is ended.
    let own = format!(
        "SELECT ID FROM information_schema.PROCESSLIST \
         WHERE ID = {id} AND USER = SUBSTRING_INDEX(USER(), '@', 1) AND DB = DATABASE()"
    );
    let (_, found) = run(&mut session.connection, own).await?;
    // What has the id of this session now is this session: the server has been restarted.
    if found.is_empty() || id == session.id {
        return Ok(());
    }
    match run(&mut session.connection, format!("KILL CONNECTION {id}")).await {
        Ok(_) => info!(session = id, "ended an abandoned session"),
        Err(error) if is_gone(&error) => debug!(session = id, "it has ended by itself meanwhile"),
        Err(error) => return Err(error),
    }
    Ok(())
}
