//! The `hotrow` program: arguments, settings, log, then one command.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use hotrow::app::{
    self, AppError, MergeModeChange, MergeModeRun, Outcome, Pinning, ReconcileOptions,
};
use hotrow::config::{Config, Database, Settings};
use hotrow::domain::{MergeMode, Sku};
use hotrow::limits::MERGE_MODE_SKUS_MAX;
use hotrow::store::mysql::{Address, MergeTable, inspect, migrate};
use hotrow::telemetry::log_to_stderr;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Sells the last thousand of something to a million people through an ordinary MySQL.
///
/// Without --database-url an embedded MySQL is run in the data directory.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes orders over HTTP. Brings the schema up to date first.
    Serve {
        /// Opens a few SKUs and prints what to try.
        #[arg(long)]
        demo: bool,
    },
    /// Brings the schema up to date and ends.
    Migrate,
    /// Reads the server's settings and the schema; says what is promised there and what to change.
    /// Exit code 0: orders can be taken; 1: they cannot.
    Doctor,
    /// Shows the merge modes, or sets one, for every process on the database. What was not merged, and what merging
    /// would have gained, is told by the view desk_merge_mode, by /metrics and by /v1/lanes.
    MergeMode {
        /// The mode to be set.
        mode: Option<ModeArgument>,
        /// Only for this SKU; its mode goes before that of all.
        #[arg(long, value_parser = Sku::new)]
        sku: Option<Sku>,
    },
    /// Moves settled orders that are older than --idempotency-days out of the ledger, and forgets changes that are.
    /// May be ended at any time: the next run goes on there. For cron, at a quiet hour.
    /// Exit code 0: it went to its end; 1: it failed; 2: nothing was done, as another process archives or reconciles.
    Archive,
    /// Compares stock with the ledger, and the cache with stock; repairs the cache.
    /// Exit code 0: no difference; 1: differences were found, repaired or not; 2: it failed, or another process is
    /// at it; 3: the report is true of the books, but the cache was not compared though --redis-url is given.
    Reconcile {
        /// Only reports: entries of the cache are not repaired.
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Reports as JSON.
        #[arg(long)]
        json: bool,
        /// Mends what this run has found inside MySQL, by adjustments, after asking.
        /// Exit code 0: everything is mended; 1: some is not what it was, or was not agreed to.
        #[arg(long, value_name = "RUN")]
        apply: Option<u64>,
        /// Does not ask.
        #[arg(long, requires = "apply")]
        yes: bool,
        /// Checks and repairs once more what following the changes has given up; see reconcile_failure.
        /// Exit code 0: all went well; 1: some still fail.
        #[arg(long, conflicts_with_all = ["dry_run", "apply"])]
        retry_failures: bool,
    },
    /// Keeps SKUs present in the read cache of every process, from the next second on and over restarts.
    Pin {
        /// What to pin.
        #[arg(value_name = "SKU")]
        skus: Vec<String>,
        /// Pins them no longer.
        #[arg(long, requires = "skus")]
        remove: bool,
        /// Only prints what is pinned, one SKU a line.
        #[arg(long, conflicts_with_all = ["skus", "remove"], required_unless_present = "skus")]
        list: bool,
    },
    /// Opens a SQL shell on the embedded server that runs in the data directory.
    Mysql {
        /// Arguments for the client program, after `--`, such as -e 'SELECT ...'.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Another process is at it: nothing was done.
const EXIT_BUSY: u8 = 2;

/// Reconciliation failed, or another process is at it: 1 says that it has found something.
const EXIT_RECONCILE_FAILED: u8 = 2;

/// The books were compared, the cache was not, though it should have been.
const EXIT_CACHE_NOT_COMPARED: u8 = 3;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArgument {
    /// What waits together is written in one transaction.
    On,
    /// An order a transaction.
    Off,
    /// An order a transaction, counted as if merged.
    DryRun,
    /// Removes what is set: the SKU goes by the mode of all, and all are merged.
    Default,
}

impl From<ModeArgument> for MergeModeChange {
    fn from(argument: ModeArgument) -> Self {
        match argument {
            ModeArgument::On => Self::Set(MergeMode::On),
            ModeArgument::Off => Self::Set(MergeMode::Off),
            ModeArgument::DryRun => Self::Set(MergeMode::DryRun),
            ModeArgument::Default => Self::Unset,
        }
    }
}

/// The settings cannot be used: the code of `EX_CONFIG` in sysexits.h.
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let Arguments { command, settings } = Arguments::parse();
    let config = match settings.check() {
        Ok(config) => config,
        Err(error) => return fail(&error, EXIT_CONFIG),
    };
    if let Err(error) = log_to_stderr(config.log_format, &config.log_filter) {
        return fail(&error, EXIT_CONFIG);
    }
    match run(command, config) {
        Ok(code) => code,
        Err(error) => fail(&error, 1),
    }
}

