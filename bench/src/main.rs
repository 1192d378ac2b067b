//! Compares hotrow with one transaction an order, interleaved in rounds on one server.

mod hotrow_subject;
mod plain;
mod workload;

use std::time::Duration;

use clap::Parser;
use workload::{Round, Workload};

/// Orders a second and the time of a single order, hotrow against one transaction an order.
#[derive(Debug, Parser)]
#[command(name = "hotrow-bench", version)]
struct Arguments {
    /// The server to measure on; its tables are created when missing, stock is added, nothing is deleted.
    #[arg(long, env = "HOTROW_DATABASE_URL")]
    database_url: String,
    /// Seconds of each round of each subject.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Rounds; the subjects take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Orders that hotrow's clients keep outstanding.
    #[arg(long, default_value_t = 8_192)]
    outstanding: usize,
    /// Database connections of hotrow.
    #[arg(long, default_value_t = hotrow::limits::FLUSH_CONNECTIONS)]
    connections: usize,
    /// Connections of the plain subject.
    #[arg(long, default_value_t = 64)]
    plain_connections: usize,
    /// SKUs of the spread workload.
    #[arg(long, default_value_t = 100_000)]
    skus: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(&arguments))
}

async fn measure(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: hotrow::store::mysql::Address = arguments.database_url.parse()?;
    hotrow::store::mysql::migrate(&address).await?;
    let duration = Duration::from_secs_f64(arguments.seconds);
    let workloads = [Workload::hot(), Workload::spread(arguments.skus)];
    for workload in &workloads {
        workload::open(&arguments.database_url, workload).await?;
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for number in 0..arguments.rounds {
            let round = Round {
                number,
                duration,
                outstanding: arguments.outstanding,
                connections: arguments.connections,
            };
            ours.push(hotrow_subject::throughput(&address, workload, &round).await?);
            let round = Round { outstanding: arguments.plain_connections, ..round };
            plain.push(plain::throughput(&arguments.database_url, workload, &round).await?);
        }
        report(&format!("{}, orders/s", workload.name), &mut ours, &mut plain);
    }
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for number in 0..arguments.rounds {
        let round = Round { number, duration, outstanding: 1, connections: arguments.connections };
        ours.push(hotrow_subject::single(&address, &workloads[0], &round).await?);
        plain.push(plain::single(&arguments.database_url, &workloads[0], &round).await?);
    }
    report("one order at a time on an idle server, median microseconds", &mut ours, &mut plain);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report is what the program is for")]
fn report(what: &str, ours: &mut [f64], plain: &mut [f64]) {
    let (ours, plain) = (median(ours), median(plain));
    println!("{what}: hotrow {ours:.0}, plain {plain:.0}, ratio {:.2}", ours / plain);
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
