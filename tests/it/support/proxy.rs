//! A proxy between engine and server that understands packets, and breaks things at the worst
//! moment.
//!
//! The protocol is half-duplex: the server is silent while a command is sent, so one task per
//! connection carries both directions.

mod packet;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::hits::Hits;

/// Between the pieces of an answer that is split.
const PIECE_GAP: Duration = Duration::from_millis(2);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// COMMIT never reaches the server; both sides are closed.
    DropCommit,
    /// COMMIT is executed; the server's OK is swallowed, and both sides are closed.
    SwallowOk,
    /// COMMIT is passed on, and both sides are reset at once: the server may or may not have read
    /// it.
    ResetOnCommit,
    /// COMMIT is not passed on, and nothing else passes on this connection any more; both sides
    /// stay open, and the transaction with its locks, too.
    BlackHoleBeforeCommit,
    /// COMMIT is passed on, its answer is not; nothing else passes any more; both sides stay open.
    BlackHoleAfterCommit,
    /// COMMIT arrives late, and is then executed and answered.
    DelayCommit(Duration),
    /// The client's side is closed at once, and COMMIT arrives late: whoever looks meanwhile finds
    /// nothing, and may yet be wrong.
    LateCommit(Duration),
    /// The connection is cut inside the first packet of the answer to a transaction's text.
    CutInExecute,
    /// The answers to a transaction's text, and to its COMMIT, arrive in small pieces that cut
    /// packets.
    SplitPackets,
}

/// Where in a transaction a fault can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Execute,
    Commit,
}

impl Fault {
    fn moment(self) -> Moment {
        match self {
            Self::CutInExecute | Self::SplitPackets => Moment::Execute,
            Self::DropCommit
            | Self::SwallowOk
            | Self::ResetOnCommit
            | Self::BlackHoleBeforeCommit
            | Self::BlackHoleAfterCommit
            | Self::DelayCommit(_)
            | Self::LateCommit(_) => Moment::Commit,
        }
    }

    /// The name under which coverage counts it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DropCommit => "DropCommit",
            Self::SwallowOk => "SwallowOk",
            Self::ResetOnCommit => "ResetOnCommit",
            Self::BlackHoleBeforeCommit => "BlackHoleBeforeCommit",
            Self::BlackHoleAfterCommit => "BlackHoleAfterCommit",
            Self::DelayCommit(_) => "DelayCommit",
            Self::LateCommit(_) => "LateCommit",
            Self::CutInExecute => "CutInExecute",
            Self::SplitPackets => "SplitPackets",
        }
    }
}

#[derive(Debug)]
struct Plan {
    armed: VecDeque<Fault>,
    /// Each with how many of 1,000 moments it hits.
    random: Vec<(Fault, u32)>,
    rng: StdRng,
    hits: Hits,
}

/// Runs until it is dropped; then every connection through it is closed.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    plan: Arc<Mutex<Plan>>,
    dark: watch::Sender<bool>,
    task: AbortHandle,
}

