//! Shows how far a run is: on a terminal in one line that moves, else in a log line now and then.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::Mutex;
use tracing::info;

use crate::reconcile::Progress;

/// Between two log lines.
const LOG_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Shown {
    /// Draws nothing where standard error is no terminal.
    bar: ProgressBar,
    logged: Mutex<Instant>,
}

impl Shown {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, logged: Mutex::new(Instant::now()) }
    }

    pub(super) fn show(&self, progress: Progress) {
        let text = text(progress);
        if !self.bar.is_hidden() {
            self.bar.set_message(text);
            return;
        }
        let mut logged = self.logged.lock();
        if logged.elapsed() >= LOG_PAUSE || matches!(progress, Progress::Resumed { .. }) {
            *logged = Instant::now();
            info!("{text}");
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn text(progress: Progress) -> String {
    match progress {
        Progress::Resumed { run, skus } => {
            format!("run {run} was interrupted and goes on after {skus} SKUs")
        }
        Progress::Stock { skus } => format!("reading stock: {skus} SKUs"),
        Progress::Cache { skus } => format!("comparing the cache: {skus} SKUs"),
        Progress::Ledger { rows } => format!("adding the ledger up: {rows} movements"),
    }
}
