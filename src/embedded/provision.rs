//! Where the server comes from: a given path, PATH, or a private fetch of the distribution's packages.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use super::error::{EmbeddedError, file_error};
use super::installation::{Flavor, Installation, Launcher};

const FETCH_SCRIPT: &str = include_str!("fetch-server.sh");

/// How many of the script's last lines an error carries.
const MESSAGES_MAX: usize = 30;

/// Where servers are installed without being on an ordinary user's PATH.
const SYSTEM_DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// Finds a server: the program given, else a `mysqld` or `mariadbd` on PATH, else one fetched into the user's cache.
///
/// `wish` is the make that is needed; without it any server found will do, and MySQL is fetched.
///
/// Blocks: milliseconds when a server is there, up to minutes when one is fetched. The cache is `$HOTROW_CACHE_DIR`,
/// else `$XDG_CACHE_HOME/hotrow`, else `$HOME/.cache/hotrow`; what was fetched is used again until it is deleted.
///
/// # Errors
/// If the program given is no usable server or of the other make, if the server on PATH is too old, or if the fetch
/// failed.
pub fn locate(
    explicit: Option<&Path>,
    wish: Option<Flavor>,
) -> Result<Installation, EmbeddedError> {
    if let Some(program) = explicit {
        let installation = Installation::on_system(program, client_near(program))?;
        return match wish {
            Some(wanted) if wanted != installation.flavor() => Err(EmbeddedError::OtherFlavor {
                program: program.to_owned(),
                found: installation.flavor(),
                wanted,
            }),
            Some(_) | None => Ok(installation),
        };
    }
    for program in ["mysqld", "mariadbd"].iter().flat_map(|name| on_path(name)) {
        let installation = Installation::on_system(&program, client_near(&program))?;
        if wish.is_none_or(|wanted| wanted == installation.flavor()) {
            return Ok(installation);
        }
    }
    fetch(wish.unwrap_or(Flavor::MySql))
}

/// Fetches a server of this make from the packages of Debian or Ubuntu, unless it was fetched before.
///
/// Blocks, up to minutes. Nothing is installed and no root is needed; a fetch that is killed leaves nothing behind that
/// the next one trips over, and processes that fetch at once wait for one another.
///
/// # Errors
/// If there is no cache directory, the fetch failed, or the fetched server does not run.
pub fn fetch(flavor: Flavor) -> Result<Installation, EmbeddedError> {
    Installation::in_tree(&fetched_tree(match flavor {
        Flavor::MySql => "mysql",
        Flavor::MariaDb => "mariadb",
    })?)
}

/// How to run a `redis-server` fetched in the same way.
///
/// Blocks, up to minutes.
///
/// # Errors
/// If there is no cache directory, or the fetch failed.
pub fn fetch_redis() -> Result<Launcher, EmbeddedError> {
    Launcher::in_tree(&fetched_tree("redis")?, "usr/bin/redis-server")
}

fn fetched_tree(what: &'static str) -> Result<PathBuf, EmbeddedError> {
    let cache = cache_directory()?;
    let tree = cache.join(format!("{what}-{}", env::consts::ARCH));
    if !tree.is_dir() {
        run_fetch(what, &tree)?;
    }
    Ok(tree)
}

fn cache_directory() -> Result<PathBuf, EmbeddedError> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("HOTROW_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("hotrow")))
        .or_else(|| Some(set("HOME")?.join(".cache/hotrow")))
        .ok_or(EmbeddedError::NoCacheDirectory)?;
    // The server changes its working directory, so that a relative path would lead astray.
    absolute(&cache).map_err(file_error("resolve", &cache))
}

fn run_fetch(what: &'static str, tree: &Path) -> Result<(), EmbeddedError> {
    let shell = Path::new("/bin/sh");
    let mut script = Command::new(shell)
        .args(["-c", FETCH_SCRIPT, "fetch-server.sh", what])
        .arg(tree)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(file_error("run", shell))?;
    let stderr = script.stderr.take().expect("stderr was set to a pipe above");
    let mut messages = Vec::new();
    for line in BufReader::new(stderr).lines() {
        let line = line.map_err(file_error("read the messages of", shell))?;
        tracing::info!("{}", line.strip_prefix("hotrow: ").unwrap_or(&line));
        if messages.len() == MESSAGES_MAX {
            messages.remove(0);
        }
        messages.push(line);
    }
    let status = script.wait().map_err(file_error("wait for", shell))?;
    if status.success() {
        return Ok(());
    }
    Err(EmbeddedError::Fetch { what, messages: messages.join("\n") })
}

pub(super) fn on_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(SYSTEM_DIRECTORIES.map(PathBuf::from));
    let found = directories
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name));
    found.filter(|program| program.is_file()).collect()
}

/// The client program of the same installation (`sbin/mysqld` has `bin/mysql`), else one on PATH.
fn client_near(server: &Path) -> Option<PathBuf> {
    let names = ["mysql", "mariadb"];
    let directory = server.parent()?;
    let beside = [directory.to_owned(), directory.join("../bin")];
    let near = beside.iter().flat_map(|directory| names.map(|name| directory.join(name)));
    near.chain(names.iter().flat_map(|name| on_path(name))).find(|program| program.is_file())
}