impl Proxy {
    /// Listens on a free port in front of the server on `server_port`.
    pub(crate) async fn start(server_port: u16, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rng = StdRng::seed_from_u64(seed);
        let plan = Plan { armed: VecDeque::new(), random: Vec::new(), rng, hits: Hits::default() };
        let plan = Arc::new(Mutex::new(plan));
        let (dark, is_dark) = watch::channel(false);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server_port));
        let task =
            tokio::spawn(accept(listener, server, Arc::clone(&plan), is_dark)).abort_handle();
        Self { port, plan, dark, task }
    }

    /// The next `times` moments at which this fault can happen, it does. Faults of the same moment
    /// take turns in the order in which they were armed.
    pub(crate) fn arm(&self, fault: Fault, times: usize) {
        self.plan.lock().armed.extend(std::iter::repeat_n(fault, times));
    }

    /// From now on this fault hits `per_mille` of 1,000 moments at which it can happen.
    pub(crate) fn arm_randomly(&self, fault: Fault, per_mille: u32) {
        self.plan.lock().random.push((fault, per_mille));
    }

    /// Nothing goes wrong any more, except what already has.
    pub(crate) fn heal(&self) {
        let mut plan = self.plan.lock();
        plan.armed.clear();
        plan.random.clear();
        self.dark.send_replace(false);
    }

    /// Nothing passes any more in either direction, on no connection; all stay open.
    /// [`Proxy::heal`] ends it for new connections; the old ones never wake up.
    pub(crate) fn black_hole(&self) {
        self.dark.send_replace(true);
    }

    /// How many armed faults have not happened yet.
    pub(crate) fn armed(&self) -> usize {
        self.plan.lock().armed.len()
    }

    /// Faults that really happened, by [`Fault::name`].
    pub(crate) fn count(&self, fault: Fault) -> u64 {
        self.plan.lock().hits.count(fault.name())
    }

    /// # Panics
    /// When one of them never happened.
    pub(crate) fn require_hits(&self, faults: &[Fault]) {
        let names: Vec<_> = faults.iter().map(|fault| fault.name()).collect();
        self.plan.lock().hits.require(&names);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Plan {
    fn next(&mut self, moment: Moment) -> Option<Fault> {
        if let Some(place) = self.armed.iter().position(|fault| fault.moment() == moment) {
            return self.armed.remove(place);
        }
        for index in 0..self.random.len() {
            let (fault, per_mille) = self.random[index];
            if fault.moment() == moment && self.rng.random_range(0..1_000) < per_mille {
                return Some(fault);
            }
        }
        None
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    is_dark: watch::Receiver<bool>,
) {
    let mut links = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (plan, is_dark) = (Arc::clone(&plan), is_dark.clone());
        links.spawn(async move {
            // Either side may leave at any time.
            let _ = carry(client, server, plan, is_dark).await;
        });
        while links.try_join_next().is_some() {}
    }
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    mut is_dark: watch::Receiver<bool>,
) -> io::Result<()> {
    if *is_dark.borrow() {
        // Connected, as the system's backlog does it for a host that hangs; never greeted.
        return stay_silent(client).await;
    }
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut link = Link { client, server, from_client: Vec::new(), plan, split: false };
    let over = tokio::select! {
        over = link.run() => over?,
        _ = is_dark.wait_for(|dark| *dark) => Over::BlackHole,
    };
    match over {
        Over::Closed => Ok(()),
        Over::Reset => {
            link.client.set_zero_linger()?;
            link.server.set_zero_linger()
        }
        Over::Late { packet, delay } => {
            let Link { client, mut server, .. } = link;
            drop(client);
            tokio::time::sleep(delay).await;
            server.write_all(&packet).await?;
            // Until the server has answered and is told that nobody is there any more.
            server.read(&mut [0; 1]).await.map(drop)
        }
        Over::BlackHole => stay_silent((link.client, link.server)).await,
    }
}

/// Keeps the sockets open, and reads nothing, until the proxy is dropped.
async fn stay_silent<Sockets>(sockets: Sockets) -> io::Result<()> {
    std::future::pending::<()>().await;
    drop(sockets);
    Ok(())
}

/// How a connection ended.
enum Over {
    Closed,
    Reset,
    BlackHole,
    /// The client's side only; the packet still has to arrive.
    Late {
        packet: Vec<u8>,
        delay: Duration,
    },
}

struct Link {
    client: TcpStream,
    server: TcpStream,
    /// What has arrived and is not a whole packet yet.
    from_client: Vec<u8>,
    plan: Arc<Mutex<Plan>>,
    /// The server's answers go to the client in pieces until the next transaction begins.
    split: bool,
}

impl Link {
    async fn run(&mut self) -> io::Result<Over> {
        let mut answer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                read = self.client.read_buf(&mut self.from_client) => {
                    if read? == 0 {
                        return Ok(Over::Closed);
                    }
                    while let Some(packet) = self.next_packet() {
                        if let Some(over) = self.pass(&packet).await? {
                            return Ok(over);
                        }
                    }
                }
                read = self.server.read(&mut answer) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(Over::Closed);
                    }
                    self.answer(&answer[..read]).await?;
                }
            }
        }
    }

    /// The next whole packet that the client has sent, header included.
    fn next_packet(&mut self) -> Option<Vec<u8>> {
        let length = packet::length(&self.from_client)?;
        (self.from_client.len() >= length).then(|| self.from_client.drain(..length).collect())
    }

    async fn pass(&mut self, packet: &[u8]) -> io::Result<Option<Over>> {
        let moment = moment_of(packet);
        if moment == Some(Moment::Execute) {
            self.split = false;
        }
        let Some(fault) = moment.and_then(|moment| self.plan.lock().next(moment)) else {
            self.server.write_all(packet).await?;
            return Ok(None);
        };
        let over = match fault {
            Fault::DropCommit => Some(Over::Closed),
            Fault::SwallowOk => {
                self.server.write_all(packet).await?;
                if !self.swallow_ok().await? {
                    // It was an error: the fault did not happen.
                    return Ok(Some(Over::Closed));
                }
                Some(Over::Closed)
            }
            Fault::ResetOnCommit => {
                self.server.write_all(packet).await?;
                Some(Over::Reset)
            }
            Fault::BlackHoleBeforeCommit => Some(Over::BlackHole),
            Fault::BlackHoleAfterCommit => {
                self.server.write_all(packet).await?;
                Some(Over::BlackHole)
            }
            Fault::DelayCommit(delay) => {
                tokio::time::sleep(delay).await;
                self.server.write_all(packet).await?;
                None
            }
            Fault::LateCommit(delay) => Some(Over::Late { packet: packet.to_owned(), delay }),
            Fault::CutInExecute => {
                self.server.write_all(packet).await?;
                let mut start = [0; 5];
                self.server.read_exact(&mut start).await?;
                self.client.write_all(&start).await?;
                Some(Over::Closed)
            }
            Fault::SplitPackets => {
                self.server.write_all(packet).await?;
                self.split = true;
                None
            }
        };
        self.plan.lock().hits.add(fault.name(), 1);
        Ok(over)
    }

    /// Reads the answers to a text that ends with COMMIT, and tells whether all were OK.
    async fn swallow_ok(&mut self) -> io::Result<bool> {
        loop {
            let mut header = [0; 4];
            self.server.read_exact(&mut header).await?;
            let length = packet::length(&header).expect("a whole header") - header.len();
            let mut payload = vec![0; length];
            self.server.read_exact(&mut payload).await?;
            if payload[0] != 0 {
                return Ok(false);
            }
            if !packet::more_follow(&payload) {
                return Ok(true);
            }
        }
    }

    async fn answer(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.split {
            return self.client.write_all(bytes).await;
        }
        // After the header, and then wherever it falls.
        let (head, rest) = bytes.split_at(bytes.len().min(4));
        for piece in std::iter::once(head).chain(rest.chunks(3)) {
            self.client.write_all(piece).await?;
            tokio::time::sleep(PIECE_GAP).await;
        }
        Ok(())
    }
}

fn moment_of(packet: &[u8]) -> Option<Moment> {
    let text = packet::query(packet)?;
    // By itself, or at the end of a whole transaction.
    if text.ends_with(b"COMMIT") {
        Some(Moment::Commit)
    } else if text.starts_with(b"BEGIN") {
        Some(Moment::Execute)
    } else {
        None
    }
}
