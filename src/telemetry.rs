//! What the process tells about itself: log lines and [`metrics`].
//!
//! Conventions. A line goes to standard error, in colours only where that is a terminal. It is
//! written where something is handled, not where it passes. `error`: orders are affected and a person
//! should look. `warn`: handled, and worth knowing. `info`: start, stop, and changes of state; never
//! one line an order. `debug`: one line a flush. Fields are the product's words in snake case with the
//! unit last (`orders`, `skus`, `waited_ms`, `error`); SKUs and order ids appear in fields at `debug`
//! only. Connect options, URLs with a password and tokens never appear. sqlx is silenced by default,
//! because it logs slow statements whole, which would be every order of a flush.

pub mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged when nothing else is asked for.
pub const FILTER_DEFAULT: &str = "info,sqlx=off";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: time, level, module, text, fields.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not a list of directives.
    #[error(
        "the log filter {filter:?} is not valid: {problem}; it is a comma-separated list such as \
         \"info,hotrow::lane=debug\""
    )]
    Filter {
        /// What was asked for.
        filter: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something else in this process has set up logging.
    #[error("logging is already set up in this process")]
    AlreadySetUp,
}

/// Sends the log lines of this process that pass `filter` to standard error.
///
/// # Errors
/// [`TelemetryError`] when the filter is not valid or logging is already set up.
pub fn log_to_stderr(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parse_filter(filter)?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::AlreadySetUp)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter {
        filter: filter.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_filter_is_valid_and_silences_sqlx() {
        let filter = parse_filter(FILTER_DEFAULT).unwrap().to_string();
        assert!(filter.contains("sqlx=off"), "{filter}");
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let error = parse_filter("hotrow=louder").unwrap_err().to_string();
        assert!(error.contains("hotrow=louder"), "{error}");
    }
}
