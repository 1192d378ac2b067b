//! The files of one data directory, and the two locks that say who works on it.
//!
//! `hotrow.lock` is held by the running hotrow. `mysqld.log` is held by the server itself: the handle that it inherits
//! as its error stream carries the lock, so that the system releases it when the server ends, however it ends. A
//! process id read from a file could belong to somebody else by now; a lock cannot.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{EmbeddedError, file_error};
use super::installation::Flavor;

/// A longer log is set aside as `mysqld.log.old` at the next start of the server, in bytes.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How much of the log an error shows: its last lines, within its last bytes.
const LOG_TAIL_LINES: usize = 20;
const LOG_TAIL_BYTES: u64 = 8 * 1024;

/// 192 bits as hexadecimal digits.
const PASSWORD_DIGITS: usize = 48;

/// A data directory: an absolute path without symbolic links.
#[derive(Clone, Debug)]
pub(super) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Creates the directory, closed to other users, unless it exists.
    pub(super) fn create(path: &Path) -> Result<Self, EmbeddedError> {
        create_private_directory(path)?;
        Self::existing(path)
    }

    pub(super) fn existing(path: &Path) -> Result<Self, EmbeddedError> {
        let root = fs::canonicalize(path).map_err(file_error("open", path))?;
        match root.to_str() {
            Some(_) => Ok(Self { root }),
            None => Err(EmbeddedError::PathNotText { path: root }),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The server's own data directory.
    pub(super) fn tables(&self) -> PathBuf {
        self.root.join("mysql")
    }

    /// A private place for the server's temporary files: MariaDB deletes at its start what looks like a temporary table
    /// in there, whoever's it is.
    pub(super) fn temporary(&self) -> Result<PathBuf, EmbeddedError> {
        let path = self.root.join("tmp");
        create_private_directory(&path)?;
        Ok(path)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("mysqld.log")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.root.join("mysqld.pid")
    }

    pub(super) fn port_file(&self) -> PathBuf {
        self.root.join("mysqld.port")
    }

    /// Makes this process the one hotrow of the directory, as long as the claim is kept.
    pub(super) fn claim(&self) -> Result<Claim, EmbeddedError> {
        let path = self.root.join("hotrow.lock");
        let file = open_private(&path)?;
        if taken(file.try_lock(), &path)? {
            return Ok(Claim(file));
        }
        Err(EmbeddedError::InUse { data_dir: self.root.clone() })
    }

    /// The server's log with its lock, or nothing while a server (or its initialisation) runs.
    pub(super) fn hold_log(&self) -> Result<Option<File>, EmbeddedError> {
        let path = self.log();
        let file = open_private(&path)?;
        if !taken(file.try_lock(), &path)? {
            return Ok(None);
        }
        if file.metadata().map_err(file_error("read", &path))?.len() <= LOG_BYTES_MAX {
            return Ok(Some(file));
        }
        fs::rename(&path, self.root.join("mysqld.log.old")).map_err(file_error("rename", &path))?;
        let fresh = open_private(&path)?;
        Ok(taken(fresh.try_lock(), &path)?.then_some(fresh))
    }

    /// Whether a server (or its initialisation) runs on this directory.
    pub(super) fn server_runs(&self) -> Result<bool, EmbeddedError> {
        let path = self.log();
        // A lock that is shared: two who ask at once are no server to each other.
        Ok(!taken(open_private(&path)?.try_lock_shared(), &path)?)
    }

    pub(super) fn log_tail(&self) -> String {
        tail(&self.log()).unwrap_or_else(|error| format!("(it cannot be read: {error})"))
    }

    /// The process id that the running server wrote, for people to read.
    pub(super) fn pid_text(&self) -> String {
        match fs::read_to_string(self.pid_file()) {
            Ok(pid) => pid.trim().to_owned(),
            Err(_) => "unknown".to_owned(),
        }
    }

    /// The password of the TCP account, made at the first call.
    pub(super) fn password(&self) -> Result<String, EmbeddedError> {
        let path = self.root.join("password");
        let well_formed = |text: &String| {
            text.len() == PASSWORD_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        if let Some(password) = read_if_there(&path)?.filter(well_formed) {
            return Ok(password);
        }
        let password: String =
            random_bytes::<{ PASSWORD_DIGITS / 2 }>()?.iter().map(|b| format!("{b:02x}")).collect();
        write_whole(&path, &password)?;
        Ok(password)
    }

    /// Refuses tables that the other make of server has written.
    pub(super) fn check_flavor(&self, flavor: Flavor) -> Result<(), EmbeddedError> {
        match read_if_there(&self.flavor_file())? {
            Some(made_by) if self.tables().exists() && made_by != flavor.to_string() => {
                Err(EmbeddedError::DataOfOtherFlavor {
                    data_dir: self.root.clone(),
                    made_by,
                    found: flavor,
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn note_flavor(&self, flavor: Flavor) -> Result<(), EmbeddedError> {
        write_whole(&self.flavor_file(), &flavor.to_string())
    }

    fn flavor_file(&self) -> PathBuf {
        self.root.join("flavor")
    }
}

/// The right to be the one hotrow of a data directory; dropping it gives the directory free.
///
/// Closing the file would not do: a child that another thread is about to start has the handle, too, and with it the
/// lock, until its own program runs.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the data directory stays until this process ends");
        }
    }
}

/// Creates a directory that only this user may enter, unless it exists.
pub(super) fn create_private_directory(path: &Path) -> Result<(), EmbeddedError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file_error("create", path))
}

/// Closes an own directory to other users.
pub(super) fn close_to_others(path: &Path) -> Result<(), EmbeddedError> {
    fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(file_error("set the mode of", path))
}

/// Writes a file that only this user may read, in one step: a crash leaves the old content or the new.
pub(super) fn write_whole(path: &Path, content: &str) -> Result<(), EmbeddedError> {
    let new = path.with_extension("new");
    remove_if_there(&new)?;
    let mut file = open_private(&new)?;
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(file_error("write", &new))?;
    fs::rename(&new, path).map_err(file_error("rename to", path))
}

pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, EmbeddedError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", path)(error)),
    }
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file_error("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], EmbeddedError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; N];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(file_error("read", path))?;
    Ok(bytes)
}

/// The user that this process acts as.
pub(super) fn own_user_id(data_dir: &DataDir) -> Result<u32, EmbeddedError> {
    let own_process = Path::new("/proc/self");
    let ours = if own_process.exists() { own_process } else { data_dir.root() };
    Ok(fs::metadata(ours).map_err(file_error("read", ours))?.uid())
}

fn open_private(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(file_error("open", path))
}

fn taken(attempt: Result<(), TryLockError>, path: &Path) -> Result<bool, EmbeddedError> {
    match attempt {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(file_error("lock", path)(source)),
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_claim_ends_although_a_child_still_has_its_handle() {
        let root = TempDir::new().unwrap();
        let data_dir = DataDir::create(root.path()).unwrap();
        let claim = data_dir.claim().unwrap();
        assert!(matches!(data_dir.claim(), Err(EmbeddedError::InUse { .. })));
        let inherited = claim.0.try_clone().unwrap();
        drop(claim);
        data_dir.claim().unwrap();
        drop(inherited);
    }

    #[test]
    fn those_who_ask_whether_a_server_runs_are_no_server() {
        let root = TempDir::new().unwrap();
        let data_dir = DataDir::create(root.path()).unwrap();
        let asking = open_private(&data_dir.log()).unwrap();
        asking.try_lock_shared().unwrap();
        assert!(!data_dir.server_runs().unwrap());
    }

    #[test]
    fn who_holds_the_log_is_a_server() {
        let root = TempDir::new().unwrap();
        let data_dir = DataDir::create(root.path()).unwrap();
        let _log = data_dir.hold_log().unwrap().unwrap();
        assert!(data_dir.server_runs().unwrap());
    }
}
