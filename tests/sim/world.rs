//! The event loop of one seed: virtual time, one engine or two, one store, clients and faults.

mod clients;
mod closing;
mod counting;
mod database;
mod engines;
mod faults;
mod modes;
mod settling;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use hotrow::domain::{Line, Operation, Sku, Timestamp, Verdict};
use hotrow::engine::{Combiner, CommitOutcome, Execution, Failure, FlushId, MergeModes, Plan};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::hits::{Hit, Hits};
use crate::ledger::Wish;
use crate::plant::Plant;
use crate::rule::{Rule, Violation};
use crate::setting::{Setting, clock_at, full_sku};
use crate::store::{SessionId, Store};
use clients::Intent;
pub(crate) use engines::incarnation_of;

/// Most events of one seed: what goes round in circles is as stuck as what stands still.
const EVENTS_MAX: u64 = 20_000;
/// How long after the end of all faults everything has to be settled, in virtual milliseconds.
const SETTLE_MS: u64 = 60_000;

/// One call of a client, as the oracle sees it. Its index is its ticket and, within an incarnation,
/// its place in the order of arrival.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) incarnation: usize,
    pub(crate) operation: Operation,
    pub(crate) wish: Wish,
    /// Length of the store's log when it was made.
    pub(crate) called_at: usize,
    pub(crate) called_clock: Timestamp,
    pub(crate) called_ms: u64,
    /// True when the engine said at that moment that the database was down.
    pub(crate) down: bool,
    pub(crate) draining: bool,
    /// Calls not yet answered in the fullest of its lanes, at that moment.
    pub(crate) crowd: usize,
    pub(crate) answer: Option<Answer>,
    intent: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// `None` when the engine crashed first.
    pub(crate) verdict: Option<Verdict>,
    /// Length of the store's log when it was given.
    pub(crate) at: usize,
    pub(crate) at_ms: u64,
    pub(crate) clock: Timestamp,
}

/// One life of an engine.
#[derive(Debug)]
struct Incarnation {
    /// `None` once it ended.
    combiner: Option<Combiner<usize>>,
    flights: BTreeMap<FlushId, Flight>,
    draining: bool,
    pump_due: bool,
    waiting: BTreeMap<Sku, usize>,
    /// As it was told.
    modes: MergeModes,
    /// Flushes that these left with one operation.
    alone: u64,
}

/// A flush as its driver knows it.
#[derive(Debug)]
struct Flight {
    plan: Arc<Plan>,
    session: Option<SessionId>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preparing,
    Prepared,
    Executing,
    Ready,
    Committing,
    RollingBack,
    /// Its commit had no answer.
    Unanswered,
    Over,
}

/// What a session is going to suffer from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ailment {
    LosesClient,
    Conflict,
}

#[derive(Debug)]
enum Event {
    Arrive,
    Send { intent: usize },
    Pump { incarnation: usize },
    Tick { incarnation: usize },
    Begin { incarnation: usize, plan: Arc<Plan>, ahead: bool },
    Prepared { incarnation: usize, flush: FlushId, outcome: Result<(), Failure> },
    Finish { incarnation: usize, flush: FlushId },
    Step { session: SessionId },
    LockTimeout { session: SessionId, waits: u32 },
    Executed { incarnation: usize, flush: FlushId, execution: Execution },
    Commit { incarnation: usize, flush: FlushId },
    Committed { incarnation: usize, flush: FlushId, outcome: CommitOutcome },
    RollBack { incarnation: usize, flush: FlushId },
    RolledBack { incarnation: usize, flush: FlushId },
    Probed { incarnation: usize, usable: bool },
    LandLate { session: SessionId },
    Vanish { session: SessionId },
    LockByHand,
    EndByHand { session: SessionId },
    ChangeModes,
    LearnModes { incarnation: usize },
    ServerCrash,
    ServerUp,
    ReadOnly { on: bool },
    EngineCrash,
    EngineRestart,
    EngineUp { engine: usize },
    Sweep { engine: usize },
    Peace,
}

