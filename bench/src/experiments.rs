//! What is measured. Each experiment has its subjects or variants take turns, so that drift of the
//! machine hits all alike, and gives a table of figures.

mod beside;
mod burst;
mod contest;
mod duplicates;
mod holds;
mod ledger;
mod limit;
mod million;
mod open_loop;
mod reads;
mod reconcile;
mod sell_out;
mod two_instances;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use self::contest::Contest;
use crate::bench::Bench;
use crate::outcome::Outcome;
use crate::report::Experiment;
use crate::settings::{RunSettings, Suite};
use crate::subjects::Subject;
use crate::workload::Workload;

/// The experiments by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExperimentName {
    /// One hot SKU, all subjects.
    OneHot,
    /// Zipf over 10,000 SKUs.
    #[value(name = "zipf-10k")]
    #[serde(rename = "zipf-10k")]
    Zipf10k,
    /// Uniform over 100,000 SKUs.
    #[value(name = "uniform-100k")]
    #[serde(rename = "uniform-100k")]
    Uniform100k,
    /// Three lines an order, of which two are hot.
    ThreeLines,
    /// One order at a time on an idle server.
    Single,
    /// Latency at 50, 80 and 95 % of the ceiling.
    OpenLoop,
    /// Stock for 10,000, 500,000 orders.
    SellOut,
    /// Three in ten orders are repeats, over two instances.
    Duplicates,
    /// Holds taken, confirmed, cancelled, expired.
    Holds,
    /// A purchase limit, and the same load without it.
    Limit,
    /// Reads of a hot SKU, cached and not, and orders beside them.
    Reads,
    /// Cold SKUs at a steady rate beside a saturated one.
    Beside,
    /// 200,000 orders at once.
    Burst,
    /// Two instances on one hot SKU.
    TwoInstances,
    /// Random and time-ordered ids, empty and big ledger.
    Ledger,
    /// 1,000,000 SKUs touched once: memory.
    Million,
    /// A full reconciliation of 1,000,000 SKUs beside orders; only where it is asked for.
    Reconcile,
}

/// Seconds that a run takes beside its own: fresh tables, connections, audit.
const RUN_OVERHEAD_S: f64 = 1.4;

/// Seconds more for the stock of 100,000 SKUs and its audit.
const OPENING_100K_S: f64 = 3.0;

impl ExperimentName {
    /// Those that the settings ask for, in order.
    pub(crate) fn chosen(settings: &RunSettings) -> Vec<Self> {
        let of_suite = |name: &Self| match settings.suite {
            Suite::Quick => !matches!(
                name,
                Self::Million
                    | Self::Reconcile
                    | Self::Ledger
                    | Self::ThreeLines
                    | Self::Holds
                    | Self::Limit
                    | Self::Reads
            ),
            Suite::Standard | Suite::Full => *name != Self::Reconcile,
        };
        let chosen = |name: &Self| {
            if settings.workload.is_empty() {
                of_suite(name)
            } else {
                settings.workload.contains(name)
            }
        };
        Self::value_variants().iter().copied().filter(chosen).collect()
    }

    /// About how long it takes, in seconds.
    pub(crate) fn expected_s(self, settings: &RunSettings) -> f64 {
        let run =
            settings.duration().as_secs_f64() + settings.warmup().as_secs_f64() + RUN_OVERHEAD_S;
        let rounds = settings.rounds() as f64;
        match self {
            Self::OneHot | Self::Single | Self::ThreeLines => {
                self.contest_runs(settings) as f64 * run
            }
            Self::Zipf10k => {
                (self.contest_runs(settings) + Self::more_rounds(settings)) as f64 * run
            }
            Self::SellOut => rounds * (2.0 * run + 1.0),
            Self::Beside => rounds * (run + 1.0),
            Self::Uniform100k => self.contest_runs(settings) as f64 * (run + OPENING_100K_S),
            Self::OpenLoop => (2.0 * rounds + 2.0 * Self::few_rounds(settings) as f64) * run,
            Self::TwoInstances => (2 * Self::more_rounds(settings)) as f64 * run,
            Self::Holds => Self::few_rounds(settings) as f64 * 25.0,
            Self::Limit => Self::few_rounds(settings) as f64 * run * 2.0,
            Self::Reads => {
                Self::few_rounds(settings) as f64 * 3.0 * run + reads::expected_s(settings)
            }
            Self::Duplicates | Self::Burst => Self::few_rounds(settings) as f64 * (run + 1.0),
            Self::Ledger => settings.ledger_rows() as f64 / 60_000.0 + rounds * run * 3.0,
            Self::Million => 60.0,
            Self::Reconcile => Self::few_rounds(settings) as f64 * reconcile::round_s(settings),
        }
    }

    /// Runs of all its subjects in all rounds.
    fn contest_runs(self, settings: &RunSettings) -> usize {
        self.subjects(settings).iter().map(|&subject| self.rounds_of(subject, settings)).sum()
    }

    fn rounds_of(self, subject: Subject, settings: &RunSettings) -> usize {
        if self.for_looking().contains(&subject) {
            Self::few_rounds(settings)
        } else if self.near().contains(&subject) {
            Self::more_rounds(settings)
        } else {
            settings.rounds()
        }
    }

    /// Rounds of what is nearer to its bar than its rounds are to each other.
    pub(crate) fn more_rounds(settings: &RunSettings) -> usize {
        settings.by_suite(1, 2) * settings.rounds()
    }

