//! Who may call what, and how often. Without configured tokens everybody may; without a configured
//! rate nobody is limited.

mod quota;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;

use self::quota::CallerQuota;
use super::problem::Problem;
use crate::limits::TOKENS_MAX;

/// Settings of authentication and quotas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Who may call; empty leaves the listeners open.
    pub tokens: Vec<TokenConfig>,
    /// Orders a second that each caller may send, counted by token, or over all callers when there
    /// are no tokens. Absent: no limit.
    pub orders_per_s: Option<NonZeroU32>,
    /// Orders that a caller may send at once after a pause, and so the largest batch; absent: as
    /// many as in a second.
    pub orders_burst: Option<NonZeroU32>,
}

/// One access token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// What people call its holder.
    pub name: String,
    /// The SHA-256 of the token, as 64 hexadecimal digits.
    pub sha256: String,
    /// What it may do, at least one.
    pub roles: Vec<Role>,
}

/// What a token may do. Any role may also read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Send, confirm and cancel orders.
    Orders,
    /// Open and adjust stock.
    Stock,
    /// Read orders and stock.
    Read,
    /// Read metrics and lanes.
    Admin,
}

impl Role {
    /// The role as the configuration names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Stock => "stock",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A setting of [`AccessConfig`] that cannot be used. The text names it and says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct AccessError {
    /// The setting, such as `tokens[2].sha256`.
    pub setting: String,
    /// What it was and what is allowed.
    pub problem: String,
}

/// The checked form of [`AccessConfig`].
#[derive(Debug)]
pub struct Access {
    tokens: Vec<Token>,
    /// One a token, or one for everybody; none when there is no limit.
    quotas: Vec<CallerQuota>,
}

#[derive(Debug)]
struct Token {
    digest: [u8; 32],
    roles: Vec<Role>,
}

/// Whose quota a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller(usize);

impl Access {
    /// Everybody may call everything, as often as they like.
    #[must_use]
    pub fn open() -> Self {
        Self { tokens: Vec::new(), quotas: Vec::new() }
    }

    /// # Errors
    /// [`AccessError`] for the first setting that cannot be used.
    pub fn new(config: &AccessConfig) -> Result<Self, AccessError> {
        if config.tokens.len() > TOKENS_MAX {
            let problem =
                format!("has {} entries; up to {TOKENS_MAX} are allowed", config.tokens.len());
            return Err(AccessError { setting: "tokens".to_owned(), problem });
        }
        let mut tokens: Vec<Token> = Vec::with_capacity(config.tokens.len());
        for (index, token) in config.tokens.iter().enumerate() {
            let refuse = |member: &str, problem: String| AccessError {
                setting: format!("tokens[{index}].{member}"),
                problem,
            };
            if config.tokens[..index].iter().any(|earlier| earlier.name == token.name) {
                let problem = format!("is {:?} like an earlier one; each name once", token.name);
                return Err(refuse("name", problem));
            }
            let Some(digest) = parse_digest(&token.sha256) else {
                let problem = format!(
                    "has {} characters; the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` \
                     prints are allowed",
                    token.sha256.chars().count()
                );
                return Err(refuse("sha256", problem));
            };
            if tokens.iter().any(|earlier| earlier.digest == digest) {
                return Err(refuse(
                    "sha256",
                    "is that of an earlier token; each token once".to_owned(),
                ));
            }
            if token.roles.is_empty() {
                let problem = "is empty; some of orders, stock, read, admin are needed".to_owned();
                return Err(refuse("roles", problem));
            }
            tokens.push(Token { digest, roles: token.roles.clone() });
        }
        if config.orders_per_s.is_none() && config.orders_burst.is_some() {
            let problem = "is set without orders_per_s; set both or none".to_owned();
            return Err(AccessError { setting: "orders_burst".to_owned(), problem });
        }
        let quotas = config.orders_per_s.map_or_else(Vec::new, |orders_per_s| {
            let burst = config.orders_burst.unwrap_or(orders_per_s);
            let callers = tokens.len().max(1);
            std::iter::repeat_with(|| CallerQuota::new(orders_per_s, burst)).take(callers).collect()
        });
        Ok(Self { tokens, quotas })
    }

    /// Checks that the request carries a token with a role that admits `needed`.
    ///
    /// # Errors
    /// [`Problem::Unauthorized`] and [`Problem::Forbidden`].
    pub(super) fn admit(&self, headers: &HeaderMap, needed: Role) -> Result<Caller, Problem> {
        if self.tokens.is_empty() {
            return Ok(Caller(0));
        }
        let sent = bearer(headers).ok_or(Problem::Unauthorized)?;
        let digest: [u8; 32] = Sha256::digest(sent).into();
        // Every token is compared, so that the time tells nothing about which one was near.
        let mut found = None;
        for (index, token) in self.tokens.iter().enumerate() {
            if bool::from(token.digest.ct_eq(&digest)) {
                found = Some(index);
            }
        }
        let index = found.ok_or(Problem::Unauthorized)?;
        if needed == Role::Read || self.tokens[index].roles.contains(&needed) {
            Ok(Caller(index))
        } else {
            Err(Problem::Forbidden(needed))
        }
    }

