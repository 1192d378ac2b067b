//! Processor time by role, from `/proc`: what the client costs is not the server's doing.

use std::fs;
use std::path::Path;

use crate::outcome::Outcome;

/// Linux counts processor time for user space in hundredths of a second, on every architecture.
const TICKS_PER_S: f64 = 100.0;
/// How the names of those threads of this process begin that are not the client's.
const ENGINE_THREADS: &str = "hotrow-";

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
        let of_process = |pid: Option<u32>| match pid {
            Some(pid) => {
                read_stat(Path::new(&format!("/proc/{pid}/stat"))).map(|stat| stat.seconds)
            }
            None => Ok(0.0),
        };
        let mut engine = 0.0;
        for thread in fs::read_dir("/proc/self/task")? {
            // A thread may end while the list is read.
            if let Ok(stat) = read_stat(&thread?.path().join("stat"))
                && stat.name.starts_with(ENGINE_THREADS)
            {
                engine += stat.seconds;
            }
        }
        let own = read_stat(Path::new("/proc/self/stat"))?.seconds;
        Ok(CpuSeconds {
            client: own - engine,
            engine,
            service: of_process(self.service)?,
            database: of_process(self.database)?,
        })
    }
}

struct Stat {
    name: String,
    seconds: f64,
}

fn read_stat(file: &Path) -> Outcome<Stat> {
    let text = fs::read_to_string(file)?;
    parse_stat(&text).ok_or_else(|| format!("{} cannot be read", file.display()).into())
}

/// `PID (NAME) STATE …`: the name may have any character, fields 14 and 15 are the times.
fn parse_stat(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some(Stat { name: name.to_owned(), seconds: (ticks()? + ticks()?) / TICKS_PER_S })
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
    fn names_with_brackets_and_spaces_are_read() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        let stat = parse_stat(text).unwrap();
        assert_eq!(stat.name, "a) b (c");
        assert!((stat.seconds - 3.0).abs() < 1e-9);
    }

    #[test]
    fn this_process_is_read() {
        let watch = CpuWatch { database: Some(std::process::id()), service: None };
        let cpu = watch.read().unwrap();
        assert!(cpu.client >= 0.0 && cpu.database >= cpu.client);
        assert!(resident_bytes(std::process::id()).unwrap() > 0);
    }
}
