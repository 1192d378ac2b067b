//! Compares ways to deduct stock: on an embedded MySQL or MariaDB, or on one of yours.

mod bench;
mod books;
mod collector;
mod compare;
mod cpu;
mod experiments;
mod latencies;
mod orders;
mod outcome;
mod pacer;
mod progress;
mod report;
mod run;
mod servers;
mod settings;
mod splitmix;
mod subjects;
mod turn;
mod workload;

use std::process::ExitCode;

use clap::Parser;
use hotrow::app::{open_files_for, runtime};
use hotrow::config::default_threads;
use mimalloc::MiMalloc;

use crate::outcome::Outcome;
use crate::settings::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hotrow-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a comparison is what the command is for")]
fn execute(command: Command) -> Outcome<ExitCode> {
    match command {
        Command::Run(settings) => {
            open_files_for(settings.http_connections)?;
            runtime(settings.client_threads)?.block_on(run::run(*settings))
        }
        Command::Compare { before, after } => {
            print!("{}", compare::compare(&run::read(&before)?, &run::read(&after)?));
            Ok(ExitCode::SUCCESS)
        }
        Command::Render { report } => {
            run::render(&report)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Instance { without_engine, flush_connections } => {
            runtime(default_threads())?
                .block_on(servers::instance::serve(!without_engine, flush_connections))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::PlainReads => {
            let cores = std::thread::available_parallelism()?.get();
            runtime(cores)?.block_on(servers::plain_reads::serve())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