    /// Takes this many orders off the caller's quota. None costs nothing.
    ///
    /// # Errors
    /// [`Problem::RateLimited`] and [`Problem::BatchAboveQuota`].
    pub(super) fn spend(&self, caller: Caller, orders: usize) -> Result<(), Problem> {
        match (
            self.quotas.get(caller.0),
            NonZeroU32::new(u32::try_from(orders).unwrap_or(u32::MAX)),
        ) {
            (Some(quota), Some(orders)) => quota.spend(orders),
            (None, _) | (_, None) => Ok(()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) =
        headers.get(AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
}

fn parse_digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 2 * digest.len() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, token: &str, roles: &[Role]) -> TokenConfig {
        let digest = Sha256::digest(token);
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        TokenConfig { name: name.to_owned(), sha256, roles: roles.to_vec() }
    }

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn without_tokens_everybody_may() {
        assert!(Access::open().admit(&HeaderMap::new(), Role::Admin).is_ok());
    }

    #[test]
    fn a_token_opens_what_its_roles_say_and_reading() {
        let tokens =
            vec![token("shop", "s3cret", &[Role::Orders]), token("dba", "dba", &[Role::Admin])];
        let access = Access::new(&AccessConfig { tokens, ..AccessConfig::default() }).unwrap();
        assert_eq!(access.admit(&headers("Bearer s3cret"), Role::Orders).unwrap(), Caller(0));
        assert_eq!(access.admit(&headers("bearer dba"), Role::Read).unwrap(), Caller(1));
        let forbidden = access.admit(&headers("Bearer s3cret"), Role::Stock);
        assert!(matches!(forbidden, Err(Problem::Forbidden(Role::Stock))));
        for wrong in
            ["Bearer s3cre", "Bearer s3cret2", "Bearer ", "Bearer", "Basic s3cret", "s3cret"]
        {
            let refused = access.admit(&headers(wrong), Role::Read);
            assert!(matches!(refused, Err(Problem::Unauthorized)), "{wrong}");
        }
        let refused = access.admit(&HeaderMap::new(), Role::Read);
        assert!(matches!(refused, Err(Problem::Unauthorized)));
    }

    #[test]
    fn contradictions_are_named() {
        let good = token("a", "a", &[Role::Read]);
        let with = |change: fn(&mut TokenConfig)| {
            let mut second = token("b", "b", &[Role::Read]);
            change(&mut second);
            AccessConfig { tokens: vec![good.clone(), second], ..AccessConfig::default() }
        };
        for (config, setting) in [
            (with(|token| token.name = "a".to_owned()), "tokens[1].name"),
            (with(|token| token.sha256 = "12".to_owned()), "tokens[1].sha256"),
            (with(|token| token.sha256 = "g".repeat(64)), "tokens[1].sha256"),
            (with(|other| *other = token("b", "a", &[Role::Read])), "tokens[1].sha256"),
            (with(|token| token.roles.clear()), "tokens[1].roles"),
            (
                AccessConfig { orders_burst: NonZeroU32::new(1), ..AccessConfig::default() },
                "orders_burst",
            ),
            (AccessConfig { tokens: vec![good.clone(); 101], ..AccessConfig::default() }, "tokens"),
        ] {
            assert_eq!(Access::new(&config).unwrap_err().setting, setting);
        }
        assert!(Access::new(&with(|_| {})).is_ok());
    }

    #[test]
    fn the_digest_is_never_echoed() {
        let config = AccessConfig {
            tokens: vec![TokenConfig {
                name: "a".to_owned(),
                sha256: "pasted-token-by-mistake".to_owned(),
                roles: vec![Role::Read],
            }],
            ..AccessConfig::default()
        };
        assert!(!Access::new(&config).unwrap_err().to_string().contains("pasted"));
    }

    #[test]
    fn each_token_has_its_own_quota() {
        let config = AccessConfig {
            tokens: vec![token("a", "a", &[Role::Orders]), token("b", "b", &[Role::Orders])],
            orders_per_s: NonZeroU32::new(1),
            orders_burst: NonZeroU32::new(3),
        };
        let access = Access::new(&config).unwrap();
        assert!(access.spend(Caller(0), 3).is_ok());
        assert!(matches!(access.spend(Caller(0), 3), Err(Problem::RateLimited(_))));
        assert!(access.spend(Caller(1), 3).is_ok());
        assert!(matches!(access.spend(Caller(1), 4), Err(Problem::BatchAboveQuota(3))));
        assert!(access.spend(Caller(0), 0).is_ok());
    }
}
