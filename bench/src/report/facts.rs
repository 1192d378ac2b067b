//! On what it was measured.

use std::fs;

use hotrow::store::mysql::{Address, inspect};
use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The machine of the harness.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
}

/// The database server and how durable its commits are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerFacts {
    pub version: String,
    pub durability: String,
    /// Name and value.
    pub settings: Vec<(String, String)>,
    /// True when it shares the machine with the harness.
    pub embedded: bool,
}

impl Machine {
    /// As `/proc` tells.
    pub(crate) fn here() -> Outcome<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let total = field(&memory, "MemTotal").unwrap_or_default();
        let total_kib = total.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0);
        Ok(Self {
            processor: field(&cpuinfo, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: total_kib / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }
}

impl ServerFacts {
    /// As the server tells.
    pub(crate) async fn of(address: &Address, embedded: bool) -> Outcome<Self> {
        let readiness = inspect(address).await?.readiness;
        Ok(Self {
            version: readiness.server_version,
            durability: readiness.durability.name().to_owned(),
            settings: readiness.settings,
            embedded,
        })
    }
}
