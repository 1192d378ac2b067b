//! How far the harness is, and how long it still takes.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over all steps of all experiments; each step weighs what it is expected to take.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For steps that weigh so many seconds together.
    pub(crate) fn new(expected_s: f64) -> Self {
        let bar = ProgressBar::new((expected_s * 10.0) as u64);
        let style =
            ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta_precise} left  {msg}");
        bar.set_style(style.expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// What is being done now.
    pub(crate) fn doing(&self, what: String) {
        self.0.set_message(what);
    }

    /// A step of this weight is done, with this to tell.
    pub(crate) fn done(&self, weight_s: f64, told: &str) {
        self.0.inc((weight_s * 10.0) as u64);
        self.tell(told);
    }

    /// A part of a step is done.
    pub(crate) fn done_quietly(&self, weight_s: f64) {
        self.0.inc((weight_s * 10.0) as u64);
    }

    /// Prints a line without harming the bar.
    pub(crate) fn tell(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
