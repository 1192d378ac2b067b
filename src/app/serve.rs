//! `hotrow serve`: from settings to the last answer.

use std::io::Write;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::AppError;
use super::cache::Reading;
use super::embed::Keeper;
use super::open_files_for;
use crate::config::{Config, Database};
use crate::domain::{Available, Sku, Terms};
use crate::http::Http;
use crate::lane::Lanes;
use crate::limits::DESK_PATIENCE;
use crate::merging::Merging;
use crate::reconcile::Reconcile;
use crate::store::StoreError;
use crate::store::mysql::{Address, Desk, inspect, migrate};
use crate::sweep::Sweep;
use crate::telemetry::metrics::Metrics;

/// SKUs that `--demo` opens, and with how much.
const DEMO: [(&str, i64); 3] = [("demo-ticket", 1_000), ("demo-shirt", 50), ("demo-sold-out", 0)];

/// The data directory that need not be named; a test holds it to the default of the settings.
const DATA_DIR_DEFAULT: &str = ".hotrow";

/// Serves until SIGTERM or SIGINT, then answers everything that was accepted.
///
/// # Errors
/// [`AppError`] when something cannot be started, or the engine fails.
pub async fn serve(config: Config, demo: bool) -> Result<(), AppError> {
    let (address, keeper) = match config.database.clone() {
        Database::At(address) => (*address, None),
        Database::Embedded { data_dir, mysqld } => {
            let keeper = Keeper::start(data_dir, mysqld).await?;
            (keeper.address.clone(), Some(keeper))
        }
    };
    let outcome = serve_at(address, config, demo).await;
    let stopped = match keeper {
        Some(keeper) => keeper.stop().await,
        None => Ok(()),
    };
    outcome.and(stopped)
}

async fn serve_at(address: Address, config: Config, demo: bool) -> Result<(), AppError> {
    if let Err(too_few) = open_files_for(config.http.connections_max) {
        warn!("{too_few}");
    }
    migrate(&address).await?;
    let metrics = Metrics::new();
    report_promises(&address, &metrics).await?;
    let desk = Desk::open(&address, config.desk_connections, DESK_PATIENCE).await?;
    desk.promise_lifetime(config.http.idempotency_days).await?;
    let mut reading = Reading::start(config.cache.as_ref(), &desk, &metrics)?;
    let commits = reading.commits.take();
    let lanes =
        Lanes::start_telling(address.clone(), config.lanes, metrics.clone(), commits).await?;
    let merging = Merging::start(desk.clone(), lanes.clone()).await?;
    let sweep = Sweep { address: address.clone(), lanes: lanes.clone(), metrics: metrics.clone() };
    let mut jobs = JoinSet::new();
    jobs.spawn(merging.run());
    jobs.spawn(sweep.run());
    if demo {
        open_demo(&desk).await?;
    }
    let stock = reading.stock.clone();
    let http = Http::bind(
        &config.http,
        lanes.clone(),
        desk.clone(),
        stock,
        metrics.clone(),
        config.access,
    )
    .await?;
    let reconcile = Reconcile {
        address,
        desk: desk.clone(),
        cache: reading.stock.cache().map(|cache| (cache.clone(), config.pins.clone())),
        feed: http.change_feed(),
        metrics,
    };
    jobs.spawn(reconcile.clone().follow());
    if let Some(cron) = config.reconcile_schedule {
        jobs.spawn(reconcile.keep_schedule(cron));
    }
    let filling = reading.fill(lanes.clone(), desk.clone(), config.pins);
    announce(&http, demo.then_some(&config.database))?;
    let (failed, failure) = tokio::sync::oneshot::channel();
    let watched = lanes.clone();
    let shutdown = async move {
        tokio::select! {
            () = stop_signal() => {}
            () = watched.stopped() => { let _heard = failed.send(()); }
        }
    };
    http.run(shutdown).await;
    // What the sweep has submitted is answered; what is left, here and of reconciliation, is done by the next
    // process.
    drop(jobs);
    drop(filling);
    desk.close().await;
    // The sender is gone without a word when a signal ended it.
    if failure.await.is_ok() { Err(AppError::EngineFailed) } else { Ok(()) }
}

