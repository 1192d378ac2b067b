//! Where the server's unix socket is: in the data directory, or in a short private directory when that path is too long.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::data_dir::{DataDir, close_to_others, create_private_directory, own_user_id};
use super::error::{EmbeddedError, file_error};

/// The shortest limit of the systems that matter is 103 bytes.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Not `$TMPDIR`: the next start may have another environment and must find the same socket.
const SHORT_PARENT: &str = "/tmp";

const SOCKET_NAME: &str = "mysqld.sock";

/// The socket's path, which depends on nothing but the data directory.
pub(super) fn socket_path(data_dir: &DataDir) -> Result<PathBuf, EmbeddedError> {
    let inside = inside(data_dir).join(SOCKET_NAME);
    if inside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(inside);
    }
    // Device and inode belong to this directory alone: a copy of it gets a socket of its own.
    let root = fs::metadata(data_dir.root()).map_err(file_error("read", data_dir.root()))?;
    let name = format!("hotrow-{:x}-{:x}", root.dev(), root.ino());
    Ok(Path::new(SHORT_PARENT).join(name).join(SOCKET_NAME))
}

/// Makes the socket's directory, closed to other users, and returns the socket's path.
pub(super) fn prepare_socket_directory(data_dir: &DataDir) -> Result<PathBuf, EmbeddedError> {
    let socket = socket_path(data_dir)?;
    let inside = inside(data_dir);
    if socket.starts_with(&inside) {
        create_private_directory(&inside)?;
        close_to_others(&inside)?;
    } else if let Some(directory) = socket.parent() {
        make_where_others_write(directory, data_dir)?;
    }
    Ok(socket)
}

/// Leaves nothing of a stopped server outside of its data directory.
pub(super) fn remove_outside_directory(data_dir: &DataDir) -> Result<(), EmbeddedError> {
    let socket = socket_path(data_dir)?;
    match socket.parent() {
        Some(directory) if !directory.starts_with(data_dir.root()) && directory.exists() => {
            fs::remove_dir_all(directory).map_err(file_error("remove", directory))
        }
        Some(_) | None => Ok(()),
    }
}

fn inside(data_dir: &DataDir) -> PathBuf {
    data_dir.root().join("run")
}

/// In a directory that everybody may write to, somebody else may have made this name first.
fn make_where_others_write(directory: &Path, data_dir: &DataDir) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(file_error("create", directory)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let found = fs::symlink_metadata(directory).map_err(file_error("read", directory))?;
    if found.is_dir() && found.uid() == own_user_id(data_dir)? && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(EmbeddedError::SocketDirectory { path: directory.to_owned() })
}
