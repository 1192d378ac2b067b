//! Shows how far a run is: on a terminal in one line that moves, else in a log line now and then.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use parking_lot::Mutex;
use tracing::info;

use crate::reconcile::Progress;
use crate::store::RunPhase;

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
        Progress::Resumed { run, phase, skus } => {
            let place = match phase {
                RunPhase::Cache => "with the cache, where it was".to_owned(),
                RunPhase::Books if skus == 0 => "with the books, from the first SKU".to_owned(),
                RunPhase::Books => format!("with the books, of which it has compared {skus} SKUs"),
            };
            format!("run {run} was interrupted and goes on {place}")
        }
        Progress::Stock { skus } => format!("reading stock: {skus} SKUs"),
        Progress::Cache { skus } => format!("comparing the cache: {skus} SKUs"),
        Progress::Ledger { rows } => format!("adding the ledger up: {rows} movements"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_says_where() {
        for (phase, skus, place) in [
            (RunPhase::Cache, 0, "with the cache, where it was"),
            (RunPhase::Books, 0, "with the books, from the first SKU"),
            (RunPhase::Books, 4, "with the books, of which it has compared 4 SKUs"),
        ] {
            let told = text(Progress::Resumed { run: 3, phase, skus });
            assert_eq!(told, format!("run 3 was interrupted and goes on {place}"));
        }
    }
}
