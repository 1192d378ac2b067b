//! A server program on this machine: what it is, how it is run, where its files are.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{EmbeddedError, file_error};

/// Who makes the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL by Oracle.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        })
    }
}

/// A server's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// E.g. 8 of 8.4.6.
    pub major: u16,
    /// E.g. 4 of 8.4.6.
    pub minor: u16,
    /// E.g. 6 of 8.4.6.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How a program is run: directly, or through the dynamic loader of the tree it was fetched into.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    through: Option<TreeLoader>,
}

/// A fetched tree's own dynamic loader and libraries: nothing of the system's libraries is used.
#[derive(Clone, Debug)]
struct TreeLoader {
    loader: PathBuf,
    library_path: OsString,
}

impl Launcher {
    fn direct(program: PathBuf) -> Self {
        Self { program, through: None }
    }

    /// Runs `program` of a fetched tree.
    ///
    /// # Errors
    /// [`EmbeddedError::Incomplete`] if the tree lacks the program, libc or the loader.
    pub(super) fn in_tree(root: &Path, program: &str) -> Result<Self, EmbeddedError> {
        let missing = |missing| EmbeddedError::Incomplete { place: root.to_owned(), missing };
        let path = root.join(program);
        if !path.is_file() {
            return Err(missing("server program"));
        }
        let libc = ["lib", "usr/lib"]
            .iter()
            .flat_map(|parent| entries(&root.join(parent)))
            .find(|directory| directory.join("libc.so.6").is_file())
            .ok_or_else(|| missing("C library"))?;
        let is_loader = |file: &PathBuf| {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("ld-linux") || name.starts_with("ld64.so")
        };
        let loader =
            entries(&libc).into_iter().find(is_loader).ok_or_else(|| missing("dynamic loader"))?;
        let architecture = libc.file_name().ok_or_else(|| missing("C library"))?;
        let mut library_path = root.join("usr/lib").join(architecture).into_os_string();
        for directory in [root.join("lib").join(architecture), root.join("usr/lib/mysql/private")] {
            library_path.push(":");
            library_path.push(directory);
        }
        Ok(Self { program: path, through: Some(TreeLoader { loader, library_path }) })
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command that runs the program; arguments can be added.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = match &self.through {
            None => Command::new(&self.program),
            Some(tree) => {
                let mut command = Command::new(&tree.loader);
                // A preloaded library of the system may need another libc than the tree's.
                command.env_remove("LD_PRELOAD");
                command.arg("--library-path").arg(&tree.library_path).arg(&self.program);
                command
            }
        };
        // A service manager that watches hotrow must not hear the server's readiness instead.
        for variable in ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC"] {
            command.env_remove(variable);
        }
        command
    }
}

/// A database server on this machine.
#[derive(Clone, Debug)]
pub struct Installation {
    flavor: Flavor,
    version: Version,
    server: Launcher,
    client: Option<Launcher>,
    base_dir: PathBuf,
    share_dir: PathBuf,
    /// Only for fetched trees: elsewhere the server knows it itself.
    plugin_dir: Option<PathBuf>,
}

impl Installation {
    /// A server in a tree that the fetch made.
    ///
    /// # Errors
    /// If the tree is incomplete or its server does not run.
    pub(super) fn in_tree(root: &Path) -> Result<Self, EmbeddedError> {
        let server = Launcher::in_tree(root, "usr/sbin/mysqld")
            .or_else(|_| Launcher::in_tree(root, "usr/sbin/mariadbd"))?;
        let client = ["usr/bin/mysql", "usr/bin/mariadb"]
            .iter()
            .find_map(|name| Launcher::in_tree(root, name).ok());
        let base_dir = root.join("usr");
        let share_dir = find_share_dir(&base_dir);
        let make = share_dir.file_name().unwrap_or_default();
        let plugin_dir = Some(base_dir.join("lib").join(make).join("plugin"));
        let (flavor, version) = ask_version(&server)?;
        Ok(Self { flavor, version, server, client, base_dir, share_dir, plugin_dir })
    }

