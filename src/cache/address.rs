//! Where the cache is and how to get in, without ever showing the password.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// An address such as `redis://user:password@host:6379/0`, `rediss://…` for TLS, or
/// `redis+unix:///run/redis.sock?db=0&pass=password`. Shown without its password.
#[derive(Clone)]
pub struct RedisAddress {
    info: ConnectionInfo,
    shown: String,
}

/// The address cannot be used. The text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is not of the form redis://USER:PASSWORD@HOST:PORT/NUMBER, rediss:// for TLS, or \
     redis+unix:///PATH?db=NUMBER&user=USER&pass=PASSWORD ({0}); special characters of the password have to \
     be percent-encoded"
)]
pub struct RedisAddressError(&'static str);

impl RedisAddress {
    pub(super) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(url: &str) -> Result<Self, RedisAddressError> {
        let info = url
            .into_connection_info()
            .map_err(|_| RedisAddressError("a part of it cannot be read"))?;
        let place = match &info.addr {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(RedisAddressError("TLS without verification is not spoken"));
            }
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} over TLS"),
            ConnectionAddr::Unix(path) => format!("socket {}", path.display()),
        };
        let shown = format!("Redis database {} at {place}", info.redis.db);
        Ok(Self { info, shown })
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        url.parse::<RedisAddress>().unwrap().to_string()
    }

    #[test]
    fn every_way_to_a_server_is_read() {
        assert_eq!(shown("redis://cache.example"), "Redis database 0 at cache.example:6379");
        assert_eq!(
            shown("rediss://cache.example:6380/3"),
            "Redis database 3 at cache.example:6380 over TLS"
        );
        assert_eq!(
            shown("redis+unix:///run/redis.sock?db=2"),
            "Redis database 2 at socket /run/redis.sock"
        );
        assert_eq!(shown("unix:///run/redis.sock"), "Redis database 0 at socket /run/redis.sock");
    }

    #[test]
    fn the_password_is_read_and_never_shown() {
        for url in ["redis://shop:s3cr%2Ft@h/1", "redis+unix:///run/r.sock?user=shop&pass=s3cr%2Ft"]
        {
            let address: RedisAddress = url.parse().unwrap();
            assert_eq!(address.info().redis.password.as_deref(), Some("s3cr/t"));
            let shown = format!("{address} {address:?}");
            assert!(!shown.contains("s3cr") && !shown.contains("shop"), "{shown}");
        }
        for url in [
            "http://shop:s3cret@h",
            "redis://shop:s3cret@h/x",
            "rediss://shop:s3cret@h#insecure",
            "s3cret",
        ] {
            let refused = url.parse::<RedisAddress>().unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("s3cret"), "{refused:?}");
        }
    }
}
