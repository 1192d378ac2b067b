//! Makes the server's data directory, whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::data_dir::{
    DataDir, close_to_others, create_private_directory, own_user_id, remove_if_there, write_whole,
};
use super::error::{EmbeddedError, file_error};
use super::installation::{Flavor, Installation, option};

/// MariaDB's system tables, in the order in which they are run; newer versions have renamed the files.
const MARIADB_SCRIPTS: [[&str; 2]; 3] = [
    ["mariadb_system_tables.sql", "mysql_system_tables.sql"],
    ["mariadb_performance_tables.sql", "mysql_performance_tables.sql"],
    ["mariadb_system_tables_data.sql", "mysql_system_tables_data.sql"],
];

/// MariaDB's data script makes roots without a password for loopback TCP, too; only the socket's may stay.
const MARIADB_CLOSE_TCP: &str = "\
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
DELETE FROM mysql.proxies_priv WHERE User = 'root' AND Host <> 'localhost';
";

/// Makes the server's data directory in a temporary place and renames it.
pub(super) async fn initialise(
    data_dir: &DataDir,
    installation: &Installation,
    log: &File,
) -> Result<(), EmbeddedError> {
    let unfinished = data_dir.root().join("mysql.initialising");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(file_error("remove", &unfinished)(error));
        }
        Ok(()) | Err(_) => {}
    }
    create_private_directory(&unfinished)?;

    let log_copy = || log.try_clone().map_err(file_error("open", &data_dir.log()));
    let mut command = Command::from(installation.server_command());
    if own_user_id(data_dir)? == 0 {
        command.arg("--user=root");
    }
    command.arg(option("--datadir", &unfinished)).arg(option("--tmpdir", &data_dir.temporary()?));
    match installation.flavor() {
        Flavor::MySql => {
            command.args(["--initialize-insecure", "--secure-file-priv=NULL"]).stdin(Stdio::null())
        }
        Flavor::MariaDb => {
            create_private_directory(&unfinished.join("mysql"))?;
            let script = write_bootstrap_script(data_dir, installation)?;
            let opened = File::open(&script).map_err(file_error("open", &script))?;
            // The open handle is all that the server needs.
            remove_if_there(&script)?;
            command.args(["--bootstrap", "--log-warnings=0"]).stdin(opened)
        }
    };
    let program = installation.server().program();
    let mut child = command
        .stdout(log_copy()?)
        .stderr(log_copy()?)
        .kill_on_drop(true)
        .spawn()
        .map_err(file_error("run", program))?;
    let status = child.wait().await.map_err(file_error("wait for", program))?;
    if !status.success() {
        return Err(EmbeddedError::Initialise {
            data_dir: data_dir.root().to_owned(),
            status: status.to_string(),
            log: data_dir.log(),
            log_tail: data_dir.log_tail(),
        });
    }

    close_to_others(&unfinished)?;
    data_dir.note_flavor(installation.flavor())?;
    let tables = data_dir.tables();
    fs::rename(&unfinished, &tables).map_err(file_error("rename to", &tables))?;
    let root = data_dir.root();
    File::open(root).and_then(|directory| directory.sync_all()).map_err(file_error("sync", root))
}

fn write_bootstrap_script(
    data_dir: &DataDir,
    installation: &Installation,
) -> Result<PathBuf, EmbeddedError> {
    let mut sql = String::from("USE mysql;\n");
    for names in MARIADB_SCRIPTS {
        let script = find_script(installation.share_dir(), names)?;
        sql += &fs::read_to_string(&script).map_err(file_error("read", &script))?;
        sql.push('\n');
    }
    sql += MARIADB_CLOSE_TCP;
    let path = data_dir.root().join("mysql.initialising.sql");
    write_whole(&path, &sql)?;
    Ok(path)
}

fn find_script(share_dir: &Path, names: [&str; 2]) -> Result<PathBuf, EmbeddedError> {
    let place = share_dir.to_owned();
    let found = names.map(|name| share_dir.join(name)).into_iter().find(|path| path.is_file());
    found.ok_or(EmbeddedError::Incomplete { place, missing: "script for MariaDB's system tables" })
}