fn run(command: Command, config: Config) -> Result<ExitCode, AppError> {
    let runtime = app::runtime(config.threads)
        .map_err(|source| AppError::System { what: "start the runtime", source })?;
    match command {
        Command::Serve { demo } => {
            runtime.block_on(app::serve(config, demo))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate => {
            runtime.block_on(app::with_database(config.database, async |address| {
                Ok(migrate(&address).await?)
            }))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor => runtime.block_on(app::with_database(config.database, doctor)),
        Command::MergeMode { mode, sku } => {
            let change = mode.map(MergeModeChange::from);
            let run = runtime.block_on(app::with_database(config.database, async |address| {
                app::merge_mode(&address, sku.as_ref(), change).await
            }))?;
            Ok(tell_merge_mode(&run))
        }
        Command::Archive => {
            let days = config.http.idempotency_days;
            let run = runtime.block_on(app::with_database(config.database, async |address| {
                app::archive(&address, days).await
            }))?;
            Ok(tell(&run))
        }
        Command::Reconcile { dry_run, json, apply, yes, retry_failures } => {
            let options = ReconcileOptions { dry_run, json, apply, yes, retry_failures };
            Ok(runtime.block_on(reconcile(config, options)))
        }
        Command::Pin { skus, remove, list } => {
            let skus = skus.iter().map(|sku| Sku::new(sku)).collect::<Result<Vec<_>, _>>()?;
            let pinning = match (list, remove) {
                (true, _) => Pinning::List,
                (false, true) => Pinning::Remove(skus),
                (false, false) => Pinning::Add(skus),
            };
            runtime.block_on(app::with_database(config.database, async |address| {
                pin(address, pinning).await
            }))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Mysql { arguments } => shell(&config.database, &arguments),
    }
}

#[expect(clippy::print_stdout, reason = "what is pinned is what the command is for")]
async fn pin(address: Address, pinning: Pinning) -> Result<(), AppError> {
    for sku in app::pin(&address, pinning).await? {
        println!("{sku}");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the findings are what the command is for")]
async fn doctor(address: Address) -> Result<ExitCode, AppError> {
    let inspection = inspect(&address).await?;
    let readiness = &inspection.readiness;
    println!("{address}\nserver: {}", readiness.server_version);
    println!("durability class: {}", readiness.durability.name());
    for (name, value) in &readiness.settings {
        println!("  {name} = {value}");
    }
    for finding in &inspection.findings {
        let weight = if finding.prevents_orders { "PREVENTS ORDERS" } else { "should be changed" };
        println!("{weight}: {}", finding.text);
    }
    if inspection.findings.iter().any(|finding| finding.prevents_orders) {
        println!("orders cannot be taken");
        return Ok(ExitCode::FAILURE);
    }
    println!("orders can be taken");
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "what was done is what the command tells")]
fn tell_merge_mode(run: &MergeModeRun) -> ExitCode {
    match run {
        MergeModeRun::Shown(MergeTable { modes, unusable, too_many }) => {
            println!("all SKUs: {}", modes.whole.name());
            let mut own: Vec<_> = modes.own.iter().collect();
            own.sort();
            for (sku, mode) in own {
                println!("{sku}: {}", mode.name());
            }
            for sku in unusable {
                println!("not used, as it has no mode: {sku:?}; set it again");
            }
            if *too_many {
                println!(
                    "more SKUs have a mode than the {MERGE_MODE_SKUS_MAX} that are used; the last by name are not: \
                     remove some"
                );
            }
        }
        MergeModeRun::Changed => println!("every process goes by it within about a second"),
        MergeModeRun::NothingToUnset => println!("it was not set"),
        MergeModeRun::TooMany { most } => {
            println!(
                "{most} SKUs have a mode of their own, and no more may: remove one, or set all"
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "what was done is what the command tells")]
fn tell(run: &app::ArchiveRun) -> ExitCode {
    match run {
        app::ArchiveRun::Elsewhere => {
            println!(
                "another process archives or reconciles this database; nothing was done, try again later"
            );
            return ExitCode::from(EXIT_BUSY);
        }
        app::ArchiveRun::Done { days, orders, movements, changes } => println!(
            "older than {days} days: {orders} orders with {movements} ledger rows moved, {changes} changes forgotten"
        ),
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
async fn reconcile(config: Config, options: ReconcileOptions) -> ExitCode {
    match app::reconcile(config, options).await {
        Ok(told) => {
            print!("{}", told.text);
            ExitCode::from(match told.outcome {
                Outcome::Sound => 0,
                Outcome::Differs => 1,
                Outcome::Failed => EXIT_RECONCILE_FAILED,
                Outcome::CacheNotCompared => EXIT_CACHE_NOT_COMPARED,
            })
        }
        Err(error) => fail(&error, EXIT_RECONCILE_FAILED),
    }
}

#[expect(clippy::print_stdout, reason = "the way in is what the command is for")]
fn shell(database: &Database, arguments: &[String]) -> Result<ExitCode, AppError> {
    match database {
        Database::At(address) => {
            println!("The database is not an embedded one: open {address} with your own client.");
            Ok(ExitCode::FAILURE)
        }
        Database::Embedded { data_dir, mysqld } => {
            let code = app::shell(data_dir, mysqld.as_deref(), arguments)?;
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
    }
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("hotrow: {error}");
    ExitCode::from(code)
}
