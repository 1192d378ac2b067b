//! How much memory and log space the embedded server takes of this machine.

use std::fs;
use std::thread;

const MIB: u64 = 1024 * 1024;

/// Taken where the memory cannot be read: it gives the smallest pool.
const UNKNOWN_MEMORY_MIB: u64 = 512;

/// Memory and log space of the embedded server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// The InnoDB buffer pool, in MiB, at least 128.
    pub buffer_pool_mib: u64,
    /// The InnoDB redo log on disk, in MiB, at least 128.
    pub redo_log_mib: u64,
}

impl Sizing {
    /// The sizes for this machine, or for the control group that limits it.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self::for_machine(memory_mib().unwrap_or(UNKNOWN_MEMORY_MIB), cores)
    }

    /// The sizes for a machine with so many MiB of memory and so many cores.
    ///
    /// Pool: a quarter of the memory, 128 MiB to 8 GiB, since hotrow and its clients often share the machine and the
    /// hot part of the tables is small. Redo: 512 MiB a core, since each core can drive more writes and a checkpoint
    /// forced by a full log stalls the hot row; at most half of the pool, where the pages it covers must be kept, and
    /// 4 GiB, so that recovery after a crash ends within the time that a start waits.
    #[must_use]
    pub fn for_machine(memory_mib: u64, cores: u64) -> Self {
        let buffer_pool_mib = (memory_mib / 4 / 128 * 128).clamp(128, 8 * 1024);
        let redo_log_mib = cores.saturating_mul(512).min(buffer_pool_mib / 2).clamp(128, 4 * 1024);
        Self { buffer_pool_mib, redo_log_mib }
    }
}

fn memory_mib() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(memory_total_mib);
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok())
        .map(|bytes| bytes / MIB);
    limits.chain(machine).min()
}

fn memory_total_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_floor_and_a_ceiling() {
        let sizes = |memory, cores| {
            let sizing = Sizing::for_machine(memory, cores);
            (sizing.buffer_pool_mib, sizing.redo_log_mib)
        };
        assert_eq!(sizes(0, 0), (128, 128));
        assert_eq!(sizes(1024, 2), (256, 128));
        assert_eq!(sizes(24_105, 2), (6016, 1024));
        assert_eq!(sizes(1_000_000, 64), (8192, 4096));
    }

    #[test]
    fn meminfo_is_read_in_mib() {
        let meminfo = "MemTotal:       24683844 kB\nMemFree:        22115936 kB\n";
        assert_eq!(memory_total_mib(meminfo), Some(24_105));
        assert_eq!(memory_total_mib("MemFree: 1 kB"), None);
    }
}
