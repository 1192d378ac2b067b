//! Real servers, a fresh database for each test, and the harm that is done to them.
//!
//! Each flavor has two servers in a test process: one that all tests share, each with its own
//! database, and one for the tests that kill, freeze or reconfigure the server; those take turns.
//!
//! The engine under test logs in over plain TCP as `it`, without a password: the proxy must be able
//! to read the packets, so TLS is off, and without TLS MySQL's default authentication would need a
//! cached password or RSA at the first login after each restart. The servers listen on loopback and
//! live for one test run.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hotrow::embedded::{self, EmbeddedConfig, EmbeddedServer, Flavor, Sizing};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::time::timeout;

use super::books::Books;
use super::room;
use super::shop::until;

/// How long a server that another test used may take to answer.
const HEAL_LIMIT: Duration = Duration::from_secs(10);

/// Servers outlive the runtime of the test that starts them.
static HOST: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

static SHARED: [OnceCell<Server>; 2] = [OnceCell::const_new(), OnceCell::const_new()];
static HARMED: [Mutex<Option<Server>>; 2] = [Mutex::const_new(None), Mutex::const_new(None)];

/// How to reach a server.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) port: u16,
    /// `root` on the unix socket.
    admin_url: String,
}

/// A database of one test. It is not dropped: the server's whole directory goes when the test
/// process ends.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) address: Address,
    name: String,
}

/// A server of our own that can be harmed.
pub(crate) struct Server {
    flavor: Flavor,
    config: EmbeddedConfig,
    running: EmbeddedServer,
}

/// The turn of one test with the server that may be harmed.
pub(crate) struct HarmedServer {
    turn: MutexGuard<'static, Option<Server>>,
}

fn index(flavor: Flavor) -> usize {
    match flavor {
        Flavor::MySql => 0,
        Flavor::MariaDb => 1,
    }
}

/// A fresh database on the server that all tests share.
pub(crate) async fn fresh(flavor: Flavor) -> Database {
    let server = SHARED[index(flavor)].get_or_init(|| Server::start_new(flavor, "shared")).await;
    Database::create(server.address()).await
}

/// The flavor's other server, in good health, for this test alone until it is dropped.
pub(crate) async fn harmed(flavor: Flavor) -> HarmedServer {
    let mut turn = HARMED[index(flavor)].lock().await;
    let server = match turn.take() {
        None => Server::start_new(flavor, "harmed").await,
        // A test that failed may have left it dead, frozen or read-only.
        Some(server) if !server.was_healed().await => server.killed_and_restarted().await,
        Some(server) => server,
    };
    *turn = Some(server);
    HarmedServer { turn }
}

impl Server {
    async fn start_new(flavor: Flavor, what: &str) -> Self {
        let data_dir = room::directory(what);
        let installation =
            tokio::task::spawn_blocking(move || embedded::fetch(flavor)).await.unwrap().unwrap();
        let sizing = Sizing { buffer_pool_mib: 128, redo_log_mib: 128 };
        let server = Self::start(flavor, EmbeddedConfig { installation, data_dir, sizing }).await;
        let mut admin = server.address().admin().await;
        for statement in
            ["CREATE USER 'it'@'127.0.0.1'", "GRANT ALL ON `it\\_%`.* TO 'it'@'127.0.0.1'"]
        {
            sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
        }
        server
    }

    async fn start(flavor: Flavor, config: EmbeddedConfig) -> Self {
        let running = HOST.spawn(EmbeddedServer::start(config.clone())).await.unwrap().unwrap();
        Self { flavor, config, running }
    }

    fn address(&self) -> Address {
        Address { port: self.running.port(), admin_url: self.running.admin_url() }
    }

    fn signal(&self, signal: &str) {
        // It may have ended already; whoever needs it alive finds out.
        Command::new("kill").arg(format!("-{signal}")).arg(self.running.pid()).status().unwrap();
    }

    fn threads_are_stopped(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.running.pid())).unwrap();
        threads.into_iter().all(|thread| {
            // "PID (NAME) STATE …"; the name may have any character. A thread may just have ended.
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('T'))
        })
    }

    /// Undoes what [`HarmedServer`] can do; false if only a new start can.
    async fn was_healed(&self) -> bool {
        self.signal("CONT");
        let heal = async {
            let mut admin = MySqlConnection::connect(&self.running.admin_url()).await?;
            sqlx::raw_sql("SET GLOBAL read_only = OFF").execute(&mut admin).await
        };
        matches!(timeout(HEAL_LIMIT, heal).await, Ok(Ok(_)))
    }

    /// The same data and port after kill -9.
    async fn killed_and_restarted(mut self) -> Self {
        self.signal("KILL");
        let port = self.running.port();
        let Self { flavor, config, running: _ } = HOST
            .spawn(async move {
                self.running.exited().await.unwrap();
                self
            })
            .await
            .unwrap();
        let again = Self::start(flavor, config).await;
        assert_eq!(again.running.port(), port, "another process took the server's port");
        again
    }
}

