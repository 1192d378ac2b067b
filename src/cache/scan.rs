//! Which SKUs the cache has entries of, whoever put them there.

use super::{Cache, CacheError};
use crate::domain::Sku;
use crate::limits::CACHE_SCAN_KEYS;

impl Cache {
    /// About [`CACHE_SCAN_KEYS`] keys from a cursor on, of which those are returned that are keys of SKUs, and
    /// the next cursor. It begins with 0, and is through when it is 0 again; what is there all the while is met
    /// once at least.
    ///
    /// # Errors
    /// [`CacheError`] when there is no answer.
    pub async fn scan(&self, cursor: u64) -> Result<(u64, Vec<Sku>), CacheError> {
        let mut call = redis::cmd("SCAN");
        call.arg(cursor).arg("MATCH").arg(format!("{}*", self.prefix));
        call.arg("COUNT").arg(CACHE_SCAN_KEYS);
        let answer = self.link.ask(|mut connection| async move {
            call.query_async::<(u64, Vec<Vec<u8>>)>(&mut connection).await
        });
        let (next, keys) = answer.await?;
        let sku = |key: &Vec<u8>| {
            let name = std::str::from_utf8(key.strip_prefix(self.prefix.as_bytes())?).ok()?;
            Sku::new(name).ok()
        };
        Ok((next, keys.iter().filter_map(sku).collect()))
    }
}
