//! The read cache in Redis. It never decides: nothing but reads of stock asks it, and whatever it says or
//! does, MySQL is there to be read instead. The only user of the crate `redis`.
//!
//! An entry is put there after the commit by whoever has read it from MySQL, and never over a newer one.
//! It tells when it was read; what is older than readers may be told is not served, however it got there.

mod address;
mod clock;
mod entry;
mod filler;
mod hot;
mod link;
mod reads;
mod recent;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::Script;
use redis::aio::MultiplexedConnection;

pub use self::address::{RedisAddress, RedisAddressError};
pub use self::entry::Cached;
pub use self::filler::{Commits, Filler};
pub use self::hot::HotSkus;
pub use self::link::CacheError;
use self::link::Link;
pub use self::reads::{Source, StockReads};
use crate::domain::Sku;
use crate::limits::{CACHE_CALL_SKUS_MAX, CACHE_PATROL_STEPS, CACHE_VALUE_BYTES_MAX};
use crate::store::StockRecord;
use crate::telemetry::metrics::{CacheEntry, Metrics};

/// Where the cache is, and what is kept there.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// The server.
    pub address: RedisAddress,
    /// What every key begins with, before the SKU; one database each.
    pub prefix: String,
    /// How old what is served can be; entries stay for as long.
    pub stale: Duration,
}

/// The handle on the cache. Cheap to clone. No call takes longer than
/// [`CACHE_PATIENCE_MS`](crate::limits::CACHE_PATIENCE_MS), times the calls that many SKUs are parted into.
#[derive(Clone, Debug)]
pub struct Cache {
    link: Link,
    prefix: Arc<str>,
    stale_ms: u64,
    scripts: Arc<Scripts>,
    metrics: Metrics,
}

struct Scripts {
    read: Script,
    fill: Script,
    replace: Script,
    patrol: Script,
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripts")
    }
}

/// What the cache had of a SKU, and what MySQL had when it was asked after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whose stock.
    pub sku: Sku,
    /// `None` when there was nothing.
    pub cached: Option<Cached>,
    /// `None` when the SKU has no stock row.
    pub stock: Option<StockRecord>,
}

impl Sighting {
    /// How the cache stood to MySQL; `None` when neither has the SKU.
    #[must_use]
    pub fn found(&self) -> Option<CacheEntry> {
        match (&self.cached, &self.stock) {
            (None, None) => None,
            (None, Some(_)) => Some(CacheEntry::Missing),
            (Some(_), None) => Some(CacheEntry::Gone),
            (Some(cached), Some(stock)) => Some(cached.against(stock)),
        }
    }
}

impl Cache {
    /// Begins to connect, on the runtime that this is called on; whether the server is there does not matter.
    ///
    /// # Errors
    /// [`CacheError::Lost`] for an address that the client cannot use.
    pub fn open(config: &CacheConfig, metrics: Metrics) -> Result<Self, CacheError> {
        let scripts = Arc::new(Scripts {
            read: Script::new(include_str!("cache/read.lua")),
            fill: Script::new(include_str!("cache/fill.lua")),
            replace: Script::new(include_str!("cache/replace.lua")),
            patrol: Script::new(include_str!("cache/patrol.lua")),
        });
        let key = config.prefix.clone();
        let probing = Arc::clone(&scripts);
        let probe = move |mut connection: MultiplexedConnection| {
            let (scripts, key) = (Arc::clone(&probing), key.clone());
            async move {
                let mut call = scripts.read.key(key);
                call.arg(CACHE_VALUE_BYTES_MAX);
                call.invoke_async::<Vec<Vec<u8>>>(&mut connection).await.map(drop)
            }
        };
        let link = Link::open(config.address.clone(), metrics.clone(), probe)?;
        let stale_ms = u64::try_from(config.stale.as_millis()).unwrap_or(u64::MAX);
        let prefix = config.prefix.as_str().into();
        Ok(Self { link, prefix, stale_ms, scripts, metrics })
    }