/// Reads what the server promises, says so, and refuses one that cannot take orders.
async fn report_promises(address: &Address, metrics: &Metrics) -> Result<(), AppError> {
    let inspection = inspect(address).await?;
    let readiness = &inspection.readiness;
    metrics.durability(readiness.durability.name());
    info!(
        database = %address,
        server_version = readiness.server_version,
        durability = readiness.durability.name(),
        "an answered order is as durable as this server's commit"
    );
    for finding in &inspection.findings {
        if finding.prevents_orders {
            return Err(AppError::NotFit(finding.text.clone()));
        }
        warn!("{}", finding.text);
    }
    Ok(())
}

async fn open_demo(desk: &Desk) -> Result<(), AppError> {
    for (sku, units) in DEMO {
        let (Ok(sku), Ok(available)) = (Sku::new(sku), Available::new(units)) else {
            unreachable!("the demo's values are within their bounds")
        };
        match desk.open_stock(sku, available, Terms::default()).await {
            Ok(_) => {}
            Err(error @ (StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))) => {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// Tells people, and programs that start this one, where it listens.
fn announce(http: &Http, demo_at: Option<&Database>) -> Result<(), AppError> {
    let (orders, admin) = (http.orders_addr(), http.admin_addr());
    let mut text =
        format!("orders listening on http://{orders}\nadmin listening on http://{admin}\n");
    if let Some(database) = demo_at {
        let rows = sql_to_try(database);
        text.push_str(&format!(
            "\nTry in another terminal:\n\n  \
             curl -i http://{orders}/v1/orders -H 'Content-Type: application/json' \\\n       \
             -d '{{\"order_id\":\"o-1\",\"lines\":[{{\"sku\":\"demo-ticket\",\"quantity\":1}}]}}'\n\n  \
             {rows}\n\n  \
             open http://{admin}/ to watch the lanes\n\nCtrl-C ends it; the data stays.\n"
        ));
    }
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|source| AppError::System { what: "write to standard output", source })
}

/// How to see the rows of the first order.
fn sql_to_try(database: &Database) -> String {
    let sql = "SELECT * FROM movement WHERE order_id = 'o-1'";
    let (data_dir, mysqld) = match database {
        Database::At(_) => return format!("in SQL: {sql}"),
        Database::Embedded { data_dir, mysqld } => (data_dir, mysqld),
    };
    let program = std::env::args_os().next().unwrap_or_else(|| "hotrow".into());
    let mut command = format!("{} mysql", for_shell(Path::new(&program)));
    if data_dir != Path::new(DATA_DIR_DEFAULT) {
        command.push_str(&format!(" --data-dir {}", for_shell(data_dir)));
    }
    if let Some(mysqld) = mysqld {
        command.push_str(&format!(" --mysqld {}", for_shell(mysqld)));
    }
    format!("{command} -- -e \"{sql}\"")
}

/// The path as a shell reads it back.
fn for_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Completes at SIGTERM or SIGINT. A second one ends the process at once.
async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be received; only a kill ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        warn!("a second signal: ending at once; unanswered orders are in the ledger or not at all");
        std::process::exit(1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn embedded(data_dir: &str, mysqld: Option<&str>) -> Database {
        Database::Embedded { data_dir: data_dir.into(), mysqld: mysqld.map(Into::into) }
    }

    #[test]
    fn the_shell_command_names_what_is_not_the_default() {
        let usual = sql_to_try(&Settings::default().check().unwrap().database);
        assert!(usual.contains(" mysql -- -e "), "{usual}");
        let other = sql_to_try(&embedded("/a b's", Some("/opt/mysqld")));
        assert!(
            other.contains(r" mysql --data-dir '/a b'\''s' --mysqld /opt/mysqld -- -e "),
            "{other}"
        );
    }

    #[test]
    fn a_server_of_somebody_else_has_a_client_of_somebody_else() {
        let address: Address = "mysql://u:secret@db.example/hotrow".parse().unwrap();
        let text = sql_to_try(&Database::At(Box::new(address)));
        assert_eq!(text, "in SQL: SELECT * FROM movement WHERE order_id = 'o-1'");
    }
}