struct Due {
    at_ms: u64,
    /// Decides between events of the same moment.
    lot: u32,
    number: u64,
    event: Event,
}

impl Due {
    fn order(&self) -> Reverse<(u64, u32, u64)> {
        Reverse((self.at_ms, self.lot, self.number))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) store: Store,
    pub(crate) calls: Vec<Call>,
    pub(crate) hits: Hits,
    /// What was in a flush whose commit had no answer, by incarnation.
    pub(crate) unanswered_commits: BTreeSet<(usize, Wish)>,
    /// What was alone in a flush whose statement the server refused, by incarnation.
    pub(crate) refused_statements: BTreeSet<(usize, Wish)>,
    rng: StdRng,
    plant: Option<Plant>,
    traced: bool,
    now_ms: u64,
    queue: BinaryHeap<Due>,
    events: u64,
    incarnations: Vec<Incarnation>,
    /// The running incarnation of each engine, `None` while it is down.
    engines: Vec<Option<usize>>,
    /// The merge modes in the database.
    modes: MergeModes,
    intents: Vec<Intent>,
    arrivals_left: u32,
    server_up: bool,
    writable: bool,
    peace: bool,
    /// True once the engines are drained for the last time.
    closing: bool,
    clock_readings: i64,
    /// Sessions that will suffer after some more steps.
    ailing: BTreeMap<SessionId, (u32, Ailment)>,
}

impl World {
    pub(crate) fn new(seed: u64, plant: Option<Plant>, traced: bool) -> Self {
        let setting = Setting::draw(seed);
        let store = Store::new(&setting.opening, plant);
        let mut world = Self {
            store,
            calls: Vec::new(),
            hits: Hits::default(),
            unanswered_commits: BTreeSet::new(),
            refused_statements: BTreeSet::new(),
            rng: StdRng::seed_from_u64(seed),
            plant,
            traced,
            now_ms: 0,
            queue: BinaryHeap::new(),
            events: 0,
            incarnations: Vec::new(),
            engines: vec![None; setting.engines],
            modes: MergeModes::default(),
            intents: Vec::new(),
            arrivals_left: setting.arrivals,
            server_up: true,
            writable: true,
            peace: false,
            closing: false,
            clock_readings: 0,
            ailing: BTreeMap::new(),
            setting,
        };
        world.say(|world| format!("{:#?}", world.setting));
        if world.setting.engines > 1 {
            world.hits.count(Hit::TwoInstances);
        }
        for engine in 0..world.setting.engines {
            world.start_engine(engine);
            world.at(0, Event::Sweep { engine });
        }
        world.plan_incidents();
        world.at(0, Event::Arrive);
        world.at(world.setting.peace_at_ms, Event::Peace);
        world
    }

