//! The settings of the read cache.

use std::time::Duration;

use super::{ConfigError, Settings, bounded};
use crate::cache::{CacheConfig, RedisAddress};
use crate::domain::Sku;
use crate::limits;

/// What every key begins with.
const PREFIX_DEFAULT: &str = "hotrow:stock:";

impl Settings {
    /// The read cache, if there is to be one; its settings are checked in any case.
    pub(super) fn cache(&self) -> Result<Option<CacheConfig>, ConfigError> {
        let prefix = self.redis_prefix.clone().unwrap_or_else(|| PREFIX_DEFAULT.to_owned());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-/".contains(&byte);
        if prefix.is_empty() || prefix.len() > limits::ID_LEN_MAX || !prefix.bytes().all(allowed) {
            return Err(ConfigError::Setting {
                setting: "redis_prefix",
                value: format!("{prefix:?}"),
                allowed: format!(
                    "1 to {} of A-Z a-z 0-9 . : _ - / are allowed",
                    limits::ID_LEN_MAX
                ),
            });
        }
        let stale_ms = bounded(
            "redis_stale_ms",
            self.redis_stale_ms.unwrap_or(limits::CACHE_STALE_MS),
            limits::CACHE_STALE_LEAST_MS..=limits::CACHE_STALE_MOST_MS,
        )?;
        let Some(url) = &self.redis_url else { return Ok(None) };
        let address: RedisAddress = url.parse()?;
        Ok(Some(CacheConfig { address, prefix, stale: Duration::from_millis(stale_ms) }))
    }

    /// The SKUs to keep present there.
    pub(super) fn pins(&self) -> Result<Vec<Sku>, ConfigError> {
        let refuse = |allowed: String| {
            let value = format!("a list of {}", self.pin.len());
            Err(ConfigError::Setting { setting: "pin", value, allowed })
        };
        if self.pin.len() > limits::PINNED_SKUS_MAX {
            return refuse(format!("at most {} SKUs are allowed", limits::PINNED_SKUS_MAX));
        }
        if self.redis_url.is_none() && !self.pin.is_empty() {
            return refuse("there has to be a redis_url for them to be kept there".to_owned());
        }
        self.pin.iter().map(|sku| Sku::new(sku).map_err(ConfigError::Pin)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Settings);

    fn checked(change: impl FnOnce(&mut Settings)) -> Result<crate::config::Config, String> {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_url_there_is_no_cache() {
        assert!(checked(|_| {}).unwrap().cache.is_none());
        let refused = checked(|settings| settings.pin = vec!["a".to_owned()]).unwrap_err();
        assert!(refused.contains("redis_url"), "{refused}");
    }

    #[test]
    fn what_cannot_be_used_is_named_without_the_password() {
        let with = |change: Change| {
            checked(|settings| {
                settings.redis_url = Some("redis://:s3cret@h".to_owned());
                change(settings);
            })
        };
        let cache = with(|_| {}).unwrap().cache.unwrap();
        assert_eq!((cache.prefix.as_str(), cache.stale), ("hotrow:stock:", Duration::from_secs(2)));
        assert!(!format!("{cache:?}").contains("s3cret"));
        let changes: [(&str, Change); 5] = [
            ("redis_url", |settings| settings.redis_url = Some("http://:s3cret@h".to_owned())),
            ("redis_prefix", |settings| settings.redis_prefix = Some("a b".to_owned())),
            ("redis_stale_ms", |settings| settings.redis_stale_ms = Some(399)),
            ("pin", |settings| settings.pin = vec!["a b".to_owned()]),
            ("pin", |settings| settings.pin = vec!["a".to_owned(); limits::PINNED_SKUS_MAX + 1]),
        ];
        for (name, change) in changes {
            let refused = with(change).unwrap_err();
            assert!(refused.contains(name) && !refused.contains("s3cret"), "{refused}");
        }
    }
}