    /// A server installed on the system, with the client program found beside it or on PATH.
    ///
    /// # Errors
    /// If the program does not run, is no database server or is too old.
    pub(super) fn on_system(
        program: &Path,
        client: Option<PathBuf>,
    ) -> Result<Self, EmbeddedError> {
        let program = fs::canonicalize(program).map_err(|source| EmbeddedError::NotAServer {
            program: program.to_owned(),
            detail: source.to_string(),
        })?;
        let base_dir = program.parent().and_then(Path::parent).unwrap_or(Path::new("/")).to_owned();
        let share_dir = find_share_dir(&base_dir);
        let server = Launcher::direct(program);
        let (flavor, version) = ask_version(&server)?;
        let client = client.map(Launcher::direct);
        Ok(Self { flavor, version, server, client, base_dir, share_dir, plugin_dir: None })
    }

    /// Who makes the server.
    #[must_use]
    pub fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The server program.
    #[must_use]
    pub fn server(&self) -> &Launcher {
        &self.server
    }

    /// The SQL client program, if there is one.
    #[must_use]
    pub fn client(&self) -> Option<&Launcher> {
        self.client.as_ref()
    }

    /// Where the server's SQL scripts and messages are.
    #[must_use]
    pub fn share_dir(&self) -> &Path {
        &self.share_dir
    }

    /// The server with the options that every run of it needs: no configuration file, and where its own files are.
    pub(super) fn server_command(&self) -> Command {
        let mut command = self.server.command();
        command.arg("--no-defaults");
        if let Some(plugin_dir) = &self.plugin_dir {
            command.arg(option("--basedir", &self.base_dir));
            command.arg(option("--lc-messages-dir", &self.share_dir));
            command.arg(option("--plugin-dir", plugin_dir));
        }
        command
    }
}

/// `NAME=PATH` as one argument, whatever bytes the path has.
pub(super) fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push("=");
    option.push(path);
    option
}

/// Packages have a directory of the server's in `share`, and tarballs have `share` itself.
fn find_share_dir(base_dir: &Path) -> PathBuf {
    let places = ["share/mysql", "share/mariadb", "share"].map(|name| base_dir.join(name));
    let found = places.into_iter().find(|directory| directory.join("english/errmsg.sys").is_file());
    found.unwrap_or_else(|| base_dir.join("share"))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The oldest servers that know every option used here; the promises are tested from MySQL 8.4 and MariaDB 10.11 on.
const fn oldest(flavor: Flavor) -> Version {
    match flavor {
        Flavor::MySql => Version { major: 8, minor: 0, patch: 30 },
        Flavor::MariaDb => Version { major: 10, minor: 6, patch: 0 },
    }
}

fn ask_version(server: &Launcher) -> Result<(Flavor, Version), EmbeddedError> {
    let program = server.program().to_owned();
    let output = server
        .command()
        .args(["--no-defaults", "--version"])
        .output()
        .map_err(file_error("run", &program))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some((flavor, version)) = parse_version(&text).filter(|_| output.status.success()) else {
        let first =
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
        let detail =
            format!("--version ended with {}, printing '{}' '{first}'", output.status, text.trim());
        return Err(EmbeddedError::NotAServer { program, detail });
    };
    if version < oldest(flavor) {
        return Err(EmbeddedError::TooOld { program, flavor, version });
    }
    Ok((flavor, version))
}

/// Reads e.g. `mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))`.
fn parse_version(text: &str) -> Option<(Flavor, Version)> {
    let (_, version) = text.split_once("Ver ")?;
    let version = version.split_whitespace().next()?;
    let flavor = if version.contains("MariaDB") { Flavor::MariaDb } else { Flavor::MySql };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u16>);
    let mut next = || numbers.next()?.ok();
    Some((flavor, Version { major: next()?, minor: next()?, patch: next()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let parse =
            |text| parse_version(text).map(|(flavor, version)| (flavor, version.to_string()));
        assert_eq!(
            parse("/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"),
            Some((Flavor::MySql, "9.7.4".to_owned()))
        );
        assert_eq!(
            parse(
                "mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
            ),
            Some((Flavor::MariaDb, "10.11.18".to_owned()))
        );
        assert_eq!(parse("coreutils 9.1"), None);
        assert_eq!(parse("Ver x"), None);
    }
}
