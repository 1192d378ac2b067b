//! Processor time by role, from `/proc`: what the client costs is not the server's doing.

use std::fs;

use crate::outcome::Outcome;

/// Those threads of this process that are not the client's. Its main thread, which is the client with one thread, has
/// the name of the program, `hotrow-bench`.
const ENGINE_THREADS: [&str; 3] = ["hotrow-engine", "hotrow-rest", "hotrow-bare"];

/// Whose processor time is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuWatch {
    /// The database server, or Redis; unknown for a server that is not ours.
    pub database: Option<u32>,
    /// hotrow as a process of its own.
    pub service: Option<u32>,
}

/// Processor time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CpuSeconds {
    /// The load: making orders, sending them, reading answers.
    pub client: f64,
    /// hotrow's engine thread, or the bare writer, in this process.
    pub engine: f64,
    /// hotrow as a process of its own.
    pub service: f64,
    /// The database server, or Redis.
    pub database: f64,
}

impl CpuSeconds {
    /// What was used since an earlier reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            client: self.client - earlier.client,
            engine: self.engine - earlier.engine,
            service: self.service - earlier.service,
            database: self.database - earlier.database,
        }
    }
}

impl CpuWatch {
    /// Processor time used so far.
    pub(crate) fn read(&self) -> Outcome<CpuSeconds> {
        let (mut client, mut engine) = (0.0, 0.0);
        for (name, seconds) in threads(std::process::id())? {
            if ENGINE_THREADS.contains(&name.as_str()) {
                engine += seconds;
            } else {
                client += seconds;
            }
        }
        let of_process = |pid: Option<u32>| match pid {
            Some(pid) => Ok(threads(pid)?.iter().map(|(_, seconds)| seconds).sum()),
            None => Outcome::Ok(0.0),
        };
        let (service, database) = (of_process(self.service)?, of_process(self.database)?);
        Ok(CpuSeconds { client, engine, service, database })
    }
}

/// The name and processor time of each thread, to the nanosecond: the hundredths of a second of
/// `/proc/PID/stat` are too coarse for short runs. Threads that have ended are missing.
fn threads(pid: u32) -> Outcome<Vec<(String, f64)>> {
    let mut threads = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = thread?.path();
        // A thread may end while the list is read.
        let Ok(name) = fs::read_to_string(path.join("comm")) else { continue };
        let Ok(times) = fs::read_to_string(path.join("schedstat")) else { continue };
        let nanos = parse_schedstat(&times).ok_or("the kernel does not tell processor times")?;
        threads.push((name.trim_end().to_owned(), nanos as f64 / 1e9));
    }
    Ok(threads)
}

/// `TIME_ON_CPU TIME_WAITING TIMESLICES`, in nanoseconds.
fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kib.ok_or("the system does not tell resident memory")? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_on_the_processor_are_the_first_number() {
        assert_eq!(parse_schedstat("104275 333 7\n"), Some(104_275));
        assert_eq!(parse_schedstat(""), None);
    }

    #[test]
    fn the_main_thread_is_the_clients() {
        let program = env!("CARGO_PKG_NAME");
        assert!(!ENGINE_THREADS.contains(&program), "{program} is the name of the main thread");
        assert!(ENGINE_THREADS.contains(&crate::subjects::bare::THREAD));
    }

    #[test]
    fn this_process_is_read() {
        let watch = CpuWatch { database: Some(std::process::id()), service: None };
        let cpu = watch.read().unwrap();
        assert!(cpu.client > 0.0 && cpu.database >= cpu.client);
        assert!(resident_bytes(std::process::id()).unwrap() > 0);
    }
}