    /// Whether it is asked at the moment.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// How old what is served can be.
    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_millis(self.stale_ms)
    }

    /// What there is of each of these SKUs, in their order.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer.
    pub async fn read(&self, skus: &[Sku]) -> Result<Vec<Option<Cached>>, CacheError> {
        let mut found = Vec::with_capacity(skus.len());
        for skus in skus.chunks(CACHE_CALL_SKUS_MAX) {
            let mut call = self.scripts.read.prepare_invoke();
            call.arg(CACHE_VALUE_BYTES_MAX);
            for sku in skus {
                call.key(self.key(sku));
            }
            let answer = self.link.ask(|mut connection| async move {
                call.invoke_async::<Vec<Vec<u8>>>(&mut connection).await
            });
            let values = complete(skus.len(), answer.await?)?;
            found.extend(skus.iter().zip(values).map(|(sku, raw)| Cached::read(sku.clone(), raw)));
        }
        Ok(found)
    }

    /// Puts these there, except where there is something newer. Returns for each whether it was put.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer; some may be there then.
    pub async fn fill(&self, records: &[StockRecord]) -> Result<Vec<bool>, CacheError> {
        let mut put = Vec::with_capacity(records.len());
        for records in records.chunks(CACHE_CALL_SKUS_MAX) {
            let mut call = self.scripts.fill.prepare_invoke();
            call.arg(self.stale_ms).arg(CACHE_VALUE_BYTES_MAX);
            for record in records {
                call.key(self.key(&record.sku)).arg(entry::written(record));
            }
            let answer = self.link.change(|mut connection| async move {
                call.invoke_async::<Vec<bool>>(&mut connection).await
            });
            put.extend(complete(records.len(), answer.await?)?);
        }
        Ok(put)
    }

    /// Puts these in the place of what was read, or removes it, where that is still there. Returns for each
    /// whether it was.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer; some may be done then.
    pub async fn replace(
        &self,
        pairs: &[(&Cached, Option<&StockRecord>)],
    ) -> Result<Vec<bool>, CacheError> {
        let mut done = Vec::with_capacity(pairs.len());
        for pairs in pairs.chunks(CACHE_CALL_SKUS_MAX) {
            let mut call = self.scripts.replace.prepare_invoke();
            call.arg(self.stale_ms).arg(CACHE_VALUE_BYTES_MAX);
            for (seen, stock) in pairs {
                call.key(self.key(&seen.sku)).arg(&seen.raw[..]);
                call.arg(stock.map(entry::written).unwrap_or_default());
            }
            let answer = self.link.change(|mut connection| async move {
                call.invoke_async::<Vec<bool>>(&mut connection).await
            });
            done.extend(complete(pairs.len(), answer.await?)?);
        }
        Ok(done)
    }

    /// Makes the cache have what MySQL had: fills what was missing, behind or the same, and replaces what was
    /// never true, is no entry, or has no stock row any more. What somebody else has put there meanwhile
    /// stays. Each is counted as what it was found to be.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer; some may be done then.
    pub async fn put_right(&self, sightings: &[Sighting]) -> Result<(), CacheError> {
        let (mut fills, mut replacements) = (Vec::new(), Vec::new());
        for sighting in sightings {
            let Some(found) = sighting.found() else { continue };
            self.metrics.cache_entry(found);
            let (cached, stock) = (sighting.cached.as_ref(), sighting.stock.as_ref());
            match (found, cached, stock) {
                (CacheEntry::Ahead | CacheEntry::Malformed | CacheEntry::Gone, Some(cached), _) => {
                    replacements.push((cached, stock));
                }
                (_, _, Some(stock)) => fills.push(stock.clone()),
                (_, _, None) => {}
            }
        }
        if !fills.is_empty() {
            self.fill(&fills).await?;
        }
        if !replacements.is_empty() {
            self.replace(&replacements).await?;
        }
        Ok(())
    }

    /// Removes what stays longer than any entry, going through all keys, or through as many as one patrol
    /// may; it then goes on from where this returns.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer; some may be removed then.
    pub async fn patrol(&self, mut from: u64) -> Result<u64, CacheError> {
        for _ in 0..CACHE_PATROL_STEPS {
            let mut call = self.scripts.patrol.arg(from);
            call.arg(format!("{}*", self.prefix)).arg(CACHE_CALL_SKUS_MAX).arg(self.stale_ms);
            let step = self.link.change(|mut connection| async move {
                call.invoke_async::<(u64, u64)>(&mut connection).await
            });
            let (next, removed) = step.await?;
            self.metrics.cache_strays(removed);
            from = next;
            if from == 0 {
                break;
            }
        }
        Ok(from)
    }

    fn key(&self, sku: &Sku) -> String {
        format!("{}{sku}", self.prefix)
    }
}

/// One answer for each key, which is what the scripts return.
fn complete<T>(asked: usize, answers: Vec<T>) -> Result<Vec<T>, CacheError> {
    if answers.len() == asked {
        return Ok(answers);
    }
    Err(CacheError::Refused(format!("{} answers for {asked} keys", answers.len())))
}
