//! One test's scene: a database, the calls made to it, and the end at which everything must add up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::books::Books;
use super::checker;
use super::client::Client;
use super::database::Database;
use super::history::{History, Lines, Request};
use super::hits::Hits;
use super::process::{self, Hotrow, PATIENCE};

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(25);

/// Order ids with their lines.
pub(crate) type Orders = Vec<(String, Lines)>;

pub(crate) struct Shop {
    pub(crate) database: Database,
    pub(crate) history: Arc<History>,
}

impl Shop {
    /// Migrates the database. Nothing is for sale yet.
    pub(crate) async fn open(database: Database) -> Self {
        process::migrate(database.url()).await;
        Self { database, history: Arc::new(History::new()) }
    }

    /// Starts a process on the database, past any proxy.
    pub(crate) async fn serve(&self, more: &[&str]) -> Hotrow {
        Hotrow::serve(self.database.url(), more).await
    }

    pub(crate) fn client(&self, hotrow: &Hotrow) -> Client {
        Client::new(hotrow.orders, &self.history)
    }

    /// A client of the admin listener.
    pub(crate) fn admin(&self, hotrow: &Hotrow) -> Client {
        Client::new(hotrow.admin, &self.history)
    }

    /// Waits until the service says by itself that it can take orders.
    pub(crate) async fn ready(&self, hotrow: &Hotrow) {
        let admin = self.admin(hotrow);
        until("it is ready", async || admin.get("/readyz").await.status == 200).await;
    }

    /// How many calls have had an answer of this kind so far, see [`Answer::kind`].
    pub(crate) fn answered(&self, kind: &str) -> usize {
        self.history.calls().iter().filter(|call| call.answer.kind() == kind).count()
    }

    /// Sends again whatever has no definite answer yet, until it has one.
    ///
    /// # Panics
    /// When one stays without.
    pub(crate) async fn settle(&self, client: &Client) {
        let deadline = Instant::now() + PATIENCE;
        for request in self.unsettled() {
            loop {
                let answer = match &request {
                    Request::Order { id, lines } => client.order(id, lines).await,
                    Request::Cancel { id } => client.cancel(id).await,
                    Request::Open { sku, available } => client.put_stock(sku, *available).await,
                    Request::Adjust { id, sku, delta } => client.adjust(id, sku, *delta).await,
                };
                if answer.is_definite() {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{request:?} has no definite answer, but {answer:?}"
                );
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// The requests of which no answer was definite, in the order in which they were first sent.
    fn unsettled(&self) -> Vec<Request> {
        let mut settled: BTreeMap<String, bool> = BTreeMap::new();
        let mut requests = Vec::new();
        for call in self.history.calls() {
            let name = format!("{:?}", call.request);
            let known = settled.contains_key(&name);
            *settled.entry(name.clone()).or_default() |= call.answer.is_definite();
            if !known {
                requests.push((name, call.request));
            }
        }
        requests
            .into_iter()
            .filter(|(name, _)| !settled[name])
            .map(|(_, request)| request)
            .collect()
    }

    /// Everything must add up now.
    ///
    /// # Panics
    /// When a promise was broken, or one of the `promised` kinds of answer never came.
    pub(crate) async fn close(&self, promised: &[&str]) -> Books {
        let books = self.database.books().await;
        checker::assert_no_violations(&self.history, &books);
        Hits::of_answers(&self.history.calls()).require(promised);
        books
    }
}

/// So many clients send the orders, each as soon as its last one is answered.
pub(crate) async fn sell(client: &Client, clients: usize, orders: Orders) {
    let waiting = Arc::new(Mutex::new(VecDeque::from(orders)));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (client, waiting) = (client.clone(), Arc::clone(&waiting));
        tasks.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some((id, lines)) = next else { break };
                client.order(&id, &lines).await;
            }
        });
    }
    tasks.join_all().await;
}

/// A load that runs until it is ended.
#[derive(Debug)]
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    /// So many clients send orders named after `name`, with lines of `lines`, each as soon as its
    /// last one is answered. A client whose connection breaks pauses for a moment.
    pub(crate) fn start(
        client: &Client,
        clients: usize,
        name: &str,
        lines: impl Fn(usize) -> Lines + Clone + Send + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let (client, over, lines, name) =
                (client.clone(), Arc::clone(&over), lines.clone(), name.to_owned());
            tasks.spawn(async move {
                for n in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = client.order(&format!("{name}-{number}-{n}"), &lines(n)).await;
                    if !answer.is_definite() {
                        tokio::time::sleep(LOOK).await;
                    }
                }
            });
        }
        Self { over, tasks }
    }

    /// Waits until every client has its last answer.
    pub(crate) async fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

/// Waits for something that must come.
///
/// # Panics
/// When it does not.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(LOOK).await;
    }
}
