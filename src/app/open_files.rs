//! How many files the process may have open: each connection is one.

use rlimit::{Resource, increase_nofile_limit};

/// Files beside those of the clients: databases, the cache, listeners, logs.
const OTHER_FILES: u64 = 256;

/// The system lets the process have too few files open.
#[derive(Debug, thiserror::Error)]
#[error(
    "at most {limit} files may be open, which is too few for {connections} connections and what else is open; raise \
     the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd, --ulimit nofile= of docker), or take fewer connections"
)]
pub struct TooFewFiles {
    limit: u64,
    connections: usize,
}

/// Raises the limit of this process, and of those that it starts, to what so many connections need. What a shell gives
/// is often 1,024. No further: some database servers take memory for each file that they might open.
///
/// # Errors
/// When that is too few for so many connections; those that are too many wait until others have ended.
pub fn open_files_for(connections: usize) -> Result<(), TooFewFiles> {
    let needed = (connections as u64).saturating_add(OTHER_FILES);
    // An error leaves the limit as it was, which is then looked at like any other.
    let limit = increase_nofile_limit(needed).or_else(|_| Resource::NOFILE.get_soft()).unwrap_or(0);
    if limit < needed {
        return Err(TooFewFiles { limit, connections });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_files_are_told() {
        assert!(open_files_for(8).is_ok());
        let told = open_files_for(usize::MAX).unwrap_err().to_string();
        assert!(told.contains("connections") && told.contains("ulimit -Hn"), "{told}");
    }
}
