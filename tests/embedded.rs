//! The embedded server, on MySQL and on MariaDB: durable, private, adopted after a crash of hotrow, recovered after its
//! own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotrow::embedded::{
    EmbeddedConfig, EmbeddedError, EmbeddedServer, Flavor, Installation, Sizing, fetch,
    fetch_redis, locate, sql_shell,
};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

/// A data directory whose server does not outlive a failed test.
struct Stage {
    temporary: TempDir,
    data_dir: PathBuf,
    installation: Installation,
}

impl Stage {
    fn new(flavor: Flavor) -> Self {
        Self::below(flavor, "data")
    }

    fn below(flavor: Flavor, name: &str) -> Self {
        let temporary = TempDir::new().unwrap();
        let data_dir = temporary.path().join(name);
        Self { temporary, data_dir, installation: fetch(flavor).unwrap() }
    }

    fn config(&self) -> EmbeddedConfig {
        EmbeddedConfig {
            installation: self.installation.clone(),
            data_dir: self.data_dir.clone(),
            sizing: Sizing { buffer_pool_mib: 128, redo_log_mib: 128 },
        }
    }

    async fn start(&self) -> EmbeddedServer {
        match EmbeddedServer::start(self.config()).await {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Ok(pid) = fs::read_to_string(self.data_dir.join("mysqld.pid")) else {
            return;
        };
        let arguments = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(self.temporary.path().to_str().unwrap()) {
            kill_hard(pid.trim());
        }
    }
}

fn kill_hard(pid: &str) {
    assert!(
        Command::new("sh").args(["-c", "kill -9 \"$1\"", "sh", pid]).status().unwrap().success()
    );
}

async fn connect(url: &str) -> MySqlConnection {
    let options: MySqlConnectOptions = url.parse().unwrap();
    MySqlConnection::connect_with(&options).await.unwrap()
}

async fn ask<T>(connection: &mut MySqlConnection, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::MySql> + sqlx::Type<sqlx::MySql> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

async fn write_row(server: &EmbeddedServer, id: i32) {
    let mut connection = connect(&server.url()).await;
    let create = "CREATE TABLE IF NOT EXISTS row_kept (id INT PRIMARY KEY)";
    sqlx::query(create).execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO row_kept VALUES (?)").bind(id).execute(&mut connection).await.unwrap();
}

async fn rows(server: &EmbeddedServer) -> Vec<i32> {
    let mut connection = connect(&server.url()).await;
    sqlx::query_scalar("SELECT id FROM row_kept ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

/// The error number with which a TCP login of this account is refused.
async fn refusal(
    server: &EmbeddedServer,
    user: &str,
    password: Option<&str>,
    tls: MySqlSslMode,
) -> u16 {
    let mut options = MySqlConnectOptions::new()
        .host("127.0.0.1")
        .port(server.port())
        .username(user)
        .ssl_mode(tls);
    if let Some(password) = password {
        options = options.password(password);
    }
    let error =
        MySqlConnection::connect_with(&options).await.expect_err("the login must be refused");
    let refused = error
        .as_database_error()
        .unwrap_or_else(|| panic!("refused by the server, not by {error}"));
    refused.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number()
}

async fn settings_are_durable_and_rows_survive_a_restart(flavor: Flavor) {
    let stage = Stage::new(flavor);
    fs::create_dir_all(stage.data_dir.join("mysql.initialising/left-by-a-crash")).unwrap();
    let server = stage.start().await;
    assert_eq!(server.flavor(), flavor);
    assert!(!server.adopted());

    let mut connection = connect(&server.url()).await;
    let mut number = async |name: &str| -> i64 {
        ask(&mut connection, &format!("SELECT CAST(@@GLOBAL.{name} AS SIGNED)")).await
    };
    assert_eq!(number("innodb_flush_log_at_trx_commit").await, 1);
    assert_eq!(number("sync_binlog").await, 1);
    assert_eq!(number("log_bin").await, 1);
    assert_eq!(number("skip_name_resolve").await, 1);
    assert_eq!(number("local_infile").await, 0);
    assert_eq!(number("binlog_cache_size").await, 8 * 1024 * 1024);
    assert_eq!(number("innodb_buffer_pool_size").await, 128 * 1024 * 1024);
    assert_eq!(ask::<String>(&mut connection, "SELECT @@GLOBAL.binlog_format").await, "ROW");
    assert_eq!(ask::<String>(&mut connection, "SELECT @@GLOBAL.time_zone").await, "+00:00");
    assert_eq!(ask::<String>(&mut connection, "SELECT DATABASE()").await, "hotrow");

    // Ctrl-C goes to a process group: the server must have its own.
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap();
    assert_eq!(group, server.pid());

    write_row(&server, 1).await;
    let port = server.port();
    server.shutdown().await.unwrap();

    // The kept port belongs to somebody else now.
    let squatter = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let server = stage.start().await;
    assert!(!server.adopted());
    assert_ne!(server.port(), port);
    assert_eq!(rows(&server).await, [1]);
    drop(squatter);

    let client = sql_shell(&stage.installation, &stage.data_dir)
        .unwrap()
        .args(["-Ne", "SELECT id FROM row_kept"])
        .output();
    assert_eq!(String::from_utf8(client.unwrap().stdout).unwrap().trim(), "1");
    server.shutdown().await.unwrap();
    let error = sql_shell(&stage.installation, &stage.data_dir).unwrap_err();
    assert!(matches!(error, EmbeddedError::NotRunning { .. }), "{error}");

    let other = match flavor {
        Flavor::MySql => Flavor::MariaDb,
        Flavor::MariaDb => Flavor::MySql,
    };
    let config = EmbeddedConfig { installation: fetch(other).unwrap(), ..stage.config() };
    let error =
        EmbeddedServer::start(config).await.err().expect("data of the other make must be refused");
    assert!(matches!(error, EmbeddedError::DataOfOtherFlavor { .. }), "{error}");
}

async fn a_killed_server_is_noticed_and_recovers(flavor: Flavor) {
    let stage = Stage::new(flavor);
    let mut server = stage.start().await;
    write_row(&server, 1).await;
    kill_hard(server.pid());
    let exit = server.exited().await.unwrap();
    assert!(exit.to_string().contains("signal: 9"), "{exit}");
    drop(server);

    let server = stage.start().await;
    assert!(!server.adopted());
    assert_eq!(rows(&server).await, [1]);
    write_row(&server, 2).await;
    drop(server);

    // The same for a server that was adopted, whose end no child handle tells.
    let mut server = stage.start().await;
    assert!(server.adopted());
    kill_hard(server.pid());
    server.exited().await.unwrap();
    server.shutdown().await.unwrap();
    let server = stage.start().await;
    assert!(!server.adopted());
    assert_eq!(rows(&server).await, [1, 2]);
    server.shutdown().await.unwrap();
}

async fn a_server_left_running_is_adopted_by_one_hotrow_only(flavor: Flavor) {
    // Too long for a socket path.
    let stage = Stage::below(flavor, &"long path with blanks/".repeat(5));
    let server = stage.start().await;
    write_row(&server, 1).await;
    let (pid, port) = (server.pid().to_owned(), server.port());
    drop(server);

    let adopted = stage.start().await;
    assert!(adopted.adopted());
    assert_eq!((adopted.pid(), adopted.port()), (pid.as_str(), port));
    assert_eq!(rows(&adopted).await, [1]);

    let error = EmbeddedServer::start(stage.config())
        .await
        .err()
        .expect("the second start must be refused");
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
    assert_eq!(rows(&adopted).await, [1]);

    let socket_directory = adopted.socket().parent().unwrap().to_owned();
    adopted.shutdown().await.unwrap();
    let server = stage.start().await;
    assert!(!server.adopted(), "a shutdown must end an adopted server, too");
    assert_eq!(rows(&server).await, [1]);
    server.shutdown().await.unwrap();
    assert!(!socket_directory.starts_with(&stage.data_dir));
    assert!(
        !socket_directory.exists(),
        "a clean shutdown leaves nothing outside of the data directory"
    );
}

async fn tcp_needs_the_password(flavor: Flavor) {
    let stage = Stage::new(flavor);
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    // Without TLS, MySQL keeps even unknown users talking about RSA keys, which the driver cannot.
    let tls = match flavor {
        Flavor::MySql => MySqlSslMode::Required,
        Flavor::MariaDb => MySqlSslMode::Disabled,
    };
    // Twice: a restarted server has forgotten which passwords it has seen.
    for _ in 0..2 {
        let server = stage.start().await;
        for user in ["root", "hotrow", "", "mysql.sys", "mariadb.sys"] {
            assert_eq!(refusal(&server, user, None, tls).await, 1045, "{user}");
        }
        assert_eq!(refusal(&server, "hotrow", Some("wrong"), tls).await, 1045);
        let mut connection = connect(&server.tcp_url()).await;
        assert_eq!(
            ask::<String>(&mut connection, "SELECT CURRENT_USER()").await,
            "hotrow@127.0.0.1"
        );
        let mut connection = connect(&server.url()).await;
        assert_eq!(
            ask::<String>(&mut connection, "SELECT CURRENT_USER()").await,
            "hotrow@localhost"
        );
        let mut connection = connect(&server.admin_url()).await;
        let open = "SELECT CAST(GROUP_CONCAT(user, '@', host ORDER BY user) AS CHAR) FROM mysql.user \
                    WHERE COALESCE(authentication_string, '') = '' AND user <> 'mariadb.sys'"; // a locked account
        assert_eq!(ask::<String>(&mut connection, open).await, "hotrow@localhost,root@localhost");

        assert_eq!(mode(server.socket().parent().unwrap()), 0o700);
        assert_eq!(mode(&stage.data_dir.join("password")), 0o600);
        assert_eq!(mode(&stage.data_dir.join("mysql")), 0o700);
        server.shutdown().await.unwrap();
    }

    // Whoever loses the password file gets a new password at the next start.
    fs::remove_file(stage.data_dir.join("password")).unwrap();
    let server = stage.start().await;
    connect(&server.tcp_url()).await;
    server.shutdown().await.unwrap();
}

macro_rules! on_both_flavors {
    ($($scenario:ident),+) => {
        mod mysql {
            $(#[tokio::test] async fn $scenario() { super::$scenario(super::Flavor::MySql).await; })+
        }
        mod mariadb {
            $(#[tokio::test] async fn $scenario() { super::$scenario(super::Flavor::MariaDb).await; })+
        }
    };
}

on_both_flavors!(
    settings_are_durable_and_rows_survive_a_restart,
    a_killed_server_is_noticed_and_recovers,
    a_server_left_running_is_adopted_by_one_hotrow_only,
    tcp_needs_the_password
);

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let stage = Stage::new(Flavor::MariaDb);
    fs::create_dir_all(stage.data_dir.join("mysql")).unwrap();
    let error = EmbeddedServer::start(stage.config()).await.err().expect("tables are missing");
    let text = error.to_string();
    assert!(matches!(error, EmbeddedError::EndedEarly { .. }), "{text}");
    assert!(text.contains("[ERROR]") && text.contains("start again"), "{text}");
}

#[test]
fn a_program_that_is_no_server_is_refused() {
    for program in ["/bin/true", "/no/such/mysqld"] {
        let error = locate(Some(Path::new(program)), None).unwrap_err();
        assert!(matches!(error, EmbeddedError::NotAServer { .. }), "{error}");
        assert!(error.to_string().contains("--mysqld"), "{error}");
    }
}

#[test]
fn a_fetched_redis_runs() {
    let output = fetch_redis().unwrap().command().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Redis server v="), "{text}");
}
