//! An engine that has nothing to do gives the memory of its busy time back.

use std::hint::black_box;

use tracing::debug;

/// How long there has to be nothing to do first, in milliseconds: mimalloc keeps for a second what was freed.
const REST_MS: u64 = 2_000;

/// Whether there is nothing to do, and since when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Rest {
    #[default]
    Busy,
    Since(u64),
    /// Memory was given back, and there was nothing to do since.
    Over,
}

impl Rest {
    /// True once in each rest that is long enough.
    pub(super) fn look(&mut self, now_ms: u64, at_rest: bool) -> bool {
        let next = match *self {
            _ if !at_rest => Self::Busy,
            Self::Busy => Self::Since(now_ms),
            Self::Since(since) if now_ms >= since + REST_MS => Self::Over,
            same @ (Self::Since(_) | Self::Over) => same,
        };
        let ends = matches!((*self, next), (Self::Since(_), Self::Over));
        *self = next;
        ends
    }
}

/// mimalloc returns what was freed in the course of later allocations, of which an engine at rest makes none, and
/// when a thread ends that has made one. With another allocator this changes nothing.
pub(super) fn give_memory_back() {
    let allocate = || drop(black_box(Vec::<u8>::with_capacity(1)));
    let thread = std::thread::Builder::new().name("hotrow-rest".to_owned());
    if let Err(error) = thread.spawn(allocate) {
        debug!(%error, "no thread to give memory back with; it stays until there is work again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_back_once_in_each_rest_that_is_long_enough() {
        let mut rest = Rest::default();
        let mut looks = |times: &[u64], at_rest| -> Vec<bool> {
            times.iter().map(|&now_ms| rest.look(now_ms, at_rest)).collect()
        };
        assert_eq!(looks(&[0, REST_MS - 1], true), [false, false]);
        assert_eq!(looks(&[REST_MS], false), [false], "an order has come");
        assert_eq!(looks(&[2 * REST_MS, 3 * REST_MS - 1, 3 * REST_MS], true), [false, false, true]);
        assert_eq!(looks(&[4 * REST_MS, 9 * REST_MS], true), [false, false], "it is back already");
        assert_eq!(looks(&[10 * REST_MS], false), [false]);
        assert_eq!(looks(&[11 * REST_MS, 12 * REST_MS], true), [false, true]);
    }
}
