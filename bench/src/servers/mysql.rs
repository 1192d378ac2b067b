//! The MySQL or MariaDB that everything is measured on: an embedded one, or one that is given.

use std::path::{Path, PathBuf};

use hotrow::embedded::{EmbeddedConfig, EmbeddedServer, Flavor, Sizing, locate};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

use super::database::Database;
use crate::outcome::Outcome;
use crate::workload::Workload;

/// How the names of the databases begin that the harness makes and drops.
pub(crate) const PREFIX: &str = "hotrow_bench_";

/// A running server and the account that may make databases on it.
pub(crate) struct MySql {
    embedded: Option<EmbeddedServer>,
    /// Without a database; may hold a password: never print it.
    admin_url: String,
    made: u32,
}

impl MySql {
    /// Uses the server at this URL; its path is ignored.
    pub(crate) async fn given(url: &str) -> Outcome<Self> {
        let server = Self { embedded: None, admin_url: with_database(url, "")?, made: 0 };
        server.admin().await.map_err(|error| format!("the database cannot be reached: {error}"))?;
        Ok(server)
    }

    /// Starts an embedded server in this directory, or adopts the one that runs there, and drops what
    /// an earlier run of the harness has left.
    pub(crate) async fn embedded(data_dir: &Path, flavor: Flavor) -> Outcome<Self> {
        let installation =
            tokio::task::spawn_blocking(move || locate(None, Some(flavor))).await??;
        let data_dir: PathBuf = data_dir.to_owned();
        let sizing = Sizing::of_this_machine();
        let running =
            EmbeddedServer::start(EmbeddedConfig { installation, data_dir, sizing }).await?;
        let admin_url = running.admin_url();
        let server = Self { embedded: Some(running), admin_url, made: 0 };
        server.drop_leftovers().await?;
        server.forget_binlogs().await?;
        Ok(server)
    }

    /// The server's process, when it is ours.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.embedded.as_ref()?.pid().parse().ok()
    }

    /// True when the harness runs the server itself.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// A new database with hotrow's tables and the stock of this workload.
    pub(crate) async fn fresh(&mut self, workload: &Workload) -> Outcome<Database> {
        let mut admin = self.admin().await?;
        self.made += 1;
        let name = format!("{PREFIX}{}_{}", std::process::id(), self.made);
        run(&mut admin, format!("CREATE DATABASE {name}")).await.map_err(|error| {
            format!("{error}; the account needs ALL on `{PREFIX}%`.*, where the harness makes its databases")
        })?;
        let database = Database::new(name.clone(), with_database(&self.admin_url, &name)?)?;
        hotrow::store::mysql::migrate(&database.address).await?;
        database.open(workload).await?;
        Ok(database)
    }

    /// Drops a database.
    pub(crate) async fn drop(&self, database: Database) -> Outcome<()> {
        let mut admin = self.admin().await?;
        run(&mut admin, format!("DROP DATABASE {}", database.name)).await?;
        self.forget_binlogs().await
    }

    /// Ends the server, if it is ours.
    pub(crate) async fn stop(self) -> Outcome<()> {
        match self.embedded {
            Some(server) => Ok(server.shutdown().await?),
            None => Ok(()),
        }
    }

    /// Keeps the disk from filling: nobody replicates from an embedded server.
    async fn forget_binlogs(&self) -> Outcome<()> {
        if self.is_embedded() {
            let mut admin = self.admin().await?;
            run(&mut admin, "PURGE BINARY LOGS BEFORE NOW()".to_owned()).await?;
        }
        Ok(())
    }

    async fn drop_leftovers(&self) -> Outcome<()> {
        let mut admin = self.admin().await?;
        let names: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT CAST(SCHEMA_NAME AS BINARY) FROM information_schema.SCHEMATA \
             WHERE SCHEMA_NAME LIKE 'hotrow\\_bench\\_%'",
        )
        .fetch_all(&mut admin)
        .await?;
        for name in names {
            run(&mut admin, format!("DROP DATABASE {}", String::from_utf8(name)?)).await?;
        }
        Ok(())
    }

    async fn admin(&self) -> Outcome<MySqlConnection> {
        Ok(MySqlConnection::connect(&self.admin_url).await?)
    }
}

/// Runs a text of one or more statements made by the harness.
pub(crate) async fn run(connection: &mut MySqlConnection, text: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}

/// The URL with another database in its path.
fn with_database(url: &str, database: &str) -> Outcome<String> {
    let (front, query) = match url.split_once('?') {
        Some((front, query)) => (front, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) =
        front.split_once("://").ok_or("the database URL does not begin with mysql://")?;
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    Ok(format!("{scheme}://{host}/{database}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        let with = |url| with_database(url, "b").unwrap();
        assert_eq!(with("mysql://u:p@h:3306/a?x=y"), "mysql://u:p@h:3306/b?x=y");
        assert_eq!(
            with("mysql://u@localhost/?socket=%2Frun%2Fs"),
            "mysql://u@localhost/b?socket=%2Frun%2Fs"
        );
        assert_eq!(with("mysql://h"), "mysql://h/b");
        assert!(with_database("h:3306", "b").is_err());
    }
}