    /// Rounds of what takes long, has no bar, or one that is far away, so that the standard suite keeps within its
    /// time.
    pub(crate) fn few_rounds(settings: &RunSettings) -> usize {
        settings.by_suite(1, 2).min(settings.rounds())
    }

    fn subjects(self, settings: &RunSettings) -> Vec<Subject> {
        use Subject::{Bare, Hotrow, HotrowCallers, Plain};
        let all: Vec<Subject> = match self {
            Self::OneHot => Subject::value_variants().to_vec(),
            Self::Zipf10k | Self::Uniform100k => {
                settings.by_suite(vec![Plain, Hotrow], vec![Plain, Bare, Hotrow])
            }
            Self::ThreeLines => vec![Plain, Hotrow],
            Self::Single => vec![Plain, HotrowCallers],
            Self::OpenLoop | Self::SellOut | Self::Duplicates | Self::Beside => Vec::new(),
            Self::Burst | Self::TwoInstances | Self::Ledger | Self::Million => Vec::new(),
            Self::Holds | Self::Limit | Self::Reads | Self::Reconcile => Vec::new(),
        };
        let wanted =
            |subject: &Subject| settings.subject.is_empty() || settings.subject.contains(subject);
        all.into_iter().filter(wanted).collect()
    }

    /// Subjects of the comparison whose ratio is near its bar.
    fn near(self) -> &'static [Subject] {
        match self {
            Self::OneHot => &[Subject::Bare, Subject::Hotrow, Subject::Http, Subject::HttpNoop],
            Self::Zipf10k => &[Subject::Hotrow],
            Self::Uniform100k | Self::ThreeLines | Self::Single => &[],
            Self::OpenLoop | Self::SellOut | Self::Duplicates | Self::Beside => &[],
            Self::Burst | Self::TwoInstances | Self::Ledger | Self::Million => &[],
            Self::Holds | Self::Limit | Self::Reads | Self::Reconcile => &[],
        }
    }

    /// Subjects of the comparison that no bar is about.
    fn for_looking(self) -> Vec<Subject> {
        use Subject::{Bare, ForUpdate, HotrowCallers, Optimistic, RedisEverysec};
        match self {
            Self::OneHot => vec![ForUpdate, Optimistic, HotrowCallers, RedisEverysec],
            Self::Zipf10k => vec![Subject::Plain, Bare],
            Self::Uniform100k => vec![Bare],
            Self::ThreeLines => Subject::value_variants().to_vec(),
            Self::Single | Self::OpenLoop | Self::SellOut | Self::Duplicates | Self::Beside => {
                Vec::new()
            }
            Self::Burst | Self::TwoInstances | Self::Ledger | Self::Million => Vec::new(),
            Self::Holds | Self::Limit | Self::Reads | Self::Reconcile => Vec::new(),
        }
    }

    /// Measures it.
    pub(crate) async fn measure(self, bench: &mut Bench) -> Outcome<Experiment> {
        let seed = bench.settings.seed;
        let with_rounds = |subject| (subject, self.rounds_of(subject, &bench.settings));
        let subjects = self.subjects(&bench.settings).into_iter().map(with_rounds).collect();
        let closed = |title: &str, workload: Workload| Contest {
            title: title.to_owned(),
            workload,
            subjects,
            settings: bench.settings.clone(),
            with_one_hot: false,
        };
        match self {
            Self::OneHot => {
                closed("every order takes the same SKU", Workload::one_hot()?).measure(bench).await
            }
            Self::Zipf10k => {
                let workload = Workload::zipf(10_000, seed)?;
                let title = "Zipf with exponent 1 over 10,000 SKUs; and every order of the same";
                let contest = Contest { with_one_hot: true, ..closed(title, workload) };
                contest.measure(bench).await
            }
            Self::Uniform100k => {
                let workload = Workload::uniform(100_000, seed)?;
                closed("uniform over 100,000 SKUs", workload).measure(bench).await
            }
            Self::ThreeLines => {
                let title = "three lines an order: two SKUs that every order takes, one of 10,000";
                closed(title, Workload::three_lines(seed)?).measure(bench).await
            }
            Self::Single => {
                let title = "one client, one order at a time, nothing else";
                let mut contest = closed(title, Workload::one_hot()?.named("single"));
                contest.settings.plain_connections = 1;
                contest.settings.outstanding = 1;
                contest.measure(bench).await
            }
            Self::OpenLoop => open_loop::measure(bench).await,
            Self::SellOut => sell_out::measure(bench).await,
            Self::Duplicates => duplicates::measure(bench).await,
            Self::Holds => holds::measure(bench).await,
            Self::Limit => limit::measure(bench).await,
            Self::Reads => reads::measure(bench).await,
            Self::Beside => beside::measure(bench).await,
            Self::Burst => burst::measure(bench).await,
            Self::TwoInstances => two_instances::measure(bench).await,
            Self::Ledger => ledger::measure(bench).await,
            Self::Million => million::measure(bench).await,
            Self::Reconcile => reconcile::measure(bench).await,
        }
    }
}

/// The weight of one run on the progress bar.
pub(crate) fn run_weight_s(settings: &RunSettings) -> f64 {
    settings.duration().as_secs_f64() + settings.warmup().as_secs_f64() + RUN_OVERHEAD_S
}
