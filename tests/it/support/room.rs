//! A private directory for everything that this test process starts, and the guard that clears it.
//!
//! The test harness ends by `exit`, or is killed: destructors of statics never run. So a small
//! shell waits on a pipe that only this process holds. When the pipe closes, it kills whatever
//! works in the directory and removes it.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "hotrow-it-";

/// `$1` is the directory. Processes are found by their working directory, which nobody else uses.
const GUARD: &str = r#"
cat >/dev/null
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    found=
    for cwd in /proc/[0-9]*/cwd; do
        case "$(readlink "$cwd")/" in
        "$1"/*)
            pid=${cwd#/proc/}
            kill -KILL "${pid%/cwd}" && found=yes
            ;;
        esac
    done
    [ "$found" ] || break
    sleep 0.1
done
rm -rf "$1"
"#;

struct Room {
    path: PathBuf,
    /// Its standard input is the pipe.
    _guard: Child,
}

static ROOM: LazyLock<Room> = LazyLock::new(|| {
    // Short: a unix socket's path has 107 bytes at most.
    let parent = fs::canonicalize(env::temp_dir()).unwrap();
    remove_abandoned(&parent);
    let path = parent.join(format!("{PREFIX}{}", id()));
    fs::create_dir(&path).unwrap();
    let guard = Command::new("/bin/sh")
        .args(["-c", GUARD, "room-guard"])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends the tests, and the guard must outlive them.
        .process_group(0)
        .spawn()
        .unwrap();
    Room { path, _guard: guard }
});

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A new directory of its own for a server or process; its name begins with `what`.
pub(crate) fn directory(what: &str) -> PathBuf {
    let path = ROOM.path.join(format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&path).unwrap();
    path
}

/// Directories whose test process and guard were killed together.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).unwrap() {
        let path = entry.unwrap().path();
        let owner = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix(PREFIX));
        if let Some(owner) = owner
            && !Path::new("/proc").join(owner).exists()
        {
            match fs::remove_dir_all(&path) {
                // Its guard, or another test process, may be removing it at this moment.
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    eprintln!("{} stays: {error}", path.display())
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}
