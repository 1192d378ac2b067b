//! A reader that costs next to nothing: it shares the processors with what it measures.

use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::beside::READS_PER_S;
use crate::outcome::Outcome;

const STATUS_LINE: &[u8] = b"HTTP/1.1 ";
const SUCCESS: &[u8] = b"HTTP/1.1 200 ";

/// One connection, kept alive.
pub(super) struct Reader {
    stream: TcpStream,
    request: Vec<u8>,
    answers: Vec<u8>,
}

impl Reader {
    pub(super) async fn connect(server: SocketAddr, sku: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let request = format!("GET /v1/stock/{sku} HTTP/1.1\r\nhost: localhost\r\n\r\n").into();
        Ok(Self { stream, request, answers: Vec::with_capacity(8 * 1024) })
    }

    /// Sends so many requests at once, and returns when all of them are answered with success.
    pub(super) async fn read(&mut self, count: usize) -> Outcome<()> {
        self.stream.write_all(&self.request.repeat(count)).await?;
        self.answers.clear();
        // A body ends with the only brace of its kind, and nothing follows the last one.
        while memmem::find_iter(&self.answers, STATUS_LINE).count() < count
            || !self.answers.ends_with(b"}")
        {
            if self.stream.read_buf(&mut self.answers).await? == 0 {
                return Err("a reader's connection was closed".into());
            }
        }
        if memmem::find_iter(&self.answers, SUCCESS).count() == count {
            return Ok(());
        }
        Err(format!("a read was answered {}", String::from_utf8_lossy(&self.answers)).into())
    }
}

/// When one of so many connections sends, so that all of them together send at the rate.
pub(super) fn schedule(number: u64, connections: u64, at_once: u64) -> Interval {
    let period = Duration::from_secs_f64((connections * at_once) as f64 / READS_PER_S as f64);
    let shift =
        period * u32::try_from(number).unwrap_or(0) / u32::try_from(connections).unwrap_or(1);
    let mut schedule = interval_at(Instant::now() + shift, period);
    schedule.set_missed_tick_behavior(MissedTickBehavior::Burst);
    schedule
}
