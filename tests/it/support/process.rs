//! The real `hotrow` binary as a child process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::room;

const BINARY: &str = env!("CARGO_BIN_EXE_hotrow");

/// For a start, or an end, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How much of a failed test's log is shown.
const LOG_LINES_SHOWN: usize = 60;

/// A `hotrow serve`, killed when dropped. When its test fails, the end of its log is printed.
pub(crate) struct Hotrow {
    child: Child,
    pub(crate) orders: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: PathBuf,
}

/// Brings the schema of the database to the newest.
pub(crate) async fn migrate(database_url: String) {
    let output = command("migrate", &database_url, &[]).await;
    assert!(output.status.success(), "migrate failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a command that ends by itself on the database.
pub(crate) async fn command(name: &str, database_url: &str, more: &[&str]) -> Output {
    run(&[&[name, "--database-url", database_url], more].concat()).await
}

/// Runs it with these arguments to its end.
pub(crate) async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(room::directory("run"));
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// The same without waiting for its end.
pub(crate) fn begin(name: &'static str, database_url: &str, more: &[&str]) -> Child {
    Command::new(BINARY)
        .args([name, "--database-url", database_url])
        .args(more)
        .current_dir(room::directory(name))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Hotrow {
    /// Starts it on a migrated database with more arguments, and waits until it listens.
    pub(crate) async fn serve(database_url: String, more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|&argument| argument.to_owned()).collect();
        tokio::task::spawn_blocking(move || Self::start(&database_url, &more)).await.unwrap()
    }

    fn start(database_url: &str, more: &[String]) -> Self {
        let directory = room::directory("hotrow");
        let log = directory.join("stderr.log");
        // With few files at first, as from many a shell.
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -S -n 64 && exec \"$0\" \"$@\"", BINARY])
            .args(["serve", "--database-url", database_url])
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(more)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().expect("stdout was set to a pipe above");
        let (lines, said) = mpsc::sync_channel(16);
        let mut copy = File::create(directory.join("stdout.log")).unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.unwrap();
                writeln!(copy, "{line}").unwrap();
                // Nobody listens any more once both addresses are known.
                let _ = lines.send(line);
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut hotrow = Self { child, orders: unknown, admin: unknown, log };
        let deadline = Instant::now() + PATIENCE;
        while hotrow.orders == unknown || hotrow.admin == unknown {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = said.recv_timeout(left).expect("hotrow says where it listens");
            if let Some((_, address)) = line.split_once("orders listening on http://") {
                hotrow.orders = address.trim().parse().unwrap();
            } else if let Some((_, address)) = line.split_once("admin listening on http://") {
                hotrow.admin = address.trim().parse().unwrap();
            }
        }
        hotrow
    }

    /// How many files it may have open: the soft limit and the hard one.
    pub(crate) fn files_max(&self) -> [u64; 2] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        let mut words = files.expect("Linux tells").split_whitespace();
        [(); 2].map(|()| words.next().expect("two limits").parse().unwrap())
    }

    /// How often its engine has been woken.
    pub(crate) fn engine_wakes(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let named = |task: &PathBuf| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "hotrow-engine")
        };
        let engine = tasks.map(|task| task.unwrap().path()).find(named).expect("its thread");
        let status = fs::read_to_string(engine.join("status")).unwrap();
        let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        waits.expect("Linux counts them").trim().parse().unwrap()
    }

    /// `KILL`, `TERM`, `INT`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success(), "hotrow had already ended");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "hotrow did not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Hotrow {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- the log of hotrow on {} ends with:\n{}", self.orders, shown.join("\n"));
        }
    }
}
