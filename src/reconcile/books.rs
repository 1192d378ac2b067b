//! Compares stock with its ledger: one pass over some SKUs and the whole ledger, in pages.

use std::time::{Duration, Instant};

use crate::domain::Sku;
use crate::limits::{RECONCILE_PAGE, RECONCILE_REST_FACTOR, RECONCILE_STOCK_PAGE};
use crate::store::mysql::{ChangeFeed, ReconcileConnection};
use crate::store::{Cursor, StockBooks, StoreError};

use super::classes::{Versions, of_books, of_order};
use super::findings::Findings;
use super::sums::Sums;
use super::{Progress, Watch};

/// The least time from one look at the end of the change feed to the next: each holds up the flushes for about
/// one commit.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// It is looked at when so many flushes are read behind the last one, or when a page takes so long.
const LOOK_FLUSHES: usize = 500;
const LOOK_TOOK: Duration = Duration::from_millis(50);
/// How often it is tried to find the end of the change feed before a pass.
const LOOKS_MAX: usize = 10;
/// Versions that are added up at a time.
const VERSIONS_PAGE: usize = 100_000;

/// Which SKUs a pass compares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// So many after this one.
    After(&'a str, usize),
    /// These.
    Only(&'a [Sku]),
}

/// What a pass was over.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) skus: u64,
    /// The last SKU that was compared, if there are more.
    pub(super) next: Option<Box<str>>,
}

/// Compares the SKUs of the scope. What changes meanwhile makes no difference.
pub(super) async fn pass(
    connection: &mut ReconcileConnection,
    feed: &ChangeFeed,
    scope: Scope<'_>,
    findings: &mut Findings,
    watch: Watch<'_>,
) -> Result<Pass, StoreError> {
    let place = end_of(feed).await?;
    connection.begin_snapshot().await?;
    let early = connection.flushes_after(place).await?;
    let (stock, next) = match scope {
        Scope::After(after, limit) => read_stock(connection, after, limit, watch).await?,
        Scope::Only(skus) => (connection.stock_of(skus).await?, None),
    };
    connection.end_snapshot().await?;
    let skus = stock.len() as u64;
    let mut sums = aside(move || Sums::new(stock, early)).await;
    read_ledger(connection, feed, place, &mut sums, findings, watch).await?;
    for (stock, sum) in aside(move || sums.unbalanced()).await {
        let versions = versions(connection, &stock).await?;
        of_books(&stock, sum, versions).into_iter().for_each(|drift| findings.push(drift));
    }
    Ok(Pass { skus, next })
}

/// Goes through all SKUs of a pass, which takes long enough to keep requests waiting that share the thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A transaction that is stuck hides the end of the feed until it ends.
async fn end_of(feed: &ChangeFeed) -> Result<Cursor, StoreError> {
    let mut looks = 1;
    loop {
        match feed.end().await {
            Ok(place) => return Ok(place),
            Err(error) if looks == LOOKS_MAX => return Err(error),
            Err(_) => tokio::time::sleep(LOOK_PAUSE).await,
        }
        looks += 1;
    }
}

async fn read_stock(
    connection: &mut ReconcileConnection,
    after: &str,
    limit: usize,
    watch: Watch<'_>,
) -> Result<(Vec<StockBooks>, Option<Box<str>>), StoreError> {
    let mut stock = Vec::new();
    let mut after = Box::from(after);
    loop {
        let began = Instant::now();
        let page = RECONCILE_STOCK_PAGE.min(limit - stock.len());
        let (page, next) = connection.stock_after(&after, page).await?;
        stock.extend(page);
        let Some(last) = next else { return Ok((stock, None)) };
        if stock.len() == limit {
            return Ok((stock, Some(last)));
        }
        after = last;
        watch(Progress::Stock { skus: stock.len() as u64 });
        rest(began.elapsed()).await;
    }
}

async fn read_ledger(
    connection: &mut ReconcileConnection,
    feed: &ChangeFeed,
    place: Cursor,
    sums: &mut Sums,
    findings: &mut Findings,
    watch: Watch<'_>,
) -> Result<(), StoreError> {
    let mut after = Box::from("");
    let mut rows = 0;
    let (mut place, mut looked) = (place, Instant::now());
    let mut is_far = false;
    loop {
        // What is complete before a page is read is seen with it, and need not be read with the next one.
        let mut complete = place;
        if is_far && looked.elapsed() >= LOOK_PAUSE {
            looked = Instant::now();
            // Without it more is read, and nothing is missed.
            complete = feed.end().await.unwrap_or(place);
        }
        let page = connection.ledger_after(&after, RECONCILE_PAGE, place).await?;
        place = complete;
        is_far = page.flushes.len() >= LOOK_FLUSHES || page.took >= LOOK_TOOK;
        for order in sums.add(&page) {
            findings.push(of_order(order));
        }
        rows += page.rows.len() as u64;
        watch(Progress::Ledger { rows });
        let Some(next) = page.next else { return Ok(()) };
        after = next;
        rest(page.took).await;
    }
}

/// What all versions of a SKU add up to, of those that its stock row has seen.
async fn versions(
    connection: &mut ReconcileConnection,
    stock: &StockBooks,
) -> Result<Versions, StoreError> {
    // Only where somebody has moved the version back by hand are there newer ones that belong to it.
    let newest =
        if stock.surpassed { connection.newest_version(&stock.sku).await? } else { stock.version };
    let base = connection.before_versions(&stock.sku).await?;
    let mut versions = Versions { newest: 0, sum: base };
    while let Some((sum, last)) =
        connection.versions_after(&stock.sku, versions.newest, newest, VERSIONS_PAGE).await?
    {
        versions = Versions { newest: last, sum: versions.sum.wrapping_add(sum) };
    }
    Ok(versions)
}

/// Orders go first.
pub(super) async fn rest(worked: Duration) {
    tokio::time::sleep(worked * RECONCILE_REST_FACTOR).await;
}
