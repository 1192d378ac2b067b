//! Compares stock with its ledger: one pass over some SKUs and the whole ledger, in pages.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::Sku;
use crate::limits::{RECONCILE_PAGE, RECONCILE_REST_FACTOR, RECONCILE_STOCK_PAGE};
use crate::store::mysql::{ChangeFeed, ReconcileConnection};
use crate::store::{BooksSum, Cursor, StockBooks, StoreError};

use super::classes::{Versions, of_books, of_order};
use super::findings::Findings;
use super::sums::Sums;
use super::{Progress, Watch};

/// The least time from one look at the end of the change feed to the next: each holds up the flushes for about
/// one commit.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// The ledger is read in one state of the database for so long at least, and for twice as long as it takes to read
/// the flushes behind that end, which each state costs. During each the server keeps what changes.
const SNAPSHOT_LASTS: Duration = Duration::from_millis(250);
/// How often it is tried to find the end of the change feed before a pass.
const LOOKS_MAX: usize = 10;
/// What takes shorter is done without a rest.
const UNRESTED_MAX: Duration = Duration::from_millis(1);
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
    let looked = Instant::now();
    connection.begin_snapshot().await?;
    let mut sums = Sums::new(flushes(connection, place).await?.0);
    let next = match scope {
        Scope::After(after, limit) => {
            let last = read_stock(connection, after, limit, &mut sums, watch).await?;
            read_carried(connection, after, last.as_deref(), &mut sums).await?;
            last
        }
        Scope::Only(skus) => {
            sums.expect(connection.stock_of(skus).await?);
            read_carried(connection, "", None, &mut sums).await?;
            None
        }
    };
    connection.end_snapshot().await?;
    let seen = (place, looked);
    read_ledger(connection, feed, seen, &mut sums, findings, watch).await?;
    let skus = sums.skus() as u64;
    for (_, (stock, sum)) in unbalanced(sums).await {
        let versions = versions(connection, &stock).await?;
        of_books(&stock, sum, versions).into_iter().for_each(|drift| findings.push(drift));
    }
    Ok(Pass { skus, next })
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

/// Returns the last SKU that was read, if there are more.
async fn read_stock(
    connection: &mut ReconcileConnection,
    after: &str,
    limit: usize,
    sums: &mut Sums,
    watch: Watch<'_>,
) -> Result<Option<Box<str>>, StoreError> {
    let mut after = Box::from(after);
    loop {
        let page = RECONCILE_STOCK_PAGE.min(limit - sums.skus());
        let (page, next) = connection.stock_after(&after, page).await?;
        sums.expect(page);
        let Some(last) = next else { return Ok(None) };
        if sums.skus() == limit {
            return Ok(Some(last));
        }
        after = last;
        watch(Progress::Stock { skus: sums.skus() as u64 });
    }
}

async fn read_carried(
    connection: &mut ReconcileConnection,
    after: &str,
    last: Option<&str>,
    sums: &mut Sums,
) -> Result<(), StoreError> {
    let mut after = Box::from(after);
    loop {
        let began = Instant::now();
        let (page, next) = connection.carried_after(&after, RECONCILE_PAGE).await?;
        sums.carry(&page);
        match next {
            Some(next) if last.is_none_or(|last| *next < *last) => after = next,
            _ => return Ok(()),
        }
        rest(began.elapsed()).await;
    }
}

/// The flushes whose changes are seen behind a place in this state of the database, and whether these changes are
/// more than a page.
async fn flushes(
    connection: &mut ReconcileConnection,
    place: Cursor,
) -> Result<(Vec<u64>, bool), StoreError> {
    let (mut place, mut seen, mut many) = (place, Vec::new(), false);
    loop {
        let began = Instant::now();
        let (page, next) = connection.flushes_after(place, RECONCILE_PAGE).await?;
        seen.extend(page);
        // What a flush has changed stands side by side.
        seen.dedup();
        let Some(last) = next else { return Ok((seen, many)) };
        (place, many) = (last, true);
        rest(began.elapsed()).await;
    }
}

async fn read_ledger(
    connection: &mut ReconcileConnection,
    feed: &ChangeFeed,
    (mut place, mut looked): (Cursor, Instant),
    sums: &mut Sums,
    findings: &mut Findings,
    watch: Watch<'_>,
) -> Result<(), StoreError> {
    let mut next = Some(Box::from(""));
    let mut rows = 0;
    let mut is_far = true;
    while next.is_some() {
        // What is complete before a snapshot is seen in it, and need not be read with the next one.
        let mut complete = place;
        if is_far && looked.elapsed() >= LOOK_PAUSE {
            looked = Instant::now();
            // Without it more is read, and nothing is missed.
            complete = feed.end().await.unwrap_or(place);
        }
        connection.begin_snapshot().await?;
        let began = Instant::now();
        let (flushes, many) = flushes(connection, place).await?;
        (place, is_far) = (complete, many);
        sums.see(&flushes);
        let lasts = SNAPSHOT_LASTS.max(2 * began.elapsed());
        let began = Instant::now();
        while let Some(after) = next.take_if(|_| began.elapsed() < lasts) {
            let page;
            (page, next) = connection.ledger_after(&after, RECONCILE_PAGE).await?;
            for order in sums.add(&page) {
                findings.push(of_order(order));
            }
            rows += page.len() as u64;
            watch(Progress::Ledger { rows });
        }
        connection.end_snapshot().await?;
    }
    Ok(())
}

/// In the order of the SKUs.
async fn unbalanced(mut sums: Sums) -> BTreeMap<Sku, (StockBooks, BooksSum)> {
    let mut found = BTreeMap::new();
    let mut began = Instant::now();
    while let Some(part) = sums.end_part() {
        found.extend(part.into_iter().map(|(stock, sum)| (stock.sku.clone(), (stock, sum))));
        if began.elapsed() > UNRESTED_MAX {
            rest(began.elapsed()).await;
            began = Instant::now();
        }
    }
    found
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