    /// Lives the seed to its end.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        self.until_settled()?;
        self.check_recovery()?;
        self.check_drain()
    }

    /// Handles events until every client has what it wants and no session is left.
    fn until_settled(&mut self) -> Result<(), Violation> {
        while !self.settled() {
            let limit_ms = self.setting.peace_at_ms + SETTLE_MS;
            if self.now_ms > limit_ms {
                let detail = format!("not settled at {limit_ms} ms: {}", self.unsettled());
                return Err(Violation::new(Rule::Stuck, detail));
            }
            self.next_event()?;
        }
        Ok(())
    }

    fn settled(&self) -> bool {
        let runs = |incarnation: &Option<usize>| {
            incarnation.is_some_and(|incarnation| !self.incarnations[incarnation].draining)
        };
        self.peace
            && self.clients_are_done()
            && self.store.sessions().is_empty()
            && !self.is_due_to_expire()
            && self.engines.iter().all(runs)
    }

    /// True when sweeps have something to do that can be done.
    fn is_due_to_expire(&self) -> bool {
        let due = self.store.due(clock_at(self.now_ms));
        let fits = |line: &Line| line.sku != full_sku();
        due.iter().any(|taken| taken.order.lines().iter().all(fits))
    }

    fn next_event(&mut self) -> Result<(), Violation> {
        let Some(due) = self.queue.pop() else {
            let detail = format!("nothing happens any more: {}", self.unsettled());
            return Err(Violation::new(Rule::Stuck, detail));
        };
        if self.events > EVENTS_MAX {
            let detail = format!("goes round in circles: {}", self.unsettled());
            return Err(Violation::new(Rule::Stuck, detail));
        }
        self.now_ms = due.at_ms;
        self.handle(due.event)
    }

    fn handle(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Arrive => self.arrive(),
            Event::Send { intent } => self.send(intent),
            Event::Pump { incarnation } => self.pump(incarnation)?,
            Event::Tick { incarnation } => self.tick(incarnation)?,
            Event::Begin { incarnation, plan, ahead } => self.begin(incarnation, plan, ahead),
            Event::Prepared { incarnation, flush, outcome } => {
                self.prepared(incarnation, flush, outcome);
            }
            Event::Finish { incarnation, flush } => self.finish(incarnation, flush),
            Event::Step { session } => self.step(session),
            Event::LockTimeout { session, waits } => self.lock_timeout(session, waits),
            Event::Executed { incarnation, flush, execution } => {
                self.executed(incarnation, flush, execution);
            }
            Event::Commit { incarnation, flush } => self.commit(incarnation, flush),
            Event::Committed { incarnation, flush, outcome } => {
                self.committed(incarnation, flush, outcome);
            }
            Event::RollBack { incarnation, flush } => self.roll_back(incarnation, flush),
            Event::RolledBack { incarnation, flush } => self.rolled_back(incarnation, flush),
            Event::Probed { incarnation, usable } => self.probed(incarnation, usable),
            Event::LandLate { session } => self.land_late(session),
            Event::Vanish { session } => self.vanish(session),
            Event::LockByHand => self.lock_by_hand(),
            Event::EndByHand { session } => self.end_by_hand(session),
            Event::ChangeModes => self.change_modes(),
            Event::LearnModes { incarnation } => self.learn_modes(incarnation),
            Event::ServerCrash => self.server_crash(),
            Event::ServerUp => self.server_up(),
            Event::ReadOnly { on } => self.read_only(on),
            Event::EngineCrash => self.engine_crash(),
            Event::EngineRestart => self.engine_restart(),
            Event::EngineUp { engine } => self.start_engine(engine),
            Event::Sweep { engine } => self.sweep(engine),
            Event::Peace => self.make_peace(),
        }
        Ok(())
    }

    fn at(&mut self, at_ms: u64, event: Event) {
        let lot = self.rng.random();
        let number = self.events;
        self.events += 1;
        self.queue.push(Due { at_ms, lot, number, event });
    }

    /// The database's clock. It never shows the same twice, so that the oracle can tell whose time was
    /// answered.
    fn clock(&mut self) -> Timestamp {
        self.clock_readings += 1;
        Timestamp::from_micros(clock_at(self.now_ms).micros() + self.clock_readings)
    }

    /// Within the next `up_to_ms` milliseconds.
    fn soon(&mut self, up_to_ms: u64, event: Event) {
        let delay_ms = self.rng.random_range(0..=up_to_ms);
        self.at(self.now_ms + delay_ms, event);
    }

    /// After a way over the network.
    fn over_network(&mut self, event: Event) {
        self.soon(self.setting.latency_ms, event);
    }

    fn happens(&mut self, chance: f64) -> bool {
        chance > 0.0 && !self.peace && self.rng.random_bool(chance)
    }

    fn say(&self, text: impl FnOnce(&Self) -> String) {
        if self.traced {
            eprintln!("{:>6} ms  {}", self.now_ms, text(self));
        }
    }

    fn unsettled(&self) -> String {
        let open: Vec<usize> =
            (0..self.calls.len()).filter(|&call| self.calls[call].answer.is_none()).collect();
        format!("calls {open:?} have no answer, {} sessions", self.store.sessions().len())
    }
}