impl HarmedServer {
    fn server(&self) -> &Server {
        self.turn.as_ref().expect("it is put back before anybody can look")
    }

    pub(crate) async fn fresh_database(&self) -> Database {
        Database::create(self.server().address()).await
    }

    /// kill -9. It stays down until [`HarmedServer::restart`].
    pub(crate) fn kill(&self) {
        self.server().signal("KILL");
    }

    /// kill -9, unless it is dead already, and a start on the same data and port.
    pub(crate) async fn restart(&mut self) {
        let server = self.turn.take().expect("it is put back before anybody can look");
        *self.turn = Some(server.killed_and_restarted().await);
    }

    /// Nothing answers any more; connections stay open.
    pub(crate) async fn freeze(&self) {
        self.server().signal("STOP");
        // A thread stops when it next gets its turn, which may be later than the signal.
        until("every thread stands still", async || self.server().threads_are_stopped()).await;
    }

    pub(crate) fn thaw(&self) {
        self.server().signal("CONT");
    }

    /// Refuses writes of ordinary accounts, or takes them again.
    pub(crate) async fn set_read_only(&self, on: bool) {
        let text = if on { "SET GLOBAL read_only = ON" } else { "SET GLOBAL read_only = OFF" };
        sqlx::raw_sql(text).execute(&mut self.server().address().admin().await).await.unwrap();
    }
}

impl Address {
    /// A connection as `root`.
    pub(crate) async fn admin(&self) -> MySqlConnection {
        MySqlConnection::connect(&self.admin_url).await.unwrap()
    }
}

impl Database {
    async fn create(address: Address) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("it_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = address.admin().await;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        Self { address, name }
    }

    /// For the engine, directly.
    pub(crate) fn url(&self) -> String {
        self.url_through(self.address.port)
    }

    /// For the engine, through a proxy on this port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        self.url_as("it", port)
    }

    /// For an account without a password, through this port.
    pub(crate) fn url_as(&self, account: &str, port: u16) -> String {
        format!("mysql://{account}@127.0.0.1:{port}/{}?ssl-mode=DISABLED", self.name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it as `root`, past any proxy.
    pub(crate) async fn connect(&self) -> MySqlConnection {
        let mut admin = self.address.admin().await;
        sqlx::raw_sql(AssertSqlSafe(format!("USE {}", self.name)))
            .execute(&mut admin)
            .await
            .unwrap();
        admin
    }

    /// Ends the product's sessions that were idle for so many seconds, as the server does after `wait_timeout`;
    /// with 0 all of them. MySQL's list of processes may show a name that is just being changed as garbage, and
    /// fails at it; its other table is made not to.
    pub(crate) async fn end_sessions(&self, idle_s: u32) {
        let sessions = format!(
            "SELECT CONCAT('KILL ', /*M! id */ /*!80000 processlist_id */) \
             FROM /*M! information_schema.processlist */ /*!80000 performance_schema.threads */ \
             WHERE /*M! user */ /*!80000 processlist_user */ = 'it' \
                 AND /*M! db */ /*!80000 processlist_db */ = DATABASE() \
                 AND ({idle_s} = 0 OR /*M! command */ /*!80000 processlist_command */ = 'Sleep') \
                 AND /*M! time */ /*!80000 processlist_time */ >= {idle_s}"
        );
        let mut admin = self.connect().await;
        for kill in self.lines(&sessions).await {
            if let Err(error) = sqlx::raw_sql(AssertSqlSafe(kill)).execute(&mut admin).await {
                // ER_NO_SUCH_THREAD: it has ended meanwhile.
                let error = error.as_database_error().unwrap();
                assert!(error.message().contains("thread id"), "{error}");
            }
        }
    }

    pub(crate) async fn books(&self) -> Books {
        Books::read(&mut self.connect().await).await
    }

    /// One column as text.
    pub(crate) async fn lines(&self, query: &str) -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(query.to_owned()));
        let rows = query.fetch_all(&mut self.connect().await).await.unwrap();
        rows.iter().map(|row| row.try_get_unchecked(0).unwrap()).collect()
    }
}
